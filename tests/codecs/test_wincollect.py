"""The native payload as output: the guide's layout, and values that cannot cut it in two."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from exnorm.codecs.wincollect import WINCOLLECT
from exnorm.model import Event, Record, Schema
from exnorm.pipeline.counts import Counts
from exnorm.pipeline.normalizer import Normalizer
from exnorm.plugins.hookspecs import hookimpl
from exnorm.settings import Settings
from exnorm.sources.message_tracking import COLUMNS_2016, MESSAGE_TRACKING
from exnorm.taxonomies.jsa.fields import JSA

SAMPLES = Path(__file__).parents[1] / "samples" / "wincollect"
GUIDE = (SAMPLES / "guide-msgtrk.txt").read_bytes().removesuffix(b"\n")
HEADER = "#Fields: " + ",".join(COLUMNS_2016)


def row(**texts: str) -> str:
    """A CSV row of 2016, empty but for its time and what is given (``_`` for ``-``)."""
    filled = {"date-time": "2018-11-27T22:40:02.966Z", "event-id": "RECEIVE"}
    filled.update({name.replace("_", "-"): text for name, text in texts.items()})
    cells = (filled.get(column, "") for column in COLUMNS_2016)
    return ",".join('"' + cell.replace('"', '""') + '"' if set(cell) & set(',"') else cell for cell in cells)


def encode(*lines: str, name: str = "MSGTRK2018112722-1.LOG", source_ip: str = "") -> list[str]:
    normalizer = Normalizer("jsa", "wincollect", source_ip=source_ip)
    return [found.decode() for found in normalizer.encode(lines, normalizer.stream(name))]


def keys(payload: str) -> list[str]:
    return [pair.partition("=")[0] for pair in payload.split("\t")]


def test_the_row_of_the_guides_sample_becomes_the_guides_sample() -> None:
    texts = dict(pair.split("=", 1) for pair in GUIDE.decode().split("\t")[4:])
    line = row(**{key.replace("-", "_"): text for key, text in texts.items()})

    assert encode(HEADER, line, source_ip="10.91.5.110") == [GUIDE.decode()]


def test_the_keys_are_those_of_the_guide_and_then_the_columns_in_file_order() -> None:
    (payload,) = encode(HEADER, row(), source_ip="192.0.2.1")

    envelope = ["SourceIp", "AgentDevice", "AgentLogFile", "AgentLogFormat"]
    assert keys(payload) == [*envelope, *COLUMNS_2016]
    assert payload.startswith(
        "SourceIp=192.0.2.1\tAgentDevice=WindowsExchange\tAgentLogFile=MSGTRK2018112722-1.LOG\t"
        "AgentLogFormat=MSGTRK\tdate-time=2018-11-27T22:40:02.966Z\tclient-ip=\t"
    )


def test_source_ip_is_left_out_where_it_is_not_known() -> None:
    (payload,) = encode(HEADER, row())

    assert keys(payload)[0] == "AgentDevice"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/var/exchange/MSGTRK1.LOG", "MSGTRK1.LOG"),
        ("C:\\Logs\\MSGTRK1.LOG", "MSGTRK1.LOG"),
        ("-", ""),
        ("a\tb=c.LOG", "a<TAB>b=c.LOG"),
    ],
)
def test_the_file_name_stands_without_its_path(name: str, shown: str) -> None:
    (payload,) = encode(HEADER, row(), name=name)

    assert f"\tAgentLogFile={shown}\t" in payload


def test_separators_in_values_become_tokens_and_the_last_key_names_the_columns() -> None:
    (payload,) = encode(HEADER, row(message_subject="a\tsender-address=x\rb", source_context="c\td"))

    assert "\tmessage-subject=a<TAB>sender-address=x<CR>b\t" in payload
    assert "\tsource-context=c<TAB>d\t" in payload
    assert payload.endswith("\texnorm-replaced=source-context,message-subject")


def test_a_line_feed_that_a_processor_puts_in_becomes_a_token() -> None:
    assert change(row(), "message-subject", "a\nb").endswith("\texnorm-replaced=message-subject")
    assert "\tmessage-subject=a<LF>b\t" in change(row(), "message-subject", "a\nb")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=30))
@settings(max_examples=60, deadline=None, database=None)
def test_the_number_of_keys_read_back_is_the_number_written_whatever_the_subject(subject: str) -> None:
    line = row(message_subject=subject)
    (payload,) = NATIVE.encode([HEADER, line], NATIVE.stream("MSGTRK.LOG"))
    (back,) = NATIVE.parse([payload], NATIVE.stream())

    assert isinstance(back, Record)
    ends_of_lines = "\x85\u2028\u2029"
    replaced = any(character < " " or character in ends_of_lines for character in subject)
    assert len(keys(payload.decode())) == 3 + 30 + replaced
    assert list(back.values) == [*COLUMNS_2016, *(["exnorm-replaced"] if replaced else [])]
    assert payload.count(b"\n") == 0


NATIVE = Normalizer("jsa", "wincollect")


# --- a record that came in an envelope -----------------------------------------------------------


class Change:
    """Sets a column of every record, or with ``None`` takes it out."""

    name = "change"

    def __init__(self, column: str, value: str | None) -> None:
        self.column, self.value = column, value

    @hookimpl
    def record_processors(self) -> list[object]:
        def process(record: Record) -> Record:
            if self.value is None:
                del record.values[self.column]
            else:
                record.values[self.column] = self.value
            return record

        return [process]


def change(line: str, column: str, value: str | None) -> str:
    normalizer = Normalizer("jsa", "wincollect", plugins=[Change(column, value)])
    lines = [line] if "AgentDevice" in line else [HEADER, line]
    (payload,) = normalizer.encode(lines)
    return payload.decode()


def test_a_value_that_a_processor_changed_is_written_changed_and_all_else_as_it_came() -> None:
    line = "<13>Feb 08 12:43:54 SERVER01 " + GUIDE.decode().replace("=Receipt", '="a, b"')

    assert change(line, "sender-address", "hidden") == line.replace(
        "sender-address=admin1@qradar.domain.test", "sender-address=hidden"
    )


def test_a_quoted_value_that_a_processor_changed_does_not_come_back() -> None:
    line = GUIDE.decode().replace("=Receipt", '="secret, b"')

    assert change(line, "message-subject", "hidden") == line.replace('"secret, b"', "hidden")


def test_a_changed_value_cannot_cut_the_payload() -> None:
    changed = change(GUIDE.decode(), "message-subject", "a\tb=c\nd")

    assert changed == (
        GUIDE.decode().replace("=Receipt", "=a<TAB>b=c<LF>d") + "\texnorm-replaced=message-subject"
    )


def test_controls_that_came_in_a_payload_become_tokens_and_all_else_is_written_as_it_came() -> None:
    line = "<13>Feb 08 12:43:54 \x1b[1mSERVER01 " + GUIDE.decode().replace("=Receipt", "=a\0b\u2028")
    (payload,) = NATIVE.encode([line])
    shown = line.replace("a\0b\u2028", "a<NUL>b<LS>").replace("\x1b", "<ESC>")
    assert payload.decode() == shown + "\texnorm-replaced=message-subject"
    (kept,) = Normalizer("jsa", "wincollect", control="keep").encode([line])
    assert kept.decode() == line


def test_a_column_that_a_processor_took_out_is_not_written() -> None:
    assert change(GUIDE.decode(), "message-subject", None) == GUIDE.decode().replace(
        "\tmessage-subject=Receipt", ""
    )


def test_a_column_that_a_processor_added_comes_last() -> None:
    assert change(GUIDE.decode(), "ticket", "7") == GUIDE.decode() + "\tticket=7"


def test_a_changed_value_of_a_repeated_key_keeps_its_key() -> None:
    line = GUIDE.decode() + "\treturn-path=x"

    assert change(line, "return-path#2", "y") == GUIDE.decode() + "\treturn-path=y"


def test_a_payload_split_by_recipient_differs_in_the_recipient_only() -> None:
    line = GUIDE.decode().replace("=admin3@qradar.domain.test", "=a@x.test;b@x.test")
    normalizer = Normalizer("jsa", "wincollect", per_recipient=True)

    assert [payload.decode() for payload in normalizer.encode([line])] == [
        line.replace("=a@x.test;b@x.test", "=a@x.test"),
        line.replace("=a@x.test;b@x.test", "=b@x.test"),
    ]


# --- names and characters ---


def encode_record(
    values: dict[str, str], path: str = "MSGTRK1.LOG", counts: Counts | None = None, **options: object
) -> bytes:
    record = Record(MESSAGE_TRACKING, Schema("2016", ()), values, path=path)
    chosen = Settings(taxonomy="jsa", **options)  # type: ignore[arg-type]
    return WINCOLLECT.build(JSA, chosen, counts or Counts())(Event(JSA, {}, {}, record))


@pytest.mark.parametrize(("column", "key"), [("a=b", b"a_b"), ("a\tb", b"a<TAB>b"), ("a b", b"a b")])
def test_a_column_name_cannot_pass_for_a_value(column: str, key: bytes) -> None:
    assert encode_record({column: "v"}).endswith(b"\t" + key + b"=v")


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    assert encode_record({"x": "a\udcffb"}).endswith(b"\tx=a?b")
