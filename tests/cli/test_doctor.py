from __future__ import annotations

import json
import os
import shlex
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from exnorm.cli import doctor
from exnorm.cli.doctor import (
    check_destination,
    check_extras,
    check_kernel,
    check_logs,
    check_port,
    check_state,
    check_version,
    find_fluent_bit,
    read_origin,
    write_reinstall,
)
from exnorm.cli.findings import BAD, FINE, NOTE
from exnorm.fluentbit.addresses import Address

SAMPLE = Path(__file__).parents[1] / "samples" / "message_tracking" / "2016"


def make_program(folder: Path, text: str) -> str:
    program = folder / "fluent-bit"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return str(program)


def test_doctor_says_ok_for_a_sound_installation_and_ends_with_0(
    exnorm: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("FLUENT_BIT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "USUAL_FLUENT_BIT", str(tmp_path / "none"))
    ran = exnorm("doctor", SAMPLE, "--state", tmp_path)
    assert ran.status == 0, ran.out
    subjects = {line.split()[1] for line in ran.out.decode().splitlines() if not line.startswith(" ")}
    assert subjects >= {
        "python",
        "exnorm",
        "kernel",
        "plugin",
        "extra",
        "filter",
        "fluent-bit",
        "port",
        "logs",
    }


def test_doctor_ends_with_1_and_says_what_to_do_where_something_is_bad(
    exnorm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "check_fluent_bit", lambda: iter(()))
    ran = exnorm("doctor", tmp_path / "away", "--json")
    assert ran.status == 1
    report = json.loads(ran.out)
    assert report["ok"] is False
    (bad,) = [entry for entry in report["findings"] if entry["state"] == "bad"]
    assert bad["subject"] == "logs"
    assert "no such file or folder" in bad["found"]
    assert bad["todo"]


def test_a_kernel_that_is_switched_off_is_told_from_one_that_was_not_built() -> None:
    assert check_kernel(True, {}).state == FINE
    assert "EXNORM_KERNEL=0" in check_kernel(False, {"EXNORM_KERNEL": "0"}).found
    assert "not built" in check_kernel(False, {}).found


@pytest.mark.parametrize(("noted", "flag"), [({}, ""), ({"editable": True}, "-e ")])
def test_a_checkout_without_kernel_is_to_be_installed_again_from_its_folder(
    tmp_path: Path, noted: dict[str, bool], flag: str
) -> None:
    folder = tmp_path / "my exnorm"
    folder.mkdir()
    origin = json.dumps({"dir_info": noted, "url": folder.as_uri()})
    todo = check_kernel(False, {}, lambda: origin).todo
    assert todo.endswith(f"then pip install --force-reinstall {flag}{shlex.quote(str(folder))}")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        '{"archive_info": {}, "url": "file:///"}',  # a wheel, which has its kernel or never will
        '{"dir_info": {}, "url": "file:///a/checkout/that/is/gone"}',
        '{"dir_info": []}',
        "{",
    ],
)
def test_what_came_from_no_checkout_is_to_be_installed_again_by_its_name(origin: str | None) -> None:
    assert write_reinstall(origin) == "pip install --force-reinstall exnorm"


def test_nobody_looks_where_exnorm_came_from_while_the_kernel_is_there() -> None:
    assert check_kernel(True, {}, lambda: pytest.fail("asked")).state == FINE


def test_where_exnorm_came_from_is_what_pip_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "exnorm-9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: exnorm\nVersion: 9\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert read_origin() is None
    (info / "direct_url.json").write_text("{}")
    assert read_origin() == "{}"


def test_an_extra_that_is_missing_is_a_note_with_the_command_that_installs_it() -> None:
    found = {one.found: one for one in check_extras(lambda name: name != "aiohttp")}
    missing = found["logstash: aiohttp not installed"]
    assert (missing.state, missing.todo) == (NOTE, "if you need it: pip install 'exnorm[logstash]'")
    assert found["fluentbit: aiohttp not installed"].state == NOTE
    assert found["report"].state == FINE


def test_fluent_bit_is_the_one_of_the_environment_before_that_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = make_program(tmp_path, "echo")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_fluent_bit({}) == program
    assert find_fluent_bit({"FLUENT_BIT": "/elsewhere"}) == "/elsewhere"


@pytest.mark.parametrize(
    ("text", "state", "found"),
    [
        ("echo Fluent Bit v5.1.1", FINE, "v5.1.1"),
        ("echo Fluent Bit v2.2.0", FINE, "v2.2.0"),
        ("echo Fluent Bit v2.1.10", BAD, "expected 2.2 or later"),
        ("echo something else", BAD, "expected a version"),
    ],
)
def test_a_fluent_bit_that_is_too_old_or_none_is_bad(
    tmp_path: Path, text: str, state: str, found: str
) -> None:
    finding = check_version(make_program(tmp_path, text))
    assert finding.state == state
    assert found in finding.found


def test_a_fluent_bit_that_is_not_there_is_bad(tmp_path: Path) -> None:
    assert check_version(str(tmp_path / "none")).state == BAD


def test_a_fluent_bit_that_cannot_load_the_filter_is_bad_with_its_own_words(tmp_path: Path) -> None:
    program = make_program(
        tmp_path, "echo '[2026/01/01 00:00:00] [error] [plugin] no such thing' >&2; exit 1"
    )
    finding = doctor.check_loading(program, tmp_path / "flb-filter_exchange.so")
    assert finding.state == BAD
    assert finding.found.endswith("no such thing")


def test_a_port_in_use_is_a_note_and_a_free_one_is_fine() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        address = Address("127.0.0.1", busy.getsockname()[1])
        assert check_port(address, "somebody").state == NOTE
    assert check_port(address, "somebody").state == FINE


def test_the_siem_is_there_when_it_takes_a_connection() -> None:
    with socket.socket() as siem:
        siem.bind(("127.0.0.1", 0))
        siem.listen()
        port = siem.getsockname()[1]
        assert check_destination(f"tcp://127.0.0.1:{port}").state == FINE
    refused = check_destination(f"tcp://127.0.0.1:{port}")
    assert refused.state == BAD
    assert "firewall" in refused.todo


def test_a_state_folder_that_is_not_there_is_bad(tmp_path: Path) -> None:
    (finding,) = check_state(tmp_path / "away")
    assert (finding.state, finding.todo) == (BAD, f"mkdir -p {tmp_path / 'away'}")
    (finding,) = check_state(tmp_path)
    assert finding.state != BAD


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_log_that_may_not_be_read_names_the_account_that_needs_the_right(tmp_path: Path) -> None:
    log = tmp_path / "MSGTRK.LOG"
    log.write_text("#Software: x\n")
    log.chmod(0)
    finding = check_logs(str(tmp_path))
    assert finding.state == BAD
    assert "account" in finding.todo


def test_logs_that_nobody_wrote_for_a_day_are_a_note(tmp_path: Path) -> None:
    log = tmp_path / "MSGTRK2018112722-1.LOG"
    log.write_bytes((SAMPLE / "MSGTRK2018112722-1.LOG").read_bytes())
    assert check_logs(str(tmp_path)).state == FINE
    os.utime(log, (time.time() - 3 * 86400,) * 2)
    finding = check_logs(str(tmp_path))
    assert finding.state == NOTE
    assert "3 days ago" in finding.found


def test_a_folder_of_other_files_is_bad(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("hello\n")
    assert "1 files, none of a known type" in check_logs(str(tmp_path)).found


def test_a_wrong_settings_file_is_bad_with_its_line(exnorm: Any, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("profil: all\n")
    (finding,) = doctor.check_config(str(file))
    assert finding.state == BAD
    assert f"{file}:1: unknown setting 'profil'; did you mean 'profile'?" in finding.found
