"""What both hosts take for Exchange's, and what they leave alone."""

from __future__ import annotations

import csv
import struct
from pathlib import Path
from typing import Any

import msgpack
import pytest

from exnorm import Normalizer
from exnorm.fluentbit import ChunkFilter
from exnorm.logstash import EventNormalizer
from exnorm.model import Record
from exnorm.pipeline.shipped import SplitRows

Fields = dict[str, Any]
SAMPLES = Path(__file__).parents[1] / "samples"

FIELDS = "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
NAME = "/logs/RECV2026031709-1.LOG"
NOW = msgpack.ExtType(0, struct.pack(">II", 1_700_000_000, 5))


def smtp(number: int, verb: str) -> str:
    return (
        f"2026-03-17T09:00:0{number}.000Z,EX40\\In,08DE77AA00000001,{number},192.0.2.40:25,"
        f"198.51.100.77:40112,<,{verb},"
    )


def pack(body: Any) -> bytes:
    packed: bytes = msgpack.packb([[NOW, {}], body])
    return packed


def by_filter(*bodies: Any, **settings: Any) -> tuple[list[Any], ChunkFilter]:
    """The records that a filter makes of these."""
    chunks = ChunkFilter.from_names({"fields": "key", **settings})
    chunk = b"".join(map(pack, bodies))
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, timestamp=0)
    unpacker.feed(chunks.filter("t", chunk) or chunk)
    return [record for _, record in unpacker], chunks


def by_logstash(*bodies: Fields, **settings: Any) -> list[Fields]:
    """The events that the Logstash side makes of these; the file's name is under ``filename`` too."""
    events = EventNormalizer(
        Normalizer(format="json", fields="key", tz="UTC", discover_plugins=False, **settings)
    )
    named = [
        {("message" if name == "log" else name): value for name, value in body.items()} for body in bodies
    ]
    return [event for body in named for event in events.normalize(body)]


def by_host(host: str, *bodies: Fields) -> list[Any]:
    return by_filter(*bodies)[0] if host == "filter" else by_logstash(*bodies)


HOSTS = pytest.mark.parametrize("host", ["filter", "logstash"])

# --- lines in one text ---------------------------------------------------------------------------


@HOSTS
def test_rows_behind_header_lines_in_one_text_become_events(host: str) -> None:
    text = f"#Log-type: SMTP Receive Protocol Log\n#Fields: {FIELDS}\n{smtp(1, 'EHLO one.test')}"
    more = f"{smtp(2, 'NOOP')}\r\n#Date: 2026-03-17T09:30:00.000Z\r\n{smtp(3, 'QUIT')}\r\n"
    found = by_host(host, {"log": text, "filename": NAME}, {"log": more, "filename": NAME})
    assert [event["deviceEventClassId"] for event in found] == ["EHLO", "COMMAND", "QUIT"]


@HOSTS
def test_a_line_that_does_not_parse_among_others_in_one_text_is_tagged_by_itself(host: str) -> None:
    header = f"#Log-type: SMTP Receive Protocol Log\n#Fields: {FIELDS}"
    text = "\n".join((header, smtp(1, "NOOP"), "broken", smtp(2, "QUIT")))
    good, bad, last = by_host(host, {"log": text, "filename": NAME})
    assert (good["deviceEventClassId"], last["deviceEventClassId"]) == ("COMMAND", "QUIT")
    assert bad["tags"] == ["_exnormparsefailure"]
    assert bad["log" if host == "filter" else "message"] == "broken"


def test_items_of_a_list_may_hold_several_lines() -> None:
    normalizer = Normalizer(format="json", fields="key", discover_plugins=False)
    item = f"#Fields: {FIELDS}\n{smtp(1, 'EHLO one.test')}\n"
    for given in ([item, smtp(2, "QUIT")], [item.encode(), smtp(2, "QUIT").encode()]):
        payloads = list(normalizer.encode(given, normalizer.stream(NAME)))
        assert [b'"EHLO"' in payloads[0], b'"QUIT"' in payloads[1], len(payloads)] == [True, True, 2]


def test_a_quoted_cell_of_a_text_may_hold_a_line_break_and_an_open_quote_takes_no_row_with_it() -> None:
    normalizer = Normalizer(format="json", fields="key", discover_plugins=False)
    whole = smtp(1, '"one\ntwo"')
    torn = smtp(2, '"open')
    text = f"#Fields: {FIELDS}\n{whole}\n{torn}\n{smtp(3, 'QUIT')}"
    items = list(normalizer.parse([text], normalizer.stream(NAME)))
    assert [getattr(item, "kind", "") for item in items] == ["", "quote", ""]
    assert (items[0].raw.count("\n"), items[1].raw.count("\n")) == (1, 0)


# --- split records -------------------------------------------------------------------------------

SMTP_ROW = {
    "date-time": "2026-03-17T09:00:01.000Z", "connector-id": "EX40\\In", "session-id": "08DE77AA00000001",
    "sequence-number": "1", "local-endpoint": "192.0.2.40:25", "remote-endpoint": "198.51.100.77:40112",
    "event": "<", "data": "EHLO edge.example.net", "context": "",
}  # fmt: skip
WEB_ROW = {
    "date": "2026-03-17", "time": "10:00:01", "s-ip": "192.0.2.40", "cs-method": "GET",
    "cs-uri-stem": "/owa/", "cs-uri-query": "-", "s-port": "443", "cs-username": "-",
    "c-ip": "198.51.100.100",
    "cs(User-Agent)": "Mozilla/5.0", "cs(Referer)": "-", "sc-status": "200", "sc-substatus": "0",
    "sc-win32-status": "0", "time-taken": "12",
}  # fmt: skip
SMTPSVC_ROW = {**WEB_ROW, "cs-method": "EHLO", "cs-uri-stem": "-", "cs-uri-query": "+edge.example.net"}
TRACE = {
    "Received": "2026-03-17T08:30:00Z", "SenderAddress": "tom@example.net", "Subject": "x",
    "RecipientAddress": "rita@example.test", "Status": "Delivered", "MessageId": "<t@example.net>",
}  # fmt: skip


def spell(row: Fields) -> dict[str, Fields]:
    """The same columns as parsers may name them."""
    return {
        "as it is": row,
        "upper case": {name.upper(): value for name, value in row.items()},
        "underscores": {
            name.replace("-", "_").replace("(", "_").replace(")", "_"): value for name, value in row.items()
        },
        "blanks": {name.replace("-", " "): value for name, value in row.items()},
    }


@HOSTS
@pytest.mark.parametrize("spelling", ["as it is", "upper case", "underscores", "blanks"])
@pytest.mark.parametrize(
    ("row", "event"),
    [(SMTP_ROW, "EHLO"), (WEB_ROW, "OWA:REQUEST"), (SMTPSVC_ROW, "EHLO:SESSION-START"), (TRACE, "DELIVER")],
    ids=["SMTP", "IIS", "SMTPSVC", "message trace"],
)
def test_a_split_row_is_read_however_its_columns_are_spelt(
    host: str, spelling: str, row: Fields, event: str
) -> None:
    (found,) = by_host(host, spell(row)[spelling])
    assert found["deviceEventClassId"] == event


def test_texts_names_and_paths_may_be_bytes() -> None:
    split = {name.encode(): value.encode() for name, value in SMTP_ROW.items()}
    lines = [f"#Fields: {FIELDS}", smtp(1, "NOOP")]
    raw = [{b"log": line.encode(), b"filename": NAME.encode()} for line in lines]
    found, _ = by_filter(split, *raw)
    assert [event["deviceEventClassId"] for event in found] == ["EHLO", "COMMAND"]


def test_two_logs_with_paths_of_bytes_are_two_logs() -> None:
    """The second log lacks the last column; were the two one log, its header would hold for both."""
    short = FIELDS.rpartition(",")[0]
    bodies = [
        {"log": f"#Fields: {FIELDS}", "filename": b"/a.LOG"},
        {"log": f"#Fields: {short}", "filename": b"/b.LOG"},
        {"log": smtp(1, "NOOP"), "filename": b"/a.LOG"}, {"log": smtp(2, "QUIT")[:-1], "filename": b"/b.LOG"},
        {"log": smtp(3, "NOOP"), "filename": b"/a.LOG"}, {"log": smtp(4, "NOOP"), "filename": b"/a.LOG"},
    ]  # fmt: skip
    found, _ = by_filter(*bodies)
    assert [event.get("deviceEventClassId") for event in found] == ["COMMAND", "QUIT", "COMMAND", "COMMAND"]


# --- nothing of Exchange -------------------------------------------------------------------------

FOREIGN: tuple[Fields, ...] = (
    {"date": 1789000000.5, "cpu_p": 1.5, "user_p": 0.5},
    {"Date": "2026-03-17", "Time": "08:00:00", "user": "xenia", "action": "allow"},
    {
        "Date": "2026-03-17",
        "Time": "08:00:00",
        "client-ip": "192.0.2.1",
        "server-ip": "192.0.2.2",
        "Priority": "3",
    },
    {"Timestamp": "2026-03-17T08:00:00Z", "EventId": 4624, "Source": "Security", "Level": "Information"},
    {
        "ProviderName": "MSExchange ADAccess",
        "EventID": 2080,
        "Channel": "Application",
        "message": "Process x.\n#1",
    },
    {"message": "Version: 2.1 started", "level": "info"},
    {"message": "# a remark", "level": "info"},
    {"message": "Date: Tue\nVersion: 3", "level": "info"},
)


@HOSTS
@pytest.mark.parametrize("record", FOREIGN, ids=str)
def test_a_record_with_nothing_of_exchange_stays_as_it_is_and_counts_as_nothing_else(
    host: str, record: Fields
) -> None:
    assert by_host(host, record) == [record]
    if host == "filter":
        _, chunks = by_filter(record)
        counts = chunks.counts.as_dict()
        assert (counts["untouched"], counts["lines"], counts["header"], counts["unparsed"]) == (1, 0, 0, {})


@pytest.mark.parametrize(
    "settings", [{}, {"fields": "full"}, {"taxonomy": "jsa", "fields": "full"}, {"format": "cef"}]
)
@pytest.mark.parametrize("reserve", ["on", "off"])
def test_an_event_of_ours_passes_a_second_filter_untouched(settings: Fields, reserve: str) -> None:
    lines = [
        {"log": line, "filename": NAME, "message": "kept"} for line in (f"#Fields: {FIELDS}", smtp(1, "NOOP"))
    ]
    first, chunks = by_filter(*lines, **settings, reserve_data=reserve)
    chunk = pack(first[0])
    assert chunks.filter("t", chunk) in (None, chunk)
    assert chunks.counts.untouched == 1


def test_a_record_that_failed_is_not_tagged_twice() -> None:
    (tagged,), chunks = by_filter({"log": "2026-03-17T09:00:00.000Z,torn", "filename": NAME})
    assert tagged["tags"] == ["_exnormparsefailure"]
    assert chunks.filter("t", pack(tagged)) in (None, pack(tagged))


@pytest.mark.parametrize("host", ["filter", "logstash"])
@pytest.mark.parametrize(
    ("log", "category"),
    [
        ("http_proxy/Mapi_HttpProxy_2023010601-1.LOG", "HttpProxy"),
        ("ews/Ews_2023010616-1.LOG", "EWS"),
        ("rps_http/Rps_Http_2026030409-1.LOG", "Rps_Http"),
    ],
)
def test_a_row_that_came_split_without_its_empty_columns_is_read(host: str, log: str, category: str) -> None:
    lines = (SAMPLES / log).read_text(encoding="utf-8-sig").splitlines()
    (names,) = [line.removeprefix("#Fields: ").split(",") for line in lines if line.startswith("#Fields: ")]
    cells = next(csv.reader(line for line in lines if line.startswith("20")))
    row = {column: cell for column, cell in zip(names, cells) if cell}
    assert len(row) < len(names)
    (found,) = by_host(host, row)
    assert found["cat"] == category


ROWS = (
    "agent_log", "connectivity", "ecp_server", "ews", "exchange_2003", "http_proxy", "httperr", "iis",
    "imap_pop", "message_tracking", "rps_cmdlet", "rps_http", "smtp_protocol", "smtpsvc",
)  # fmt: skip


@pytest.mark.parametrize("source", ROWS)
def test_every_row_of_every_sample_is_read_where_a_shipper_left_out_its_empty_columns(source: str) -> None:
    normalizer = Normalizer(discover_plugins=False)
    paths = [path for path in sorted((SAMPLES / source).rglob("*")) if path.is_file()]
    parsed = [
        item for path in paths for item in normalizer.parse(path.read_bytes(), normalizer.stream(path.name))
    ]
    rows = [item for item in parsed if isinstance(item, Record) and item.source.name == source]
    assert rows
    for row in rows:
        kept = {name: text for name, text in row.values.items() if text not in ("", row.source.absent)}
        split = SplitRows(normalizer).read(kept, lambda: normalizer.stream("split"))
        assert split is not None, kept
        (item,) = split.items
        assert isinstance(item, Record), item
        assert (item.source.name, item.time) == (source, row.time)
