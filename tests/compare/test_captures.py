"""Captures as they really come: every syslog header, cut lines, several time forms, five formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.compare.conftest import ZERO, Capture, differences, write_cef
from tests.compare.test_planted_differences import compare

from exnorm.cli import run
from exnorm.compare.captures import (
    Reader,
    Seen,
    Unread,
    Vocabulary,
    cut_objects,
    cut_rows,
    find_format,
    read_cef,
    read_leef,
)
from exnorm.compare.moments import read_moment
from exnorm.plugins.manager import Plugins

TAXONOMIES = Plugins(discover=False).registry.taxonomies
ARCSIGHT, JSA = Vocabulary(TAXONOMIES["arcsight"]), Vocabulary(TAXONOMIES["jsa"])

HEADERS = (
    "",
    "<134>Sep 21 13:33:20 arc01 ",
    "<134>Sep  1 13:33:20 arc01 CEF-sender: ",
    "Sep 21 13:33:20 arc01.corp.example ",
    "<134>1 2026-09-21T13:33:20.123Z arc01 connector 1234 ID47 - ",
    '<134>1 2026-09-21T13:33:20Z arc01 connector - - [origin ip="10.0.0.1" x="a]b"] \ufeff',
    "2026-09-21T13:33:20+02:00 arc01 arcsight[77]: ",
    "Mar 29 16:02:39 10.204.128.71  2019-03-29T16:02:38+08:00 ",
    "\ufeff",
    "1758461600.000 10.0.0.1 ",
)


@pytest.mark.parametrize("header", HEADERS)
def test_a_line_is_read_behind_every_syslog_header(
    header: str, capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture.wrap = lambda line: header + line
    content = compare(capture, tmp_path, capsys)
    assert (content["verdict"], content["matched"]) == ("same", 10)


def test_octet_counted_frames_without_line_ends_are_read(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        f"<134>1 2026-09-21T13:33:20Z a b - - - {line}"
        for line in map(write_cef, capture.heads, capture.events)
    ]
    (tmp_path / "a.log").write_text(capture.log(), encoding="utf-8", newline="")
    (tmp_path / "t").write_text("".join(f"{len(line.encode())} {line}" for line in lines), encoding="utf-8")
    assert run(["compare", str(tmp_path / "a.log"), "--theirs", str(tmp_path / "t")]) == 0
    assert "events matched: 10 (10 same)" in capsys.readouterr().out


def test_keys_of_the_connector_are_listed_and_not_compared(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pairs in capture.events:
        pairs.update(
            {"art": "1758461600000", "ahost": "arc01", "agt": "10.0.0.1", "av": "8.4", "eventId": "77"}
        )
    content = compare(capture, tmp_path, capsys)
    assert content["verdict"] == "same"
    assert content["set_by_their_connector"] == {"agt": 10, "ahost": 10, "art": 10, "av": 10, "eventId": 10}


@pytest.mark.parametrize(
    "write",
    [
        lambda ms: str(ms),
        lambda ms: f"{ms // 1000}.{ms % 1000:03}",
        lambda ms: f"Sep 21 2026 13:33:{_second(ms)} UTC",
        lambda ms: f"Sep 21 2026 13:33:{_second(ms)} GMT",
        lambda ms: f"Sep 21 2026 15:33:{_second(ms)} CEST",
        lambda ms: f"2026-09-21T13:33:{_second(ms)}Z",
        lambda ms: f"2026-09-21T15:33:{_second(ms)}+02:00",
        lambda ms: f"2026-09-21 13:33:{_second(ms)}",
        lambda ms: f"21/Sep/2026:15:33:{_second(ms)} +0200",
        lambda ms: f"Sep 21, 2026 01:33:{_second(ms)} PM",
        lambda ms: f"Sep 21 13:33:{_second(ms)}",
    ],
)
def test_a_time_is_read_in_every_form(
    write: Any, capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pairs in capture.events:
        pairs["rt"] = write(int(pairs["rt"]))
    content = compare(capture, tmp_path, capsys)
    assert (content["verdict"], content["matched"]) == ("same", 10)


def _second(ms: int) -> str:
    return f"{20 + (ms - ZERO) // 1000:02}.{ms % 1000:03}"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1543358402966", 1543358402966), ("1543358402", 1543358402000), ("1543358402966000", 1543358402966),
        ("Nov 27 2018 22:40:02.966 UTC", 1543358402966), ("2018-11-27T22:40:02.9661234Z", 1543358402966),
        ("27 Nov 2018 22:40:02", 1543358402000), ("27-Nov-2018 10:40:02 PM", 1543358402000),
        ("Nov 27, 2018, 10:40:02 PM", 1543358402000), ("2018/11/27 23:40:02 CET", 1543358402000),
        ("Tue", None), ("", None), ("Nov 31 2018 22:40:02", None), ("Nov 27 2018 22:40:02 IST", None),
        ("9" * 400, None), ("Xyz 27 2018 22:40:02", None),
    ],
)  # fmt: skip
def test_times_are_read_and_what_is_none_is_none(text: str, moment: int | None) -> None:
    assert read_moment(text) == moment


def test_a_line_cut_in_a_key_is_known_and_what_is_missing_is_truncated(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = capture.lines()
    lines[2] = lines[2][: lines[2].index(" cs4Label=") + len(" cs4Lab")]
    (tmp_path / "a.log").write_text(capture.log(), encoding="utf-8", newline="")
    (tmp_path / "t").write_text("\n".join(lines), encoding="utf-8")
    assert run(["compare", str(tmp_path / "a.log"), "--theirs", str(tmp_path / "t"), "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert {kind for _, kind, _ in differences(content)} == {"truncated"}
    assert any("1 of their lines are cut off" in note for note in content["notes"])
    assert content["matched_by_verdict"]["same"] == 9


def test_a_line_of_the_longest_that_a_receiver_takes_is_cut_where_its_last_value_says_so(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = capture.lines()
    assert all(len(line) > 1030 for line in lines)
    lines = [line[:1024] for line in lines]
    (tmp_path / "a.log").write_text(capture.log(), encoding="utf-8", newline="")
    (tmp_path / "t").write_text("\n".join(lines), encoding="utf-8")
    run(["compare", str(tmp_path / "a.log"), "--theirs", str(tmp_path / "t"), "--json"])
    content = json.loads(capsys.readouterr().out)
    assert {kind for _, kind, _ in differences(content)} == {"truncated"}
    assert content["matched"] == 10


def test_a_line_that_is_no_event_is_counted_with_its_reason(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["-- MARK --", "<134>Sep 21 13:33:20 arc01 CEF:0|Microsoft|Exchange", *capture.lines()]
    (tmp_path / "a.log").write_text(capture.log(), encoding="utf-8", newline="")
    (tmp_path / "t").write_text("\n".join(lines), encoding="utf-8")
    assert run(["compare", str(tmp_path / "a.log"), "--theirs", str(tmp_path / "t"), "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["their_lines_not_read"]["reasons"] == {
        "holds neither CEF nor LEEF nor a native payload": 1,
        "is cut off in its header: 1 of 6 parts": 1,
    }
    assert (content["matched"], content["verdict"]) == (10, "same")


# --- CEF -----------------------------------------------------------------------------------------


def seen(line: str, words: Vocabulary = ARCSIGHT) -> Seen:
    found = read_cef(line, words) if "CEF:" in line else read_leef(line, words)
    assert isinstance(found, Seen), found
    return found


def test_escapes_are_taken_off_and_those_that_are_none_stay() -> None:
    found = seen(r"CEF:0|a\|b|c\\d|1|E|n|3|msg=a\=b \\ c\nd suser=CORP\nancy request=x\|y cs1=C:\temp")
    assert found.fields["deviceVendor"] == "a|b"
    assert found.fields["deviceProduct"] == r"c\d"
    assert found.fields["message"] == "a=b \\ c\nd"
    assert found.fields["sourceUserName"] == "CORP\nancy"
    assert found.raw["sourceUserName"] == r"CORP\nancy"
    assert found.fields["requestUrl"] == "x|y"
    assert found.fields["deviceCustomString1"] == r"C:\temp"


def test_a_backslash_that_nobody_escaped_is_told_as_escaping(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for row, pairs in zip(capture.rows, capture.events):
        row["sender-address"] = "CORP\\nancy"
        pairs["suser"] = "CORP\\nancy"
    capture.wrap = lambda line: line.replace("CORP\\\\nancy", "CORP\\nancy")
    assert differences(compare(capture, tmp_path, capsys)) == {("sourceUserName", "escaped", 10)}


def test_text_that_looks_like_a_key_stays_in_its_value_and_unknown_keys_are_additional_data() -> None:
    found = seen("CEF:0|v|p|1|E|n|3|msg=offer code=5 now! suser=a ad.x-y=1 _cefVer=0.1 myOwnKey=2 duser=b  ")
    assert found.fields["message"] == "offer code=5 now!"
    assert found.fields["destinationUserName"] == "b"
    assert found.fields["additional data xy"] == "1"
    assert found.fields["additional data myownkey"] == "2"
    assert found.own == ("_cefVer",)


def test_of_a_key_that_is_there_twice_the_first_counts_and_an_empty_one_is_none() -> None:
    found = seen("CEF:1|v|p|1|E|n|3|src=10.0.0.1 src=6.6.6.6 dst= duser=b")
    assert found.fields["sourceAddress"] == "10.0.0.1"
    assert "destinationAddress" not in found.fields


def test_full_names_and_labels_are_fields_too() -> None:
    found = seen("CEF:0|v|p|1|E|n|3|sourceUserName=a deviceReceiptTime=Nov 27 2018 22:40:02 UTC")
    assert (found.fields["sourceUserName"], found.time) == ("a", 1543358402000)


# --- LEEF ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "LEEF:1.0|Microsoft|Exchange Server|15|SEND|src=10.0.0.1\tusrName=a b\tfoo=1|2",
        "LEEF:2.0|Microsoft|Exchange Server|15|SEND|x09|src=10.0.0.1\tusrName=a b\tfoo=1|2",
        "LEEF:2.0|Microsoft|Exchange Server|15|SEND|0x5E|src=10.0.0.1^usrName=a b^foo=1|2",
        "LEEF:2.0|Microsoft|Exchange Server|15|SEND|^|src=10.0.0.1^usrName=a b^foo=1|2",
        "LEEF:2.0|Microsoft|Exchange Server|15|SEND||src=10.0.0.1\tusrName=a b\tfoo=1|2",
        "LEEF:2.0|Microsoft|Exchange Server|15|SEND|src=10.0.0.1\tusrName=a b\tfoo=1|2",
        "<13>Jan 1 00:00:00 h LEEF:1.0|M|Exchange Server|15|SEND|src=10.0.0.1\\tusrName=a b\\tfoo=1|2",
    ],
)
def test_leef_is_read_with_every_delimiter(line: str) -> None:
    found = seen(line, JSA)
    assert (found.event, found.fields["src"], found.fields["usrName"]) == ("SEND", "10.0.0.1", "a b")
    assert found.fields["additional data foo"] == "1|2"


def test_a_time_of_leef_has_the_form_that_it_names() -> None:
    line = (
        "LEEF:1.0|M|E|1|SEND|devTimeFormat=MMM dd yyyy HH:mm:ss.SSS z\tdevTime=Nov 27 2018 22:40:02.966 UTC"
    )
    assert seen(line, JSA).time == 1543358402966
    assert isinstance(read_leef("LEEF:1.0|M|E", JSA), Unread)


# --- exports -------------------------------------------------------------------------------------

ROW = (
    "2018-11-27T22:40:02.966Z,10.4.11.100,c,192.168.25.195,s,,,SMTP,SENDEXTERNAL,1,<m1@x.test>,n,r@x.test,,7,1,,,"
    "Receipt,a@x.test,a@x.test,,Originating,,,,,Email,,15.01.1261.039"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    from tests.compare.conftest import COLUMNS

    path = tmp_path / "MSGTRK2018112722-1.LOG"
    fields = ",".join(COLUMNS)
    path.write_text(
        f"#Log-type: Message Tracking Log\r\n#Fields: {fields}\r\n{ROW}\r\n", encoding="utf-8", newline=""
    )
    return path


def hold(log: Path, text: str, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    theirs = log.parent / "theirs"
    theirs.write_text(text, encoding="utf-8", newline="")
    capsys.readouterr()
    status = run(["compare", str(log), "--theirs", str(theirs), "--json", *options])
    captured = capsys.readouterr()
    assert status in (0, 1), captured.err
    content: dict[str, Any] = json.loads(captured.out)
    return content


EXPORT = (
    '"Event Name","Log Source","Event Count","Time","Event ID","Source IP","Source Port","Destination IP",'
    '"Username"\r\n'
    '"Mail sent","EX01","1","Nov 27, 2018, 10:40:02 PM","SENDEXTERNAL","10.4.11.100","0","10.9.9.9","N/A"\r\n'
)


def test_a_csv_of_jsa_is_held_against_its_normalized_fields_only(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = hold(log, EXPORT, capsys)
    assert (content["format"], content["taxonomy"], content["matched"]) == ("csv", "jsa", 1)
    told = {(name, kind) for name, kind, _ in differences(content)}
    assert ("dst", "value differs") in told
    assert ("usrName", "only ours") in told  # N/A is nothing
    assert told == {("dst", "value differs"), ("usrName", "only ours")}
    assert "additional data client-hostname" in content["not_in_their_export"]
    assert content["set_by_their_connector"] == {
        "Event Count": 1,
        "Event Name": 1,
        "Log Source": 1,
        "Time": 1,
    }


def test_a_json_of_jsa_is_read_in_every_frame(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = {
        "starttime": 1543358402966, "qid": 1, "eventid": "SENDEXTERNAL", "sourceip": "10.4.11.100",
        "destinationip": "192.168.25.195", "username": "r@x.test",
    }  # fmt: skip
    one = json.dumps(event)
    for text in (one, f"[{one}]", json.dumps({"events": [event]}, indent=2), f"{one}\n{one[:40]}\n"):
        content = hold(log, text, capsys, "--taxonomy", "jsa")
        told = {(name, kind) for name, kind, _ in differences(content)}
        assert content["matched"] == 1
        assert told == set()
        assert "messageSubject (messageSubject)" in content["not_in_their_export"]


def test_a_payload_in_an_export_helps_to_match_and_its_fields_are_compared_where_nothing_else_is(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    native = f"AgentDevice=WindowsExchange\tAgentLogFile={log.name}\tAgentLogFormat=MSGTRK\t" + "\t".join(
        f"{name}={value}" for name, value in zip(_columns(log), ROW.split(","))
    )
    wrapped = json.dumps({"message": f"<13>Nov 27 22:40:03 h {native}"})
    content = hold(log, wrapped, capsys, "--taxonomy", "jsa")
    assert content["matched"] == 1
    export = json.dumps({"qid": 1, "username": "R@x.test", "sourceip": "10.4.11.100", "payload": native})
    content = hold(log, export, capsys, "--taxonomy", "jsa")
    assert content["matched"] == 1
    assert ("usrName", "case", 1) in differences(content)


def _columns(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").split("#Fields: ")[1].splitlines()[0].split(",")


def test_a_native_payload_is_held_against_the_columns_of_the_log(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = dict(zip(_columns(log), ROW.split(",")))
    values["message-subject"] = "receipt"
    values["server-hostname"] = "s.x.test"
    line = f"<13>Nov 27 22:40:03 h SourceIp=10.1.1.1\tAgentDevice=WindowsExchange\tAgentLogFile={log.name}\t"
    line += "AgentLogFormat=MSGTRK\t" + "\t".join(f"{name}={value}" for name, value in values.items())
    content = hold(log, line + "\n" + line[: len(line) // 2] + "\n", capsys)
    assert (content["format"], content["matched"]) == ("wincollect", 1)
    assert differences(content) == {("message-subject", "case", 1), ("server-hostname", "domain", 1)}
    assert content["their_lines_not_read"]["count"] == 1


def test_names_of_logstash_in_ecs_and_nested_objects_are_fields() -> None:
    reader = Reader("json", ARCSIGHT, lambda line: ())
    found = reader.read_object(
        {"@timestamp": "2018-11-27T22:40:02.966Z", "source": {"ip": "10.0.0.1", "user": {"name": "a"}},
         "event": {"code": "SEND"}, "tags": ["x"]}
    )  # fmt: skip
    assert isinstance(found, Seen)
    assert (found.fields["sourceAddress"], found.fields["sourceUserName"], found.event) == (
        "10.0.0.1",
        "a",
        "SEND",
    )


def test_objects_are_cut_out_of_a_document_wherever_its_blocks_end() -> None:
    objects = ['{"a":"}{\\"[","b":{"c":[{"d":1}]}}', '{"a":2}', '{"e":"\\\\"}']
    for text in (f"[{','.join(objects)}]", f'{{"events" : [ {", ".join(objects)} ]}}', "\n".join(objects)):
        for size in (1, 2, 3, 7, 1000):
            if size < 20 and text.startswith('{"events"'):
                continue  # the first block is never that small
            pieces = [text[at : at + size] for at in range(0, len(text), size)]
            assert list(cut_objects(pieces)) == objects


def test_a_row_of_csv_that_is_too_wide_is_told_and_other_separators_are_seen() -> None:
    rows = list(cut_rows(['a;b;"c"\n', '1;"2;3";4\n', "1;2\n", '"x\n', 'y";2;3\n']))
    assert rows[0] == {"a": "1", "b": "2;3", "c": "4"}
    assert isinstance(rows[1], Unread)
    assert rows[2] == {"a": "x\ny", "b": "2", "c": "3"}


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("<1>x CEF:0|a|b|c|d|e|1|msg=LEEF:1.0|", "cef"), ("h LEEF:2.0|a|b|c|d|^|x=CEF:0|", "leef"),
        ("SourceIp=1\tAgentDevice=W\t", "wincollect"), ('{"a": 1}', "json"), ("[\n{", "json"),
        ("a,b\n1,2", "csv"), ("hello", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_format_is_found_from_the_first_lines(text: str, shape: str) -> None:
    assert find_format(text) == shape


# --- LEEF, by hand from the guide's reading ------------------------------------------------------

BY_HAND = (
    "LEEF:2.0|Microsoft|Exchange Server|15.01.1261.039|SENDEXTERNAL|x09|devTime=1543358402966\t"
    "src=10.4.11.100\tdst=192.168.25.195\tusrName=r@x.test\tcat=Mail Closed\tsev=1\tsrcBytes=7\t"
    "senderAddress=a@x.test\trecipientAddress=r@x.test\tmessageSubject=Receipt\tmessageId=<m1@x.test>\t"
    "networkMessageId=n\tclientHostname=c\tserverHostname=s\tsource=SMTP\tinternalMessageId=1\t"
    "recipientCount=1\treturnPath=a@x.test\tdirectionality=Originating\ttransportTrafficType=Email\t"
    "schemaVersion=15.01.1261.039"
)


def test_an_event_in_leef_that_follows_the_guide_is_the_same(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = hold(log, f"<13>Nov 27 22:40:03 jsa {BY_HAND}\n", capsys)
    assert (content["taxonomy"], content["verdict"], content["matched"]) == ("jsa", "same", 1)


@pytest.mark.parametrize(
    ("before", "after", "name", "kind", "rule"),
    [
        ("usrName=r@x.test", "usrName=r", "usrName", "domain", "recipient-address"),
        ("usrName=r@x.test", "usrName=a@x.test", "usrName", "value differs", "recipient-address"),
        ("src=10.4.11.100", "src=192.168.25.195", "src", "value differs", "client-ip"),
        ("\tdst=192.168.25.195", "", "dst", "only ours", "server-ip"),
        ("devTime=1543358402966", "devTime=1543362002966", "devTime", "time zone", "date-time"),
        ("devTime=1543358402966", "devTime=Nov 27 2018 22:40:02", "devTime", "milliseconds", "date-time"),
        ("cat=Mail Closed", "cat=Mail Queued", "cat", "value differs", "our category of the event"),
        ("sev=1", "sev=5", "sev", "value differs", "our severity of the event"),
        ("|SENDEXTERNAL|", "|sendexternal|", "eventId", "case", "event-id"),
        (
            "messageSubject=Receipt",
            "messageSubject=&quot;Receipt&quot;",
            "messageSubject",
            "escaped",
            "message-subject",
        ),
        ("clientHostname=c", "clientHostname=C", "additional data clienthostname", "case", "client-hostname"),
        ("\tsource=SMTP", "\tsource=SMTP\tproto=TCP", "proto", "only theirs", "has no row for proto"),
    ],
)
def test_a_difference_planted_in_leef_is_found_and_no_other(
    log: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, name: str, kind: str, rule: str
) -> None:
    assert before in BY_HAND
    content = hold(log, BY_HAND.replace(before, after), capsys)
    assert differences(content) == {(name, kind, 1)}
    told = [found for one in content["fields"] for found in one["differences"]]
    assert rule in told[0]["why"]
