# ruff: noqa: E501 (each text beside what is shown of it)
"""Credentials in web logs: what is hidden, what stays, in rows and in raw lines, on every way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exnorm import Normalizer, Record, Unparsed
from exnorm.sources.http_proxy import COLUMNS
from exnorm.sources.web_secrets import HEADERS, NAMES, hide, hide_line, is_secret_header
from exnorm.testing import events, normalizer

pytestmark = pytest.mark.usefixtures("each_path")

PRIVACY = Path(__file__).parents[2] / "docs" / "privacy.md"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("a=1&access_token=abc.def&b=2", "a=1&access_token=*****&b=2"),
        ("Password=Hush;77%2688&x=1", "Password=*****&x=1"),
        ("__RequestVerificationToken=zz", "__RequestVerificationToken=*****"),
        ("data[password]=q&y=1", "data[password]=*****&y=1"),
        ("url=https%3a%2f%2fh%2fowa%3ftoken%3dabc%26x%3d1&r=2", "url=https%3a%2f%2fh%2fowa%3ftoken%3d*****%26x%3d1&r=2"),
        ("u=a%253ftoken%253dabc%2526x%253d1", "u=a%253ftoken%253d*****%2526x%253d1"),
        ("x=%7B%22token%22%3A%22abc%22%7D", "x=%7B%22token%22%3A%22*****%22%7D"),
        ("https://user:p!w@h/owa/?X-OWA-CANARY=q", "https://user:*****@h/owa/?X-OWA-CANARY=*****"),
        ("q=eyJhbGciOiJ.eyJzdWIiOiI.c2lnbmF0dXJl", "q=*****"),
        ("Auth:+Bearer+abc123456", "Auth:+Bearer+*****"),
        ("token=*****&b=2", "token=*****&b=2"),
        ("token=-", "token=-"),
        ("token=", "token="),
    ],
)  # fmt: skip
def test_the_value_of_a_listed_name_is_hidden_and_all_else_stays(query: str, shown: str) -> None:
    assert hide(query) == shown
    assert hide(shown) == shown


@pytest.mark.parametrize(
    "query",
    [
        "", "-", "User=nora&DeviceId=ab&DeviceType=iPhone&Cmd=Sync", "authRedirect=true&reason=2",
        "CorrelationID=<empty>;&cafeReqId=ab-c;&encoding=;", "url=https%3a%2f%2fmail%2fowa%2f&design=a",
        "Mozilla/5.0+(Windows+NT+10.0)", "basic+training", "tokens=3&passage=x",
    ],
)  # fmt: skip
def test_what_is_no_credential_stays(query: str) -> None:
    assert hide(query) == query


def test_cookies_end_at_a_semicolon() -> None:
    cookies = "logondata=acc=0&lgn=nora;+cadata=ab+c/d==;+cadataKey=k;+X-OWA-CANARY=c.;+PBack=0;+FedAuth1=f"
    assert hide(cookies, ";") == (
        "logondata=acc=0&lgn=nora;+cadata=*****;+cadataKey=*****;+X-OWA-CANARY=*****;+PBack=0;+FedAuth1=*****"
    )


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "a=" * 100_000, "%3d" * 70_000, "token=" * 30_000, "://" * 60_000]
)
def test_long_text_takes_linear_time(text: str) -> None:
    for ends in ("&", ";"):
        hide(text, ends)  # quadratic time would not come back


@pytest.mark.parametrize(
    "column", ["Authorization", "cs(Authorization)", "HTTP_AUTHORIZATION", "X-OWA-CANARY"]
)
def test_a_column_of_such_a_header_is_hidden_whole(column: str) -> None:
    assert is_secret_header(column)
    assert not is_secret_header("cs(User-Agent)")


def test_the_page_lists_every_name_and_no_other() -> None:
    page = PRIVACY.read_text(encoding="utf-8").partition("## Credentials in web logs")[2]
    listed = [
        word.strip("` ")
        for line in page.splitlines()
        if line.startswith("| `")
        for word in line.split("|")[1].split(",")
    ]
    assert sorted(listed) == sorted(one.name for one in (*NAMES, *HEADERS))


# --- rows on every way ---------------------------------------------------------------------------

IIS = (
    "#Software: Microsoft Internet Information Services 10.0",
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) "
    "cs(Cookie) cs(Referer) sc-status sc-substatus sc-win32-status time-taken",
)  # fmt: skip
IIS_ROW = (
    "2026-03-17 08:00:{:02} 192.0.2.40 GET /owa/ token={}&a=1 443 nora 198.51.100.62 curl/8 "
    "cadata={};+x=y https://h/?password={} 200 0 0 5"
)
SECRET = "Hush77"
FORMATS: list[dict[str, Any]] = [
    {"taxonomy": "arcsight"},
    {"taxonomy": "arcsight", "format": "json", "keep_original": True},
    {"taxonomy": "jsa"},
    {"taxonomy": "jsa", "format": "wincollect"},
]


def iis_lines(secret: str = SECRET, rows: int = 200) -> list[str]:
    plain = IIS_ROW.replace("token={}", "b={}").replace("cadata={}", "c={}").replace("password={}", "d={}")
    made = [(IIS_ROW if at % 3 == 2 else plain).format(at % 60, *[secret] * 3) for at in range(rows)]
    return [*IIS, *made]


@pytest.mark.parametrize("settings", FORMATS, ids=str)
def test_no_row_of_iis_lets_a_credential_out(settings: dict[str, Any]) -> None:
    lines = [line.replace(f"{name}={SECRET}", f"{name}=u") for line in iis_lines() for name in ("b",)]
    lines = [line.replace(f"c={SECRET}", "c=u").replace(f"d={SECRET}", "d=u") for line in lines]
    made = list(normalizer(**settings).encode(lines))
    assert len(made) == 200
    assert not any(SECRET.encode() in payload for payload in made)
    assert sum(b"*****" in payload for payload in made) == 66  # every third of 200


def test_rows_are_as_they_came_where_the_setting_says_so() -> None:
    kept = list(normalizer(web_secrets="keep").encode(iis_lines()))
    assert sum(payload.count(f"token\\={SECRET}".encode()) > 0 for payload in kept) == 66


def test_a_row_that_came_split_is_masked_in_its_raw_text_too() -> None:
    running = Normalizer(discover_plugins=False)
    names = IIS[1].removeprefix("#Fields: ").split()
    values = dict(zip(names, IIS_ROW.format(1, *[SECRET] * 3).split(" ")))
    record = running.parse_fields(values, running.stream())
    assert isinstance(record, Record)
    assert SECRET not in record.raw + "".join(record.values.values())
    assert record.values["cs-uri-query"] == "token=*****&a=1"


def test_a_header_that_an_administrator_added_is_masked() -> None:
    lines = [
        IIS[0],
        IIS[1] + " Authorization X-Trace",
        IIS_ROW.format(1, "a", "b", "c") + f" Basic+{SECRET}= token={SECRET}",
    ]
    running = normalizer()
    (record,) = running.parse(lines, running.stream("u_ex260317.log"))
    assert isinstance(record, Record)
    assert (record.values["Authorization"], record.values["X-Trace"]) == ("*****", "token=*****")


def test_a_row_of_a_payload_is_masked() -> None:
    row = f"cs-method=GET\tcs-uri-stem=/owa/\tcs-uri-query=token={SECRET}\tsc-status=200"
    head = "AgentDevice=MSIIS\tAgentLogFile=u_ex260317.log\tdate=2026-03-17\ttime=08:00:00\t"
    made = [payload for settings in FORMATS for payload in normalizer(**settings).encode([head + row])]
    assert made
    assert not any(SECRET.encode() in payload for payload in made)


@pytest.mark.parametrize("settings", FORMATS, ids=str)
def test_no_row_of_http_proxy_lets_a_credential_out(settings: dict[str, Any]) -> None:
    guid = "5e58f5e5-1ddc-48d3-82c6-0199bc121640"
    hidden = {
        "UrlQuery": f"?access_token={SECRET}&a=1", "UrlStem": f"/owa/;jsessionid={SECRET}",
        "GenericInfo": f"Canary={SECRET};Referer=https://h/?id_token={SECRET}", "GenericErrors": f"Bearer {SECRET}99x",
        "UserAgent": "eyJhbGciOiJ.eyJzdWIiOiI." + SECRET,
    }  # fmt: skip
    lines = ["#Log-type: HttpProxy Logs", f"#Fields: {','.join(COLUMNS)}"]
    for number, (column, text) in enumerate(hidden.items()):
        time = f"2026-03-17T08:00:0{number}.000Z"
        given = {"DateTime": time, "RequestId": guid, "HttpStatus": "200", "Method": "GET", column: text}
        lines += [",".join(given.get(name, "") for name in COLUMNS)] * 40
    made = list(normalizer(**settings).encode(lines))
    assert len(made) == 200
    assert not any(SECRET.encode() in payload for payload in made)
    assert all(b"*****" in payload for payload in made)


def test_a_row_that_did_not_parse_is_masked_whatever_the_setting_says() -> None:
    torn = IIS_ROW.format(1, *[SECRET] * 3).rpartition(" ")[0]
    for settings in ({}, {"web_secrets": "keep"}):
        (found,) = events([*IIS, torn], **settings)
        assert isinstance(found, Unparsed)
        assert SECRET not in json.dumps(found.as_dict())
        assert "GET /owa/" in found.raw


def test_a_line_that_is_no_row_of_a_web_log_stays() -> None:
    assert hide_line("<34>Oct 11 sshd: token=abc") == "<34>Oct 11 sshd: token=abc"
