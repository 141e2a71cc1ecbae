from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Exnorm

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "MSGTRK2018112722-1.LOG"
LONG = "é" * 600  # 1200 bytes; CEF's msg takes 1023, and no half of an é fits into the last one


def explain(exnorm: Exnorm, *arguments: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exnorm("explain", *arguments, "--json").lines]


def field(explanation: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [entry for entry in explanation["fields"] if entry["field"] == name]
    return dict(found)


def changed(tmp_path: Path, before: str, after: str) -> Path:
    path = tmp_path / "MSGTRK2018112722-1.LOG"
    text = SAMPLE.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8", newline="")
    return path


def test_each_field_stands_with_its_value_its_column_and_its_row(exnorm: Exnorm) -> None:
    result = exnorm("explain", SAMPLE, "--limit", "1")
    assert result.status == 0
    lines = [b" ".join(line.split()).decode() for line in result.lines]
    assert lines[0] == f"{SAMPLE}:6: SENDEXTERNAL"
    assert lines[1] == (
        "source message_tracking, schema 2016 15.01.1261.039 (columns from header), mapping arcsight-2016"
    )
    assert lines[2] == "field | value | from column | rule | row of the mapping"
    assert (
        "bytesOut (out) | 7249 | total-bytes | guide | Bytes Out <- total-bytes (except for RECEIVE)" in lines
    )
    assert (
        "destinationAddress (dst) | '10.4.11.100' | client-ip | guide | Destination Address <- client-ip"
        in lines
    )
    assert (
        "deviceVendor (deviceVendor) | 'Microsoft' | (constant) | guide | Device Vendor <- 'Microsoft'"
        in lines
    )
    (version,) = [line for line in lines if line.startswith("deviceVersion ")]
    assert (
        "| '15.01.1261.039' | product-version (derived) | exnorm | Device Version <- product-version ["
        in version
    )
    assert version.endswith("schema-version, else #Version, else empty]")
    (log_id,) = [line for line in lines if line.startswith("log-id | '755ab09c-")]
    assert log_id.endswith("| no row in the guide's table; kept as additional data")


def test_json_says_the_same(exnorm: Exnorm) -> None:
    first, *others = explain(exnorm, SAMPLE)
    assert len(others) == 3
    assert {
        name: first[name] for name in ("line_number", "source", "schema", "version", "mapping", "event")
    } == {
        "line_number": 6,
        "source": "message_tracking",
        "schema": "2016",
        "version": "15.01.1261.039",
        "mapping": "arcsight-2016",
        "event": "SENDEXTERNAL",
    }
    assert field(first, "destinationAddress") == {
        "field": "destinationAddress",
        "key": "dst",
        "value": "10.4.11.100",
        "column": "client-ip",
        "row": "Destination Address <- client-ip",
        "ours": "",
        "cut_from": 0,
        "derived": False,
        "rule": "guide",
    }
    assert field(first, "deviceVendor")["column"] == ""
    assert field(first, "deviceVersion")["derived"] is True
    (log_id,) = [column for column in first["additional"] if column["column"] == "log-id"]
    assert log_id["value"] == "755ab09c-9c04-44aa-8b07-08d654b94568"
    assert log_id["reason"] == "no row in the guide's table; kept as additional data"


def test_what_was_cut_says_from_how_many_bytes_and_is_kept_whole(exnorm: Exnorm, tmp_path: Path) -> None:
    log = changed(tmp_path, "Receipt", LONG)
    first = explain(exnorm, log)[0]
    message = field(first, "message")
    assert message["cut_from"] == 1200
    assert message["value"] == "é" * 511
    (kept,) = [column for column in first["additional"] if column["column"] == "message-subject"]
    assert kept["value"] == LONG
    assert b"(cut from 1200 bytes)" in exnorm("explain", log).out


def test_what_a_profile_leaves_out_is_said(exnorm: Exnorm) -> None:
    explained = explain(exnorm, SAMPLE, "--profile", "arcsight-guide")
    assert [entry.get("dropped", "") for entry in explained] == [
        "by profile arcsight-guide",
        "",
        "by profile arcsight-guide",
        "by profile arcsight-guide",
    ]
    assert (
        b"  left out by profile arcsight-guide"
        in exnorm("explain", SAMPLE, "--profile", "arcsight-guide").lines
    )


def test_columns_that_the_settings_leave_out_are_named(exnorm: Exnorm) -> None:
    first = explain(exnorm, SAMPLE, "--additional-data", "none")[0]
    assert "additional" not in first
    assert "log-id" in [column["column"] for column in first["lost"]]
    result = exnorm("explain", SAMPLE, "--additional-data", "none")
    assert b"  left out, because additional_data is none:" in result.lines


def test_what_the_format_had_to_replace_is_named(exnorm: Exnorm, tmp_path: Path) -> None:
    log = changed(tmp_path, "Receipt", "one\ttwo")
    assert explain(exnorm, log, "--taxonomy", "jsa")[0]["written"] == [
        "messageSubject has line breaks, separators or controls replaced"
    ]
    assert "written" not in explain(exnorm, log)[0]  # CEF carries a TAB


def test_one_event_for_each_recipient_is_explained_as_it_is_written(exnorm: Exnorm) -> None:
    explained = explain(exnorm, SAMPLE, "--per-recipient")
    assert [(entry["event"], entry.get("part", "")) for entry in explained] == [
        ("SENDEXTERNAL", ""),
        ("RECEIVE", "1"),
        ("RECEIVE", "2"),
        ("DELIVER", "1"),
        ("DELIVER", "2"),
        ("FAIL", ""),
    ]
    assert field(explained[2], "destinationUserName")["value"] == "ben@corp.example"


def test_a_line_that_does_not_parse_is_shown_with_its_reason_and_status_1(
    exnorm: Exnorm, tmp_path: Path
) -> None:
    log = changed(tmp_path, "SENDEXTERNAL,64441689310559", "SENDEXTERNAL")
    result = exnorm("explain", log, "--limit", "1")
    assert result.status == 1
    assert result.lines[0].decode() == f"{log}:6: not parsed: row has 29 fields; #Fields names 30"
    assert explain(exnorm, log)[0]["unparsed"] == "row has 29 fields; #Fields names 30"


def test_an_unknown_file_is_named_and_left_out(exnorm: Exnorm, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("garbage\n", encoding="utf-8")
    result = exnorm("explain", tmp_path / "notes.txt")
    assert (result.status, result.out) == (1, b"")
    assert "notes.txt: unknown log type; known are message_tracking, " in result.err


def test_whoever_explains_a_broken_line_without_its_header_is_told_to_give_the_header(
    exnorm: Exnorm, tmp_path: Path
) -> None:
    *header, row = SAMPLE.read_text(encoding="utf-8-sig").splitlines()[:6]
    path = tmp_path / "MSGTRK2018112722-1.LOG"
    path.write_text(f"{row},one more\n", encoding="utf-8")
    assert "give the log's lines with # too" in exnorm("explain", path).err
    path.write_text("\n".join([*header, f"{row},one more"]), encoding="utf-8")
    told = exnorm("explain", path)
    assert (told.status, told.err) == (1, "")
    assert b"row has 31 fields; #Fields names 30" in told.out


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--code",), 1)])
def test_an_empty_file_and_an_empty_standard_input_are_said_to_be_empty(
    exnorm: Exnorm, tmp_path: Path, options: tuple[str, ...], status: int
) -> None:
    path = tmp_path / "MSGTRK2018112722-1.LOG"
    path.write_bytes(b"")
    told = exnorm("explain", path, *options)
    assert (told.status, told.err) == (status, f"exnorm: {path} is empty: not one line was read\n")
    piped = subprocess.run(
        [sys.executable, "-m", "exnorm", "explain", *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (piped.returncode, piped.stderr) == (
        status, "exnorm: standard input is empty: not one line was read\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--line", 8), [8]),
        (("--find", "PARTNER.example"), [7, 8]),
        (("--event", "fail"), [9]),
        (("--find", "partner", "--event", "RECEIVE"), [7]),
    ],
)
def test_rows_are_picked_by_line_text_and_event(
    exnorm: Exnorm, arguments: tuple[object, ...], shown: list[int]
) -> None:
    result = exnorm("explain", SAMPLE, "--json", *arguments)
    assert result.status == 0
    assert [json.loads(line)["line_number"] for line in result.lines] == shown


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--line", 2), "line 2 is a header line, blank, or not one of the rows asked for"),
        (("--line", 99), "has 9 lines; there is no line 99"),
        (("--find", "zebra"), "none of its 9 lines is a row that was asked for"),
    ],
)
def test_a_pick_that_finds_nothing_says_why(
    exnorm: Exnorm, arguments: tuple[object, ...], reason: str
) -> None:
    result = exnorm("explain", SAMPLE, *arguments)
    assert result.out == b""
    assert result.err == f"exnorm: {SAMPLE}: {reason}\n"


def test_no_line_is_wider_than_asked_for(exnorm: Exnorm) -> None:
    lines = exnorm("explain", SAMPLE, "--line", 7, "--width", 80).out.decode().splitlines()
    assert max(map(len, lines[1:])) <= 80
    assert "    destinationAddress (dst) = '203.0.113.77'" in lines
    assert "        client-ip | guide | Destination Address <- client-ip" in lines
