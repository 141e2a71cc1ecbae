"""Lines behind syslog headers, and logs in other encodings, on every way in."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import msgpack
import pytest

from exnorm import Normalizer, SettingsError
from exnorm.cli import run
from exnorm.fluentbit import ChunkFilter
from exnorm.logstash import EventNormalizer, JSONCodec
from exnorm.pipeline.relayed import HOST
from exnorm.text.syslog import cut_frames, find_header

FIELDS = "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
SHORT = FIELDS.replace(",data,context", ",context,data")  # another order, as of another server
ROW = "2026-03-17T09:00:01.000Z,In,08DE77AA00000001,1,192.0.2.40:25,198.51.100.77:40112,<,QUIT,"
SHORT_ROW = "2026-03-17T09:00:01.000Z,In,08DE77AA00000001,1,192.0.2.40:25,198.51.100.77:40112,<,,QUIT"

HEADERS = [
    ("<13>Mar 17 08:01:05 EX40 MSExchange: ", "EX40", "MSExchange"),
    ("<13>Mar  7 08:01:05 ex40.example.test MSExchange[4711]: ", "ex40.example.test", "MSExchange"),
    ("<13>Mar 17 08:01:05 192.0.2.40 ", "192.0.2.40", ""),
    ("<13>Mar 17 2026 08:01:05 EX40 app: ", "EX40", "app"),
    ("Mar 17 08:01:05 EX40 MSExchange: ", "EX40", "MSExchange"),
    ("2026-03-17T08:01:05.123456+01:00 EX40 MSExchange: ", "EX40", "MSExchange"),
    ("<134>1 2026-03-17T10:00:02Z EX40 iis - - - ", "EX40", "iis"),
    ('<134>1 2026-03-17T10:00:02.003Z EX40 iis 12 ID7 [a@1 b="c \\"]\\" d"][e] \ufeff', "EX40", "iis"),
    ("<134>1 - EX40 - - - - ", "EX40", "-"),
]


@pytest.mark.parametrize("content", [ROW, f"#Fields: {FIELDS}", "Software: Microsoft Exchange Server"])
@pytest.mark.parametrize(("header", "host", "app"), HEADERS, ids=[header for header, _, _ in HEADERS])
def test_a_header_is_found_with_its_sender(header: str, host: str, app: str, content: str) -> None:
    octets = f"{len((header + content).encode())} " if header.startswith("<") else ""
    for count in ("", octets):
        found = find_header(count + header + content)
        assert found == (count + header, host, app)


@pytest.mark.parametrize(
    "line", [ROW, f"#Fields: {FIELDS}", "2026-03-17 10:00:01 192.0.2.40 GET /owa/ - 443", "", "<13>"]
)
def test_lines_of_logs_have_none(line: str) -> None:
    assert find_header(line) is None


def test_messages_with_octet_counts_may_follow_each_other_on_one_line() -> None:
    messages = [f"<13>1 - EX40 x - - - {text}" for text in ("one", "zwölf", "#three")]
    line = "".join(f"{len(message.encode())} {message}" for message in messages)
    assert [frame.partition("- - - ")[2] for frame in cut_frames(line)] == ["one", "zwölf", "#three"]


def relayed() -> list[str]:
    """Two senders' logs, mixed; their columns have another order."""
    one, other = "<13>Mar 17 08:01:05 EX40 mail: ", "<13>1 2026-03-17T08:01:05Z EX41 mail - - - "
    kind = "#Log-type: SMTP Receive Protocol Log"
    return [
        one + kind, other + kind, one + f"#Fields: {FIELDS}", other + f"#Fields: {SHORT}",
        one + ROW, other + SHORT_ROW, one + ROW, other + "2026-03-17T09:00:02.000Z,torn",
    ]  # fmt: skip


def by_library(lines: list[str], **settings: Any) -> list[Any]:
    normalizer = Normalizer(format="json", fields="key", discover_plugins=False, **settings)
    return [
        json.loads(line) for line in normalizer.encode("\n".join(lines).encode(), normalizer.stream("r.log"))
    ]


def by_command(lines: list[str], tmp_path: Path, *options: str) -> list[Any]:
    (tmp_path / "r.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = tmp_path / "out"
    run(["convert", str(tmp_path / "r.log"), "-o", str(out), "--format", "json", "--fields", "key", *options])
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


def by_filter(lines: list[Any], **settings: Any) -> list[Any]:
    chunks = ChunkFilter.from_names({"fields": "key", **settings})
    now = msgpack.ExtType(0, struct.pack(">II", 1_700_000_000, 5))
    records = [msgpack.packb([[now, {}], {"log": line, "filename": "/r.log"}]) for line in lines]
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, timestamp=0)
    unpacker.feed(chunks.filter("t", b"".join(records)))
    return [record for _, record in unpacker]


def by_logstash(lines: list[str], **settings: Any) -> list[Any]:
    normalizer = Normalizer(format="json", fields="key", discover_plugins=False, **settings)
    events = EventNormalizer(normalizer)
    return [event for line in lines for event in events.normalize({"message": line, "filename": "/r.log"})]


@pytest.mark.parametrize("way", ["library", "command", "filter", "logstash"])
def test_each_senders_lines_are_a_log_of_their_own_and_keep_their_sender(way: str, tmp_path: Path) -> None:
    ways = {
        "library": lambda: by_library(relayed(), strip_syslog=True),
        "command": lambda: by_command(relayed(), tmp_path, "--strip-syslog"),
        "filter": lambda: by_filter(relayed(), strip_syslog="on"),
        "logstash": lambda: by_logstash(relayed(), strip_syslog=True),
    }
    *found, torn = ways[way]()
    assert [event["deviceEventClassId"] for event in found] == ["QUIT"] * 3
    assert [event["additionalData"][HOST] for event in found] == ["EX40", "EX41", "EX40"]
    assert torn["tags"] == ["_exnormparsefailure"]
    assert torn["log" if way == "filter" else "message"] == relayed()[-1]


@pytest.mark.parametrize("way", ["library", "command", "filter", "logstash"])
def test_without_the_setting_the_reason_says_syslog(way: str, tmp_path: Path) -> None:
    ways = {
        "library": lambda: by_library(relayed()),
        "command": lambda: by_command(relayed(), tmp_path, "--source", "smtp_protocol"),
        "filter": lambda: by_filter(relayed()),
        "logstash": lambda: by_logstash(relayed(), source="smtp_protocol"),
    }
    found = ways[way]()
    assert len(found) == len(relayed())
    assert all("syslog header" in event["error"]["reason"] for event in found)


# --- encodings -----------------------------------------------------------------------------------

TRACKING = "#Fields: date-time,event-id,message-subject,recipient-address,recipient-status,sender-address"
SUBJECTS = {"CP1252": "Größe – é", "Shift_JIS": "表計算ソ", "UTF-16LE": "Größe", "latin1": "Größe"}


def in_encoding(name: str) -> bytes:
    rows = f"2018-11-27T22:40:02.966Z,SEND,{SUBJECTS[name]},a@x.test,,b@x.test"
    text = f"#Log-type: Message Tracking Log\n{TRACKING}\n{rows}\n"
    return text.encode(name)


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("pieces", [1, 5, 1000])
def test_a_log_in_another_encoding_is_read_in_blocks_of_any_size(name: str, pieces: int) -> None:
    normalizer = Normalizer(format="json", discover_plugins=False, encoding=name)
    stream, content, written = normalizer.stream(), in_encoding(name), []
    for at in range(0, len(content), pieces):
        normalizer.encode_block(content[at : at + pieces], stream, lambda made: written.append(bytes(made)))
    assert [json.loads(line)["message"] for line in b"".join(written).splitlines()] == [SUBJECTS[name]]


@pytest.mark.parametrize("name", ["CP1252", "Shift_JIS", "latin1"])
def test_lines_in_another_encoding_are_read_by_library_filter_and_codec(name: str) -> None:
    lines = in_encoding(name).splitlines(keepends=True)
    normalizer = Normalizer(format="json", fields="key", discover_plugins=False, encoding=name)
    assert [json.loads(p)["msg"] for p in normalizer.encode(lines)] == [SUBJECTS[name]]
    assert [event["msg"] for event in by_filter(lines, encoding=name)] == [SUBJECTS[name]]
    codec = JSONCodec(Normalizer(format="json", fields="key", discover_plugins=False, encoding=name))
    assert [event["msg"] for event in codec.decode(b"".join(lines)) + codec.flush()] == [SUBJECTS[name]]


def test_a_line_that_is_not_in_its_encoding_is_counted_with_a_reason_that_names_it() -> None:
    bad = in_encoding("CP1252").splitlines(keepends=True)
    bad[2] = bad[2].replace(b"Gr", b"\x81")  # CP1252 has no such character
    normalizer = Normalizer(format="json", discover_plugins=False, encoding="CP1252")
    reasons = [json.loads(p)["error"]["reason"] for p in normalizer.encode(bad)]
    reasons += [json.loads(p)["error"]["reason"] for p in normalizer.encode(b"".join(bad))]
    assert [reason.startswith("not cp1252 at ") for reason in reasons] == [True, True]
    assert dict(normalizer.counts.unparsed) == {"encoding": 2}


def test_text_is_no_bytes_and_a_byte_order_mark_wins() -> None:
    text = in_encoding("CP1252").decode("cp1252")
    normalizer = Normalizer(format="json", discover_plugins=False, encoding="CP1252")
    for given in (text, text.splitlines(), b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16")):
        assert [json.loads(p)["message"] for p in normalizer.encode(given)] == [SUBJECTS["CP1252"]]


def test_a_wrong_name_is_refused_with_the_nearest_right_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match=r"^encoding: got .CP1253x.*CP1253"):
        Normalizer(encoding="CP1253x")
    (tmp_path / "a.log").write_bytes(b"x")
    assert run(["convert", str(tmp_path / "a.log"), "--encoding", "Shift_JS"]) == 2
    assert "Shift_JIS" in capsys.readouterr().err
