from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from exnorm.model import Confidence, Head, Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.endpoints import split_host
from exnorm.sources.http_proxy import (
    COLUMNS,
    COMPUTED,
    HTTP_PROXY,
    join_build,
    list_computed,
)

SAMPLES = Path(__file__).parent.parent / "samples" / "http_proxy"
GUID = "5e58f5e5-1ddc-48d3-82c6-0199bc121640"
TIME = "2023-01-09T19:00:00.130Z"
HEADER_69 = "#Log-type: HttpProxy Logs\r\n#Fields: " + ",".join(COLUMNS[:69])


def parse(text: str | bytes, name: str = "") -> list[Record | Unparsed]:
    normalizer = Normalizer("arcsight", discover_plugins=False)
    return list(normalizer.parse(text, normalizer.stream(name)))


def record(text: str | bytes, name: str = "") -> Record:
    (found,) = parse(text, name)
    assert isinstance(found, Record), found
    assert found.source.name == "http_proxy"
    return found


def unparsed(text: str | bytes, name: str = "") -> Unparsed:
    (found,) = parse(text, name)
    assert isinstance(found, Unparsed), found
    return found


def line(width: int = 74, **values: str) -> str:
    given = {"DateTime": TIME, "RequestId": GUID, **values}
    return ",".join(given.get(column, "") for column in COLUMNS[:width])


def test_there_are_74_columns_and_69_of_them_end_at_generic_errors() -> None:
    assert len(COLUMNS) == 74
    assert (COLUMNS[68], COLUMNS[69], COLUMNS[73]) == ("GenericErrors", "EdgeTraceId", "RoutingStatus")


def test_a_real_row_is_read_under_its_own_columns() -> None:
    found = record((SAMPLES / "Autodiscover_HttpProxy_2023010919-1.LOG").read_bytes())
    # 2023-01-09T19:00:00Z is 1673290800 seconds after the epoch
    assert found.time == 1673290800130
    assert found.values["ClientIpAddress"] == "95.1.2.3"
    assert found.values["TotalRequestTime"] == "13"
    assert found.values["RoutingStatus"] == "CafeV1"
    assert (found.schema.name, found.schema.version) == ("2016", "15.01.2375.007")
    assert found.event_id == "REQUEST"


def test_a_quoted_or_masked_value_never_moves_its_neighbours() -> None:
    found = record((SAMPLES / "Eas_HttpProxy_2023011116-1.LOG").read_bytes())
    assert found.values["HttpStatus"] == "403"
    assert found.values["GenericErrors"].startswith("WebExceptionStatus=ProtocolError;")
    assert "retourné une erreur" in found.values["GenericErrors"]
    assert found.values["RoutingStatus"] == "CafeV1"


def test_the_header_decides_where_it_names_69_columns() -> None:
    found = record(f"{HEADER_69}\r\n{line(69, GenericErrors='last')}\r\n")
    assert len(found.values) == 69
    assert found.values["GenericErrors"] == "last"
    assert found.schema.name == "2013"


def test_a_row_of_69_cells_under_74_columns_is_unparsed() -> None:
    header = "#Log-type: HttpProxy Logs\n#Fields: " + ",".join(COLUMNS)
    found = unparsed(f"{header}\n{line(69)}\n")
    assert (found.kind, found.reason) == ("width", "row has 69 fields; #Fields names 74")


def test_a_row_that_is_too_wide_is_unparsed_and_the_next_row_is_unharmed() -> None:
    wide, good = parse(f"{HEADER_69}\n{line(69)},\n{line(69, HttpStatus='200')}\n")
    assert isinstance(wide, Unparsed)
    assert wide.kind == "width"
    assert isinstance(good, Record)
    assert good.values["HttpStatus"] == "200"


def test_a_bare_line_of_names_before_the_header_is_no_event() -> None:
    names = ",".join(COLUMNS)
    block = f"#Software: Microsoft Exchange Server\n#Log-type: HttpProxy Logs\n#Fields: {names}"
    assert record(f"{names}\n{block}\n{line(HttpStatus='200')}\n").values["HttpStatus"] == "200"


@pytest.mark.parametrize("width", [69, 74])
def test_a_bare_line_of_names_is_header_enough(width: int) -> None:
    found = record(",".join(COLUMNS[:width]) + "\n" + line(width, Method="GET"))
    assert len(found.values) == width
    assert found.values["Method"] == "GET"


def test_header_lines_that_lost_their_mark_are_still_header_lines() -> None:
    header = f"Version: 15.01.2375.007\nLog-type: HttpProxy Logs\nFields: {','.join(COLUMNS)}"
    assert record(f"{header}\n{line(HttpStatus='200')}").schema.version == "15.01.2375.007"


@pytest.mark.parametrize(("width", "name"), [(69, "2013"), (74, "2016")])
def test_a_row_without_a_header_is_known_by_its_width_and_values(width: int, name: str) -> None:
    found = record(line(width, HttpStatus="200", IsAuthenticated="true"))
    assert (found.schema.name, found.schema.found) == (name, "count")


def test_a_row_without_a_header_whose_values_do_not_fit_is_not_claimed() -> None:
    assert unparsed(line(HttpStatus="GET")).kind == "unknown-type"


def test_a_later_row_without_a_header_whose_values_do_not_fit_is_unparsed() -> None:
    _, bad = parse(f"{line(HttpStatus='200')}\n{line(HttpStatus='GET')}")
    assert isinstance(bad, Unparsed)
    assert bad.kind == "width"


def test_an_empty_line_holds_nothing() -> None:
    assert parse(f"{HEADER_69}\n\n") == []


def test_a_torn_off_row_is_unparsed() -> None:
    found = unparsed(f"{HEADER_69}\n{TIME},{GUID},15,1")
    assert (found.kind, found.reason) == ("width", "row has 4 fields; #Fields names 69")


def test_a_row_that_is_not_utf8_is_unparsed() -> None:
    row = line(69).encode() + b"\xe9"
    assert unparsed(HEADER_69.encode() + b"\n" + row).kind == "encoding"


def test_a_row_without_a_time_is_unparsed() -> None:
    found = unparsed(f"{HEADER_69}\n{line(69, DateTime='yesterday')}")
    assert (found.kind, found.reason) == (
        "date",
        "DateTime is 'yesterday'; expected yyyy-MM-ddTHH:mm:ss.fffZ",
    )


@pytest.mark.parametrize(
    "name",
    [
        "ECP Activity Context Log",
        "ECP Server Log",
        "EWS Logs",
        "Rps Cmdlet Logs",
        "audit",
    ],
)
def test_a_log_that_says_it_is_another_one_is_not_claimed(name: str) -> None:
    directives = {"log-type": name, "fields": "TimeStamp,ServerName,EventId"}
    assert HTTP_PROXY.recognize(Head("HttpProxy_2023010919-1.LOG", directives)) is Confidence.NO


def test_the_file_name_is_enough_for_columns_nobody_knows() -> None:
    found = record(f"#Fields: DateTime,NewColumn\n{TIME},x", "C:\\logs\\HttpProxy_2023010919-1.LOG")
    assert found.values["NewColumn"] == "x"


@pytest.mark.parametrize(
    ("values", "event"),
    [
        ({"HttpStatus": "200"}, "REQUEST"),
        ({"HttpStatus": "302"}, "REDIRECT"),
        ({"HttpStatus": "401", "IsAuthenticated": "false"}, "AUTH-CHALLENGE"),
        ({"HttpStatus": "401", "IsAuthenticated": "false", "AuthenticatedUser": "D\\u"}, "LOGON-FAILURE"),
        ({"HttpStatus": "401", "IsAuthenticated": "true", "AuthenticatedUser": "D\\u"}, "ACCESS-DENIED"),
        ({"HttpStatus": "403", "IsAuthenticated": "true"}, "ACCESS-DENIED"),
        ({"HttpStatus": "404"}, "CLIENT-ERROR"),
        ({"HttpStatus": "440"}, "SESSION-EXPIRED"),
        ({"HttpStatus": "503"}, "SERVER-ERROR"),
        ({"HttpStatus": ""}, "STATUS-UNKNOWN"),
        ({"HttpStatus": "0"}, "STATUS-UNKNOWN"),
        ({"HttpStatus": "999"}, "STATUS-UNKNOWN"),
        ({"HttpStatus": "302", "Method": "POST", "UrlStem": "/owa/auth.owa"}, "LOGON-ATTEMPT"),
        (
            {"HttpStatus": "302", "Method": "POST", "UrlStem": "/owa/auth.owa", "IsAuthenticated": "true"},
            "LOGON-SUCCESS",
        ),
        ({"HttpStatus": "500", "Method": "POST", "UrlStem": "/owa/auth.owa"}, "SERVER-ERROR"),
        ({"HttpStatus": "200", "ErrorCode": "ClientDisconnect"}, "CLIENT-DISCONNECT"),
        ({"HttpStatus": "200", "GenericErrors": "HttpException=ClientDisconnect;"}, "CLIENT-DISCONNECT"),
        ({"HttpStatus": "200", "ErrorCode": "EndpointNotFound"}, "APPLICATION-ERROR"),
        ({"HttpStatus": "200", "UrlStem": "/owa/auth/logon.aspx", "UrlQuery": "?reason=2"}, "LOGON-FAILURE"),
    ],
)
def test_the_status_names_the_event(values: Mapping[str, str], event: str) -> None:
    (derivation,) = [one for one in COMPUTED if one.names == ("event",)]
    assert derivation.apply(values.get(column, "") for column in derivation.columns) == (event,)


def test_a_real_401_of_a_first_leg_is_routine() -> None:
    found = record((SAMPLES / "RpcHttp_HttpProxy_2023010708-1.LOG").read_bytes())
    assert found.event_id == "AUTH-CHALLENGE"


@pytest.mark.parametrize(
    ("text", "proxies", "client"),
    [
        ("95.1.2.3", (), ("", "")),  # the column itself is the address
        ("fe80::1%3", (), ("", "")),
        ("95.1.2.3, 10.0.0.1", (), ("10.0.0.1", "")),
        ("95.1.2.3, 198.51.100.7,10.0.0.1", ("10.0.0.0/8",), ("198.51.100.7", "")),
        ("95.1.2.3:51000", (), ("95.1.2.3", "51000")),
        ("10.0.0.2, 10.0.0.1", ("10.0.0.0/8",), ("10.0.0.2", "")),
        ("95.1.2.3, x.x.x.x, 10.0.0.1", ("10.0.0.1",), ("", "")),
        ("", (), ("", "")),
    ],
)
def test_of_several_addresses_the_client_is_the_last_that_is_no_proxy(
    text: str, proxies: tuple[str, ...], client: tuple[str, str]
) -> None:
    (derivation,) = [one for one in list_computed(proxies) if "client-address" in one.names]
    assert derivation.apply((text,)) == client


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("mail.example.test", ("mail.example.test", "", "")),
        ("mail.example.test:444", ("mail.example.test", "", "444")),
        ("192.0.2.45", ("", "192.0.2.45", "")),
        ("192.0.2.45:444", ("", "192.0.2.45", "444")),
        ("[2001:db8::45]", ("", "2001:db8::45", "")),
        ("[2001:db8::45]:444", ("", "2001:db8::45", "444")),
        ("mail:example", ("mail:example", "", "")),
    ],
)
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(text: str, parts: tuple[str, str, str]) -> None:
    assert split_host(text) == parts


def test_the_build_is_written_as_the_header_writes_it() -> None:
    assert join_build("15", "1", "2375", "7") == "15.01.2375.007"
    assert join_build("15", "1", "x", "7") == ""
    assert join_build("", "", "", "") == ""


SELECTED = """#TYPE Selected.System.Management.Automation.PSCustomObject
"DateTime","RequestId","ClientIpAddress","UrlHost","UrlStem","RoutingHint","UserAgent","AnchorMailbox","HttpStatus"
"2026-03-03T06:49:42.162Z","x","192.0.2.21","mail.example.test","/ecp/y.js","X-BEResource-Cookie","a/1","%s","200"
"""
ANCHOR = "ServerInfo~a]@ex1.example.test:444/ecp/DDI/DDIService.svc/SetObject?msExchEcpCanary=%s&schema=X#"


def test_columns_that_somebody_selected_and_exported_are_read() -> None:
    (found,) = parse(SELECTED % "ServerInfo~a]@ex1.example.test:444/mapi/emsmdb/?#")
    assert isinstance(found, Record), found
    assert found.source.name == "http_proxy"
    assert found.values["AnchorMailbox"] == "ServerInfo~a]@ex1.example.test:444/mapi/emsmdb/?#"
    assert found.derived["event"] == "REQUEST"


def test_a_token_in_an_anchor_is_hidden_and_its_name_stays() -> None:
    (found,) = parse(SELECTED % (ANCHOR % "M1xSesame.Duw."))
    assert isinstance(found, Record), found
    assert found.values["AnchorMailbox"] == ANCHOR % "*****"
    assert "Sesame" not in found.raw
