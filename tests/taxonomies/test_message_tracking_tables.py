"""Message tracking to ArcSight and JSA: every row of the tables, and the rules around them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from exnorm import Normalizer
from exnorm.model import Event, Record, Unparsed
from exnorm.sources.message_tracking import COLUMNS_2010, COLUMNS_2016, EVENTS
from exnorm.taxonomies.arcsight.message_tracking import ARCSIGHT_2010, ARCSIGHT_2016

SAMPLES = Path(__file__).parents[1] / "samples" / "message_tracking"
GUIDES_SAMPLE = SAMPLES / "2016" / "MSGTRK2018112722-1.LOG"

# One record in which every column has a text of its own.
FULL = {
    "date-time": "2018-11-27T22:40:02.966Z",
    "client-ip": "10.4.11.100",
    "client-hostname": "client.example.com",
    "server-ip": "192.168.25.195",
    "server-hostname": "server.example.com",
    "source-context": "08D65;250 2.0.0 OK",
    "connector-id": "Outbound Mail",
    "source": "SMTP",
    "event-id": "SEND",
    "internal-message-id": "64441689310559",
    "message-id": "<one@example.com>",
    "network-message-id": "0fd591fe-1cc4-47f0-0bbc-08d654b944f3",
    "recipient-address": "bo@example.net",
    "recipient-status": "250 2.1.5 OK",
    "total-bytes": "7249",
    "recipient-count": "1",
    "related-recipient-address": "list@example.com",
    "reference": "<zero@example.com>",
    "message-subject": "Receipt",
    "sender-address": "anna@example.com",
    "return-path": "bounce@example.com",
    "message-info": "2018-11-27T22:40:02.194Z",
    "directionality": "Originating",
    "tenant-id": "tenant-7",
    "original-client-ip": "203.0.113.8",
    "original-server-ip": "203.0.113.9",
    "custom-data": "S:E2ELatency=0.771",
    "transport-traffic-type": "Email",
    "log-id": "755ab09c-9c04-44aa-8b07-08d654b94568",
    "schema-version": "15.01.1261.039",
}


def row(columns: Iterable[str], changes: dict[str, str]) -> str:
    """``FULL`` with changes, given with ``_`` for ``-``, as a row of CSV."""
    values = {**FULL, **{name.replace("_", "-"): value for name, value in changes.items()}}
    cells = [values[column] for column in columns]
    return ",".join('"' + c.replace('"', '""') + '"' if "," in c or '"' in c else c for c in cells)


def lines(columns: Iterable[str], version: str, rows: Iterable[dict[str, str]]) -> list[str]:
    columns = tuple(columns)
    return [
        f"#Version: {version}",
        "#Log-type: Message Tracking Log",
        "#Fields: " + ",".join(columns),
        *(row(columns, changes) for changes in rows),
    ]


def events(normalizer: Normalizer, *rows: dict[str, str], year: str = "2016") -> list[Event]:
    columns, version = {
        "2016": (COLUMNS_2016, "15.01.1261.039"),
        "2010": (COLUMNS_2010, "14.02.0247.005"),
    }[year]
    found = list(normalizer.normalize(lines(columns, version, rows), normalizer.stream()))
    assert [item for item in found if isinstance(item, Unparsed)] == []
    return [item for item in found if isinstance(item, Event)]


def arcsight(**settings: Any) -> Normalizer:
    return Normalizer(taxonomy="arcsight", discover_plugins=False, **settings)


def jsa(**settings: Any) -> Normalizer:
    return Normalizer(taxonomy="jsa", discover_plugins=False, **settings)


def one(normalizer: Normalizer, year: str = "2016", /, **changes: str) -> Event:
    (event,) = events(normalizer, changes, year=year)
    return event


# --- ArcSight, row by row ------------------------------------------------------------------------


def test_every_row_of_the_2013_to_2016_table_for_one_hand_written_record() -> None:
    event = one(arcsight())
    assert event.fields == {
        "bytesOut": 7249,
        "destinationAddress": "10.4.11.100",
        "destinationHostName": "client.example.com",
        "destinationUserName": "bo@example.net",
        "deviceAddress": "192.168.25.195",
        "deviceCustomNumber1": 1,
        "deviceCustomNumber1Label": "Recipient Count",
        "deviceCustomString1": "64441689310559",
        "deviceCustomString1Label": "Internal Message ID",
        "deviceCustomString2": "<one@example.com>",
        "deviceCustomString2Label": "Message ID",
        "deviceCustomString3": "<zero@example.com>",
        "deviceCustomString3Label": "Reference",
        "deviceCustomString4": "Outbound Mail",
        "deviceCustomString4Label": "Connector ID",
        "deviceCustomString5": "08D65;250 2.0.0 OK",
        "deviceCustomString5Label": "Source Context",
        "deviceCustomString6": "bounce@example.com",
        "deviceCustomString6Label": "Return Path",
        "deviceEventCategory": "SMTP",
        "deviceEventClassId": "SEND",
        "deviceHostName": "server.example.com",
        "deviceProduct": "Exchange Server",
        "deviceReceiptTime": 1543358402966,
        "deviceVendor": "Microsoft",
        "flexString1": "Originating",
        "flexString1Label": "Directionality",
        "message": "Receipt",
        "name": "SEND",
        "sourceAddress": "203.0.113.8",
        "sourceServiceName": "SMTP",
        "sourceUserName": "anna@example.com",
        "deviceVersion": "15.01.1261.039",
        "severity": 1,
        "eventOutcome": "success",
    }
    assert event.additional == {
        "custom-data": "S:E2ELatency=0.771",
        "message-info": "2018-11-27T22:40:02.194Z",
        "network-message-id": "0fd591fe-1cc4-47f0-0bbc-08d654b944f3",
        "recipient-status": "250 2.1.5 OK",
        "related-recipient-address": "list@example.com",
        "tenant-id": "tenant-7",
        "transport-traffic-type": "Email",
        # no row in the guide
        "original-server-ip": "203.0.113.9",
        "log-id": "755ab09c-9c04-44aa-8b07-08d654b94568",
        "schema-version": "15.01.1261.039",
    }


def test_every_row_of_the_2007_and_2010_table_for_one_hand_written_record() -> None:
    event = one(arcsight(), "2010")
    assert event.fields == {
        "bytesOut": 7249,
        "destinationUserName": "bo@example.net",
        "deviceAddress": "192.168.25.195",
        "deviceCustomNumber1": 1,
        "deviceCustomNumber1Label": "Recipient Count",
        "deviceCustomString1": "64441689310559",
        "deviceCustomString1Label": "Internal Message ID",
        "deviceCustomString2": "<one@example.com>",
        "deviceCustomString2Label": "Message ID",
        "deviceCustomString3": "<zero@example.com>",
        "deviceCustomString3Label": "Reference",
        "deviceCustomString4": "Outbound Mail",
        "deviceCustomString4Label": "Connector ID",
        "deviceCustomString5": "08D65;250 2.0.0 OK",
        "deviceCustomString5Label": "Source Context",
        "deviceCustomString6": "bounce@example.com",
        "deviceCustomString6Label": "Return Path",
        "deviceEventCategory": "SMTP",
        "deviceEventClassId": "SEND",
        "deviceHostName": "server.example.com",
        "deviceProduct": "Exchange Server",
        "deviceReceiptTime": 1543358402966,
        "deviceVendor": "Microsoft",
        "flexString1": "Originating",
        "flexString1Label": "Directionality",
        "message": "Receipt",
        "name": "SEND",
        "sourceAddress": "10.4.11.100",
        "sourceHostName": "client.example.com",
        "sourceServiceName": "SMTP",
        "sourceUserName": "anna@example.com",
        "deviceVersion": "14.02.0247.005",
        "severity": 1,
        "eventOutcome": "success",
    }
    assert event.additional == {
        "custom-data": "S:E2ELatency=0.771",
        "message-info": "2018-11-27T22:40:02.194Z",
        "original-client-ip": "203.0.113.8",
        "original-server-ip": "203.0.113.9",
        "recipient-status": "250 2.1.5 OK",
        "related-recipient-address": "list@example.com",
        "tenant-id": "tenant-7",
    }


def test_the_table_can_be_pinned_so_that_an_upgrade_flips_no_rule() -> None:
    pinned = one(arcsight(mapping="arcsight-2010"))
    assert pinned["sourceAddress"] == "10.4.11.100"
    assert "destinationAddress" not in pinned
    assert pinned.additional["network-message-id"] == FULL["network-message-id"]
    assert one(arcsight(mapping="arcsight-2016"), "2010")["destinationAddress"] == "10.4.11.100"


@pytest.mark.parametrize("table", [ARCSIGHT_2016, ARCSIGHT_2010])
def test_every_row_that_is_not_in_the_guide_and_every_unmapped_column_has_a_reason(table: Any) -> None:
    assert [entry.field for entry in table.rows if entry.ours and len(entry.ours.split()) < 4] == []
    assert [column for column, reason in table.unmapped.items() if len(reason.split()) < 4] == []


@pytest.mark.parametrize(
    ("event_id", "field"),
    [
        ("RECEIVE", "bytesIn"),
        ("receive", "bytesIn"),
        ("Receive", "bytesIn"),
        ("SEND", "bytesOut"),
        ("HARECEIVE", "bytesOut"),
        ("DELIVER", "bytesOut"),
        ("SOMETHINGNEW", "bytesOut"),
    ],
)
@pytest.mark.parametrize("year", ["2016", "2010"])
def test_the_size_is_bytes_in_for_receive_and_bytes_out_for_every_other_event_without_case(
    year: str, event_id: str, field: str
) -> None:
    event = one(arcsight(), year, event_id=event_id)
    assert {name: event[name] for name in event if name.startswith("bytes")} == {field: 7249}
    assert event["deviceEventClassId"] == event["name"] == event_id.upper()


def test_without_a_size_there_is_no_field_for_it() -> None:
    event = one(arcsight(), total_bytes="")
    assert [name for name in event if name.startswith("bytes")] == []


@pytest.mark.parametrize("text", ["much", "-1", "7249.0", "9223372036854775808"])
def test_a_size_that_is_no_number_is_kept_as_additional_data(text: str) -> None:
    event = one(arcsight(), total_bytes=text)
    assert [name for name in event if name.startswith("bytes")] == []
    assert event.additional["total-bytes"] == text


# --- addresses and their twins -------------------------------------------------------------------

TWINS_2016 = [
    ("client-ip", "destinationAddress", "deviceCustomIPv6Address3", "Destination IPv6 Address"),
    ("server-ip", "deviceAddress", "deviceCustomIPv6Address1", "Device IPv6 Address"),
    ("original-client-ip", "sourceAddress", "deviceCustomIPv6Address2", "Source IPv6 Address"),
]
TWINS_2010 = [
    ("client-ip", "sourceAddress", "deviceCustomIPv6Address2", "Source IPv6 Address"),
    ("server-ip", "deviceAddress", "deviceCustomIPv6Address1", "Device IPv6 Address"),
]
TWINS = [("2016", *twin) for twin in TWINS_2016] + [("2010", *twin) for twin in TWINS_2010]
TWIN = ("year", "column", "v4", "v6", "label")


@pytest.mark.parametrize(TWIN, TWINS)
@pytest.mark.parametrize("text", ["2001:db8::7", "2001:DB8:0::7%12", "2001:db8::7%Ethernet"])
def test_an_ipv6_address_goes_to_its_twin_with_its_label_and_its_zone_is_kept_beside_it(
    year: str, column: str, v4: str, v6: str, label: str, text: str
) -> None:
    event = one(arcsight(), year, **{column: text})
    assert (event[v6], event[f"{v6}Label"]) == ("2001:db8::7", label)
    assert v4 not in event
    assert event.additional.get(column) == (text if "%" in text else None)


@pytest.mark.parametrize(TWIN, TWINS)
@pytest.mark.parametrize("text", ["198.51.100.7", "::ffff:198.51.100.7", "::FFFF:c633:6407"])
def test_an_ipv4_address_mapped_or_not_goes_to_the_address_field(
    year: str, column: str, v4: str, v6: str, label: str, text: str
) -> None:
    event = one(arcsight(), year, **{column: text})
    assert event[v4] == "198.51.100.7"
    assert v6 not in event
    assert f"{v6}Label" not in event
    assert column not in event.additional


@pytest.mark.parametrize(TWIN, TWINS)
@pytest.mark.parametrize("text", ["mx.example.com", "1234:5678:4321:1010%3", "198.51.100.300", "a=b|c"])
def test_a_text_that_is_no_address_goes_to_additional_data_and_to_no_address_field(
    year: str, column: str, v4: str, v6: str, label: str, text: str
) -> None:
    event = one(arcsight(), year, **{column: text})
    assert v4 not in event
    assert v6 not in event
    assert f"{v6}Label" not in event
    assert event.additional[column] == text


def test_the_label_of_an_empty_field_is_not_written() -> None:
    event = one(arcsight(), reference="", recipient_count="", directionality="")
    assert {"deviceCustomString3Label", "deviceCustomNumber1Label", "flexString1Label"}.isdisjoint(event)


# --- user names ----------------------------------------------------------------------------------


def test_quotes_around_the_members_of_a_recipient_list_are_taken_off() -> None:
    event = one(arcsight(), recipient_address="'bo@example.net';'cy@example.net'")
    assert event["destinationUserName"] == "bo@example.net;cy@example.net"


def test_the_null_sender_stays_in_the_return_path_and_is_no_user_name() -> None:
    event = one(arcsight(), return_path="<>", sender_address="<>")
    assert event["deviceCustomString6"] == "<>"
    assert "sourceUserName" not in event
    assert event.additional["sender-address"] == "<>"


def test_an_undisclosed_subject_stays_as_it_is() -> None:
    assert one(arcsight(), message_subject="[Undisclosed]")["message"] == "[Undisclosed]"


# --- lengths -------------------------------------------------------------------------------------


def test_a_recipient_list_is_cut_on_a_character_border_whole_in_the_additional_data_and_counted() -> None:
    normalizer = arcsight()
    # 1022 bytes, then a character of two bytes: Destination User Name takes 1023
    recipients = "a" * 1022 + "ä@example.net;bo@example.net"
    event = one(normalizer, recipient_address=recipients)
    assert event["destinationUserName"] == "a" * 1022
    assert event.additional["recipient-address"] == recipients
    assert event.cut == {"destinationUserName": 1022 + 2 + 12 + 1 + 14}
    assert normalizer.counts.cut == {"destinationUserName": 1}


@pytest.mark.parametrize(
    ("column", "field", "limit"),
    [
        ("message-subject", "message", 1023),
        ("source-context", "deviceCustomString5", 4000),
        ("message-id", "deviceCustomString2", 4000),
        ("server-hostname", "deviceHostName", 100),
        ("directionality", "flexString1", 1023),
        ("client-hostname", "destinationHostName", 1023),
        ("sender-address", "sourceUserName", 1023),
        ("schema-version", "deviceVersion", 31),
    ],
)
def test_every_field_has_the_limit_of_the_dictionary(column: str, field: str, limit: int) -> None:
    fits = one(arcsight(), **{column: "x" * limit})
    assert (fits[field], fits.cut) == ("x" * limit, {})
    longer = one(arcsight(), **{column: "x" * (limit + 1)})
    assert longer[field] == "x" * limit
    assert longer.cut == {field: limit + 1}
    assert longer.additional[column] == "x" * (limit + 1)


def test_an_event_name_that_is_cut_as_name_is_whole_as_class_id() -> None:
    event = one(arcsight(), event_id="X" * 600)
    assert (len(str(event["name"])), len(str(event["deviceEventClassId"]))) == (512, 600)


# --- severity and categories ---------------------------------------------------------------------


@pytest.mark.parametrize("taxonomy", ["arcsight", "jsa"])
def test_every_known_event_has_a_severity_in_the_range_of_its_product(taxonomy: str) -> None:
    normalizer = Normalizer(taxonomy=taxonomy, discover_plugins=False)
    found = events(normalizer, *({"event_id": name} for name in sorted(EVENTS)))
    field, lowest = ("severity", 0) if taxonomy == "arcsight" else ("sev", 1)
    assert [item.record.event_id for item in found if not lowest <= int(item[field]) <= 10] == []
    assert normalizer.counts.unknown_events == {}


def test_an_unknown_event_has_a_severity_that_is_noticed() -> None:
    assert one(arcsight(), event_id="SOMETHINGNEW")["severity"] == 3
    assert one(jsa(), event_id="SOMETHINGNEW")["sev"] == 3


def test_categories_are_written_only_where_they_were_asked_for() -> None:
    assert [name for name in one(arcsight()) if name.startswith("category")] == []
    asked_for = one(arcsight(categories=True))
    assert asked_for["categoryObject"] == "/Host/Application/Service/Email"
    assert asked_for["categoryDeviceGroup"] == "/Application"


# --- JSA -----------------------------------------------------------------------------------------


def test_every_row_of_the_jsa_table_for_one_hand_written_record() -> None:
    event = one(jsa())
    assert event.fields == {
        "eventId": "SEND",
        "usrName": "bo@example.net",
        "src": "10.4.11.100",
        "dst": "192.168.25.195",
        "vendor": "Microsoft",
        "product": "Exchange Server",
        "version": "15.01.1261.039",
        "devTime": 1543358402966,
        "cat": "Mail in Progress",
        "sev": 1,
        "srcBytes": 7249,
        "senderAddress": "anna@example.com",
        "recipientAddress": "bo@example.net",
        "messageId": "<one@example.com>",
        "messageSubject": "Receipt",
        "networkMessageId": "0fd591fe-1cc4-47f0-0bbc-08d654b944f3",
    }
    used = {
        "date-time",
        "client-ip",
        "server-ip",
        "message-id",
        "network-message-id",
        "event-id",
        "total-bytes",
        "recipient-address",
        "sender-address",
        "message-subject",
    }
    assert event.additional == {name: text for name, text in FULL.items() if name not in used}


def test_the_username_of_jsa_is_the_recipient_unless_the_sender_was_asked_for() -> None:
    assert one(jsa())["usrName"] == "bo@example.net"
    assert one(jsa(username="recipient"))["usrName"] == "bo@example.net"
    assert one(jsa(username="sender"))["usrName"] == "anna@example.com"


@pytest.mark.parametrize("username", ["recipient", "sender"])
def test_both_addresses_are_always_present_whichever_is_the_username(username: str) -> None:
    event = one(jsa(username=username))
    assert (event["senderAddress"], event["recipientAddress"]) == ("anna@example.com", "bo@example.net")


def test_the_null_sender_is_no_username_of_jsa_but_present_as_the_address() -> None:
    event = one(jsa(username="sender"), sender_address="<>")
    assert "usrName" not in event
    assert event["senderAddress"] == "<>"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("2001:db8::7%3", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("198.51.100.7", "198.51.100.7"),
    ],
)
def test_jsa_takes_both_families_of_addresses_without_zone(text: str, address: str) -> None:
    event = one(jsa(), client_ip=text, server_ip=text)
    assert (event["src"], event["dst"]) == (address, address)


def test_a_text_that_is_no_address_is_a_custom_attribute_in_jsa_and_no_address() -> None:
    event = one(jsa(), client_ip="mx.example.com")
    assert "src" not in event
    assert event.additional["client-ip"] == "mx.example.com"


def test_a_username_is_cut_at_255_bytes_and_the_list_is_whole_under_its_own_key() -> None:
    normalizer = jsa()
    recipients = ";".join(["bo@example.net"] * 20)  # 20 * 14 + 19 = 299
    event = one(normalizer, recipient_address=recipients)
    assert event["usrName"] == recipients[:255]
    assert event["recipientAddress"] == recipients
    assert normalizer.counts.cut == {"usrName": 1}


# --- one event for each recipient ----------------------------------------------------------------

THREE = "bo@example.net;cy@example.net;di@example.net"


def split(statuses: str, recipients: str = THREE) -> list[tuple[Any, str]]:
    normalizer = arcsight(per_recipient=True)
    found = events(normalizer, {"recipient_address": recipients, "recipient_status": statuses})
    assert normalizer.counts.events == len(found)
    assert normalizer.counts.records == {"message_tracking": 1}
    return [(event["destinationUserName"], event.additional.get("recipient-status", "")) for event in found]


def test_with_per_recipient_each_recipient_has_an_event_with_its_own_status() -> None:
    assert split("250 2.1.5 Ok;550 5.1.1 Unknown;421 4.3.2 Later") == [
        ("bo@example.net", "250 2.1.5 Ok"),
        ("cy@example.net", "550 5.1.1 Unknown"),
        ("di@example.net", "421 4.3.2 Later"),
    ]


def test_with_per_recipient_quoted_members_that_hold_a_semicolon_are_aligned() -> None:
    assert split("'550 4.4.7 QUEUE.Expired;timeout';'250 2.1.5 Ok'", "'bo@example.net';'cy@example.net'") == [
        ("bo@example.net", "550 4.4.7 QUEUE.Expired;timeout"),
        ("cy@example.net", "250 2.1.5 Ok"),
    ]


@pytest.mark.parametrize("statuses", ["250 2.1.5 Ok", "250 2.1.5 Ok;550 5.1.1 Unknown", "a;b;c;d"])
def test_with_per_recipient_statuses_that_do_not_align_are_kept_raw_in_every_event(statuses: str) -> None:
    assert split(statuses) == [
        ("bo@example.net", statuses),
        ("cy@example.net", statuses),
        ("di@example.net", statuses),
    ]


def test_with_per_recipient_an_empty_status_stays_empty() -> None:
    assert split("") == [("bo@example.net", ""), ("cy@example.net", ""), ("di@example.net", "")]


def test_with_per_recipient_a_row_of_one_recipient_is_one_event() -> None:
    assert split("250 2.1.5 Ok", "bo@example.net") == [("bo@example.net", "250 2.1.5 Ok")]


def test_with_per_recipient_the_events_of_one_row_have_different_names() -> None:
    normalizer = Normalizer(taxonomy="arcsight", format="json", per_recipient=True, discover_plugins=False)
    content = lines(COLUMNS_2016, "15.01.1261.039", [{"recipient_address": THREE}])
    names = {
        payload.partition(b'"exnorm_id":')[2] for payload in normalizer.encode(content, normalizer.stream())
    }
    assert len(names) == 3


def test_without_per_recipient_a_row_is_one_event_with_the_whole_list() -> None:
    assert one(arcsight(), recipient_address=THREE)["destinationUserName"] == THREE


# --- profiles ------------------------------------------------------------------------------------


def kept(profile: str, *names: str) -> tuple[list[str], dict[str, int]]:
    normalizer = arcsight(profile=profile)
    found = events(normalizer, *({"event_id": name} for name in names))
    assert normalizer.counts.events == len(found)
    return [str(event["name"]) for event in found], dict(normalizer.counts.dropped)


def test_the_profile_all_keeps_every_event() -> None:
    names = [*sorted(EVENTS), "SOMETHINGNEW"]
    assert kept("all", *names) == (names, {})


def test_the_profile_arcsight_guide_keeps_send_and_receive_exactly_and_counts_what_it_drops() -> None:
    names = [*sorted(EVENTS), "SOMETHINGNEW", "SENDEXTERNAL", "receive"]
    found, dropped = kept("arcsight-guide", *names)
    assert found == ["RECEIVE", "SEND", "RECEIVE"]
    expected = dict.fromkeys(EVENTS - {"SEND", "RECEIVE"}, 1)
    assert dropped == {**expected, "SENDEXTERNAL": 2, "SOMETHINGNEW": 1}


def test_the_profile_security_keeps_mail_in_and_out_and_trouble_and_unknown_events() -> None:
    names = [
        "SEND", "RECEIVE", "SENDEXTERNAL", "FAIL", "DROP", "DEFER", "DSN", "BADMAIL", "POISONMESSAGE",
        "EXPAND", "REDIRECT", "SUBMITFAIL", "MODERATORREJECT", "SOMETHINGNEW",
    ]  # fmt: skip
    assert kept("security", *names) == (names, {})


def test_the_profile_security_drops_and_counts_the_inner_workings_of_transport() -> None:
    names = ["HADISCARD", "NOTIFYMAPI", "TRANSFER", "AGENTINFO", "HADISCARD"]
    assert kept("security", *names) == (
        [],
        {"HADISCARD": 2, "NOTIFYMAPI": 1, "TRANSFER": 1, "AGENTINFO": 1},
    )


# --- the JSA guide's sample row, as vendor content expects it ------------------------------------


def read_cef(payload: str) -> tuple[list[str], dict[str, str]]:
    """A small reader of CEF for values without escapes."""
    *header, extension = payload.split("|", 7)
    pairs: dict[str, str] = {}
    key = ""
    for word in extension.split(" "):
        name, equals, rest = word.partition("=")
        if equals and name.replace(".", "").replace("-", "").replace("_", "").isalnum():
            assert name not in pairs
            key, pairs[name] = name, rest
        else:
            pairs[key] += " " + word
    return header, pairs


def encode(taxonomy: str, format: str, **settings: Any) -> str:
    normalizer = Normalizer(taxonomy=taxonomy, format=format, discover_plugins=False, **settings)
    content = GUIDES_SAMPLE.read_bytes()
    (payload,) = normalizer.encode(content, normalizer.stream(str(GUIDES_SAMPLE)))
    return payload.decode()


def test_the_guides_sample_row_as_cef() -> None:
    payload = encode("arcsight", "cef")
    assert payload.startswith("CEF:0|Microsoft|Exchange Server|15.01.1261.039|SENDEXTERNAL|SENDEXTERNAL|1|")
    header, pairs = read_cef(payload)
    assert len(header) == 7
    additional = {key for key in pairs if key.startswith("ad.")}
    assert {key: value for key, value in pairs.items() if key not in additional} == {
        "rt": "1543358402966",
        "cat": "SMTP",
        "sourceServiceName": "SMTP",
        "dvc": "192.168.25.195",
        "dvchost": "qradar.example.test",
        "dst": "10.4.11.100",
        "dhost": "testHostName",
        "suser": "admin1@qradar.domain.test",
        "duser": "admin3@qradar.domain.test",
        "msg": "Receipt",
        "outcome": "success",
        "out": "7249",
        "cn1Label": "Recipient Count",
        "cn1": "1",
        "cs1Label": "Internal Message ID",
        "cs1": "64441689310559",
        "cs2Label": "Message ID",
        "cs2": "<admin4@qradar.domain.test>",
        "cs4Label": "Connector ID",
        "cs4": "Outbound Mail",
        "cs5Label": "Source Context",
        "cs5": ";250 2.0.0 OK b139-v6si456977itb.104 - gsmtp;ClientSubmitTime:",
        "cs6Label": "Return Path",
        "cs6": "admin2@qradar.domain.test",
        "flexString1Label": "Directionality",
        "flexString1": "Originating",
    }
    assert additional == {
        "ad.custom-data",
        "ad.message-info",
        "ad.network-message-id",
        "ad.recipient-status",
        "ad.transport-traffic-type",
        "ad.log-id",
        "ad.schema-version",
    }
    assert pairs["ad.recipient-status"] == "250 2.1.5 OK b139-v6si456977itb.104 - gsmtp"
    assert pairs["ad.custom-data"].startswith("S:E2ELatency\\=0.771;S:ExternalSendLatency\\=0.141;")


def test_the_guides_sample_row_as_leef() -> None:
    payload = encode("jsa", "leef")
    start = "LEEF:2.0|Microsoft|Exchange Server|15.01.1261.039|SENDEXTERNAL|x09|"
    assert payload.startswith(start)
    pairs = [pair.partition("=") for pair in payload.removeprefix(start).split("\t")]
    found = {key: value for key, _, value in pairs}
    assert len(found) == len(pairs)
    assert {key: found.pop(key) for key in ("messageInfo", "customData", "sourceContext")} == {
        "messageInfo": (
            "2018-11-27T22:40:02.194Z;SRV=testHostName.BLAH.BLAH.BLAH:TOTAL-FE=0.006|SMR=0.004(SMRPI=0.002"
            "(SMRPI-FrontendProxyAgent=0.002))|SMS=0.001;SRV=testHostName.BLAH.BLAH.BLAH:TOTAL-HUB=0.765|"
            "SMR=0.103(SMRDE=0.001|SMRC=0.101(SMRCL=0.101))|CAT=0.030(CATOS=0.005(CATSM=0.005(CATSM-Unified "
            "Group Post Sent Item Routing Agent=0.004))|CATRESL=0.002|CATORES=0.020(CATRS=0.020(CATRS-"
            "Transport Rule Agent=0.001(X-ETREX=0.001)|CATRS-Index Routing Agent=0.017)))|QDE=0.120|"
            "SMSC=0.127(X-SMSDR=0.120)|SMS=0.382"
        ),
        "customData": (
            "S:E2ELatency=0.771;S:ExternalSendLatency=0.141;S:ToEntity=Internet;S:FromEntity=Internet;"
            "S:MsgRecipCount=1;S:IncludeInSla=True;S:Microsoft.Exchange.Transport.MailRecipient."
            "RequiredTlsAuthLevel=Opportunistic;S:Microsoft.Exchange.Transport.MailRecipient."
            "EffectiveTlsAuthLevel=EncryptionOnly;S:IsSmtpResponseFromExternalServer=True;"
            "S:DeliveryPriority=Normal;S:OriginalFromAddress=admin1@qradar.domain.test;"
            "S:AccountForest=BLAH.BLAH.BLAH"
        ),
        "sourceContext": ";250 2.0.0 OK b139-v6si456977itb.104 - gsmtp;ClientSubmitTime:",
    }
    assert found == {
        "devTime": "1543358402966",
        "src": "10.4.11.100",
        "dst": "192.168.25.195",
        "usrName": "admin3@qradar.domain.test",
        "cat": "Mail Closed",
        "sev": "1",
        "srcBytes": "7249",
        "senderAddress": "admin1@qradar.domain.test",
        "recipientAddress": "admin3@qradar.domain.test",
        "messageSubject": "Receipt",
        "clientHostname": "testHostName",
        "serverHostname": "qradar.example.test",
        "connectorId": "Outbound Mail",
        "source": "SMTP",
        "internalMessageId": "64441689310559",
        "messageId": "<admin4@qradar.domain.test>",
        "networkMessageId": "0fd591fe-1cc4-47f0-0bbc-08d654b944f3",
        "recipientStatus": "250 2.1.5 OK b139-v6si456977itb.104 - gsmtp",
        "recipientCount": "1",
        "returnPath": "admin2@qradar.domain.test",
        "directionality": "Originating",
        "transportTrafficType": "Email",
        "logId": "755ab09c-9c04-44aa-8b07-08d654b94568",
        "schemaVersion": "15.01.1261.039",
    }


def test_the_guides_sample_row_as_leef_with_the_sender_as_username() -> None:
    attributes = encode("jsa", "leef", username="sender").rpartition("|x09|")[2].split("\t")
    assert "usrName=admin1@qradar.domain.test" in attributes
    assert "recipientAddress=admin3@qradar.domain.test" in attributes


def test_a_record_of_the_guides_sample_keeps_its_raw_row() -> None:
    normalizer = arcsight()
    content = GUIDES_SAMPLE.read_bytes()
    (record,) = normalizer.parse(content, normalizer.stream(str(GUIDES_SAMPLE)))
    assert isinstance(record, Record)
    assert record.raw.encode() in content
    assert record.line_number == 6


@pytest.mark.parametrize("event_id", ["SUBMIT", "SUBMITFAIL", "CLIENTSUBMISSION"])
def test_the_user_of_a_submission_is_its_sender_in_jsa(event_id: str) -> None:
    columns = {"sender_address": "sender@example.test", "recipient_address": "recipient@example.test"}
    normalizer = Normalizer("jsa", discover_plugins=False)
    assert one(normalizer, event_id=event_id, **columns)["usrName"] == "sender@example.test"
    normalizer = Normalizer("jsa", discover_plugins=False)
    assert one(normalizer, event_id="DELIVER", **columns)["usrName"] == "recipient@example.test"
