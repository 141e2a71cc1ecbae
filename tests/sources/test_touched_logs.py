"""Logs that a tool, a forum or a person has touched, and true reasons for what is not read."""

from __future__ import annotations

import pytest

import exnorm
from exnorm.model import Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.http_proxy import COLUMNS_2013

SMTP_NAMES = (
    "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
)
SMTP_ROW = r"2026-03-17T09:00:01.001Z,EX1,08DE77AA00000001,1,192.0.2.40:25,198.51.100.77:40112,<,EHLO a.test,"
IIS_NAMES = "date time s-ip cs-method cs-uri-stem cs-uri-query s-port c-ip cs(User-Agent) sc-status"
IIS_ROW = "2026-03-17 10:00:01 192.0.2.40 GET /owa/ - 443 198.51.100.7 Mozilla/5.0 200"
IMAP_NAMES = (
    "dateTime,sessionId,seqNumber,sIp,cIp,user,duration,rqsize,rpsize,command,parameters,context,puid"
)
IMAP_ROW = "2026-03-17T12:00:01.100Z,00B7,2,192.0.2.40:993,198.51.100.62:51000,nora,14,30,25,logout,,R=OK,"
AGENT_NAMES = (
    "Timestamp,SessionId,LocalEndpoint,RemoteEndpoint,EnteredOrgFromIP,MessageId,P1FromAddress,"
    "P2FromAddresses,Recipient,NumRecipients,Agent,Event,Action,SmtpResponse,Reason,ReasonData,Diagnostics"
)
AGENT_ROW = (
    "2026-03-17T12:00:01.100Z,08DE77AA00000001,192.0.2.40:25,198.51.100.62:51000,198.51.100.62,<m@a.test>,"
    "tom@a.test,tom@a.test,rita@b.test,1,Content Filter Agent,OnEndOfData,AcceptMessage,,SCL,0,"
)
CONNECTIVITY_NAMES = "date-time,session,source,Destination,direction,description"
CONNECTIVITY_ROW = "2026-03-17T13:00:01.500Z,08DE88BB00000042,SMTP,mx.a.test,+,DnsConnectorDelivery"
LOGS = {
    "smtp_protocol": (SMTP_NAMES, SMTP_ROW),
    "iis": (IIS_NAMES, IIS_ROW),
    "imap_pop": (IMAP_NAMES, IMAP_ROW),
    "agent_log": (AGENT_NAMES, AGENT_ROW),
    "connectivity": (CONNECTIVITY_NAMES, CONNECTIVITY_ROW),
}


def parse(*lines: str, name: str = "", taxonomy: str = "arcsight") -> list[Record | Unparsed]:
    normalizer = Normalizer(taxonomy, discover_plugins=False)
    return list(normalizer.parse([line.encode() for line in lines], normalizer.stream(name)))


def only(items: list[Record | Unparsed]) -> Record:
    (item,) = items
    assert isinstance(item, Record), item
    return item


def reason(items: list[Record | Unparsed]) -> str:
    assert items
    assert all(isinstance(item, Unparsed) for item in items)
    (found,) = {item.reason for item in items if isinstance(item, Unparsed)}
    return found


# --- bare names, whatever their case ---------------------------------------------------------------


@pytest.mark.parametrize("change", [str, str.upper, str.lower, lambda names: f"  {names}"])
@pytest.mark.parametrize("source", LOGS)
def test_a_first_line_of_bare_names_is_a_header(source: str, change: object) -> None:
    names, row = LOGS[source]
    assert callable(change)
    record = only(parse(change(names), row))
    assert record.source.name == source
    assert record.schema.found == "header"


def test_bare_names_in_quotes_name_quoted_rows() -> None:
    quoted = [",".join(f'"{cell}"' for cell in line.split(",")) for line in (SMTP_NAMES, SMTP_ROW)]
    assert only(parse(*quoted)).values["data"] == "EHLO a.test"


# --- blanks before each line -----------------------------------------------------------------------


@pytest.mark.parametrize("indent", [" ", "    ", "\t", "\xa0 "])
@pytest.mark.parametrize("source", LOGS)
def test_blanks_before_each_line_change_nothing(source: str, indent: str) -> None:
    names, row = LOGS[source]
    plain = only(parse(f"#Fields: {names}", row))
    record = only(parse(f"{indent}#Fields: {names}", indent + row))
    assert record == plain


# --- other separators ------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("in_header", [",", ""])
@pytest.mark.parametrize("source", LOGS)
def test_rows_with_another_separator_are_read(source: str, separator: str, in_header: str) -> None:
    names, row = LOGS[source]
    own = " " if source == "iis" else ","
    names = names if in_header or source == "iis" else names.replace(",", separator)
    record = only(parse(f"#Fields: {names}", row.replace(own, separator)))
    assert record.source.name == source
    assert record.values == only(parse(f"#Fields: {LOGS[source][0]}", row)).values


@pytest.mark.parametrize("separator", [";", "\t"])
def test_rows_with_another_separator_and_no_header_are_known_by_their_values(separator: str) -> None:
    assert only(parse(SMTP_ROW.replace(",", separator))).values["data"] == "EHLO a.test"


def test_a_row_that_no_separator_makes_fit_is_refused_with_the_separator_named() -> None:
    row = SMTP_ROW.replace(",", ";").replace("EHLO a.test", "a;b")
    assert reason(parse(f"#Fields: {SMTP_NAMES}", row)) == (
        "row has 1 fields; #Fields names 9; cut at semicolons it has 10"
    )


def test_semicolons_in_the_cells_of_a_row_of_wrong_width_move_nothing() -> None:
    row = "2026-03-17T09:00:01.001Z,a;b;c;d;e;f;g;h;i"  # nine pieces between its semicolons
    assert reason(parse(f"#Fields: {SMTP_NAMES}", row)).startswith("row has 2 fields; #Fields names 9")


# --- remarks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("remark", ["#copied by backup", "##########", "# ", "#", "# see ticket, 4711"])
def test_a_remark_among_rows_takes_nothing_from_the_header(remark: str) -> None:
    software = "#Software: Microsoft Internet Information Services 10.0"
    found = parse(software, f"#Fields: {IIS_NAMES}", IIS_ROW, remark, IIS_ROW)
    assert [item.derived["product-version"] for item in found if isinstance(item, Record)] == ["IIS 10.0"] * 2


# --- true reasons ----------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["date time s-ip cs-method cs-uri-stem", "date time cs-method c-ip"])
def test_a_row_of_iis_with_other_columns_than_its_header_is_refused_for_its_width(names: str) -> None:
    assert reason(parse(f"#Fields: {names}", IIS_ROW)).startswith("row has 10 fields; #Fields names ")


def test_a_row_of_the_smtp_service_without_a_header_is_refused_for_that() -> None:
    row = "2026-03-17 15:00:00 203.0.113.90 a.test SMTPSVC1 EX03 192.0.2.3 25 EHLO - +a.test 250 0 60 SMTP -"
    assert reason(parse(row)) == "row has 16 fields and no header came before it; expected a header"


def test_a_row_of_any_log_without_a_header_is_refused_for_that() -> None:
    assert reason(parse("2026-03-17T15:00:00.000Z,a,b")) == (
        "the row begins with a time, and no header came before it that names its columns"
    )


def test_columns_and_log_types_that_nobody_knows_are_named() -> None:
    row = "2026-03-17T15:00:00.000Z,a"
    assert reason(parse("#Fields: when,what", row)) == (
        "no known log type has the columns that #Fields names: 'when,what'"
    )
    assert reason(parse("#Log-type: RPC Client Access Logs", "#Fields: a,b", row)) == (
        "unknown log type 'RPC Client Access Logs'"
    )


@pytest.mark.parametrize(
    "lines",
    [
        ("#Fields: date time c-ip s-port cs-method cs-uri-stem sc-status x-session x-fullpath",
         "2026-03-17 16:00:01 203.0.113.70 21 ControlChannelOpened - 0 5e0f -"),
        ("#Fields: date time c-ip s-port cs-method cs-uri-stem sc-status x-session x-fullpath",
         "2026-03-17 16:00:01 203.0.113.70 21 STOR /up.txt 226 5e0f /up.txt"),
        ("#Software: Microsoft Internet Information Services 6.0", "#Fields: time c-ip cs-method cs-uri-stem",
         "16:00:05 203.0.113.70 [1]sent /pub/list.txt"),
        ("#Fields: time s-sitename cs-method cs-uri-stem", "16:00:05 FTPSVC2 QUIT -"),
        ("#Fields: time cs-method cs-uri-stem", "16:00:05 PASS ***"),
        ("2026-03-17 16:00:01 203.0.113.70 - 192.0.2.21 21 ControlChannelOpened - - 0 0 5e0f -",),
    ],
)  # fmt: skip
def test_rows_of_the_ftp_service_are_named_as_such(lines: tuple[str, ...]) -> None:
    assert reason(parse(*lines)) == "this is a log of the FTP service of IIS, and no log that exnorm reads"


def test_a_web_request_with_a_method_of_ftp_is_a_web_request() -> None:
    record = only(parse(f"#Fields: {IIS_NAMES}", IIS_ROW.replace("GET", "STAT")))
    assert record.source.name == "iis"


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("#Software: Microsoft Forefront Threat Management Gateway", "Forefront TMG"),
        ("#Software: Microsoft Windows Firewall", "Windows Firewall"),
        ("#Fields: date time x-edge-location sc-bytes c-ip cs-method cs-uri-stem sc-status", "CloudFront"),
    ],
)
def test_other_logs_in_the_form_of_w3c_are_named(header: str, what: str) -> None:
    assert what in reason(parse(header, "2026-03-17 16:00:01 a b c d e f g h"))


def test_a_log_that_the_taxonomy_has_no_table_for_is_refused_for_that() -> None:
    class Lake:
        name = "lake"

        @staticmethod
        @exnorm.hookimpl
        def register_taxonomies() -> list[exnorm.Taxonomy]:
            return [exnorm.Taxonomy("lake", "a lake", fields=(exnorm.Field("who", "who", "who"),))]

        @staticmethod
        @exnorm.hookimpl
        def register_mappings() -> list[exnorm.Mapping]:
            rows = (exnorm.row("who", "data"),)
            return [exnorm.Mapping("s", source="smtp_protocol", taxonomy="lake", rows=rows, rest="kept")]

    normalizer = Normalizer("lake", "json", plugins=[Lake], discover_plugins=False)
    log = f"#Fields: {IIS_NAMES}\n{IIS_ROW}\n".encode()
    assert reason(list(normalizer.parse(log, normalizer.stream()))) == "taxonomy lake has no table for iis"
    assert normalizer.explain_refusal("u_ex.log", log) == "taxonomy lake has no table for iis"


# --- what neither header nor columns say -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "port", "protocol"),
    [
        ("IMAP4BE2026031712-1.LOG", "9999", "IMAP4"),
        ("POP3BE2026031712-1.LOG", "9999", "POP3"),
        ("POP32026031712-1.LOG", "143", "POP3"),  # what names the log says more than a port
        ("x.txt", "143", "IMAP4"),
        ("x.txt", "993", "IMAP4"),
        ("x.txt", "1993", "IMAP4"),
        ("x.txt", "110", "POP3"),
        ("x.txt", "995", "POP3"),
        ("x.txt", "1995", "POP3"),
        ("x.txt", "9999", ""),
    ],
)
def test_the_protocol_is_that_of_the_file_name_or_else_of_the_port(
    name: str, port: str, protocol: str
) -> None:
    assert only(parse(IMAP_ROW.replace(":993", f":{port}"), name=name)).derived["protocol"] == protocol


PROXY_VALUES = {
    "DateTime": "2026-03-17T11:00:01.250Z",
    "RequestId": "6b1d0c44-77aa-4f0e-9a51-0d5b2f7e8c11",
    "MajorVersion": "15",
    "IsAuthenticated": "true",
    "HttpStatus": "200",
    "Method": "GET",
    "TotalRequestTime": "41",
    "UrlQuery": "?layout=light",
}


def test_a_row_of_http_proxy_without_route_refresher_latency_and_header_is_read() -> None:
    columns = [name for name in COLUMNS_2013 if name != "RouteRefresherLatency"]
    assert len(columns) == 68
    record = only(parse(",".join(PROXY_VALUES.get(column, "") for column in columns)))
    assert {name: value for name, value in record.values.items() if value} == PROXY_VALUES
    assert "RouteRefresherLatency" not in record.values


@pytest.mark.parametrize("width", [67, 70, 73])
def test_a_row_of_http_proxy_of_another_width_is_refused_for_it(width: int) -> None:
    cells = [PROXY_VALUES.get(column, "") for column in COLUMNS_2013] + [""] * 4
    found = parse(",".join(cells[:width]), name="HttpProxy_2026031711-2.LOG")
    assert reason(found) == f"row has {width} fields and no header came before it; expected 68 or 69 or 74"


MSIIS = "AgentDevice=MSIIS\tAgentLogFile=u_ex260317.log\tAgentLogFormat=W3C\tAgentLogProtocol=W3C"


@pytest.mark.parametrize("header", ["", "<13>Mar 17 08:01:05 EX40 ", "312 <13>Mar 17 08:01:05 EX40 "])
def test_a_payload_of_qradars_protocol_for_iis_is_a_row_of_iis(header: str) -> None:
    pairs = dict(zip(IIS_NAMES.split(), IIS_ROW.split()))
    row = "\t".join(f"{name}={value}" for name, value in pairs.items())
    record = only(parse(f"{header}{MSIIS}\t{row}"))
    assert record.source.name == "iis"
    assert record.values == pairs


def test_a_payload_of_qradars_protocol_for_iis_may_hold_a_row_of_its_smtp_service() -> None:
    row = (
        "date=2026-03-17\ttime=10:00:01\tc-ip=192.0.2.9\ts-sitename=SMTPSVC1\tcs-method=EHLO\tcs-version=SMTP"
    )
    payload = MSIIS.replace("AgentLogProtocol=W3C", "AgentLogProtocol=SMTP")
    assert only(parse(f"{payload}\t{row}")).source.name == "smtpsvc"


def test_a_row_of_the_ftp_service_in_a_payload_is_named_as_such() -> None:
    row = "date=2026-03-17\ttime=10:00:01\tc-ip=192.0.2.9\tcs-method=USER\tcs-uri-stem=anonymous"
    assert reason(parse(f"{MSIIS}\t{row}")) == "payload carries a row of the FTP service of IIS"
