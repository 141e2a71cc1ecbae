"""IIS web logs: columns by the header, applications, logons, times."""

from __future__ import annotations

from pathlib import Path

import pytest

from exnorm import Event, Normalizer
from exnorm.convert import utc_ms
from exnorm.model import Confidence, Head, Record, Unparsed
from exnorm.pipeline.stream import Stream, surest
from exnorm.settings import Settings
from exnorm.sources.iis import IIS, find_application, judge, recognize
from exnorm.sources.smtpsvc import SMTPSVC

SAMPLES = Path(__file__).parent.parent / "samples" / "iis"
HEADER = [
    "#Software: Microsoft Internet Information Services 10.0",
    "#Version: 1.0",
    "#Date: 2022-09-19 15:02:29",
]
FIELDS = "#Fields: date time cs-method cs-uri-stem cs-uri-query cs-username sc-status sc-win32-status"
ROW = "2022-09-19 15:02:29 GET /owa/ - - 200 0"


def read(*lines: str | bytes, name: str = "") -> list[Record | Unparsed]:
    stream = Stream(name, lambda head: surest((IIS, SMTPSVC), head), Settings())
    found = [stream.read(line) for line in lines]
    return [item for item in found if isinstance(item, (Record, Unparsed))]


def read_record(*lines: str | bytes) -> Record:
    items = read(*lines)
    assert isinstance(items[-1], Record), items
    return items[-1]


def read_unparsed(*lines: str | bytes, name: str = "") -> Unparsed:
    items = read(*lines, name=name)
    assert isinstance(items[-1], Unparsed), items
    return items[-1]


def read_sample(name: str) -> list[Record | Unparsed]:
    return read(*(SAMPLES / name).read_bytes().splitlines(), name=name)


# --- rows ----------------------------------------------------------------------------------------


def test_the_sample_gives_one_record_for_each_row_that_fits_its_header() -> None:
    items = read_sample("u_ex220919_x.log")
    assert [type(item) for item in items] == [Record] * 7 + [Unparsed]


def test_columns_follow_the_last_header_block() -> None:
    record = read_sample("u_ex220919_x.log")[6]
    assert isinstance(record, Record)
    assert record.get("s-computername") == "EX01"
    assert record.get("c-ip") == "10.0.0.9"
    assert "cs-uri-query" not in record.values


def test_eleven_header_blocks_in_one_file_are_eleven_headers() -> None:
    block = [*HEADER, FIELDS, ROW]
    items = read(*block * 11)
    assert len(items) == 11
    assert all(isinstance(item, Record) for item in items)


def test_a_row_with_a_token_too_many_is_unparsed_and_the_next_row_is_unharmed() -> None:
    items = read(*HEADER, FIELDS, ROW.replace("/owa/", "/owa/ x"), ROW)
    assert isinstance(items[0], Unparsed)
    assert (items[0].kind, items[0].reason) == ("width", "row has 9 fields; #Fields names 8")
    assert isinstance(items[1], Record)


def test_a_truncated_row_is_unparsed() -> None:
    assert read_unparsed(*HEADER, FIELDS, ROW[:30]).reason == "row has 4 fields; #Fields names 8"


def test_an_empty_line_is_no_row() -> None:
    assert read(*HEADER, FIELDS, "") == []


def test_a_row_that_is_not_utf_8_is_unparsed() -> None:
    assert read_unparsed(*HEADER, FIELDS, ROW.encode() + b"\xff").kind == "encoding"


def test_a_row_without_any_header_is_unparsed_and_the_reason_says_so() -> None:
    by_name = read_unparsed("10:00:00 10.0.0.1 GET /owa/ 200", name="W3SVC1/u_ex220919.log")
    assert by_name.kind == "width"
    assert by_name.reason == "row has 5 fields and no header came before it; expected a header"
    assert read_unparsed(ROW).reason == "row has 8 fields and no header came before it; expected a header"


def test_a_blank_at_the_end_of_a_row_is_no_cell() -> None:
    assert read_record(*HEADER, FIELDS + " ", ROW + " ").get("sc-status") == "200"


def test_a_hyphen_is_an_empty_value() -> None:
    record = read_record(*HEADER, FIELDS, ROW)
    assert record.values["cs-username"] == "-"
    assert record.get("cs-username") == ""


def test_cells_are_kept_as_logged() -> None:
    fields = "#Fields: date time cs-method cs-uri-stem cs-uri-query cs(User-Agent) Client-Note"
    row = "2022-09-19 15:02:29 GET /owa/a+b q=a+b Mozilla/5.0+(X) passed+on"
    record = read_record(*HEADER, fields, row)
    assert record.values["Client-Note"] == "passed+on"
    assert record.values["cs-uri-stem"] == "/owa/a+b"
    assert record.values["cs-uri-query"] == "q=a+b"
    assert record.values["cs(User-Agent)"] == "Mozilla/5.0+(X)"  # the table reads it with blanks


# --- times ---------------------------------------------------------------------------------------


def test_the_time_of_a_row_is_its_date_and_time_in_utc() -> None:
    assert read_record(*HEADER, FIELDS, ROW).time == 1663599749000  # date -d 2022-09-19T15:02:29Z +%s


def test_rows_without_a_date_take_that_of_the_header_and_go_on_over_midnight() -> None:
    times = [item.time for item in read_sample("ex031204.log") if isinstance(item, Record)]
    expected = (
        "2003-12-04T23:59:58Z",
        "2003-12-04T23:59:59Z",
        "2003-12-05T00:00:02Z",
        "2003-12-04T23:59:59Z",  # late, not a day ahead
        "2003-12-05T00:00:03Z",
    )
    assert times == [utc_ms(text) for text in expected]


def test_a_new_header_sets_the_date_anew() -> None:
    fields = "#Fields: time c-ip cs-method cs-uri-stem"
    later = "#Date: 2022-09-25 08:00:00"
    items = read(
        *HEADER, fields, "15:02:30 10.0.0.1 GET /", HEADER[0], later, fields, "08:00:01 10.0.0.1 GET /"
    )
    assert isinstance(items[1], Record)
    assert items[1].time == utc_ms("2022-09-25T08:00:01Z")


def test_new_columns_under_the_same_date_do_not_set_the_day_back() -> None:
    fields = "#Fields: time c-ip cs-method cs-uri-stem"
    heading = [HEADER[0], "#Date: 2022-09-19 08:00:00", fields]
    items = read(
        *heading, "23:30:00 10.0.0.1 GET /", "00:30:00 10.0.0.1 GET /", fields, "00:40:00 10.0.0.1 GET /"
    )
    assert isinstance(items[2], Record)
    assert items[2].time == utc_ms("2022-09-20T00:40:00Z")


@pytest.mark.parametrize(
    ("header", "row", "reason"),
    [
        (
            [HEADER[0], HEADER[2], "#Fields: date time cs-method c-ip"],
            "2022-13-19 15:02:29 GET 10.0.0.1",
            "date time is '2022-13-19 15:02:29'; expected yyyy-MM-dd HH:mm:ss",
        ),
        (
            [HEADER[0], HEADER[2], "#Fields: time cs-method c-ip"],
            "25:02:29 GET 10.0.0.1",
            "time is '25:02:29'; expected HH:mm:ss",
        ),
        (
            [HEADER[0], "#Fields: time cs-method c-ip"],
            "15:02:29 GET 10.0.0.1",
            "the row has no date, and no #Date that can be read came before it",
        ),
        (
            [HEADER[0], HEADER[2], "#Fields: cs-method c-ip"],
            "GET 10.0.0.1",
            "#Fields names no time, so it is not known when the row was written",
        ),
    ],
)
def test_a_row_whose_time_is_not_known_is_unparsed(header: list[str], row: str, reason: str) -> None:
    item = read_unparsed(*header, row)
    assert (item.kind, item.reason) == ("date", reason)


# --- what the columns say together ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "application"),
    [
        ("/owa/", "OWA"),
        ("/OWA/auth/logon.aspx", "OWA"),
        ("/owa", "OWA"),
        ("/ecp/default.aspx", "ECP"),
        ("/EWS/Exchange.asmx", "EWS"),
        ("/Microsoft-Server-ActiveSync/default.eas", "ACTIVESYNC"),
        ("/autodiscover/autodiscover.xml", "AUTODISCOVER"),
        ("/mapi/emsmdb/", "MAPI"),
        ("/rpc/rpcproxy.dll", "RPC"),
        ("/OAB/1/oab.xml", "OAB"),
        ("/powershell", "POWERSHELL"),
        ("/PowerShell-Proxy/", "POWERSHELL"),
        ("/exchange/jdoe/", "OWA"),
        ("/owathing/", "WEB"),
        ("/", "WEB"),
        ("", "WEB"),
    ],
)
def test_the_application_is_the_first_part_of_the_path(path: str, application: str) -> None:
    assert find_application(path) == application


@pytest.mark.parametrize(
    ("status", "user", "outcome"),
    [
        # status.substatus win32
        ("401.2 5", "", "AUTH-CHALLENGE"),
        ("401.1 2148074254", "", "AUTH-CHALLENGE"),  # the second leg of NTLM: no credentials yet
        ("401.1 1326", "", "LOGON-FAILURE"),
        ("401.1 1909", "D\\nora", "LOGON-FAILURE"),
        ("401.1 1329", "D\\nora", "LOGON-FAILURE"),
        ("401.1 1385", "D\\nora", "LOGON-FAILURE"),
        ("401.1 0", "nora@example.test", "LOGON-FAILURE"),
        ("401.2 5", "Anonymous", "AUTH-CHALLENGE"),
        ("401.3 5", "D\\nora", "ACCESS-DENIED"),  # she has logged on, the file is not hers
        ("200.0 1326", "D\\nora", "REQUEST"),
        ("200.0 64", "D\\nora", "CLIENT-DISCONNECT"),
        ("500.0 64", "D\\nora", "SERVER-ERROR"),
    ],
)
def test_a_failed_logon_is_told_apart_from_a_routine_401(status: str, user: str, outcome: str) -> None:
    code, substatus, win32 = status.replace(".", " ").split()
    assert judge("GET", "/ews/exchange.asmx", "", code, substatus, win32, user) == outcome


def test_activesync_names_user_and_device_in_its_query() -> None:
    record = read_sample("u_ex220919_x.log")[3]
    assert isinstance(record, Record)
    assert (record.get("user-domain"), record.get("named-user")) == ("contoso", "anna")
    assert record.get("activesync-device-id") == "APPL4711"
    assert record.get("activesync-device-type") == "iPhone"
    assert record.get("activesync-command") == "Ping"


PROXIED = "#Fields: date time c-ip cs-method cs-uri-stem sc-status X-Forwarded-For"
CHAIN = "203.0.113.6,+198.51.100.95:4711,+192.0.2.11"


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "source", "port"),
    [
        ((), "192.0.2.10", "192.0.2.11", "192.0.2.10", None),
        (("192.0.2.0/24",), "192.0.2.10", "198.51.100.95", "198.51.100.95", 4711),
        # a peer that is no proxy of the site may write what it likes
        (("192.0.2.0/24",), "198.51.100.7", "198.51.100.95", "198.51.100.7", None),
    ],
)
def test_the_client_behind_proxies(
    proxies: tuple[str, ...], peer: str, forwarded: str, source: str, port: int | None
) -> None:
    lines = [*HEADER, PROXIED, f"2022-09-19 15:02:29 {peer} GET /owa/ 200 {CHAIN}"]
    normalizer = Normalizer(trusted_proxies=proxies)
    [event] = normalizer.normalize("\n".join(lines), normalizer.stream())
    assert isinstance(event, Event)
    assert (event["sourceAddress"], event.get("sourcePort")) == (source, port)
    assert event.record.get("forwarded-for") == forwarded
    assert event.additional.get("c-ip") == (None if source == peer else peer)


# --- recognising ---------------------------------------------------------------------------------


def test_a_header_of_iis_is_a_web_log_unless_the_row_is_of_another_service() -> None:
    directives = {"software": "Microsoft Internet Information Services 6.0", "fields": "cs-method c-ip"}
    assert recognize(Head(directives=directives)) is Confidence.HEADER
    assert recognize(Head(directives=directives, line="GET 10.0.0.1")) is Confidence.HEADER
    assert recognize(Head(directives=directives, line="EHLO 10.0.0.1")) is Confidence.NO
    assert recognize(Head(directives=directives, line="[1]USER 10.0.0.1")) is Confidence.NO


def test_without_a_header_the_shape_or_the_name_is_enough_to_give_the_true_reason() -> None:
    assert recognize(Head(line=ROW)) is Confidence.SHAPE
    assert recognize(Head("u_ex220919.log", line="anything")) is Confidence.NAME
    assert recognize(Head(line="2022-09-19 15:02:29 nothing of the kind")) is Confidence.NO
    assert recognize(Head("SMTPSVC1/ex031204.log")) is Confidence.NO


def test_the_logs_of_other_software_are_left_alone() -> None:
    assert recognize(Head(directives={"log-type": "Message Tracking Log"}, line=ROW)) is Confidence.NO
    assert recognize(Head("u_ex1.log", {"software": "Microsoft HTTP API 2.0"}, ROW)) is Confidence.NO


MIXED = (
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) "
    "sc-status sc-substatus sc-win32-status time-taken"
)
AT = "2026-03-04 09:00:01 192.0.2.1"
WEB_ROW = f"{AT} GET /owa/ - 443 EXAMPLE\\nora 198.51.100.7 Mozilla/5.0 200 0 0 15"


@pytest.mark.parametrize(
    ("row", "service"),
    [
        (f"{AT} USER nora - 21 - 198.51.100.7 - 331 0 0 15", "FTP"),
        (f"{AT} PASS ***** - 21 - 198.51.100.7 - 230 0 0 15", "FTP"),
        (f"{AT} STOR /up.txt - 990 - 198.51.100.7 - 226 0 0 15", "FTP"),
        (f"{AT} ControlChannelOpened - - 2121 - 198.51.100.7 - 0 0 0 15", "FTP"),
        (f"{AT} [3]sent /pub/list.txt - 2121 - 198.51.100.7 - 226 0 0 15", "FTP"),
        (f"{AT} EHLO - +one.test 25 - 198.51.100.7 - 250 0 0 15", "SMTP"),
    ],
)
def test_a_row_of_another_service_among_web_rows_is_told_as_that(row: str, service: str) -> None:
    first, other, last = read(*HEADER, MIXED, WEB_ROW, row, WEB_ROW)
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert isinstance(other, Unparsed)
    assert (other.kind, other.reason) == (
        "unknown-type", f"the row is of the {service} service of IIS, in a log of the web service",
    )  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [
        f"{AT} STAT / - 443 - 198.51.100.7 - 405 0 0 15",  # a word of FTP, sent to a web site
        f"{AT} USER /x - 80 - 198.51.100.7 curl/8.0 405 0 0 15",
        f"{AT} SEARCH /exchange/ - 443 - 198.51.100.7 - 207 0 0 15",
    ],
)
def test_an_odd_method_sent_to_a_web_site_is_a_web_request(row: str) -> None:
    assert all(isinstance(item, Record) for item in read(*HEADER, MIXED, WEB_ROW, row))


def test_rows_of_another_service_are_told_the_fast_way_too() -> None:
    rows = [WEB_ROW] * 40 + [f"{AT} PASS Sesame1 - 21 - 198.51.100.7 - 230 0 0 15"] + [WEB_ROW] * 40
    normalizer = Normalizer(discover_plugins=False, on_error="tag")
    block = "\n".join((*HEADER, MIXED, *rows, ""))
    payloads = list(normalizer.encode(block.encode(), normalizer.stream("u_ex260304.log")))
    assert len(payloads) == 80
    assert normalizer.counts.as_dict()["unparsed"] == {"unknown-type": 1}
    assert not any(b"Sesame1" in payload for payload in payloads)


def test_a_password_of_ftp_is_hidden_in_a_raw_row() -> None:
    normalizer = Normalizer(discover_plugins=False)
    lines = (
        "#Software: Microsoft Internet Information Server 4.0",
        "#Fields: time c-ip cs-method cs-uri-stem sc-status",
        "16:48:24 192.0.2.9 [3]PASS Sesame1 230",
        "16:48:25 192.0.2.9 [3]PASS - 230",
    )
    shown = [
        item.raw
        for item in normalizer.parse("\n".join(lines), normalizer.stream())
        if isinstance(item, Unparsed)
    ]
    assert shown == ["16:48:24 192.0.2.9 [3]PASS ***** 230", "16:48:25 192.0.2.9 [3]PASS - 230"]


def test_a_row_with_a_blank_too_many_is_read_where_the_rest_fits() -> None:
    row = f"{AT} POST /powershell PSVersion=5.1 444  EXAMPLE\\nora 198.51.100.7 WinRM 200 0 0 15"
    record = read_record(*HEADER, MIXED, row)
    assert record.values["cs-username"] == "EXAMPLE\\nora"
    assert (record.values["c-ip"], record.values["sc-status"]) == ("198.51.100.7", "200")
    assert record.raw == row


@pytest.mark.parametrize(
    "row",
    [
        # as many cells as columns, but an agent with a blank stands where the status would be
        f"{AT} POST /powershell - 444  198.51.100.7 Win RM/1 200 0 0 15",
        # one more column than there are
        f"{AT} POST /powershell - 444  EXAMPLE\\nora 198.51.100.7 Win RM/1 200 0 0 15",
    ],
)
def test_a_row_with_a_blank_too_many_is_never_shifted(row: str) -> None:
    (found,) = read(*HEADER, MIXED, row)
    assert isinstance(found, Unparsed)
    assert found.kind == "width"


def test_the_log_of_a_site_that_http_sys_serves_is_a_web_log() -> None:
    record = read_record(
        "#Software: Microsoft HTTP Server API 2.0",
        "#Version: 1.0",
        "#Fields: date time c-ip cs-username s-ip s-port cs-method cs-uri-stem cs-uri-query sc-status",
        "2026-03-04 09:00:01 198.51.100.7 - 192.0.2.1 80 GET /owa/ - 200",
    )
    assert record.values["s-port"] == "80"
    assert record.derived["application"] == "OWA"


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (("198.51.100.7, -, 3/4/2026, 9:00:01, W3SVC1, EX01, 192.0.2.1, 2, 7, 1, 304, 0, GET, /owa/, -,",),
         "a log in IIS's own format, without names of columns (set the site's log format to W3C)"),
        (("#Software: IIS Advanced Logging Module", "#Fields: date-local time-local", "2026-03-04 x"),
         "a log of IIS Advanced Logging"),
    ],
)  # fmt: skip
def test_a_log_of_iis_in_another_format_is_named(lines: tuple[str, ...], what: str) -> None:
    normalizer = Normalizer(discover_plugins=False)
    found = normalizer.parse("\n".join(lines), normalizer.stream())
    assert [item.reason for item in found if isinstance(item, Unparsed)] == [
        f"this is {what}, and no log that exnorm reads"
    ]
