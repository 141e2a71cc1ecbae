"""``exnorm.syslogng.Parser`` with messages as syslog-ng hands them over: names of text, values of bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exnorm import Normalizer
from exnorm.syslogng import Parser

LINES = (
    (Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG").read_text("utf-8-sig").splitlines()
)
HEADER, ROWS = LINES[:5], LINES[5:]
FILE = "/mnt/ex01/logs/MSGTRK2018112722-1.LOG"


class Message(dict[str, Any]):
    """A message of syslog-ng: a name that it lacks gives nothing."""

    def __missing__(self, name: str) -> bytes:
        return b""


def message(line: str | bytes, path: str = FILE, host: str = "ex01") -> Message:
    text = line.encode() if isinstance(line, str) else line
    return Message(MESSAGE=text, FILE_NAME=path.encode(), HOST=host.encode())


def parser(**options: str) -> Parser:
    made = Parser()
    assert made.init({name.encode(): value.encode() for name, value in options.items()})
    return made


def test_rows_become_the_lines_that_convert_writes_and_header_lines_are_dropped() -> None:
    found, mine = [], parser(taxonomy="arcsight", format="cef")
    for line in LINES:
        one = message(line)
        if mine.parse(one):
            found.append(one["MESSAGE"])
            assert len(one["exnorm.id"]) > 10
            assert "exnorm.reason" not in one
    normalizer = Normalizer("arcsight", "cef")
    assert found == list(normalizer.encode(LINES, normalizer.stream(FILE)))
    assert len(found) == len(ROWS)


@pytest.mark.parametrize(("taxonomy", "form"), [("jsa", "leef"), ("jsa", "wincollect"), ("arcsight", "json")])
def test_every_format_is_written(taxonomy: str, form: str) -> None:
    mine, row = parser(taxonomy=taxonomy, format=form), message(ROWS[0])
    assert [mine.parse(message(line)) for line in HEADER] == [False] * 5
    assert mine.parse(row)
    normalizer = Normalizer(taxonomy, form)
    assert [row["MESSAGE"]] == list(normalizer.encode([*HEADER, ROWS[0]], normalizer.stream(FILE)))


def test_a_line_that_does_not_parse_goes_on_with_tag_and_reason() -> None:
    mine, wide = parser(), message(ROWS[0] + ",one too many")
    for line in HEADER:
        mine.parse(message(line))
    assert mine.parse(wide)
    assert wide["MESSAGE"] == (ROWS[0] + ",one too many").encode()
    assert wide["exnorm.tags"] == "_exnormparsefailure"
    assert b"row has" in wide["exnorm.reason"]


@pytest.mark.parametrize("line", ["a message of something else", "", '{"a": 1}', b"\xff\xfe"])
def test_what_is_not_of_exchange_goes_on_as_the_same_message(line: str | bytes) -> None:
    given, before = message(line, path=""), message(line, path="")
    assert parser().parse(given)
    assert given == before


def test_a_secret_is_gone_from_what_does_not_parse() -> None:
    mine = parser()
    header = [
        *("#Software: Microsoft Exchange Server", "#Version: 15.0.0.0", "#Log-type: POP3 Log"),
        "#Date: 2024-05-06T00:00:00.000Z",
        "#Fields: dateTime,sessionId,seqNumber,sIp,cIp,user,duration,rqsize,rpsize,command,parameters,"
        "context",
    ]
    path = "/mnt/ex01/logs/POP3/POP3-1.LOG"
    for line in header:
        mine.parse(message(line, path))
    wide = "2024-05-06T07:08:09.123Z,01,1,10.0.0.2:110,10.0.0.1:5000,,1,11,5,pass,S3cr3t,R=ok,a,b,c"
    given = message(wide, path)
    assert mine.parse(given)
    assert given["exnorm.tags"] == "_exnormparsefailure"
    assert "S3cr3t" not in str(given)


def test_headers_of_two_hosts_and_a_restart(tmp_path: Path) -> None:
    state, path = str(tmp_path / "headers.json"), "/mnt/u_ex240506.log"
    software = "#Software: Microsoft Internet Information Services 10.0"
    first = parser(format="json", state=state)
    for host, order in (("a", "c-ip cs-method"), ("b", "cs-method c-ip")):
        for line in (software, f"#Fields: date time {order} cs-uri-stem sc-status"):
            assert not first.parse(message(line, path, host))
    again = parser(format="json", state=state)
    one = message("2024-05-06 07:08:09 10.1.1.1 GET /owa 200", path, "a")
    two = message("2024-05-06 07:08:09 GET 10.2.2.2 /owa 200", path, "b")
    assert again.parse(one)
    assert again.parse(two)
    assert [json.loads(each["MESSAGE"])["sourceAddress"] for each in (one, two)] == ["10.1.1.1", "10.2.2.2"]


def test_lines_that_do_not_parse_are_written_to_the_rejects(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.ndjson"
    mine = parser(rejects=str(rejects))
    for line in (*HEADER, ROWS[0] + ",more"):
        mine.parse(message(line))
    assert json.loads(rejects.read_text("utf-8"))["path"] == FILE


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"taxonomy": "arcsigth"}, "taxonomy: got 'arcsigth'; did you mean 'arcsight'?"),
        ({"taxonmy": "arcsight"}, "option 'taxonmy' is not known; did you mean 'taxonomy'?"),
        ({"per_recipient": "yes"}, "per_recipient: a message of syslog-ng cannot become several"),
        ({"on_error": "stop"}, "on_error: got 'stop'; expected 'tag' or 'skip'"),
        ({"config": "/no/such.yaml"}, "config: cannot read '/no/such.yaml'"),
    ],
)
def test_wrong_options_stop_the_start(
    options: dict[str, str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Parser().init(options) is False
    assert fault in capsys.readouterr().err


def test_an_error_of_ours_leaves_the_message_and_says_its_kind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, given = parser(), message("S3cr3t row")

    def fail(*arguments: object) -> None:
        raise RuntimeError("S3cr3t")

    monkeypatch.setattr(mine._lines, "take", fail)
    assert mine.parse(given)
    assert given["MESSAGE"] == b"S3cr3t row"
    error = capsys.readouterr().err
    assert "RuntimeError" in error
    assert "S3cr3t" not in error
