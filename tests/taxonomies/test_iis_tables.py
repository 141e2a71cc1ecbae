"""The tables arcsight-owa and jsa-owa, row by row of the sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from exnorm.model import Event
from exnorm.pipeline.normalizer import Normalizer

SAMPLE = Path(__file__).parent.parent / "samples" / "iis" / "u_ex220919_x.log"


def normalize(taxonomy: str) -> list[Event]:
    normalizer = Normalizer(taxonomy, discover_plugins=False)
    items = normalizer.normalize(SAMPLE.read_bytes(), normalizer.stream(SAMPLE.name))
    return [item for item in items if isinstance(item, Event)]


def normalize_row(taxonomy: str, fields: str, line: str) -> Event:
    normalizer = Normalizer(taxonomy, discover_plugins=False)
    head = "#Software: Microsoft Internet Information Services 10.0\n#Fields: "
    (item,) = normalizer.normalize(f"{head}{fields}\n{line}\n")
    assert isinstance(item, Event)
    return item


def test_the_logon_row_in_arcsight() -> None:
    assert dict(normalize("arcsight")[0]) == {
        "externalId": "0f1e2d3c-0001",
        "deviceVendor": "Microsoft",
        "deviceProduct": "Exchange Server",
        "deviceVersion": "IIS 10.0",
        "deviceEventClassId": "OWA:LOGON-ATTEMPT",
        "name": "OWA:LOGON-ATTEMPT",
        "severity": 2,
        "deviceEventCategory": "OWA",
        "destinationServiceName": "OWA",
        "deviceReceiptTime": 1663599749000,
        "sourceAddress": "10.0.0.9",
        "sourceUserName": "jdoe",
        "sourceNtDomain": "CONTOSO",
        "destinationAddress": "10.0.0.5",
        "destinationPort": 443,
        "deviceAddress": "10.0.0.5",
        "requestMethod": "POST",
        "requestUrl": "/owa/auth.owa?&CorrelationID=<empty>;&cafeReqId=0f1e2d3c-0001;&encoding=;",
        "requestClientApplication": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
        "requestContext": "https://mail.contoso.test/owa/auth/logon.aspx?url=a b",
        "bytesIn": 1804,
        "bytesOut": 912,
        "reason": "302.0",
        "deviceCustomNumber1": 14,
        "deviceCustomNumber1Label": "Time Taken (ms)",
        "deviceCustomNumber2": 302,
        "deviceCustomNumber2Label": "HTTP Status",
        "deviceCustomNumber3": 0,
        "deviceCustomNumber3Label": "Win32 Status",
        "deviceCustomString1": "203.0.113.7, 10.0.0.9",
        "deviceCustomString1Label": "X-Forwarded-For",
    }


def test_the_logon_row_in_jsa() -> None:
    assert dict(normalize("jsa")[0]) == {
        "eventId": "OWA:LOGON-ATTEMPT",
        "cat": "User Login Attempt",
        "sev": 2,
        "requestId": "0f1e2d3c-0001",
        "vendor": "Microsoft",
        "product": "Exchange Server",
        "version": "IIS 10.0",
        "devTime": 1663599749000,
        "usrName": "jdoe",
        "domain": "CONTOSO",
        "src": "10.0.0.9",
        "srcPreNAT": "10.0.0.9",
        "dst": "10.0.0.5",
        "dstPort": 443,
        "srcBytes": 1804,
        "dstBytes": 912,
        "url": "/owa/auth.owa?&CorrelationID=<empty>;&cafeReqId=0f1e2d3c-0001;&encoding=;",
        "resource": "OWA",
        "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
        "referrer": "https://mail.contoso.test/owa/auth/logon.aspx?url=a b",
        "forwardedFor": "203.0.113.7, 10.0.0.9",
        "method": "POST",
        "status": 302,
        "timeTaken": 14,
    }


def test_the_class_ids_and_severities_of_the_sample() -> None:
    events = normalize("arcsight")
    assert [(event["deviceEventClassId"], event["severity"]) for event in events] == [
        ("OWA:LOGON-ATTEMPT", 2),
        ("EWS:AUTH-CHALLENGE", 1),
        ("EWS:LOGON-FAILURE", 5),
        ("ACTIVESYNC:REQUEST", 1),
        ("ECP:ACCESS-DENIED", 4),
        ("MAPI:SERVER-ERROR", 4),
        ("OWA:REQUEST", 1),
    ]


def test_the_event_ids_and_categories_of_the_sample() -> None:
    events = normalize("jsa")
    assert [(event["eventId"], event["cat"]) for event in events] == [
        ("OWA:LOGON-ATTEMPT", "User Login Attempt"),
        ("EWS:AUTH-CHALLENGE", "HTTPS Opened"),
        ("EWS:LOGON-FAILURE", "Web Service Login Failed"),
        ("ACTIVESYNC:REQUEST", "HTTPS Opened"),
        ("ECP:ACCESS-DENIED", "Access Denied"),
        ("MAPI:SERVER-ERROR", "System Error"),
        ("OWA:REQUEST", "HTTPS Opened"),
    ]


def test_ipv6_addresses_lose_their_zone_and_take_the_fields_of_ipv6() -> None:
    event = normalize("arcsight")[3]
    assert event["deviceCustomIPv6Address1"] == "fe80::1"
    assert event["deviceCustomIPv6Address2"] == "::1"
    assert event["deviceCustomIPv6Address3"] == "fe80::1"
    assert not {"sourceAddress", "destinationAddress", "deviceAddress"} & set(event)


@pytest.mark.parametrize(("taxonomy", "field"), [("arcsight", "sourceUserName"), ("jsa", "usrName")])
def test_anonymous_is_no_user_and_activesync_names_another(taxonomy: str, field: str) -> None:
    event = normalize(taxonomy)[3]
    assert event[field] == "anna"
    assert event.additional["cs-username"] == "Anonymous"


def test_the_device_of_activesync_is_named_in_both_taxonomies() -> None:
    arcsight, jsa = normalize("arcsight")[3], normalize("jsa")[3]
    assert [arcsight[f"deviceCustomString{number}"] for number in (3, 4, 5)] == ["APPL4711", "iPhone", "Ping"]
    assert [jsa[f"activeSync{part}"] for part in ("Device", "Type", "Command")] == [
        "APPL4711",
        "iPhone",
        "Ping",
    ]


@pytest.mark.parametrize("taxonomy", ["arcsight", "jsa"])
def test_date_and_time_and_path_and_query_are_not_sent_twice(taxonomy: str) -> None:
    sent_twice = {"date", "time", "cs-uri-stem", "cs-uri-query", "cs-method", "sc-status"}
    assert not any(sent_twice & set(event.additional) for event in normalize(taxonomy))


def test_an_own_column_is_kept_under_its_name_and_counted() -> None:
    normalizer = Normalizer("arcsight", discover_plugins=False)
    events = list(normalizer.normalize(SAMPLE.read_bytes(), normalizer.stream(SAMPLE.name)))
    assert isinstance(events[6], Event)
    assert events[6].additional == {"Client-Note": "passed+by+proxy"}
    assert dict(normalizer.counts.unknown_columns) == {"Client-Note": 1}


def test_a_request_that_is_cut_is_kept_whole_as_additional_data() -> None:
    query = "q=" + "x" * 2000
    line = f"2022-09-19 15:02:29 GET /owa/ {query} 10.0.0.1"
    event = normalize_row("arcsight", "date time cs-method cs-uri-stem cs-uri-query c-ip", line)
    assert len(str(event["requestUrl"])) == 1023
    assert event.additional == {"cs-uri-stem": "/owa/", "cs-uri-query": query}
    assert (event["deviceCustomString6"], event["deviceCustomString6Label"]) == (query, "Query")


def test_the_method_of_a_client_is_an_attribute_and_never_the_event_id() -> None:
    event = normalize_row(
        "jsa", "date time cs-method cs-uri-stem sc-status", "2022-09-19 15:02:29 JUNK /owa/ 404"
    )
    assert (event["eventId"], event["method"], event["status"]) == ("OWA:CLIENT-ERROR", "JUNK", 404)


@pytest.mark.parametrize("forwarded", ["unknown", "evil\\script", "999.1.1.1"])
def test_a_forwarded_text_that_is_no_address_is_never_an_address(forwarded: str) -> None:
    line = f"2022-09-19 15:02:29 GET / 10.0.0.1 {forwarded}"
    event = normalize_row("jsa", "date time cs-method cs-uri-stem c-ip x-forwarded-for", line)
    assert "srcPreNAT" not in event
    assert event["forwardedFor"] == forwarded
    assert event["src"] == "10.0.0.1"


def test_the_native_payload_has_the_columns_as_logged() -> None:
    normalizer = Normalizer("jsa", "wincollect", discover_plugins=False)
    payload = next(normalizer.encode(SAMPLE.read_bytes(), normalizer.stream(SAMPLE.name))).decode()
    pairs = [pair.partition("=")[::2] for pair in payload.split("\t")]
    assert pairs[:4] == [
        ("AgentDevice", "WindowsExchange"),
        ("AgentLogFile", "u_ex220919_x.log"),
        ("AgentLogFormat", "OWA"),
        ("date", "2022-09-19"),
    ]
    assert dict(pairs)["cs(User-Agent)"] == "Mozilla/5.0+(Windows+NT+10.0;+Win64;+x64)"


def test_a_row_that_wincollect_wrapped_goes_through_the_same_table() -> None:
    payload = "\t".join((
        "AgentDevice=MicrosoftExchange", "AgentLogFile=u_ex240208.log", "AgentLogFormat=W3C",
        "AgentLogProtocol=OWA", "date=2024-02-08", "time=10:43:49", "cs-method=POST",
        "cs-uri-stem=/mapi/emsmdb/", "c-ip=192.0.2.77", "cs(User-Agent)=Microsoft+Office/16.0",
        "sc-status=403",
    ))  # fmt: skip
    (event,) = Normalizer("arcsight", discover_plugins=False).normalize([payload])
    assert isinstance(event, Event)
    assert event["deviceEventClassId"] == "MAPI:ACCESS-DENIED"
    assert event["requestClientApplication"] == "Microsoft Office/16.0"
    assert event["deviceReceiptTime"] == 1707389029000  # date -d 2024-02-08T10:43:49Z +%s


def test_the_categories_of_arcsight_are_written_only_when_asked_for() -> None:
    normalizer = Normalizer("arcsight", discover_plugins=False, categories=True)
    asked = next(normalizer.normalize(SAMPLE.read_bytes(), normalizer.stream(SAMPLE.name)))
    assert isinstance(asked, Event)
    assert asked["categoryBehavior"] == "/Authentication/Verify"
    assert "categoryBehavior" not in normalize("arcsight")[0]
