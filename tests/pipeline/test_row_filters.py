from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exnorm import Event, Normalizer, SettingsError

SAMPLE = (Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG").read_bytes()
# Its rows, by hand: 22:40:02.966 SENDEXTERNAL, 22:41:10.118 RECEIVE, 22:41:11.404 DELIVER, 22:42:30.007 FAIL.


def events(**settings: Any) -> tuple[list[str], dict[str, int]]:
    normalizer = Normalizer(discover_plugins=False, **settings)
    found = list(normalizer.normalize(SAMPLE, normalizer.stream("MSGTRK2018112722-1.LOG")))
    return [event.record.event_id for event in found if isinstance(event, Event)], normalizer.counts.filtered


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({"events": ("fail",)}, ["FAIL"]),
        ({"events": ("FAIL", "*EX?ERNAL")}, ["SENDEXTERNAL", "FAIL"]),
        ({"where": ("recipient-status=550*",)}, ["FAIL"]),
        ({"where": ("Recipient-Status!=550*",)}, ["SENDEXTERNAL", "RECEIVE", "DELIVER"]),
        ({"where": ("directionality=Incoming", "source=SMTP")}, ["RECEIVE"]),
        ({"since": "2018-11-27T22:41:11.404Z"}, ["DELIVER", "FAIL"]),
        ({"until": "2018-11-27T22:41:11.404Z"}, ["SENDEXTERNAL", "RECEIVE"]),
        ({"since": "2018-11-27T23:41:11+01:00", "until": "2018-11-27T22:42"}, ["DELIVER"]),
        ({"since": "2018-11-28"}, []),
        ({"events": ("FAIL",), "since": "2018-11-28"}, []),
    ],
)
def test_rows_are_chosen_by_event_column_and_time(settings: dict[str, Any], left: list[str]) -> None:
    found, filtered = events(**settings)
    assert found == left
    assert sum(filtered.values()) == 4 - len(left)


def test_a_row_that_is_left_out_is_counted_under_the_filter_that_did_it() -> None:
    assert events(where=("source=SMTP",), since="2018-11-27T22:41")[1] == {
        "--since": 1,
        "--where source=SMTP": 1,
    }


@pytest.mark.parametrize("format", ["cef", "json"])
def test_payloads_are_those_of_the_chosen_rows(format: str) -> None:
    whole = Normalizer(format=format, discover_plugins=False)
    chosen = Normalizer(format=format, discover_plugins=False, events=("FAIL",))
    name = "MSGTRK2018112722-1.LOG"
    assert (
        list(chosen.encode(SAMPLE, chosen.stream(name))) == list(whole.encode(SAMPLE, whole.stream(name)))[3:]
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"where": ("recipient-stat=x",)},
            "no log type has a column 'recipient-stat'; did you mean 'recipient-status'",
        ),
        ({"where": ("nonsense",)}, "where: got 'nonsense'; expected COLUMN=PATTERN or COLUMN!=PATTERN"),
        ({"since": "yesterday"}, "since: got 'yesterday'; expected a date and time such as"),
        ({"until": "2018-13-01"}, "until: got '2018-13-01'"),
    ],
)
def test_a_wrong_filter_is_refused_before_any_row(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace("!", "!")) as caught:
        events(**settings)
    assert message in str(caught.value)


def test_a_pattern_of_many_stars_is_matched_in_linear_time() -> None:
    pattern = "message-subject=" + "*a" * 30 + "b"
    row = b"2018-11-27T22:42:30.007Z" + b"," * 17 + b"a" * 20_000 + b"," * 3
    normalizer = Normalizer(discover_plugins=False, where=(pattern,))
    lines = [
        b"#Software: Microsoft Exchange Server",
        b"#Log-type: Message Tracking Log",
        *SAMPLE.splitlines()[4:5],
        row,
    ]
    assert not [item for item in normalizer.normalize(lines) if isinstance(item, Event)]
