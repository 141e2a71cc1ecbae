from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exnorm.model import Event
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.http_proxy import COLUMNS
from exnorm.sources.web_requests import OUTCOMES as EVENTS
from exnorm.taxonomies.arcsight.web_events import EVENTS as ARCSIGHT_EVENTS
from exnorm.taxonomies.jsa.http_proxy import EVENTS as JSA_EVENTS

SAMPLES = Path(__file__).parent.parent / "samples" / "http_proxy"
HEADER = "#Version: 15.01.2375.007\n#Log-type: HttpProxy Logs\n#Fields: " + ",".join(COLUMNS)


def event(text: str | bytes, taxonomy: str, **settings: Any) -> Event:
    normalizer = Normalizer(taxonomy, discover_plugins=False, **settings)
    (found,) = normalizer.normalize(text)
    assert isinstance(found, Event), found
    return found


def made(taxonomy: str, **values: str) -> Event:
    given = {"DateTime": "2023-01-09T19:00:00.130Z", **values}
    row = ",".join(f'"{given[column]}"' if column in given else "" for column in COLUMNS)
    return event(f"{HEADER}\n{row}", taxonomy)


def test_a_real_row_in_the_fields_of_arcsight() -> None:
    found = event((SAMPLES / "Autodiscover_HttpProxy_2023010919-1.LOG").read_bytes(), "arcsight")
    assert dict(found) == {
        "deviceVendor": "Microsoft",
        "deviceProduct": "Exchange Server",
        "deviceVersion": "15.01.2375.007",
        "deviceEventClassId": "REQUEST",
        "name": "REQUEST",
        "severity": 1,
        "deviceEventCategory": "HttpProxy",
        "deviceReceiptTime": 1673290800130,
        "applicationProtocol": "Autodiscover",
        "bytesIn": 336,
        "bytesOut": 327,
        "destinationHostName": "autodiscover.domain.com",
        "deviceAction": "Proxy",
        "deviceCustomNumber1": 200,
        "deviceCustomNumber1Label": "HTTP Status",
        "deviceCustomNumber2": 200,
        "deviceCustomNumber2Label": "Back End Status",
        "deviceCustomNumber3": 13,
        "deviceCustomNumber3Label": "Total Request Time (ms)",
        "deviceCustomString1": "NTLM",
        "deviceCustomString1Label": "Authentication Type",
        "deviceCustomString2": "Sid~S-1-5-21-123456789-9876543211-123456798-4343",
        "deviceCustomString2Label": "Anchor Mailbox",
        "deviceCustomString3": "SERVER-HOSTNAME.domain.test",
        "deviceCustomString3Label": "Target Server",
        "deviceHostName": "SERVER-HOSTNAME",
        "eventOutcome": "success",
        "externalId": "5e58f5e5-1ddc-48d3-82c6-0199bc121640",
        "flexString1": "true",
        "flexString1Label": "Is Authenticated",
        "flexString2": "WindowsIdentity",
        "flexString2Label": "Routing Hint",
        "requestClientApplication": "AppleExchangeWebServices/818.120.2 accountsd/113",
        "requestMethod": "POST",
        "requestUrl": "/autodiscover/autodiscover.xml",
        "sourceAddress": "95.1.2.3",
        "sourceNtDomain": "DOMAIN",
        "sourceUserName": "username",
    }
    assert found.additional["RoutingStatus"] == "CafeV1"
    assert found.additional["GenericInfo"].startswith("BeginRequest=2023-01-09T19:00:00.116Z;")
    assert not {"MajorVersion", "UrlStem", "AuthenticatedUser", "ClientIpAddress"} & set(found.additional)


def test_a_real_row_in_the_fields_of_jsa() -> None:
    found = event((SAMPLES / "Eas_HttpProxy_2023011116-1.LOG").read_bytes(), "jsa")
    assert dict(found) == {
        "deviceHost": "SERVER-HOSTNAME",
        "requestId": "823d6c00-01f1-4067-9002-18ff1cf2e5d9",
        "userAgent": "Outlook-iOS-Android/1.0",
        "vendor": "Microsoft",
        "product": "Exchange Server",
        "version": "15.01.2375.007",
        "eventId": "ACCESS-DENIED",
        "cat": "Access Denied",
        "sev": 4,
        "devTime": 1673453166997,
        "usrName": "username",
        "domain": "DOMAIN",
        "src": "20.10.20.30",
        "srcBytes": 0,
        "dstBytes": 5278,
        "url": "/Microsoft-Server-ActiveSync/default.eas?Cmd=Options&User=domain.test%5Cusername"
        "&DeviceId=1234567987987987987987987987987&DeviceType=Outlook",
        "resource": "Eas",
        "method": "OPTIONS",
        "status": 403,
        "timeTaken": 19068,
        "host": "webmail.domain.com",
        "activeSyncCommand": "Options",
        "activeSyncDevice": "1234567987987987987987987987987",
        "activeSyncType": "Outlook",
    }
    assert "UserAgent" not in found.additional


@pytest.mark.parametrize("taxonomy", ["arcsight", "jsa"])
def test_a_masked_address_stays_text(taxonomy: str) -> None:
    normalizer = Normalizer(taxonomy, discover_plugins=False)
    first = next(normalizer.normalize((SAMPLES / "Mapi_HttpProxy_2023010601-1.LOG").read_bytes()))
    assert isinstance(first, Event)
    # "123abc" has six digits: somebody masked it, it is no address
    assert first.additional["ClientIpAddress"] == "fe80::1234:5678:123abc:245e%3"
    assert not {"src", "sourceAddress", "deviceCustomIPv6Address2"} & set(first)


def test_an_ipv6_client_goes_to_the_source_twin_without_its_zone() -> None:
    found = made("arcsight", ClientIpAddress="fe80::1:2%3")
    assert found["deviceCustomIPv6Address2"] == "fe80::1:2"
    assert found["deviceCustomIPv6Address2Label"] == "Source IPv6 Address"
    assert "sourceAddress" not in found


@pytest.mark.parametrize(("taxonomy", "field"), [("arcsight", "sourceAddress"), ("jsa", "src")])
def test_of_several_addresses_the_last_is_the_source_and_all_are_kept(taxonomy: str, field: str) -> None:
    found = made(taxonomy, ClientIpAddress="95.1.2.3, 10.0.0.1")
    assert found[field] == "10.0.0.1"
    assert found.additional["ClientIpAddress"] == "95.1.2.3, 10.0.0.1"


def test_the_host_asked_for_is_a_name_or_an_address() -> None:
    found = made("jsa", UrlHost="95.1.2.3:444")
    assert (found["dst"], found["dstPort"]) == ("95.1.2.3", 444)
    assert "host" not in found
    found = made("jsa", UrlHost="mail.example.test")
    assert found["host"] == "mail.example.test"
    assert "dst" not in found
    found = made("arcsight", UrlHost="[2001:db8::45]")
    assert found["deviceCustomIPv6Address3"] == "2001:db8::45"
    assert "destinationHostName" not in found


def test_the_build_in_the_row_is_surer_than_the_header() -> None:
    build = {"MajorVersion": "15", "MinorVersion": "2", "BuildVersion": "1118", "RevisionVersion": "40"}
    assert made("arcsight", **build)["deviceVersion"] == "15.02.1118.040"
    assert made("arcsight")["deviceVersion"] == "15.01.2375.007"


def test_a_url_that_was_cut_is_kept_whole_as_additional_data() -> None:
    stem, query = "/owa/" + "a" * 1100, "?b=1"
    found = made("arcsight", UrlStem=stem, UrlQuery=query)
    assert found.cut == {"requestUrl": 1109}  # 5 + 1100 + 4
    assert (found.additional["UrlStem"], found.additional["UrlQuery"]) == (stem, query)


def test_a_refused_logon_weighs_more_than_a_challenge() -> None:
    challenge = made("jsa", HttpStatus="401", IsAuthenticated="false")
    refused = made("jsa", HttpStatus="401", IsAuthenticated="false", AuthenticatedUser="DOMAIN\\user")
    assert (challenge["cat"], challenge["sev"]) == ("Web In Progress", 1)
    assert (refused["cat"], refused["sev"]) == ("Web Service Login Failed", 5)


def test_categories_are_written_when_asked_for() -> None:
    row = HEADER + "\n2023-01-09T19:00:00.130Z" + "," * 73
    assert event(row, "arcsight", categories=True)["categoryDeviceGroup"] == "/Application"
    assert "categoryDeviceGroup" not in event(row, "arcsight")


def test_both_tables_know_every_event_of_the_source() -> None:
    assert set(ARCSIGHT_EVENTS) == set(JSA_EVENTS) == EVENTS
