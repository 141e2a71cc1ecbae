from __future__ import annotations

import json
import pickle

import pytest

from exnorm import Counts
from exnorm.pipeline.counts import NAMES_LIMIT, OTHER, Tally
from exnorm.testing import normalizer


def test_past_the_limit_of_names_new_ones_are_counted_together() -> None:
    tally = Tally()
    for number in range(NAMES_LIMIT + 500):
        tally.add(f"name{number}")
    tally.add("name0", 2)
    assert len(tally) == NAMES_LIMIT + 1
    assert tally["name0"] == 3
    assert tally[OTHER] == 500
    assert sum(tally.values()) == NAMES_LIMIT + 502


def test_a_name_is_cut_to_100_characters() -> None:
    tally = Tally()
    tally.add("x" * 5000)
    tally.add("x" * 100)
    assert tally == {"x" * 100: 2}


def test_what_a_process_tells_another_is_all_that_it_counted() -> None:
    counts = Counts()
    counts.lines = 3
    counts.note("cut", "message")
    counts.blame("plugin", "processor", "a fault")
    counts.note_time(1_600_000_000_000)
    told = pickle.loads(pickle.dumps(counts))
    assert vars(told) == vars(counts)
    assert len(pickle.dumps(Counts())) < 100
    told.note("dropped", "SEND")
    assert told.dropped == {"SEND": 1}


def test_a_hostile_log_cannot_make_the_counts_grow() -> None:
    running = normalizer(source="message_tracking")
    header = "#Fields: date-time,event-id," + ",".join(f"column{n}" for n in range(3000))
    row = "2018-11-27T22:40:02.966Z,EVENT{}" + "," * 3000
    found = list(running.normalize([header, *(row.format(n) for n in range(3))]))
    assert len(found) == 3
    assert len(running.counts.unknown_columns) == NAMES_LIMIT + 1
    assert sum(running.counts.unknown_columns.values()) == 9000
    assert running.counts.unknown_events == {"EVENT0": 1, "EVENT1": 1, "EVENT2": 1}


def test_notes_are_counted_by_what_they_say() -> None:
    counts = Counts()
    counts.note("cut", "message")
    counts.note("cut", "message")
    counts.note("replaced", "name")
    assert (counts.cut, counts.replaced) == ({"message": 2}, {"name": 1})
    with pytest.raises(AttributeError):
        counts.note("burnt", "message")


def test_counts_of_two_runs_add_up_and_stay_bounded() -> None:
    one, other = Counts(), Counts()
    one.lines, one.header, one.events = 3, 1, 2
    other.lines, other.header, other.events = 10, 2, 8
    for number in range(NAMES_LIMIT):
        one.records.add(f"a{number}")
        other.records.add(f"b{number}")
    other.unparsed.add("width", 5)
    one.merge(other)
    assert (one.lines, one.header, one.events) == (13, 3, 10)
    assert one.unparsed == {"width": 5}
    assert (len(one.records), one.records[OTHER]) == (NAMES_LIMIT + 1, NAMES_LIMIT)


def test_every_tally_is_in_the_plain_numbers_sorted_by_name() -> None:
    counts = Counts()
    counts.dropped.add("SEND")
    counts.dropped.add("AGENTINFO")
    plain = counts.as_dict()
    assert set(plain) == {"lines", "header", "events", *Counts.TALLIES}
    assert list(plain["dropped"]) == ["AGENTINFO", "SEND"]
    tallies = {name for name, value in vars(counts).items() if isinstance(value, Tally)}
    assert tallies == set(Counts.TALLIES)
    assert json.loads(json.dumps(plain)) == plain
