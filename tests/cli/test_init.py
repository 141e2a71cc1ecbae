from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from exnorm.cli import init as module
from exnorm.cli.init import survey
from exnorm.pipeline.normalizer import Normalizer

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two servers: message tracking beside a text, and SMTP protocol logs."""
    shutil.copytree(SAMPLES / "message_tracking" / "2016", tmp_path / "logs" / "ex01")
    shutil.copytree(SAMPLES / "smtp_protocol", tmp_path / "logs" / "ex02")
    (tmp_path / "logs" / "ex01" / "readme.txt").write_text("not a log\n")
    return tmp_path / "logs"


def test_init_writes_a_config_of_fluent_bit_with_each_folders_own_wildcards(
    exnorm: Any, logs: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    ran = exnorm("init", logs, "--shipper", "fluentbit", "--taxonomy", "arcsight",
                 "--to", "tcp://siem.example:514", "--into", made)  # fmt: skip
    assert ran.status in (0, 1)  # 1: a sample holds a line that does not parse
    config = yaml.safe_load((made / "fluent-bit.yaml").read_text(encoding="utf-8"))
    paths = {entry["path"] for entry in config["pipeline"]["inputs"] if entry["name"] == "tail"}
    assert f"{logs}/ex01/MSGTRK*.LOG" in paths
    assert any(path.startswith(f"{logs}/ex02/RECV*.LOG,") for path in paths)
    assert (made / "state").is_dir()
    assert f"config: {made}/exnorm.yaml" in (made / "fluent-bit.yaml").read_text(encoding="utf-8")


def test_init_shows_three_events_on_stdout_and_all_else_on_stderr(
    exnorm: Any, logs: Path, tmp_path: Path
) -> None:
    ran = exnorm("init", logs / "ex01", "--shipper", "fluentbit", "--taxonomy", "jsa",
                 "--to", "file:/tmp/x.leef", "--into", tmp_path / "made")  # fmt: skip
    assert len(ran.lines) == 3
    assert all(line.startswith(b"LEEF:2.0|Microsoft|Exchange Server|") for line in ran.lines)
    assert f"{logs}/ex01/readme.txt: unknown log type" in ran.err
    assert "0 not parsed" in ran.err
    assert "next:" in ran.err


def test_the_settings_file_is_right_as_written_and_with_its_example_uncommented(
    exnorm: Any, logs: Path, tmp_path: Path
) -> None:
    for taxonomy in ("arcsight", "jsa"):
        made = tmp_path / taxonomy
        exnorm("init", logs / "ex01", "--shipper", "fluentbit", "--taxonomy", taxonomy,
               "--to", "tcp://siem.example:514", "--into", made)  # fmt: skip
        settings = made / "exnorm.yaml"
        assert exnorm("config", "check", settings).status == 0
        text = settings.read_text(encoding="utf-8")
        head, example = text.split("# tables:\n")
        lines = [line.removeprefix("# ") for line in example.splitlines()]
        settings.write_text(head + "tables:\n" + "\n".join(lines) + "\n", encoding="utf-8")
        ran = exnorm("config", "check", settings)
        assert ran.status == 0, ran.err
        assert b" 0 changes" not in ran.out


def test_init_writes_pipelines_of_logstash_that_read_the_folders(
    exnorm: Any, logs: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    exnorm("init", logs, "--shipper", "logstash", "--format", "wincollect",
           "--to", "tcp://siem.example:1514", "--into", made)  # fmt: skip
    read = (made / "exchange-in-file.conf").read_text(encoding="utf-8")
    assert f'"{logs}/ex01/MSGTRK*.LOG"' in read
    assert 'sincedb_path => "/var/lib/logstash/exnorm.sincedb"' in read  # Logstash's user may write there
    assert "port => 1514" in (made / "exchange-out-wincollect.conf").read_text(encoding="utf-8")
    assert f'path.config: "{made}/exchange-in-file.conf"' in (made / "pipelines.yml").read_text(
        encoding="utf-8"
    )
    assert "taxonomy: jsa\nformat: wincollect\n" in (made / "exnorm.yaml").read_text(encoding="utf-8")


def test_what_is_there_is_written_over_only_with_force(exnorm: Any, logs: Path, tmp_path: Path) -> None:
    words = ["init", logs / "ex01", "--shipper", "fluentbit", "--taxonomy", "arcsight",
             "--to", "tcp://siem.example:514", "--into", tmp_path / "made"]  # fmt: skip
    assert exnorm(*words).status == 0
    (tmp_path / "made" / "exnorm.yaml").write_text("profile: security\n")
    refused = exnorm(*words)
    assert refused.status == 2
    assert "exnorm.yaml' is there already; --force writes over it" in refused.err
    assert (tmp_path / "made" / "exnorm.yaml").read_text() == "profile: security\n"
    assert exnorm(*words, "--force").status == 0
    assert "profile: all" in (tmp_path / "made" / "exnorm.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--shipper", "flunetbit"), "shipper: got 'flunetbit'; did you mean 'fluentbit'?"),
        (("--shipper", "fluentbit", "--taxonomy", "arcsihgt"), "did you mean 'arcsight'?"),
        (("--shipper", "fluentbit", "--taxonomy", "jsa", "--format", "cef"), "format: got 'cef'; expected"),
        (("--shipper", "fluentbit", "--taxonomy", "jsa", "--to", "udp://x"), "to: got 'udp://x'"),
        (("--shipper", "logstash", "--taxonomy", "jsa", "--to", "tls://x:1"), "send to tcp://host:port"),
        (("--shipper", "fluentbit"), "--taxonomy: not given, and there is no terminal to ask on"),
    ],
)  # fmt: skip
def test_a_wrong_or_missing_answer_writes_nothing(
    exnorm: Any, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    ran = exnorm("init", logs, *words)
    assert (ran.status, ran.out) == (2, b"")
    assert message in ran.err
    assert sorted(os.listdir(tmp_path)) == ["logs"]


def test_a_folder_without_logs_and_one_that_is_not_there_are_named(exnorm: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    rest = ("--shipper", "fluentbit", "--taxonomy", "arcsight", "--to", "tcp://siem.example:514")
    assert "no log of a known type below" in exnorm("init", tmp_path / "empty", *rest).err
    assert "is no folder" in exnorm("init", tmp_path / "away", *rest).err


def test_what_was_not_given_is_asked_for_on_a_terminal(
    exnorm: Any, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answers = iter([str(logs / "ex01"), "fluentbit", "arcsight", "tcp://siem.example:514"])

    def prompt(question: str, default: str | None = None, err: bool = False) -> str:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    ran = exnorm("init", "--into", tmp_path / "made")
    assert ran.status == 0, ran.err
    assert [question.partition(" ")[0] for question in asked] == ["folder", "shipper", "SIEM", "destination"]


def test_only_the_newest_logs_that_fit_the_sample_are_tried(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = survey([str(logs / "ex01")], Normalizer(discover_plugins=False))
    (items,) = found.logs.values()
    monkeypatch.setattr(module, "SAMPLE_BYTES", items[-1].size)
    assert [item.name for item in module._newest(items)] == [items[-1].name]


@pytest.mark.skipif(
    not (os.environ.get("FLUENT_BIT") or shutil.which("fluent-bit")), reason="no Fluent Bit here"
)  # fmt: skip
def test_fluent_bit_accepts_what_init_writes(exnorm: Any, logs: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    exnorm("init", logs, "--shipper", "fluentbit", "--taxonomy", "arcsight",
           "--to", "tcp://siem.example:514", "--into", made)  # fmt: skip
    program = os.environ.get("FLUENT_BIT") or "fluent-bit"
    ran = subprocess.run(
        [program, "--dry-run", "-c", str(made / "fluent-bit.yaml")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_a_wrong_answer_is_asked_for_again_and_the_right_ones_are_kept(
    exnorm: Any, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    answers = iter([str(logs / "nowhere"), str(logs / "ex01"), "flunetbit", "fluentbit", "arcsight",
                    "udp://x", "tcp://siem.example:514"])  # fmt: skip
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))
    ran = exnorm("init", "--into", tmp_path / "made")
    assert ran.status == 0, ran.err
    for said in ("nowhere' is no folder", "did you mean 'fluentbit'?", "to: got 'udp://x'"):
        assert ran.err.count(said) == 1
    assert next(answers, None) is None


def test_on_windows_what_is_next_is_for_powershell(
    exnorm: Any, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "this_system", lambda: "windows")
    into = tmp_path / "it's here"
    quoted = str(into).replace("'", "''")
    done = exnorm("init", logs, "--shipper", "fluentbit", "--taxonomy", "arcsight",
                  "--to", "tcp://siem:514", "--into", into)  # fmt: skip
    following = done.err.partition("next:\n")[2].splitlines()
    assert [line.strip().partition("  #")[0] for line in following] == [
        f"fluent-bit --dry-run -c '{quoted}/fluent-bit.yaml'",
        "exnorm fluentbit serve --listen 127.0.0.1:24330 --forward 127.0.0.1:24331 --taxonomy arcsight "
        f"--format cef --config '{quoted}/exnorm.yaml'",
        f"fluent-bit -c '{quoted}/fluent-bit.yaml'",
    ]
    again = tmp_path / "ls"
    done = exnorm("init", logs, "--shipper", "logstash", "--taxonomy", "jsa",
                  "--to", "tcp://siem:514", "--into", again)  # fmt: skip
    assert f"Get-Content {again}/pipelines.yml | Add-Content C:/logstash/config/pipelines.yml" in done.err
    assert "Restart-Service logstash" in done.err
    assert "systemctl" not in done.err
    assert "/etc/" not in done.err
