from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from exnorm import Event, hookimpl
from exnorm.errors import quote

if TYPE_CHECKING:
    from tests.cli.conftest import Exnorm

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "MSGTRK2018112722-1.LOG"
HEADER = "".join(line.decode("utf-8-sig") for line in SAMPLE.read_bytes().splitlines(keepends=True)[:5])
ROWS = SAMPLE.read_text(encoding="utf-8-sig").split("\n")[5:9]
BAD_ROW = "2018-11-27T22:40:02.966Z,too,short"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A good row, a row that is too short on line 7, a good row."""
    path = tmp_path / "MSGTRK2018112722-2.LOG"
    path.write_text("".join([HEADER, ROWS[0] + "\n", BAD_ROW + "\n", ROWS[1] + "\n"]), newline="")
    return path


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "exnorm", *(str(argument) for argument in arguments)]


# --- what comes out ------------------------------------------------------------------------------


def test_each_row_of_the_sample_is_one_cef_line_in_input_order(exnorm: Exnorm) -> None:
    result = exnorm("convert", SAMPLE)
    assert result.status == 0
    events = [line.split(b"|")[4] for line in result.lines]
    assert events == [b"SENDEXTERNAL", b"RECEIVE", b"DELIVER", b"FAIL"]


@pytest.mark.parametrize(
    ("options", "beginning"),
    [
        ((), b"CEF:0|Microsoft|Exchange Server|15.01.1261.039|SENDEXTERNAL|"),
        (("--cef", 1), b"CEF:1|Microsoft|Exchange Server|15.01.1261.039|SENDEXTERNAL|"),
        (("--taxonomy", "jsa"), b"LEEF:2.0|Microsoft|Exchange Server|15.01.1261.039|SENDEXTERNAL|x09|"),
        (
            ("--taxonomy", "jsa", "--leef", 1),
            b"LEEF:1.0|Microsoft|Exchange Server|15.01.1261.039|SENDEXTERNAL|usrName=",
        ),
        (
            ("--taxonomy", "jsa", "--format", "wincollect", "--source-ip", "10.91.5.110"),
            b"SourceIp=10.91.5.110\tAgentDevice=WindowsExchange\tAgentLogFile=MSGTRK2018112722-1.LOG"
            b"\tAgentLogFormat=MSGTRK\tdate-time=2018-11-27T22:40:02.966Z\t",
        ),
        (
            ("--taxonomy", "jsa", "--format", "wincollect"),
            b"AgentDevice=WindowsExchange\tAgentLogFile=MSGTRK2018112722-1.LOG\t",
        ),
        (("--format", "json"), b'{"@timestamp":"2018-11-27T22:40:02.966Z","bytesOut":7249,'),
    ],
)
def test_every_format_begins_as_its_description_says(
    exnorm: Exnorm, options: Sequence[object], beginning: bytes
) -> None:
    result = exnorm("convert", SAMPLE, *options)
    assert result.status == 0
    assert result.lines[0].startswith(beginning)
    assert len(result.lines) == 4


def test_json_full_has_the_names_and_types_of_the_contract(exnorm: Exnorm) -> None:
    event = json.loads(exnorm("convert", SAMPLE, "--format", "json").lines[0])
    assert event["@timestamp"] == "2018-11-27T22:40:02.966Z"
    # 2018-11-27T22:40:02Z is 1543358402 seconds after 1970 (date -u -d ... +%s), and 966 ms
    assert event["deviceReceiptTime"] == 1543358402966
    assert event["destinationAddress"] == "10.4.11.100"
    assert event["deviceCustomString1Label"] == "Internal Message ID"
    assert event["deviceEventClassId"] == event["name"] == "SENDEXTERNAL"
    assert event["additionalData"]["log-id"] == "755ab09c-9c04-44aa-8b07-08d654b94568"
    assert len(event["exnorm_id"]) == 32
    assert "sourceAddress" not in event


def test_json_for_jsa_has_leef_names_and_the_event_id(exnorm: Exnorm) -> None:
    event = json.loads(exnorm("convert", SAMPLE, "--taxonomy", "jsa", "--format", "json").lines[0])
    assert event["eventId"] == "SENDEXTERNAL"
    assert (event["src"], event["dst"]) == ("10.4.11.100", "192.168.25.195")
    assert event["usrName"] == event["recipientAddress"] == "admin3@qradar.domain.test"
    assert event["senderAddress"] == "admin1@qradar.domain.test"


def test_username_sender_keeps_both_addresses(exnorm: Exnorm) -> None:
    options = ("--taxonomy", "jsa", "--format", "json", "--username", "sender")
    event = json.loads(exnorm("convert", SAMPLE, *options).lines[0])
    assert event["usrName"] == "admin1@qradar.domain.test"
    assert event["recipientAddress"] == "admin3@qradar.domain.test"


def test_a_pinned_mapping_is_used_whatever_the_log_says(exnorm: Exnorm) -> None:
    options = ("--format", "json", "--mapping", "arcsight-2010")
    event = json.loads(exnorm("convert", SAMPLE, *options).lines[0])
    assert event["sourceAddress"] == "10.4.11.100"
    assert "destinationAddress" not in event


def test_per_recipient_writes_one_event_for_each_with_its_own_status(exnorm: Exnorm) -> None:
    result = exnorm("convert", SAMPLE, "--format", "json", "--per-recipient")
    delivered = [e for e in map(json.loads, result.lines) if e["name"] == "DELIVER"]
    assert [e["destinationUserName"] for e in delivered] == ["ana@corp.example", "ben@corp.example"]
    assert [e["additionalData"]["recipient-status"] for e in delivered] == ["Inbox", "Inbox"]
    assert len({e["exnorm_id"] for e in delivered}) == 2


def test_output_goes_to_a_file_when_asked(exnorm: Exnorm, tmp_path: Path) -> None:
    target = tmp_path / "out.cef"
    result = exnorm("convert", SAMPLE, "--output", target)
    assert result.out == b""
    assert target.read_bytes().count(b"\n") == 4


def test_a_dry_run_prints_the_counts_and_no_event(exnorm: Exnorm) -> None:
    result = exnorm("convert", SAMPLE, "--dry-run")
    assert result.out == b"exnorm: 1 file, 9 lines: 4 events, 5 header or blank, 0 not parsed\n"


def test_the_counts_of_a_dry_run_can_be_read_by_a_program(exnorm: Exnorm) -> None:
    counts = json.loads(exnorm("convert", SAMPLE, "--dry-run", "--json").out)
    assert (counts["files"], counts["lines"], counts["events"]) == (1, 9, 4)


# --- profiles ------------------------------------------------------------------------------------


def test_the_guides_profile_keeps_receive_and_warns_of_external_mail_left_out(exnorm: Exnorm) -> None:
    result = exnorm("convert", SAMPLE, "--profile", "arcsight-guide")
    assert [line.split(b"|")[4] for line in result.lines] == [b"RECEIVE"]
    assert "warning: profile arcsight-guide leaves out 1 SENDEXTERNAL events" in result.err


def test_the_security_profile_keeps_what_went_out_and_what_failed(exnorm: Exnorm) -> None:
    result = exnorm("convert", SAMPLE, "--profile", "security")
    kept = [line.split(b"|")[4] for line in result.lines]
    assert kept == [b"SENDEXTERNAL", b"RECEIVE", b"FAIL"]
    assert "left out by profile security: DELIVER 1" in result.err


# --- what does not parse -------------------------------------------------------------------------


def test_a_line_that_does_not_parse_is_left_out_of_cef_and_reported(exnorm: Exnorm, damaged: Path) -> None:
    result = exnorm("convert", damaged)
    assert result.status == 1
    assert len(result.lines) == 2
    assert f"{damaged}:7: row has 3 fields; #Fields names 30: '{BAD_ROW}'" in result.err
    assert "not parsed, by reason: width 1" in result.err


def test_a_line_that_does_not_parse_stays_in_its_place_in_json(exnorm: Exnorm, damaged: Path) -> None:
    result = exnorm("convert", damaged, "--format", "json")
    assert result.status == 1
    assert json.loads(result.lines[1]) == {
        "message": BAD_ROW,
        "tags": ["_exnormparsefailure"],
        "error": {"reason": "row has 3 fields; #Fields names 30"},
    }
    assert json.loads(result.lines[2])["name"] == "RECEIVE"


def test_rejects_hold_path_line_number_reason_and_the_raw_line(
    exnorm: Exnorm, damaged: Path, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.ndjson"
    exnorm("convert", damaged, "--rejects", rejects)
    assert [json.loads(line) for line in rejects.read_text().splitlines()] == [
        {
            "path": str(damaged),
            "line_number": 7,
            "reason": "row has 3 fields; #Fields names 30",
            "raw": BAD_ROW,
        }
    ]


def test_on_error_skip_says_nothing_of_single_lines_but_counts_them(exnorm: Exnorm, damaged: Path) -> None:
    result = exnorm("convert", damaged, "--format", "json", "--on-error", "skip")
    assert result.status == 1
    assert len(result.lines) == 2
    assert BAD_ROW not in result.err
    assert "not parsed, by reason: width 1" in result.err


def test_on_error_skip_still_writes_rejects(exnorm: Exnorm, damaged: Path, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.ndjson"
    exnorm("convert", damaged, "--on-error", "skip", "--rejects", rejects)
    assert json.loads(rejects.read_text())["raw"] == BAD_ROW


def test_on_error_stop_ends_at_the_first_line_that_does_not_parse(exnorm: Exnorm, damaged: Path) -> None:
    result = exnorm("convert", damaged, "--on-error", "stop")
    assert result.status == 1
    assert [line.split(b"|")[4] for line in result.lines] == [b"SENDEXTERNAL"]
    assert f"{damaged}:7: row has 3 fields" in result.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_link_to_nothing_is_named_and_a_pipe_in_a_folder_is_not_waited_for(
    exnorm: Exnorm, tmp_path: Path
) -> None:
    (tmp_path / "gone.LOG").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.LOG")
    shutil.copy(SAMPLE, tmp_path / "z.LOG")
    for pattern in (tmp_path, f"{tmp_path}/**"):
        result = exnorm("convert", pattern)
        assert (result.status, len(result.lines)) == (2, 4)
        assert f"{tmp_path / 'gone.LOG'}: cannot be read: No such file or directory" in result.err


def test_a_file_whose_lines_end_in_cr_alone_is_left_out_with_that_reason(
    exnorm: Exnorm, tmp_path: Path
) -> None:
    other = tmp_path / "owa.log"
    other.write_bytes(b"#Software: Microsoft Internet Information Services 10.0\r#Fields: date time\r1 2\r")
    result = exnorm("convert", other, SAMPLE)
    assert (result.status, len(result.lines)) == (1, 4)
    assert f"{other}: lines end in CR alone; expected LF or CRLF; the file is left out" in result.err


class Spoil:
    """A plugin that makes the DELIVER event unfit for every format."""

    @staticmethod
    @hookimpl
    def event_processors() -> list[Any]:
        def spoil(event: Event) -> Event:
            if event.record.event_id == "DELIVER":
                event.additional["verdict"] = object()  # type: ignore[assignment]
            return event

        return [spoil]


@pytest.fixture
def spoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SimpleNamespace(name="acme", dist=None, load=Spoil)
    monkeypatch.setattr("exnorm.plugins.manager._entry_points", lambda: [entry])


@pytest.mark.usefixtures("spoiled")
def test_an_event_that_cannot_be_written_is_reported_and_rejected_as_a_line_is(
    exnorm: Exnorm, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.ndjson"
    result = exnorm("convert", SAMPLE, "--rejects", rejects)
    assert result.status == 1
    assert [line.split(b"|")[5] for line in result.lines] == [b"SENDEXTERNAL", b"RECEIVE", b"FAIL"]
    assert f"exnorm: {SAMPLE}:8: format cef: cannot write the event: AttributeError: " in result.err
    assert "events the format cannot write, left out: DELIVER 1" in result.err
    (entry,) = [json.loads(line) for line in rejects.read_text(encoding="utf-8").splitlines()]
    assert (entry["line_number"], entry["raw"]) == (8, ROWS[2])


@pytest.mark.usefixtures("spoiled")
def test_on_error_stop_ends_at_an_event_that_cannot_be_written(exnorm: Exnorm) -> None:
    result = exnorm("convert", SAMPLE, "--on-error", "stop")
    assert result.status == 1
    assert [line.split(b"|")[5] for line in result.lines] == [b"SENDEXTERNAL", b"RECEIVE"]
    assert f"exnorm: {SAMPLE}:8: format cef: cannot write the event: " in result.err


@pytest.mark.usefixtures("spoiled")
def test_a_dry_run_counts_what_cannot_be_written_too(exnorm: Exnorm) -> None:
    result = exnorm("convert", SAMPLE, "--dry-run", "--json")
    assert json.loads(result.out)["unencodable"] == {"DELIVER": 1}


def test_what_an_export_broke_off_in_is_reported_and_rejected(exnorm: Exnorm, tmp_path: Path) -> None:
    export = tmp_path / "tracking.json"
    whole = '{"Timestamp": "2018-11-27T22:40:02Z", "EventId": "SEND", "Source": "SMTP", "Sender": "a@x.test"}'
    export.write_text(f"{whole}\n{whole[:60]}", encoding="utf-8")
    rejects = tmp_path / "rejects.ndjson"
    result = exnorm("convert", export, "--rejects", rejects)
    assert (result.status, len(result.lines)) == (1, 1)
    assert f"exnorm: {export}:2: " in result.err
    (entry,) = [json.loads(line) for line in rejects.read_text(encoding="utf-8").splitlines()]
    assert entry["raw"] == whole[:60]


def test_a_file_of_an_unknown_type_is_named_and_the_others_go_on(exnorm: Exnorm, tmp_path: Path) -> None:
    other = tmp_path / "a.LOG"
    other.write_text("#Software: Microsoft Exchange Server\n#Log-type: Store Driver Log\n#Fields: a,b\nx,y\n")
    result = exnorm("convert", other, SAMPLE)
    assert result.status == 1
    assert len(result.lines) == 4
    assert f"{other}: unknown log type 'Store Driver Log'" in result.err
    assert "1 file left out" in result.err


def test_an_empty_file_gives_nothing_and_is_no_error(exnorm: Exnorm, tmp_path: Path) -> None:
    empty = tmp_path / "MSGTRK2018112722-3.LOG"
    empty.touch()
    result = exnorm("convert", empty)
    assert (result.status, result.out) == (0, b"")
    assert "1 file, 0 lines: 0 events" in result.err


# --- input ---------------------------------------------------------------------------------------


def test_folders_globs_and_files_are_read_once_each_in_the_order_given(
    exnorm: Exnorm, tmp_path: Path
) -> None:
    for name, row in (("b/MSGTRK2018112723-1.LOG", 1), ("a/MSGTRKMD2018112722-1.LOG", 0)):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text(HEADER + ROWS[row] + "\n", newline="")
    expected = [b"SENDEXTERNAL", b"RECEIVE"]
    for paths in ([tmp_path], [f"{tmp_path}/**"], [f"{tmp_path}/*/MSGTRK*LOG", tmp_path / "b"]):
        result = exnorm("convert", *paths)
        assert [line.split(b"|")[4] for line in result.lines] == expected
        assert "2 files" in result.err


def test_standard_input_is_read_for_a_dash_and_for_no_path_at_all() -> None:
    for arguments in (["convert", "-"], ["convert"]):
        done = subprocess.run(command(*arguments), input=SAMPLE.read_bytes(), capture_output=True)
        assert done.returncode == 0
        assert done.stdout.count(b"\n") == 4


def test_logs_of_several_versions_may_come_one_after_the_other_down_a_pipe() -> None:
    columns = "date-time,event-id,client-ip"
    second = f"#Software: Microsoft Exchange Server\n#Log-type: Message Tracking Log\n#Fields: {columns}\n"
    text = SAMPLE.read_bytes() + second.encode() + b"2018-11-28T00:00:00.000Z,SEND,10.0.0.9\n"
    done = subprocess.run(command("convert", "-", "--format", "json"), input=text, capture_output=True)
    last = json.loads(done.stdout.split(b"\n")[4])
    assert (last["name"], done.returncode) == ("SEND", 0)


def test_jobs_give_the_same_bytes_in_the_same_order(exnorm: Exnorm, tmp_path: Path, damaged: Path) -> None:
    rejects = tmp_path / "one.ndjson", tmp_path / "two.ndjson"
    one = exnorm("convert", SAMPLE, damaged, "--format", "json", "--rejects", rejects[0])
    two = exnorm("convert", SAMPLE, damaged, "--format", "json", "--rejects", rejects[1], "--jobs", 2)
    assert (one.status, one.out) == (two.status, two.out)
    assert rejects[0].read_bytes() == rejects[1].read_bytes() != b""
    assert "2 files, 17 lines: 6 events, 10 header or blank, 1 not parsed" in two.err


# --- how it behaves ------------------------------------------------------------------------------


def test_events_appear_while_the_input_is_still_being_read() -> None:
    process = subprocess.Popen(
        command("convert", "-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write((HEADER + ROWS[0] + "\n").encode())
        process.stdin.flush()
        assert b"|SENDEXTERNAL|" in process.stdout.readline()
        process.stdin.write((ROWS[1] + "\n").encode())
        process.stdin.flush()
        assert b"|RECEIVE|" in process.stdout.readline()
        process.stdin.close()
    assert process.returncode == 0


def test_a_closed_pipe_ends_the_run_quietly(tmp_path: Path) -> None:
    big = tmp_path / "MSGTRK2018112722-1.LOG"
    big.write_text(HEADER + (ROWS[0] + "\n") * 5000, newline="")
    process = subprocess.Popen(command("convert", big), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    measure = (
        "import sys\n"
        "from exnorm.cli import run\n"
        "run(sys.argv[1:])\n"
        "status = open('/proc/self/status').read()\n"
        "print(status.partition('VmHWM:')[2].split()[0], file=sys.stderr)\n"
    )
    peaks = []
    for rows in (1000, 10_000):
        path = tmp_path / f"MSGTRK2018112722-{rows}.LOG"
        path.write_text(HEADER + (ROWS[0] + "\n") * rows, newline="")
        arguments = ["convert", "--quiet", "--output", os.devnull, str(path)]
        done = subprocess.run([sys.executable, "-c", measure, *arguments], capture_output=True, check=True)
        peaks.append(int(done.stderr))
    # 10 000 rows are 14 MB; a copy of them anywhere would show. Kilobytes.
    assert peaks[1] - peaks[0] < 2048


# --- wrong usage ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convert", "nowhere.LOG"], "no such file or folder: 'nowhere.LOG'"),
        (["convert", "nowhere*.LOG"], "no file matches 'nowhere*.LOG'"),
        (["convert", SAMPLE, "--taxonmy", "jsa"], "no such option '--taxonmy'"),
        (["convert", SAMPLE, "--taxonomy", "arcsigt"], "taxonomy: got 'arcsigt'; did you mean 'arcsight'?"),
        (["convert", SAMPLE, "--format", "leaf"], "format: got 'leaf'; did you mean 'leef'?"),
        (["convert", SAMPLE, "--format", "leef"], "'leef' cannot carry taxonomy arcsight"),
        (["convert", SAMPLE, "--mapping", "arcsigt-2010"], "did you mean 'arcsight-2010'?"),
        (["convert", SAMPLE, "--profile", "secure"], "profile: got 'secure'; did you mean 'security'?"),
        (["convert", SAMPLE, "--cef", "2"], "cef: got 2; expected 0 to 1"),
        (["convert", SAMPLE, "--source-ip", "ex01"], "--source-ip: got 'ex01'; expected an IPv4 or IPv6"),
        (["convert", SAMPLE, "--source", "message_trackin"], "did you mean 'message_tracking'?"),
        (["convert", SAMPLE, "--schema", "2012"], "schema: got '2012'"),
        (["convert", SAMPLE, "--tz", "Berlin/Europe"], "expected a time zone such as"),
        (["convert", SAMPLE, "--config", "nowhere.yaml"], "config: cannot read 'nowhere.yaml'"),
        (["convert", SAMPLE, "--output", "no/such/folder"], "--output: cannot write 'no/such/folder'"),
        (["convert", SAMPLE, "--output", SAMPLE], "is one of the files to read"),
        (["convrt"], "no such command 'convrt'; did you mean 'convert'?"),
        (["convert", SAMPLE, "--block-plugin", "acme"], "cannot block plugin 'acme'"),
    ],
)
def test_wrong_usage_has_status_2_and_says_what_was_expected(
    exnorm: Exnorm, arguments: Sequence[object], message: str
) -> None:
    result = exnorm(*arguments)
    assert result.status == 2
    assert message in result.err
    assert result.out == b""


def test_settings_come_from_file_environment_and_command_line_in_this_order(
    exnorm: Exnorm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "exnorm.yaml"
    config.write_text("taxonomy: jsa\nformat: json\nusername: sender\n")
    event = json.loads(exnorm("convert", SAMPLE, "--config", config).lines[0])
    assert event["usrName"] == "admin1@qradar.domain.test"
    monkeypatch.setenv("EXNORM_USERNAME", "recipient")
    event = json.loads(exnorm("convert", SAMPLE, "--config", config).lines[0])
    assert event["usrName"] == "admin3@qradar.domain.test"
    options = ("--config", config, "--username", "sender")
    event = json.loads(exnorm("convert", SAMPLE, *options).lines[0])
    assert event["usrName"] == "admin1@qradar.domain.test"


def test_an_unknown_name_in_the_file_is_refused_with_the_nearest(exnorm: Exnorm, tmp_path: Path) -> None:
    config = tmp_path / "exnorm.yaml"
    config.write_text("profil: security\n")
    result = exnorm("convert", SAMPLE, "--config", config)
    assert result.status == 2
    assert "unknown setting 'profil'; did you mean 'profile'?" in result.err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_output_has_status_3(exnorm: Exnorm) -> None:
    result = exnorm("convert", SAMPLE, "--output", "/dev/full")
    assert result.status == 3
    assert "the output cannot be written: No space left on device" in result.err


def test_an_empty_folder_is_said_to_be_empty(exnorm: Exnorm, tmp_path: Path) -> None:
    result = exnorm("convert", tmp_path)
    assert result.status == 2
    assert result.err == f"exnorm: no file below {quote(tmp_path)}: the folder is empty\n"


@pytest.mark.skipif(os.name == "nt", reason="a signal that is sent")
def test_ctrl_c_says_how_many_events_were_written(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        command("convert", "-"),
        stdin=reading,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )
    os.close(reading)
    os.write(writing, (HEADER + "\n".join(ROWS) + "\n").encode())
    assert process.stdout is not None
    for _ in ROWS:
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    os.close(writing)
    assert process.returncode == 130
    assert b"interrupted: 4 events were written before" in err
