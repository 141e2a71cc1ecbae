"""What is suggested does what it says: with the overlay written, the difference is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.compare.conftest import Capture, differences
from tests.compare.test_planted_differences import PLANTS, Plant, change, compare, head

from exnorm.cli import run

INCURABLE = {
    "suser is missing in one event": "other rows of the event have it",
    "ad.custom-data is missing": "a single column of the additional data cannot be left out",
    "ad.log-id is missing": "the same",
    "label of cs4 is missing": "a label is written with its value",
    "additional data that no column has": "the log does not say it",
    "a tenant that the row does not have": "a fixed text is no additional data",
    "sender with a domain of Windows": "the log does not say it",
    "two hours ahead": "times are not moved",
    "five and a half hours behind, in words": "times are not moved",
    "time off by a minute": "times are not moved",
    "no milliseconds": "times are not rounded",
    "no milliseconds, as a date with its zone": "times are not rounded",
    "severity in words": "the field is a number",
    "context ends in dots": "text is not put behind a column",
    "message id as HTML": "nothing is escaped for others",
    "custom data escaped twice": "additional data is as logged",
    "subject in percent": "nothing is escaped for others",
    "subject in quotes": "nothing is escaped for others",
    "an event is missing": "others of its name are there",
}
CURABLE = [plant for plant in PLANTS if plant.name not in INCURABLE]


def test_what_cannot_be_cured_is_among_the_plants() -> None:
    assert set(INCURABLE) <= {plant.name for plant in PLANTS}
    assert len(CURABLE) >= 20


@pytest.mark.parametrize("plant", CURABLE, ids=lambda plant: plant.name)
def test_with_the_overlay_the_difference_is_gone(
    plant: Plant, capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant.do(capture)
    overlay = tmp_path / "site.yaml"
    compare(capture, tmp_path, capsys, "--write-overlay", str(overlay))
    assert run(["config", "check", str(overlay)]) == 0
    after = compare(capture, tmp_path, capsys, "--config", str(overlay))
    gone = {(name, kind) for name, kind, _ in plant.found}
    left = {(name, kind) for name, kind, _ in differences(after)}
    assert gone.isdisjoint(left)
    # nothing else is new but that a column which lost its field, or gave it a part, is additional data
    assert all(name.startswith("additional data ") and kind == "only ours" for name, kind in left)


@pytest.mark.parametrize("name", list(INCURABLE))
def test_what_no_overlay_cures_is_not_suggested(
    name: str, capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant = next(plant for plant in PLANTS if plant.name == name)
    plant.do(capture)
    content = compare(capture, tmp_path, capsys)
    assert content["suggestions"]["overlay"] == {}


def test_several_differences_are_cured_together_and_the_events_are_then_equal(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in (
        head(5, lambda text: "9"),
        change("cat", lambda text: "Exchange"),
        change("dvchost", str.lower),
    ):
        step(capture)
    overlay = tmp_path / "site.yaml"
    before = compare(capture, tmp_path, capsys, "--write-overlay", str(overlay))
    assert before["suggestions"]["pairs_tried"] == before["suggestions"]["equal_after"] == 10
    assert before["suggestions"]["equal_before"] == 0
    after = compare(capture, tmp_path, capsys, "--config", str(overlay))
    assert (after["verdict"], differences(after)) == ("same", set())


def test_additional_data_that_they_never_write_is_a_setting(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture.events = [
        {key: value for key, value in pairs.items() if not key.startswith("ad.")} for pairs in capture.events
    ]
    overlay = tmp_path / "site.yaml"
    content = compare(capture, tmp_path, capsys, "--write-overlay", str(overlay))
    assert content["verdict"] == "ours keeps more"
    assert content["suggestions"]["overlay"] == {"additional_data": "none"}
    assert compare(capture, tmp_path, capsys, "--config", str(overlay))["verdict"] == "same"


def test_events_that_they_never_write_are_dropped(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = [number for number, row in enumerate(capture.rows) if row["event-id"] not in ("DSN", "FAIL")]
    capture.events = [capture.events[number] for number in kept]
    capture.heads = [capture.heads[number] for number in kept]
    overlay = tmp_path / "site.yaml"
    content = compare(capture, tmp_path, capsys, "--write-overlay", str(overlay))
    assert content["only_ours"]["by_event"] == {"DSN": 2, "FAIL": 2}
    after = compare(capture, tmp_path, capsys, "--config", str(overlay))
    assert (after["only_ours"]["count"], after["matched"], after["verdict"]) == (0, 6, "same")


def test_a_way_for_some_events_only_is_a_row_with_a_condition(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pairs, row in zip(capture.events, capture.rows):
        if row["event-id"] == "DELIVER":
            pairs["suser"] = row["return-path"]
    overlay = tmp_path / "site.yaml"
    content = compare(capture, tmp_path, capsys, "--write-overlay", str(overlay))
    rows = content["suggestions"]["overlay"]["tables"]["arcsight-2016"]["replace"]
    assert {tuple(row["when"]["event"]): row["from"] for row in rows} == {
        ("DSN", "FAIL", "RECEIVE", "SEND"): "sender-address", ("DELIVER",): "return-path",
    }  # fmt: skip
    after = compare(capture, tmp_path, capsys, "--config", str(overlay))
    # the sender of DELIVER is additional data now
    assert differences(after) == {("additional data senderaddress", "only ours", 2)}


def test_the_sites_own_settings_stay_in_the_overlay(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, overlay = tmp_path / "mine.yaml", tmp_path / "site.yaml"
    mine.write_text(
        "profile: security\n"
        "tables:\n  arcsight-2016, arcsight-2010:\n    add: [{field: Reason, from: recipient-status}]\n"
        "    replace: [{field: suser, from: return-path}]\n",
        encoding="utf-8",
    )
    change("suser", lambda text: text.upper())(capture)
    compare(capture, tmp_path, capsys, "--config", str(mine), "--write-overlay", str(overlay))
    capsys.readouterr()
    assert run(["config", "show", "--config", str(overlay), "--json"]) in (0, 2)
    text = overlay.read_text(encoding="utf-8")
    assert "profile: security" in text
    after = compare(capture, tmp_path, capsys, "--config", str(overlay))
    assert {name for name, _, _ in differences(after)}.isdisjoint({"sourceUserName"})


def test_a_file_of_somebody_else_is_not_written_over(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = tmp_path / "site.yaml"
    overlay.write_text("profile: security\n", encoding="utf-8")
    log, theirs = tmp_path / "a.log", tmp_path / "b.cef"
    log.write_text(capture.log(), encoding="utf-8", newline="")
    theirs.write_text("\n".join(capture.lines()), encoding="utf-8")
    words = ["compare", str(log), "--theirs", str(theirs), "--write-overlay", str(overlay)]
    assert run(words) == 2
    assert "was not written by compare; --force writes over it" in capsys.readouterr().err
    assert overlay.read_text(encoding="utf-8") == "profile: security\n"
    assert run([*words, "--force"]) == 0
    assert overlay.read_text(encoding="utf-8").startswith("# Written by exnorm compare")


def test_a_field_that_they_have_as_additional_data_of_another_name_is_moved_there(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pairs in capture.events:
        pairs["ad.TheSender"] = pairs.pop("suser")
        pairs["ad.DbInfo"] = pairs.pop("ad.custom-data")
    overlay = tmp_path / "site.yaml"
    compare(capture, tmp_path, capsys, "--write-overlay", str(overlay))
    assert compare(capture, tmp_path, capsys, "--config", str(overlay))["verdict"] == "same"


def test_one_event_for_each_recipient_is_a_setting(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = capture.rows[2]
    row["recipient-address"], row["recipient-count"] = "bea@partner.example;cid@partner.example", "2"
    first = {**capture.events[2], "duser": "bea@partner.example", "cn1": "2"}
    capture.events[2:3] = [first, {**first, "duser": "cid@partner.example"}]
    capture.heads[2:3] = [capture.heads[2], capture.heads[2]]
    overlay = tmp_path / "site.yaml"
    before = compare(capture, tmp_path, capsys, "--write-overlay", str(overlay))
    assert differences(before) == {("destinationUserName", "truncated", 1)}
    assert (before["matched"], before["only_theirs"]["count"]) == (10, 1)
    assert before["suggestions"]["overlay"] == {"per_recipient": True}
    after = compare(capture, tmp_path, capsys, "--config", str(overlay))
    assert (after["verdict"], after["matched"], after["only_theirs"]["count"]) == ("same", 11, 0)


def test_a_text_of_any_length_is_no_constant_to_suggest(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pairs in capture.events:
        pairs["msg"] = "x" * 5000
    overlay = tmp_path / "site.yaml"
    found = compare(capture, tmp_path, capsys, "--write-overlay", str(overlay))
    assert ("message", "value differs", 10) in differences(found)
    assert not overlay.exists() or "x" * 300 not in overlay.read_text("utf-8")
