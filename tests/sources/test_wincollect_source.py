"""Payloads of JSA as input: what becomes a record, what is refused, what never becomes a column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from exnorm.identity import exnorm_id
from exnorm.model import Confidence, Event, Field, Head, Mapping, Record, Taxonomy, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.plugins.hookspecs import hookimpl
from exnorm.settings import Settings
from exnorm.sources import wincollect
from exnorm.sources.message_tracking import COLUMNS_2007, COLUMNS_2010, COLUMNS_2013, COLUMNS_2016
from exnorm.sources.wincollect import READERS_LIMIT, WINCOLLECT_PAYLOAD, WinCollectReader, unquote

SAMPLES = Path(__file__).parents[1] / "samples" / "wincollect"
GUIDE = (SAMPLES / "guide-msgtrk.txt").read_bytes().removesuffix(b"\n")
RFC3164, RFC5424, OWA = (SAMPLES / "syslog.txt").read_bytes().splitlines()
ENVELOPE = "AgentDevice=WindowsExchange\tAgentLogFile=MSGTRK2018112722-1.LOG\tAgentLogFormat=MSGTRK"
TIME = "2018-11-27T22:40:02.966Z"


def read(line: str | bytes) -> Record | Unparsed:
    text = line if isinstance(line, str) else line.decode()
    return WinCollectReader(Settings()).read(text)


def read_record(line: str | bytes) -> Record:
    found = read(line)
    assert isinstance(found, Record), found
    return found


def read_unparsed(line: str | bytes) -> Unparsed:
    found = read(line)
    assert isinstance(found, Unparsed), found
    return found


def events(*lines: bytes, taxonomy: str = "arcsight", **given_settings: Any) -> list[Event | Unparsed]:
    return list(Normalizer(taxonomy, **given_settings).normalize(lines))


def event(line: bytes | str, taxonomy: str = "arcsight", **given_settings: Any) -> Event:
    encoded = line if isinstance(line, bytes) else line.encode()
    (found,) = events(encoded, taxonomy=taxonomy, **given_settings)
    assert isinstance(found, Event), found
    return found


def again(line: bytes, **given_settings: Any) -> list[bytes]:
    return list(Normalizer("jsa", "wincollect", **given_settings).encode([line]))


def payload(columns: tuple[str, ...], /, **texts: str) -> str:
    """A payload of these columns, empty but for the time and what is given (``_`` for ``-``)."""
    filled = {"date-time": TIME, "event-id": "RECEIVE"}
    filled.update({name.replace("_", "-"): text for name, text in texts.items()})
    return "\t".join((ENVELOPE, *(f"{column}={filled.get(column, '')}" for column in columns)))


# --- the guide's own sample ----------------------------------------------------------------------


def test_the_guides_sample_becomes_the_cef_of_the_worked_example() -> None:
    (cef,) = Normalizer("arcsight", "cef").encode([GUIDE])

    header, _, extension = cef.decode().partition("|1|")
    assert header == "CEF:0|Microsoft|Exchange Server|15.01.1261.039|SENDEXTERNAL|SENDEXTERNAL"
    for pair in (
        "rt=1543358402966",
        "cat=SMTP",
        "sourceServiceName=SMTP",
        "dvc=192.168.25.195",
        "dvchost=qradar.example.test",
        "dst=10.4.11.100",
        "dhost=testHostName",
        "suser=admin1@qradar.domain.test",
        "duser=admin3@qradar.domain.test",
        "msg=Receipt",
        "out=7249",
        "cn1Label=Recipient Count",
        "cn1=1",
    ):
        assert f" {pair} " in f" {extension} "
    for absent in ("src=", "cs3=", "in="):  # original-client-ip and reference are empty; not RECEIVE
        assert f" {absent}" not in f" {extension}"


def test_the_guides_sample_becomes_the_leef_of_the_worked_example() -> None:
    (leef,) = Normalizer("jsa", "leef").encode([GUIDE])

    header, _, attributes = leef.decode().partition("|x09|")
    assert header == "LEEF:2.0|Microsoft|Exchange Server|15.01.1261.039|SENDEXTERNAL"
    pairs = dict(pair.split("=", 1) for pair in attributes.split("\t"))
    assert pairs["devTime"] == "1543358402966"
    assert pairs["src"] == "10.4.11.100"
    assert pairs["dst"] == "192.168.25.195"
    assert pairs["usrName"] == "admin3@qradar.domain.test"
    assert pairs["messageSubject"] == "Receipt"
    assert pairs["srcBytes"] == "7249"


def test_the_guides_sample_is_a_message_tracking_record_of_2016_with_thirty_columns() -> None:
    record = read_record(GUIDE)

    assert record.source.name == "message_tracking"
    assert (record.schema.name, record.schema.found) == ("2016", "payload")
    assert record.schema.columns == COLUMNS_2016
    assert record.time == 1543358402966
    assert record.path == "MSGTRK2018112722-1.LOG"
    assert record.values["source-context"] == ";250 2.0.0 OK b139-v6si456977itb.104 - gsmtp;ClientSubmitTime:"


def test_the_envelope_is_no_additional_data_of_the_event() -> None:
    assert not {"SourceIp", "AgentDevice", "AgentLogFile", "AgentLogFormat"} & set(event(GUIDE).additional)


# --- back to the same bytes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(GUIDE, id="guide"),
        pytest.param(RFC3164, id="syslog header of RFC 3164, quotes kept, no SourceIp"),
        pytest.param(RFC5424, id="syslog header of RFC 5424 with structured data"),
        pytest.param(RFC5424.replace(b"] Agent", b"] \xef\xbb\xbfAgent"), id="BOM before the message"),
        pytest.param(RFC3164.replace(b"<13>Feb 14 10:30:01 SERVER01 ", b"<13>"), id="priority alone"),
        pytest.param(RFC3164.removeprefix(b"<13>"), id="no priority"),
        pytest.param(GUIDE + b"\t", id="TAB at the end"),
        pytest.param(GUIDE + b"\t\t", id="two TABs at the end"),
        pytest.param(GUIDE + b"\tnew-column=a=b", id="unknown key"),
        pytest.param(GUIDE + b"\treturn-path=x\treturn-path=y", id="repeated key"),
        pytest.param(GUIDE + b"\treturn-path#2=x\treturn-path=y", id="key that looks like our number"),
        pytest.param(GUIDE + b"\tSourceIp=192.0.2.1", id="key of the envelope among the columns"),
        pytest.param(GUIDE.replace(b"=Receipt", b"=a\tb\t\tc"), id="TABs in a value"),
        pytest.param(GUIDE.replace(b"=Receipt", b"=\tsender-address=x"), id="pair in a value"),
        pytest.param(GUIDE.replace(b"=Receipt", b"=a\rb"), id="CR in a value"),
        pytest.param(GUIDE.replace(b"=Receipt", b'="a, ""b"""'), id="quotes of CSV"),
        pytest.param(GUIDE.replace(b"=Receipt", b'=""'), id="quotes around nothing"),
        pytest.param(GUIDE.replace(b"=Receipt", "=Grüße 😀 \u202e".encode()), id="beyond ASCII"),
        pytest.param(
            GUIDE.replace(b"\tAgentLogFormat", b"\tOther=1\tAgentLogFormat"), id="unknown envelope key"
        ),
    ],
)
def test_a_payload_comes_back_byte_for_byte(line: bytes) -> None:
    assert again(line) == [line]


PRINTABLE = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))
VALUES = st.text(PRINTABLE, max_size=12) | st.sampled_from(('"a, b"', '"', '""', "a=b", "=", "", " "))
TAB_INSIDE = st.sampled_from(("a\tb", "a\t\tb", "\t=b", "a\tevent-id=b"))
KEYS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="="), min_size=1, max_size=8
)
HEADERS = st.sampled_from(
    ("", "<13>", "<13>Feb 08 12:43:54 SERVER01 ", "<13>1 2024-02-08T12:43:54Z H a - - [x k=v] ")
)


@given(
    header=HEADERS,
    values=st.fixed_dictionaries(dict.fromkeys(COLUMNS_2016[1:-1], VALUES | TAB_INSIDE)),
    others=st.lists(st.tuples(KEYS, VALUES), max_size=4),
    end=st.sampled_from(("", "\t", "\t\t")),
)
@example(header="", values=dict.fromkeys(COLUMNS_2016[1:-1], ""), others=[("date-time", "x")], end="")
@settings(max_examples=60, deadline=None, database=None)
def test_any_payload_comes_back_byte_for_byte(
    header: str, values: dict[str, str], others: list[tuple[str, str]], end: str
) -> None:
    pairs = [("date-time", TIME), *values.items(), ("schema-version", "15.01"), *others]
    body = "\t".join((ENVELOPE, *(f"{key}={text}" for key, text in pairs)))
    line = f"{header}{body}{end}".encode()
    assert NATIVE.encode_item(next(NATIVE.normalize([line]))) == line


NATIVE = Normalizer("jsa", "wincollect")


def test_source_ip_replaces_the_one_in_the_payload_where_it_is_set() -> None:
    (line,) = again(GUIDE, source_ip="192.0.2.99")

    assert line == GUIDE.replace(b"SourceIp=10.91.5.110", b"SourceIp=192.0.2.99")


def test_source_ip_comes_first_where_it_is_set_and_the_payload_has_none() -> None:
    (line,) = again(RFC3164, source_ip="192.0.2.99")

    assert line == RFC3164.replace(b"SERVER01 Agent", b"SERVER01 SourceIp=192.0.2.99\tAgent")


# --- what a payload carries ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "schema", "client_field"),
    [
        (COLUMNS_2007, "2007", "sourceAddress"),
        (COLUMNS_2010, "2010", "sourceAddress"),
        (COLUMNS_2013, "2013", "destinationAddress"),
        (COLUMNS_2016, "2016", "destinationAddress"),
    ],
)
def test_the_keys_choose_the_schema_and_so_the_guides_table(
    columns: tuple[str, ...], schema: str, client_field: str
) -> None:
    line = payload(columns, client_ip="192.0.2.10")

    assert read_record(line).schema.name == schema
    found = {name for name, value in event(line).items() if value == "192.0.2.10"}
    assert found == {client_field}


def test_quotes_that_csv_needed_are_no_part_of_the_value() -> None:
    record = read_record(RFC3164)

    assert record.values["message-subject"] == 'Invoice, "final" = 12'
    assert record.values["source-context"] == "08CFD8B0A1B2C3D4;2013-02-14T09:29:59.900Z;0, tls"
    assert record.values["message-id"] == "<a=b@example.net>"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a, b"', "a, b"),
        ('"say ""hi"""', 'say "hi"'),
        ('"hello"', '"hello"'),  # CSV quotes only what holds a comma or a quote
        ('""', '""'),
        ('"', '"'),
        ('"a" and "b, c"', '"a" and "b, c"'),
        ("a, b", "a, b"),
    ],
)
def test_only_quotes_that_csv_would_have_put_there_are_taken_off(text: str, value: str) -> None:
    assert unquote(text) == value


def test_an_unknown_column_is_kept_under_its_own_name_and_counted() -> None:
    normalizer = Normalizer("arcsight")
    (found,) = normalizer.normalize([GUIDE + b"\tnew-column=a=b"])

    assert isinstance(found, Event)
    assert found.additional["new-column"] == "a=b"
    assert normalizer.counts.unknown_columns == {"new-column": 1}


def test_an_unknown_column_after_the_subject_is_a_column_too() -> None:
    record = read_record(GUIDE.replace(b"\tsender-address", b"\tnew-column=1\tsender-address"))

    assert record.values["message-subject"] == "Receipt"
    assert record.values["new-column"] == "1"


def test_an_unknown_key_among_those_of_the_envelope_is_not_lost() -> None:
    line = GUIDE.replace(b"\tAgentLogFormat", b"\tOther=1\tAgentLogFormat")

    assert event(line).additional["Other"] == "1"


def test_of_a_repeated_key_the_first_is_the_column_and_the_others_are_kept() -> None:
    found = event(GUIDE + b"\tsender-address=b@x.test\tsender-address=c@x.test")

    assert found["sourceUserName"] == "admin1@qradar.domain.test"
    assert found.additional["sender-address#2"] == "b@x.test"
    assert found.additional["sender-address#3"] == "c@x.test"


def test_one_stream_may_carry_several_files_and_kinds() -> None:
    found = events(GUIDE, OWA, RFC3164)

    assert isinstance(found[0], Event)
    assert found[0].record.schema.name == "2016"
    assert isinstance(found[1], Event)
    assert found[1].record.source.name == "iis"
    assert isinstance(found[2], Event)
    assert found[2].record.schema.name == "2010"


def test_a_reader_remembers_a_bounded_number_of_files() -> None:
    reader = WinCollectReader(Settings())
    for number in range(READERS_LIMIT + 10):
        reader.read(payload(COLUMNS_2007).replace("22-1.LOG", f"22-{number}.LOG"))

    assert len(reader._readers) == READERS_LIMIT


# --- hostile text --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [
        "sender-address=ceo@x.test",
        "client-ip=198.51.100.1\tevent-id=DELIVER",
        "message-subject=harmless\tsender-address=ceo@x.test",
        "\t".join(f"{column}=forged" for column in COLUMNS_2016),
        "\t".join(f"{column}=forged" for column in COLUMNS_2016[19:]),
        "note=1\tsender-address=ceo@x.test",
        "SourceIp=198.51.100.1\tsender-address=ceo@x.test",
    ],
)
@pytest.mark.parametrize("columns", [COLUMNS_2007, COLUMNS_2010, COLUMNS_2013, COLUMNS_2016])
def test_pairs_written_in_a_subject_stay_in_the_subject(columns: tuple[str, ...], forged: str) -> None:
    true = {"sender_address": "bob@x.test", "client_ip": "192.0.2.1"}
    honest = read_record(payload(columns, message_subject="hello", **true))
    record = read_record(payload(columns, message_subject=f"hello\t{forged}", **true))

    assert record.values.pop("message-subject") == f"hello\t{forged}"
    assert honest.values.pop("message-subject") == "hello"
    assert record.values == honest.values
    assert record.schema == honest.schema


def test_a_column_forged_in_a_subject_does_not_change_the_table_of_the_row() -> None:
    record = read_record(payload(COLUMNS_2010, message_subject="x\tnetwork-message-id=1"))

    assert record.schema.name == "2010"


def test_a_tab_in_a_value_without_a_key_after_it_stays_in_the_value() -> None:
    record = read_record(GUIDE.replace(b"=Receipt", b"=a\tb\t=c"))

    assert record.values["message-subject"] == "a\tb\t=c"
    assert record.values["sender-address"] == "admin1@qradar.domain.test"


def test_an_envelope_written_in_a_csv_row_does_not_make_its_file_one_of_payloads() -> None:
    cells = ["2018-11-27T22:40:02.966Z", "a=b", *[""] * 28]
    cells[8] = "RECEIVE"
    cells[18] = "x\tAgentDevice=a\tAgentLogFormat=MSGTRK\tclient-ip=1.2.3.4"
    (found,) = Normalizer().parse([",".join(cells)], Normalizer().stream())

    assert isinstance(found, Record)
    assert found.values["message-subject"] == cells[18]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("SourceIp=10.91.5.110 AgentDevice=WindowsExchange", "got no TAB"),
        ("AgentDevice=x", "got no TAB"),
        ("hello\tAgentDevice=x\tAgentLogFormat=MSGTRK", "begins with key=value; got 'hello'"),
        ("=\tAgentDevice=x\tAgentLogFormat=MSGTRK", "begins with key=value; got '='"),
        ("AgentLogFormat=MSGTRK\tdate-time=" + TIME, "payload has no AgentDevice"),
        ("AgentDevice=x\tdate-time=" + TIME, "payload has no AgentLogFormat"),
        (ENVELOPE + f"\tdate-time={TIME}\tevent-id=SEND\tmessage-su", "'message-su', is no key=value"),
        (ENVELOPE + f"\tdate-time={TIME}\tevent-id=SEND\tsou\t", "'sou', is no key=value"),
        (ENVELOPE + f"\tdate-time={TIME}\tevent-id=SEND\t=", "'=', is no key=value"),
    ],
)
def test_a_line_that_is_no_payload_is_unparsed_with_the_reason(line: str, reason: str) -> None:
    found = read_unparsed(line)

    assert found.kind == "syntax"
    assert reason in found.reason
    assert found.raw == line


def test_a_payload_of_a_log_type_that_is_not_carried_is_unparsed_and_names_it() -> None:
    found = read_unparsed("AgentDevice=x\tAgentLogFormat=EVT\tAgentLogProtocol=DHCP\tdate=2024-02-08")

    assert found.kind == "unknown-type"
    assert "AgentLogFormat 'EVT' with AgentLogProtocol 'DHCP'" in found.reason


@pytest.mark.parametrize("moment", ["", "2018-13-27T22:40:02.966Z", "yesterday"])
def test_a_payload_whose_time_cannot_be_read_is_unparsed(moment: str) -> None:
    found = read_unparsed(GUIDE.replace(TIME.encode(), moment.encode(), 1))

    assert found.kind == "date"
    assert f"date-time is '{moment}'" in found.reason


def test_a_payload_without_a_time_is_unparsed() -> None:
    assert read_unparsed(ENVELOPE + "\tevent-id=SEND").kind == "date"


def test_a_payload_cut_off_in_its_values_is_unparsed_and_says_where() -> None:
    whole = GUIDE.decode()
    found = read_unparsed(whole[: whole.index("=7249") + 3])

    assert found.kind == "width"
    # total-bytes is the 15th column of 2013 and 2016; 2007 and 2010 have no network-message-id
    assert found.reason == (
        "payload is cut off: it has 15 columns, the last is total-bytes; expected 27 or 30"
    )


def test_a_payload_without_columns_is_unparsed() -> None:
    found = read_unparsed(ENVELOPE)

    assert found.kind == "width"
    assert found.reason == "payload is cut off: it has no column; expected 21 or 26 or 27 or 30"


def test_a_payload_cut_off_anywhere_gives_no_record_with_other_columns() -> None:
    text = GUIDE.decode()
    whole = read_record(text)
    # a row cut within custom-data has the columns of 2013 and no telling that it is not one
    undetectable = {"custom-data", "schema-version"}
    for length in range(len(text)):
        found = read(text[:length])
        if isinstance(found, Record):
            last = next(reversed(found.values))
            assert last in undetectable
            assert whole.values[last].startswith(found.values.pop(last))
            assert found.values.items() <= whole.values.items()


def test_an_empty_line_is_no_event_and_the_next_one_is_unharmed() -> None:
    (found,) = events(b"", GUIDE)

    assert isinstance(found, Event)


def test_a_payload_that_is_not_utf8_is_unparsed_and_the_next_one_is_unharmed() -> None:
    bad, good = events(GUIDE.replace(b"Receipt", b"Re\xffceipt"), GUIDE)

    assert isinstance(bad, Unparsed)
    assert bad.kind == "encoding"
    assert isinstance(good, Event)


def test_a_huge_payload_is_unparsed_and_the_next_one_is_unharmed() -> None:
    huge = GUIDE.replace(b"Receipt", b"x" * 10_000)
    bad, good = events(huge, GUIDE, max_line_bytes=4096)

    assert isinstance(bad, Unparsed)
    assert bad.kind == "too-long"
    assert isinstance(good, Event)


def test_a_payload_of_very_many_keys_is_read_in_a_moment() -> None:
    record = read_record(GUIDE + b"\ta=1" * 200_000)  # a quadratic walk would take minutes

    assert len(record.values) == 200_030
    assert record.values["a#200000"] == "1"


# --- recognition ---------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [GUIDE, RFC3164, RFC5424, OWA])
def test_a_first_line_with_an_envelope_is_recognized(line: bytes) -> None:
    head = Head("MSGTRK2018112722-1.LOG", {}, line.decode())

    assert WINCOLLECT_PAYLOAD.recognize(head) is Confidence.HEADER


@pytest.mark.parametrize(
    "line",
    [
        "",
        TIME + "," * 29,
        "AgentDevice=WindowsLog\tPluginVersion=7.2",
        "AgentDevice=x AgentLogFormat=MSGTRK",
        "note\tAgentDevice=x\tAgentLogFormat=MSGTRK",
    ],
)
def test_a_first_line_without_an_envelope_is_not_recognized(line: str) -> None:
    assert WINCOLLECT_PAYLOAD.recognize(Head("", {}, line)) is Confidence.NO


def test_a_log_with_a_header_of_its_own_is_no_stream_of_payloads() -> None:
    head = Head("", {"log-type": "Message Tracking Log"}, GUIDE.decode())

    assert WINCOLLECT_PAYLOAD.recognize(head) is Confidence.NO


def test_every_source_that_is_carried_is_announced() -> None:
    carried = {entry.source.name for entries in wincollect.CARRIED.values() for entry in entries}

    assert set(WINCOLLECT_PAYLOAD.carries) == carried


def test_payloads_are_read_where_the_source_is_forced() -> None:
    assert event(GUIDE, source="wincollect")["deviceEventClassId"] == "SENDEXTERNAL"


# --- other logs than message tracking and OWA ----------------------------------------------------

SMTP_TIME = "2024-01-25T15:14:39.031Z"
SMTP_ENDS = "local-endpoint=10.0.0.5:25\tremote-endpoint=192.0.2.7:53228"
W3C_START = "date=2003-12-04\ttime=06:11:02\tc-ip=192.0.2.7\tcs-username=client.example.test"
PLUGIN = "<13>Feb 08 12:43:54 MBX01 AgentDevice=MicrosoftExchange\tAgentLogFile={}\tPluginVersion=7.3.1.22\t"


def smtp_payload(envelope: str, mark: str, data: str, number: int = 2) -> str:
    """A row of a RECV log, as a payload carries it."""
    return (
        f"{envelope}\tdate-time={SMTP_TIME}\tconnector-id=MBX01\\Default MBX01\tsession-id=08DC1DB8591B229A"
        f"\tsequence-number={number}\t{SMTP_ENDS}\tevent={mark}\tdata={data}\tcontext="
    )


ONE_WORD = "AgentDevice=WindowsExchange\tAgentLogFile=RECV2024012515-1.LOG\tAgentLogFormat=SMTP"
TWO_WORDS = PLUGIN.format("RECV2024012515-1.LOG") + "AgentLogFormat=W3C\tAgentLogProtocol=SMTP"


@pytest.mark.parametrize("envelope", [ONE_WORD, TWO_WORDS])
def test_a_payload_of_an_smtp_log_since_2007_is_read_and_comes_back_byte_for_byte(envelope: str) -> None:
    line = smtp_payload(envelope, "<", "EHLO mgt.example.test")
    found = event(line, "jsa")

    assert found.record.source.name == "smtp_protocol"
    assert (found["eventId"], found["src"], found["dst"]) == ("EHLO", "192.0.2.7", "10.0.0.5")
    assert again(line.encode()) == [line.encode()]


@pytest.mark.parametrize(
    "envelope",
    [
        "AgentDevice=WindowsExchange\tAgentLogFile=ex031204.log\tAgentLogFormat=SMTP",
        PLUGIN.format("ex031204.log") + "AgentLogFormat=W3C\tAgentLogProtocol=SMTP",
    ],
)
def test_a_payload_of_an_smtp_log_of_2003_is_read_and_comes_back_byte_for_byte(envelope: str) -> None:
    line = (
        f"{envelope}\t{W3C_START}\tcs-method=MAIL\tcs-uri-stem=-\tcs-uri-query=+FROM:<jo@example.test>\t"
        "sc-status=250"
    )
    found = read_record(line)

    assert (found.source.name, found.event_id) == ("smtpsvc", "IN-PROGRESS")
    assert found.derived["sender"] == "jo@example.test"
    assert again(line.encode()) == [line.encode()]


def test_the_session_goes_on_from_payload_to_payload() -> None:
    lines = [
        smtp_payload(ONE_WORD, "<", "MAIL FROM:<jo@example.test>", 5).encode(),
        smtp_payload(ONE_WORD, ">", "250 2.1.0 Sender OK", 6).encode(),
    ]
    _, reply = events(*lines, taxonomy="jsa")

    assert isinstance(reply, Event)
    assert reply.record.derived["mail-from"] == "jo@example.test"


SECRET = "dXNlcjpzM2NyM3Q="


def everything(lines: list[bytes]) -> str:
    """All that comes out of payloads: events of every format, what did not parse, the records themselves."""
    shown: list[object] = []
    for taxonomy, form in (("arcsight", "cef"), ("jsa", "leef"), ("jsa", "wincollect"), ("jsa", "json")):
        normalizer = Normalizer(taxonomy, form, keep_original=form == "json")
        shown += normalizer.encode(lines)
        for item in Normalizer(taxonomy, form).parse(lines, normalizer.stream("payloads.txt")):
            shown += [item, item.envelope] if isinstance(item, Record) else [item.raw, item.reason]
    return repr(shown)


def test_what_a_client_says_to_auth_is_in_nothing_that_comes_out_of_a_payload() -> None:
    lines = [
        smtp_payload(ONE_WORD, "<", f"AUTH PLAIN {SECRET}").encode(),
        smtp_payload(TWO_WORDS, "<", "AUTH LOGIN").encode(),
        smtp_payload(TWO_WORDS, ">", "334 <challenge>").encode(),
        smtp_payload(TWO_WORDS, "<", SECRET).encode(),
    ]
    shown = everything(lines)

    assert SECRET not in shown
    assert "AUTH PLAIN *****" in shown


@pytest.mark.parametrize(
    "line",
    [
        smtp_payload(ONE_WORD, "<", f"AUTH PLAIN {SECRET}").replace(SMTP_TIME, "yesterday"),
        smtp_payload(ONE_WORD, "<", SECRET).replace(SMTP_TIME, "yesterday"),
        smtp_payload(ONE_WORD, "<", SECRET).removesuffix("\tcontext="),
        f"{ONE_WORD}\tdate=soon\ttime=x\tcs-method=AUTH\tcs-uri-stem=-\tcs-uri-query=LOGIN+{SECRET}",
        f"{ONE_WORD}\tdate=soon\ttime=x\tcs-method={SECRET}\tcs-uri-stem=-\tcs-uri-query=-",
        f"AgentDevice=x\tAgentLogFormat=IMAP4POP3\tdateTime=soon\tcommand=pass\tparameters={SECRET}",
    ],
)
def test_a_payload_that_does_not_parse_shows_no_secret(line: str) -> None:
    assert all(isinstance(item, Unparsed) for item in events(line.encode()))
    assert SECRET not in everything([line.encode()])


def test_a_payload_that_does_not_parse_keeps_what_is_no_secret() -> None:
    line = smtp_payload(ONE_WORD, "<", "RCPT TO:<jo@example.test>").replace(SMTP_TIME, "yesterday")
    (found,) = events(line.encode())

    assert isinstance(found, Unparsed)
    assert found.raw == line


def test_a_row_that_has_its_date_from_the_header_takes_it_along_in_its_payload() -> None:
    log = (SAMPLES.parent / "iis" / "ex031204.log").read_bytes()
    normalizer = Normalizer("jsa", "wincollect")
    written = list(normalizer.encode(log, normalizer.stream("ex031204.log")))

    dates = [line.split(b"AgentLogFormat=OWA\t")[1].split(b"\tc-ip")[0] for line in written[1:3]]
    assert dates == [b"date=2003-12-04\ttime=23:59:59", b"date=2003-12-05\ttime=00:00:02"]
    assert [again(line) for line in written] == [[line] for line in written]


@pytest.mark.parametrize(
    ("folder", "name", "form"),
    [
        ("exchange_2003", "20030812.log", "MSGTRK"),
        ("http_proxy", "Mapi_HttpProxy_2023010601-1.LOG", "HTTPPROXY"),
        ("imap_pop", "IMAP42024031508-1.LOG", "IMAP4POP3"),
        ("agent_log", "AgentLog20220913-1.LOG", "AGENTLOG"),
        ("connectivity", "CONNECTLOG2024031508-1.LOG", "CONNECTLOG"),
        ("httperr", "httperr1.log", "HTTPERR"),
        ("rps_cmdlet", "Rps_Cmdlet_2026030409-1.LOG", "RPSCMDLET"),
        ("rps_http", "Rps_Http_2026030409-1.LOG", "RPSHTTP"),
        ("ews", "Ews_2026030409-1.LOG", "EWS"),
        ("ecp_server", "ECPServer20260304-1.LOG", "ECPSERVER"),
    ],
)
def test_what_the_wincollect_format_writes_of_any_log_is_read_again(
    folder: str, name: str, form: str
) -> None:
    normalizer = Normalizer("jsa", "wincollect")
    log = (SAMPLES.parent / folder / name).read_bytes()
    written = list(normalizer.encode(log, normalizer.stream(name)))
    records = list(normalizer.parse(written, normalizer.stream("")))

    assert written
    assert all(f"\tAgentLogFormat={form}\t".encode() in line for line in written)
    assert {record.source.name for record in records if isinstance(record, Record)} == {folder}
    assert len(records) == len(written)
    assert [again(line) for line in written] == [[line] for line in written]


# --- identity ------------------------------------------------------------------------------------


def identify(line: bytes, name: str = "") -> str:
    normalizer = Normalizer()
    (record,) = normalizer.parse([line], normalizer.stream(name))
    assert isinstance(record, Record)
    return exnorm_id(record)


def test_the_id_of_a_row_is_the_same_whichever_syslog_header_and_stream_it_came_in() -> None:
    later = RFC3164.replace(b"10:30:01", b"10:35:00")

    assert identify(RFC3164) == identify(later, "/var/log/jsa.log") == identify(RFC5424)


def test_the_id_of_a_row_differs_with_the_file_name_in_the_payload() -> None:
    assert identify(GUIDE) != identify(GUIDE.replace(b"MSGTRK2018112722-1", b"MSGTRK2018112722-2"))


# --- a taxonomy without a table ------------------------------------------------------------------


class OnlyOther:
    """A taxonomy with a table for a source that is carried too, but none for message tracking."""

    name = "only-other"

    @hookimpl
    def register_taxonomies(self) -> list[Taxonomy]:
        return [Taxonomy("bare", "Bare", (Field("Time", "time", "t"),))]

    @hookimpl
    def register_mappings(self) -> list[Mapping]:
        return [Mapping("bare-none", source="wincollect", taxonomy="bare", rows=())]


def test_a_carried_record_that_the_taxonomy_has_no_table_for_is_unparsed() -> None:
    normalizer = Normalizer("bare", "json", plugins=[OnlyOther()])
    (found,) = normalizer.normalize([GUIDE])

    assert isinstance(found, Unparsed)
    assert (found.kind, found.line_number) == ("unknown-type", 1)
    assert found.reason == "taxonomy bare has no table for message_tracking"
