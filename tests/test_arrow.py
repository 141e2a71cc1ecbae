from __future__ import annotations

import datetime
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from exnorm import Normalizer, SettingsError

pa = pytest.importorskip("pyarrow", reason="needs exnorm[arrow]")

from exnorm.arrow import BatchNormalizer, normalize_batch  # noqa: E402

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
