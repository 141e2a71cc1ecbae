"""What Fluent Bit is held to when the filter starts, and what a reload keeps."""

from __future__ import annotations

import msgpack
import pytest

from exnorm.errors import SettingsError
from exnorm.fluentbit import ChunkFilter
from exnorm.fluentbit.embedded import ERROR, SAMPLES, check_host, start

FORMS = [[[0, {}], {}], [0, {}]]


def count(chunk: bytes) -> int:
    unpacker = msgpack.Unpacker(timestamp=0)
    unpacker.feed(chunk)
    return sum(1 for _ in unpacker)


def test_both_forms_of_an_event_are_tried_and_come_back_as_one_event() -> None:
    seen: list[bytes] = []
    check_host((5, 1), lambda chunk: seen.append(chunk) or 1, pytest.fail)  # type: ignore[func-returns-value]
    assert [count(chunk) for chunk in (*SAMPLES, *seen)] == [1, 1, 1, 1]
    assert all(b"CEF:0|Microsoft|Exchange Server" in chunk for chunk in seen)


@pytest.mark.parametrize(
    ("version", "said"), [((5, 2), "Fluent Bit 5.2"), ((6, 0), "Fluent Bit 6.0"), (None, "unknown release")]
)
def test_a_release_that_was_not_tried_starts_and_is_said(version: tuple[int, int] | None, said: str) -> None:
    warned: list[str] = []
    check_host(version, count, warned.append)
    assert len(warned) == 1
    assert said in warned[0]
    assert "was not tried with this filter" in warned[0]


def test_a_host_that_does_not_say_what_it_finds_is_believed() -> None:
    check_host((2, 2), lambda chunk: -1, pytest.fail)


@pytest.mark.parametrize("found", [0, 2])
def test_a_host_that_does_not_read_our_events_is_refused(found: int) -> None:
    with pytest.raises(SettingsError, match=f"finds {found} events in a chunk that holds 1"):
        check_host((5, 1), lambda chunk: found, pytest.fail)


def test_a_reload_with_a_wrong_setting_goes_on_with_the_filter_before() -> None:
    said: list[tuple[int, str]] = []

    def log(level: int, name: str, text: str) -> None:
        said.append((level, text))

    before = start("exchange.0", ["host_check", "off"], log, count, None)
    assert before is not None
    after = start("exchange.0", ["host_check", "off", "taxonmy", "jsa"], log, count, before)
    assert after is before
    assert [level for level, _ in said] == [ERROR, ERROR]
    assert "did you mean 'taxonomy'?" in said[0][1]
    assert said[1][1] == "not reloaded: goes on with the settings before"
    assert start("exchange.0", ["host_check", "off", "taxonmy", "jsa"], log, count, None) is None


def test_a_release_that_was_not_tried_is_said_at_the_start_and_not_at_each_reload(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exnorm.fluentbit.embedded.read_host_version", lambda: (9, 9))
    said: list[str] = []
    before = start("exchange.0", [], lambda level, name, text: said.append(text), count, None)
    assert start("exchange.0", [], lambda level, name, text: said.append(text), count, before) is not None
    assert len(said) == 1


def test_records_without_a_known_key_are_said_once_with_the_keys_that_they_have() -> None:
    said: list[str] = []
    chunks = ChunkFilter.from_names({}, log=said.append)
    chunk = msgpack.packb([[0, {}], {"raw": "2026-01-01T00:00:00.000Z,a", "pod": "x"}])
    assert chunks.filter("exchange.a", chunk) is None
    assert chunks.filter("exchange.a", chunk) is None
    assert said == [
        "tag 'exchange.a': records have none of the keys log, message (key_name), nor columns of Exchange, "
        "and pass unchanged; the first has 'raw', 'pod'"
    ]
    assert chunks.filter("exchange.b", chunk) is None
    assert len(said) == 2
