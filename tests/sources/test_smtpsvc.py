"""The SMTP service of IIS: which side is the client, what became of a command, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from exnorm.model import Confidence, Head, Record, Schema, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import Stream, surest
from exnorm.settings import Settings
from exnorm.sources.iis import IIS
from exnorm.sources.smtpsvc import (
    SMTPSVC,
    SmtpsvcReader,
    find_address,
    find_reply,
    judge,
    name_verb,
    read_blanks,
    recognize,
    redact_argument,
    redact_row,
    redact_text,
)

SAMPLE = Path(__file__).parent.parent / "samples" / "smtpsvc" / "ex031204.log"
HEADER = [
    "#Software: Microsoft Internet Information Services 6.0",
    "#Version: 1.0",
    "#Date: 2003-12-04 06:11:02",
]
FIELDS = "#Fields: date time c-ip cs-username cs-method cs-uri-stem cs-uri-query sc-status"
ROW = "2003-12-04 06:11:02 192.0.2.7 client.test {verb} - {argument} {status}"


def row(verb: str, argument: str, status: str) -> str:
    return ROW.format(verb=verb, argument=argument, status=status)


def outbound(kind: str, verb: str, argument: str) -> str:
    return row(verb, argument, "0").replace("client.test", f"OutboundConnection{kind}")


def read(*lines: str | bytes, name: str = "") -> list[Record | Unparsed]:
    stream = Stream(name, lambda head: surest((IIS, SMTPSVC), head), Settings())
    found = [stream.read(line) for line in lines]
    return [item for item in found if isinstance(item, (Record, Unparsed))]


def last(items: list[Record | Unparsed]) -> Record:
    assert isinstance(items[-1], Record), items
    return items[-1]


# --- rows ----------------------------------------------------------------------------------------


def test_every_row_of_the_sample_is_a_record_of_the_smtp_service() -> None:
    items = read(*SAMPLE.read_bytes().splitlines(), name="ex031204.log")
    assert [item.source.name for item in items if isinstance(item, Record)] == ["smtpsvc"] * 8


def test_a_web_row_in_the_next_block_of_the_same_stream_is_a_web_record() -> None:
    fields = "#Fields: date time cs-method cs-uri-stem c-ip"
    items = read(
        *HEADER, FIELDS, row("EHLO", "+a", "250"), *HEADER, fields, "2003-12-04 06:12:00 GET / 10.0.0.1"
    )
    assert [item.source.name for item in items if isinstance(item, Record)] == ["smtpsvc", "iis"]


def test_the_default_fields_without_a_date_are_read_with_the_date_of_the_header() -> None:
    record = last(
        read(*HEADER, "#Fields: time c-ip cs-method cs-uri-stem sc-status", "06:11:05 192.0.2.7 MAIL - 250")
    )
    assert record.source.name == "smtpsvc"
    assert record.time == 1070518265000  # date -d 2003-12-04T06:11:05Z +%s


def test_a_truncated_and_a_too_wide_row_are_unparsed_and_the_next_one_is_unharmed() -> None:
    whole = row("RCPT", "+TO:<a@b.test>", "250")
    items = read(*HEADER, FIELDS, whole, whole[:40], whole + " 0", whole)
    assert [getattr(item, "kind", "") for item in items] == ["", "width", "width", ""]


def test_an_empty_line_is_no_row() -> None:
    assert read(*HEADER, FIELDS, "") == []


def test_a_row_that_is_not_utf_8_is_unparsed() -> None:
    items = read(*HEADER, FIELDS, row("RCPT", "+TO:<a@b.test>", "250"), b"2003-12-04 \xff")
    assert getattr(items[1], "kind", "") == "encoding"


def test_a_row_without_a_header_is_unparsed_and_the_reason_says_so() -> None:
    items = read(row("RCPT", "-", "250"), name="LogFiles/SMTPSVC1/ex031204.log")
    assert isinstance(items[0], Unparsed)
    assert items[0].reason == "row has 8 fields and no header came before it; expected a header"


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "left"),
    [
        ("-", "-"),
        ("+LOGIN", "+LOGIN"),
        ("+LOGIN+", "+LOGIN+"),
        ("+LOGIN+amRvZQ==", "+LOGIN+*****"),
        ("PLAIN+AGpkb2UA+cGFzcw==", "PLAIN+*****"),
        ("+amRvZTpzZWNyZXQ=", "*****"),
        ("++LOGIN+amRvZQ==", "++LOGIN+*****"),
    ],
)
def test_of_the_argument_of_auth_only_the_mechanism_is_left(argument: str, left: str) -> None:
    assert redact_argument(argument) == left


@pytest.mark.parametrize("verb", ["AUTH", "auth", "X-EXPS"])
def test_a_password_is_neither_in_the_values_nor_in_the_raw_line(verb: str) -> None:
    record = last(read(*HEADER, FIELDS, row(verb, "+LOGIN+c2VjcmV0", "334")))
    texts = [record.raw, *record.values.values(), *record.derived.values()]
    assert not any("c2VjcmV0" in text for text in texts)
    assert record.values["cs-uri-query"] == "+LOGIN+*****"
    assert record.raw == row(verb, "+LOGIN+*****", "334")


def test_a_password_is_not_in_a_line_that_does_not_parse() -> None:
    items = read(*HEADER, FIELDS, row("MAIL", "-", "250"), row("AUTH", "+LOGIN c2VjcmV0", "334"))
    assert isinstance(items[1], Unparsed)
    assert items[1].kind == "width"
    assert items[1].raw == "2003-12-04 06:11:02 192.0.2.7 client.test AUTH *****"


def test_what_a_client_says_between_auth_and_the_next_command_is_not_passed_on() -> None:
    lines = [
        row("AUTH", "+LOGIN", "334"),
        row("c2VjcmV0", "-", "235"),
        row("MAIL", "-", "250"),
        row("xxxx", "+example.test", "500"),
    ]
    items = read(*HEADER, FIELDS, *lines)
    assert [item.get("cs-method") for item in items if isinstance(item, Record)] == [
        "AUTH",
        "*****",
        "MAIL",
        "xxxx",  # no dialogue any more: an unknown verb, which a reader of the log wants to see
    ]


@pytest.mark.parametrize("said", [row("c2VjcmV0", "-", "334"), row("-", "+c2VjcmV0", "235")])
def test_an_answer_to_an_auth_that_another_log_holds_is_not_passed_on(said: str) -> None:
    items = read(*HEADER, FIELDS, row("MAIL", "-", "250"), said)
    assert "c2VjcmV0" not in last(items).raw + repr(last(items).values)


def test_rows_in_any_order_say_what_they_say_in_order() -> None:
    lines = [
        row("EHLO", "+client.test", "250"),
        row("AUTH", "+LOGIN", "334"),
        row("bm9yYQ", "-", "334"),  # an answer that neither its length nor its letters give away
        row("secret", "-", "535"),
        row("MAIL", "+FROM:<a@b.test>", "250"),
        row("RCPT", "+TO:<c@d.test>", "250"),
        row("DATA", "<1@b.test>", "250"),
        row("QUIT", "-", "221"),
    ]
    shown = [
        [(item.raw, dict(item.derived)) for item in read(*HEADER, FIELDS, *rows) if isinstance(item, Record)]
        for rows in (lines, lines[::-1])
    ]
    assert shown[0] == shown[1][::-1]
    assert "secret" not in repr(shown)


@pytest.mark.parametrize(
    ("verb", "argument", "outcome"),
    [
        ("DATA", "<1@b.test>", "ACCEPTED"),
        ("DATA", "-", "ACCEPTED"),
        ("BDAT", "+900+LAST", "ACCEPTED"),
        ("BDAT", "<1@b.test>", "ACCEPTED"),
        ("BDAT", "+900", "IN-PROGRESS"),
        ("RCPT", "+TO:<c@d.test>", "IN-PROGRESS"),
    ],
)
def test_a_250_to_the_end_of_a_message_takes_it_over(verb: str, argument: str, outcome: str) -> None:
    assert last(read(*HEADER, FIELDS, row(verb, argument, "250"))).get("outcome") == outcome


def test_an_answer_to_auth_is_not_in_a_line_that_does_not_parse() -> None:
    wide = row("c2VjcmV0", "-", "334") + " x"
    items = read(*HEADER, FIELDS, row("AUTH", "+LOGIN", "334"), wide, row("MAIL", "-", "250") + " x")
    raws = [item.raw for item in items if isinstance(item, Unparsed)]
    assert raws == [
        "2003-12-04 06:11:02 192.0.2.7 ***** ***** - - 334 *****",
        "2003-12-04 06:11:02 192.0.2.7 client.test MAIL - - 250 x",
    ]


def test_our_own_password_for_another_server_is_not_passed_on() -> None:
    lines = [
        outbound("Command", "AUTH", "LOGIN"),
        outbound("Response", "-", "334+VXNlcm5hbWU6"),
        outbound("Command", "c2VjcmV0", "-"),
    ]
    items = read(*HEADER, FIELDS, *lines)
    assert isinstance(items[1], Record)
    assert items[1].get("cs-uri-query") == "334+VXNlcm5hbWU6"
    assert last(items).get("cs-method") == "*****"


def test_a_password_in_a_row_that_was_split_elsewhere_is_not_passed_on() -> None:
    reader = SMTPSVC.open(SMTPSVC, Head(), Settings())
    assert isinstance(reader, SmtpsvcReader)
    columns = {"date": "2003-12-04", "time": "06:11:02", "cs-method": "AUTH"}
    columns["cs-uri-query"] = "+PLAIN+c2VjcmV0"
    line = "\t".join(f"{column}={value}" for column, value in columns.items())
    record = reader.record(line, Schema("", tuple(columns)), columns)
    assert isinstance(record, Record)
    assert record.values["cs-uri-query"] == "+PLAIN+*****"
    assert record.raw.endswith("cs-uri-query=+PLAIN+*****")


def test_a_password_is_not_in_a_row_whose_date_cannot_be_read() -> None:
    bad = row("AUTH", "+PLAIN+c2VjcmV0", "235").replace("2003-12-04", "2003-13-04")
    items = read(*HEADER, FIELDS, row("MAIL", "-", "250"), bad)
    assert isinstance(items[1], Unparsed)
    assert items[1].kind == "date"
    assert "c2VjcmV0" not in items[1].raw


@pytest.mark.parametrize("end", [b" \xff", b" " * 2000])
@pytest.mark.parametrize("header", [[*HEADER, FIELDS, row("MAIL", "-", "250")], []])
def test_a_password_is_not_in_a_line_that_never_reached_the_reader(header: list[str], end: bytes) -> None:
    normalizer = Normalizer(max_line_bytes=1024, discover_plugins=False)
    stream = normalizer.stream("")
    items = list(normalizer.parse([*header, row("AUTH", "+PLAIN+c2VjcmV0", "235").encode() + end], stream))
    assert isinstance(items[-1], Unparsed)
    assert items[-1].kind in ("encoding", "too-long")
    assert "c2VjcmV0" not in items[-1].raw


def test_a_word_in_a_line_of_another_log_hides_nothing_of_it() -> None:
    line = "2018-11-27T22:40:02.966Z,10.4.11.100,a row of another log,Re: AUTH does not work,anna@example.com"
    assert redact_row(line) == line
    assert redact_row("x SMTPSVC1 AUTH - +PLAIN+c2VjcmV0") == "x SMTPSVC1 AUTH *****"


def test_the_sender_parameter_auth_is_no_secret() -> None:
    text = "MAIL FROM:<a@b.test> AUTH=<> x"
    assert redact_text(text) == text


# --- what the columns say together ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "address"),
    [
        ("+FROM:<a@b.test>", "a@b.test"),
        ("FROM:<a@b.test>+SIZE=1722", "a@b.test"),
        ("+from:+<jo+news@b.test>+SIZE=1", "jo+news@b.test"),
        ("+FROM:enquiries@company.test", "enquiries@company.test"),
        ("+FROM:jo+news@b.test+SIZE=1+BODY=8BITMIME", "jo+news@b.test"),
        ("+FROM:<>", ""),
        ("+FROM:<a@b.test", ""),
        ("-", ""),
        ("", ""),
    ],
)
def test_the_address_of_mail_and_rcpt_keeps_its_own_plus(argument: str, address: str) -> None:
    assert find_address(argument) == address


def test_a_plus_is_a_blank_but_not_inside_an_address() -> None:
    assert read_blanks("+FROM:<jo+news@b.test>+SIZE=1") == "FROM:<jo+news@b.test> SIZE=1"


@pytest.mark.parametrize(
    ("direction", "status", "argument", "reply"),
    [
        ("inbound", "250", "550+x", "250"),
        ("inbound", "0", "", ""),
        ("outbound", "0", "FROM:<a@b.test>", ""),
        ("outbound reply", "0", "421+4.7.0+later", "421"),
        ("outbound reply", "0", "250-mx1.example.test", "250"),
        ("outbound reply", "0", "2500", ""),
    ],
)
def test_the_reply_code_is_ours_or_what_the_other_server_said(
    direction: str, status: str, argument: str, reply: str
) -> None:
    assert find_reply(direction, status, argument) == reply


@pytest.mark.parametrize(
    ("verb", "reply", "outcome"),
    [
        ("EHLO", "250", "SESSION-START"),
        ("EHLO", "", "IN-PROGRESS"),
        ("EHLO", "501", "REJECTED"),
        ("QUIT", "240", "SESSION-END"),
        ("AUTH", "334", "IN-PROGRESS"),
        ("AUTH", "235", "LOGON-SUCCESS"),
        ("AUTH", "535", "LOGON-FAILURE"),
        ("AUTH", "504", "LOGON-FAILURE"),
        ("REPLY", "535", "LOGON-FAILURE"),
        ("RCPT", "550", "REJECTED"),
        ("RCPT", "450", "DELAYED"),
        ("MAIL", "250", "IN-PROGRESS"),
        ("MAIL", "", "IN-PROGRESS"),
    ],
)
def test_an_outcome_follows_from_verb_and_reply(verb: str, reply: str, outcome: str) -> None:
    assert judge(verb, reply) == outcome


def test_a_verb_that_smtp_does_not_have_cannot_name_an_event() -> None:
    assert name_verb("xexch50", "inbound") == "XEXCH50"
    assert name_verb("<script>", "inbound") == "OTHER"
    assert name_verb("-", "outbound reply") == "REPLY"


def test_the_direction_is_told_by_cs_username() -> None:
    items = read(
        *HEADER,
        FIELDS,
        row("EHLO", "+a", "250"),
        outbound("Command", "MAIL", "-"),
        outbound("Response", "-", "250+ok"),
    )
    assert [item.get("direction") for item in items if isinstance(item, Record)] == [
        "inbound",
        "outbound",
        "outbound reply",
    ]


# --- recognising ---------------------------------------------------------------------------------


def test_a_header_alone_is_of_the_smtp_service_only_in_its_folder() -> None:
    directives = {"software": "Microsoft Internet Information Services 6.0", "fields": "cs-method c-ip"}
    assert recognize(Head("ex031204.log", directives)) is Confidence.NO
    assert recognize(Head("SMTPSVC1/ex031204.log", directives)) is Confidence.HEADER
    assert recognize(Head("SMTPSVC1/ex031204.log")) is Confidence.NAME


BARE = "2003-11-18 10:00:0{} 192.0.2.7 - SMTPSVC1 EXCH0001 192.0.2.40 25 {} - {} 334 0 18 0 0 SMTP - - - -"


def test_rows_without_a_header_let_no_answer_to_auth_out() -> None:
    running = Normalizer("arcsight", discover_plugins=False)
    rows = [("EHLO", "+edge"), ("AUTH", "LOGIN"),
            ("bm9yYTEyMzQ1", "-"), ("hunter22", "-"),
            ("-", "SHVzaCE3Nw=="), ("MAIL", "+FROM:<a@example.test>")]  # fmt: skip
    lines = [BARE.format(number, *row) for number, row in enumerate(rows)]
    found = list(running.parse(lines, running.stream("ex031118.log")))
    raw = [item.raw for item in found if isinstance(item, Unparsed)]
    assert len(raw) == len(lines)
    assert not any(secret in line for line in raw for secret in ("bm9yYTEyMzQ1", "hunter22", "SHVzaCE3Nw=="))
    assert raw[0] == lines[0]
    assert raw[5] == lines[5]


def test_an_answer_to_auth_before_anything_else_is_hidden_by_its_form() -> None:
    running = Normalizer("arcsight", discover_plugins=False)
    line = BARE.format(1, "SHVzaCE3Nw==", "-")
    (found,) = running.parse([line], running.stream("ex031118.log"))
    assert isinstance(found, Unparsed)
    assert found.raw == line.replace("SHVzaCE3Nw==", "*****")
