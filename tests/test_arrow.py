from __future__ import annotations

import datetime
import json
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
from tracking_rows import make_rows

from exnorm import Normalizer, SettingsError
from exnorm.identity import exnorm_id
from exnorm.model import Unparsed
from exnorm.sources.message_tracking import COLUMNS_2016

pa = pytest.importorskip("pyarrow", reason="needs exnorm[arrow]")

from exnorm.arrow import BatchNormalizer, make_arrays, normalize_batch  # noqa: E402
from exnorm.tabular import Row  # noqa: E402

SAMPLE = Path(__file__).parents[1] / "examples" / "MSGTRK2018112722-1.LOG"
LINES = SAMPLE.read_bytes().split(b"\n")[:-1]
FIELDS = LINES[4].decode().strip()


def batch(lines: list[Any], **columns: Any) -> Any:
    return pa.record_batch({"line": pa.array(lines), **columns})


def test_one_row_in_is_one_row_out_in_order() -> None:
    rows = normalize_batch(batch(LINES)).to_pylist()
    assert [row["status"] for row in rows] == ["header"] * 5 + ["ok"] * 4
    assert [row["event_id"] for row in rows[5:]] == ["SENDEXTERNAL", "RECEIVE", "DELIVER", "FAIL"]


def test_the_payloads_are_those_of_convert() -> None:
    normalizer = Normalizer(taxonomy="jsa")
    expected = [payload.decode() for payload in normalizer.encode(LINES, normalizer.stream(str(SAMPLE)))]
    out = BatchNormalizer(taxonomy="jsa")(batch(LINES, path=pa.array([str(SAMPLE)] * len(LINES))))
    assert [row["payload"] for row in out.to_pylist() if row["status"] == "ok"] == expected


def test_the_event_time_is_the_rows_own() -> None:
    row = normalize_batch(batch(LINES)).to_pylist()[5]
    utc = datetime.timezone.utc
    assert row["event_time"] == datetime.datetime(2018, 11, 27, 22, 40, 2, 966_000, tzinfo=utc)


def test_the_id_is_that_of_the_json_format() -> None:
    normalizer = Normalizer(format="json")
    stream = normalizer.stream("folder/MSGTRK1.LOG")
    expected = [json.loads(payload)["exnorm_id"] for payload in normalizer.encode(LINES, stream)]
    out = normalize_batch(batch(LINES, path=pa.array(["other/MSGTRK1.LOG"] * len(LINES))))
    assert [row["exnorm_id"] for row in out.to_pylist()[5:]] == expected


def test_a_batch_from_mid_file_is_read_by_the_schema_that_comes_with_it() -> None:
    rows = LINES[6:8]
    out = normalize_batch(batch(rows, schema=pa.array([FIELDS] * 2))).to_pylist()
    assert [row["event_id"] for row in out] == ["RECEIVE", "DELIVER"]


def test_rows_of_two_logs_in_one_batch_keep_their_own_columns() -> None:
    short = "2018-11-28T00:00:00.000Z,SEND,10.0.0.9"
    schemas = pa.array(["date-time,event-id,client-ip", FIELDS, "date-time,event-id,client-ip"])
    paths = pa.array(["MSGTRK2018112800-1.LOG", "a.LOG", "MSGTRK2018112800-1.LOG"])
    out = normalize_batch(batch([short, LINES[5].decode(), short], path=paths, schema=schemas)).to_pylist()
    assert [row["event_id"] for row in out] == ["SEND", "SENDEXTERNAL", "SEND"]


def test_what_does_not_parse_has_its_reason_and_the_next_row_is_unharmed() -> None:
    out = normalize_batch(batch(["too,short", LINES[5].decode()], schema=pa.array([FIELDS] * 2))).to_pylist()
    assert (out[0]["status"], out[0]["reason"]) == ("unparsed", "row has 2 fields; #Fields names 30")
    assert out[1]["status"] == "ok"


def test_what_a_profile_leaves_out_is_a_row_too() -> None:
    out = BatchNormalizer(profile="security")(batch(LINES)).to_pylist()
    assert [row["status"] for row in out[5:]] == ["ok", "ok", "dropped", "ok"]


def test_fields_can_come_out_instead_of_the_line() -> None:
    row = BatchNormalizer(output="fields")(batch(LINES)).to_pylist()[5]
    assert dict(row["fields"])["destinationAddress"] == "10.4.11.100"
    assert "payload" not in row


def test_fields_are_a_struct_with_the_types_of_the_taxonomy() -> None:
    out = BatchNormalizer(output="fields")(batch(LINES))
    kind = out.schema.field("fields").type
    assert kind.field("bytesOut").type == pa.int64()
    assert kind.field("deviceReceiptTime").type == pa.int64()
    assert kind.field("destinationAddress").type == pa.string()
    fields = out.to_pylist()[5]["fields"]
    assert (fields["bytesOut"], fields["deviceReceiptTime"]) == (7249, 1543358402966)
    assert fields["sourceHostName"] is None
    assert dict(fields["additionalData"])["transport-traffic-type"] == "Email"
    assert out.to_pylist()[0]["fields"] is None  # a header line


def test_what_a_plugin_put_into_an_event_and_no_column_can_hold_is_additional_data() -> None:
    payload = b'{"bytesOut":"many","site":"north","name":7,"severity":3,"additionalData":{"a":"b"}}'
    row = Row(0, "SEND", payload, "ok", None, "0" * 32)
    plain = row._replace(payload=b'{"bytesOut":1,"name":"x"}')
    made = make_arrays([row, plain], "fields", Normalizer(format="json"))[2].to_pylist()
    assert (made[0]["bytesOut"], made[0]["name"], made[0]["severity"]) == (None, None, 3)
    assert sorted(made[0]["additionalData"]) == [
        ("a", "b"), ("bytesOut", "many"), ("name", "7"), ("site", "north"),
    ]  # fmt: skip
    assert (made[1]["bytesOut"], made[1]["name"], made[1]["additionalData"]) == (1, "x", [])


def test_a_line_that_does_not_parse_has_a_payload_where_the_format_can_say_so() -> None:
    lines = batch(["too,short"], schema=pa.array([FIELDS]))
    (row,) = BatchNormalizer(format="json")(lines).to_pylist()
    assert json.loads(row["payload"]) == {
        "message": "too,short",
        "tags": ["_exnormparsefailure"],
        "error": {"reason": "row has 2 fields; #Fields names 30"},
    }
    assert normalize_batch(lines).to_pylist()[0]["payload"] is None


def test_the_schema_may_be_the_whole_header() -> None:
    header = "\n".join(
        (
            "#Software: Microsoft Exchange Server",
            "#Version: 8.03.0083.000",
            "#Log-type: Message Tracking Log",
            "#Fields: date-time,event-id,client-ip",
        )
    )
    row = batch(["2018-11-28T00:00:00.000Z,SEND,10.0.0.9"], schema=pa.array([header]))
    assert (
        normalize_batch(row)
        .to_pylist()[0]["payload"]
        .startswith("CEF:0|Microsoft|Exchange Server|8.03.0083.000|SEND|")
    )


# --- generated code and row by row -----------------------------------------------------------------

OTHER_FIELDS = "date-time,event-id,client-ip,message-subject"
ODD = [
    b"", b"#Date: 2026-01-01T00:00:00.000Z", b"too,short", b'2026-01-01T00:00:00.000Z,"open',
    b"2026-01-01T00:00:00.000Z,SEND,10.0.0.9,caf\xc3\xa9\r", b"2026-01-01T00:00:00.000Z,SEND,10.0.0.9,\xff",
    b"2026-01-01T00:00:00.000Z,send,10.0.0.9,lower\r\n", b"no date,SEND,10.0.0.9,x",
    b'2026-01-01T00:00:00.000Z,"SEND",10.0.0.9,"a ""quote"", and a comma"',
    b"2026-01-01T00:00:00.5Z,SEND,10.0.0.9,a\nb", b"2026-01-01T00:00:00.000Z,,10.0.0.9,no event",
    b"2026-01-01T00:00:00.000Z,SEND,10.0.0.9,nul\0", b"2026-01-01T00:00:00.000Z,SEND,10.0.0.9,cr\r\r",
]  # fmt: skip


def mixed_lines() -> list[tuple[bytes, str, str]]:
    """Rows of two logs in turn, odd ones among them: line, path, schema."""
    long = [(row.encode(), "ex01/MSGTRK2026010100-1.LOG", ",".join(COLUMNS_2016)) for row in make_rows(250)]
    short = [
        (b"2026-01-01T00:00:00.%03dZ,RECEIVE,10.0.0.1,s" % n, "ex02/MSGTRK2026010100-1.LOG", OTHER_FIELDS)
        for n in range(100)
    ]
    short += [(line, "ex02/MSGTRK2026010100-1.LOG", OTHER_FIELDS) for line in ODD]
    short += [(line, "ex02/MSGTRK2026010100-1.LOG", OTHER_FIELDS) for line in reversed(ODD)]
    mixed = long + short
    random.Random(9).shuffle(mixed)
    return mixed


def read_row_by_row(lines: list[tuple[bytes, str, str]], **settings: Any) -> list[tuple[Any, ...]]:
    """What one line after the other comes to: status, time, event id, payload, exnorm_id, reason."""
    normalizer = Normalizer(**settings)
    streams: dict[tuple[str, str], Any] = {}
    found: list[tuple[Any, ...]] = []
    for line, path, schema in lines:
        if (path, schema) not in streams:
            streams[path, schema] = normalizer.stream(path)
            streams[path, schema].read(f"#Fields: {schema}")
        items = list(normalizer.parse([line], streams[path, schema]))
        events = [event for item in items for event in normalizer.normalize_item(item)]
        if not events:
            found.append(("dropped" if items else "header", None, None, None, None, None))
            continue
        (event,) = events
        payload = normalizer.encode_item(event)
        text = None if payload is None else payload.decode()
        if isinstance(event, Unparsed):
            found.append(("unparsed", None, None, text, None, event.reason))
        else:
            record = event.record
            found.append(("ok", record.time, record.event_id, text, exnorm_id(record), None))
    return found


@pytest.mark.parametrize(
    "settings",
    [{}, {"taxonomy": "jsa"}, {"format": "json"}, {"profile": "security"}, {"on_error": "skip"}],
    ids=str,
)
@pytest.mark.parametrize("kernel", ["0", "1"])
def test_a_batch_through_generated_code_is_what_row_by_row_gives(
    settings: dict[str, Any], kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXNORM_KERNEL", kernel)
    lines = [line for line in mixed_lines() if b"\n" not in line[0]]  # a batch takes one row a line
    one, path, schema = zip(*lines)
    given = batch(list(one), path=pa.array(path).dictionary_encode(), schema=pa.array(schema))
    made = BatchNormalizer(**settings, max_line_bytes=1_000_000 + int(kernel))(given)
    assert made.column("status").to_pylist().count("unparsed") == (0 if "on_error" in settings else 8)
    times = made.column("event_time").cast(pa.int64()).to_pylist()
    assert [
        (row["status"], None if time is None else time // 1000, row["event_id"], row["payload"],
         row["exnorm_id"], row["reason"])
        for row, time in zip(made.to_pylist(), times)
    ] == read_row_by_row(lines, **settings)  # fmt: skip


def test_plain_rows_are_not_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    parse = Normalizer.parse

    def spy(self: Normalizer, lines: Any, stream: Any) -> Any:
        read.extend(lines)
        return parse(self, lines, stream)

    monkeypatch.setattr(Normalizer, "parse", spy)
    rows = [row.encode() for row in make_rows(500)]
    out = BatchNormalizer(max_line_bytes=2_000_000)(
        batch(rows, schema=pa.array([",".join(COLUMNS_2016)] * len(rows)))
    )
    assert set(out.column("status").to_pylist()) == {"ok"}
    assert len(read) < 50  # the first, and those with a value that must be cut


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()], ids=str)
def test_lines_may_be_text_or_bytes(kind: Any) -> None:
    lines = pa.array([line.decode("utf-8-sig") for line in LINES]).cast(kind)
    assert normalize_batch(batch(lines)).column("status").to_pylist() == ["header"] * 5 + ["ok"] * 4


def test_lines_of_another_type_are_refused() -> None:
    with pytest.raises(SettingsError, match="column 'line' is of int64; expected string or binary"):
        normalize_batch(batch([1]))


def test_a_process_with_other_plugins_refuses_to_work() -> None:
    normalize = BatchNormalizer().pinned()
    assert normalize(batch(LINES)).num_rows == len(LINES)
    recipe = pickle.loads(pickle.dumps(normalize.recipe))
    recipe.plugins = {**recipe.plugins, "noise": "exnorm-noise 0.1.0"}
    with pytest.raises(SettingsError, match=r"plugins: this process has .*; expected .*noise \(exnorm-noise"):
        recipe.normalizer  # noqa: B018


def test_path_and_offset_are_passed_on_as_they_came() -> None:
    out = normalize_batch(batch(["x"], path=pa.array(["a"]), offset=pa.array([7], pa.int64()))).to_pylist()
    assert (out[0]["path"], out[0]["offset"]) == ("a", 7)


def test_an_empty_batch_gives_an_empty_batch_with_the_same_columns() -> None:
    out = normalize_batch(batch(pa.array([], pa.string())))
    assert (out.num_rows, out.schema.names[-1]) == (0, "exnorm_id")


def test_a_null_line_is_a_blank_one() -> None:
    assert normalize_batch(batch(pa.array([None], pa.string()))).to_pylist()[0]["status"] == "header"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"per_recipient": True}, "per_recipient: cannot be used here"),
        ({"output": "struct"}, "expected line or fields"),
        ({"profil": "security"}, "did you mean 'profile'?"),
        ({"output": "fields", "format": "cef"}, "format: got 'cef'; output fields knows json only"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace("?", r"\?")):
        BatchNormalizer(**settings)


def test_a_batch_without_lines_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="no column 'line'; got text"):
        normalize_batch(pa.record_batch({"text": pa.array(["x"])}))


def test_it_can_be_sent_to_another_process() -> None:
    copy = pickle.loads(pickle.dumps(BatchNormalizer(profile="security")))
    assert copy(batch(LINES)).to_pylist()[7]["status"] == "dropped"
