"""The units and the container file: what they start exists, and what they promise is in them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import click
import pytest

from exnorm.cli import cli

ROOT = Path(__file__).parents[2]
UNITS = (
    ROOT / "fluentbit" / "exnorm-fluentbit.service",
    ROOT / "logstash" / "exnorm-logstash.service",
)
PROGRAM = "/opt/exnorm/bin/exnorm"
PORTS = {
    "--listen": r"127\.0\.0\.1:\d+",
    "--forward": r"(?:http://)?127\.0\.0\.1:\d+",
    "--metrics": r"127\.0\.0\.1:\d+",
}

# Of each, an unsafe value is the default of systemd, so it must be said.
SANDBOX = {
    "DynamicUser": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    "RestrictNamespaces": "yes",
    "MemoryDenyWriteExecute": "yes",
    "SystemCallArchitectures": "native",
    "MemoryMax": "512M",
    "ReadOnlyPaths": "-/etc/exnorm",
    "IPAddressDeny": "any",
    "Type": "notify",
}
EXPOSURE = 10  # tenths; 0 is a service that can do nothing, 100 one that nothing restrains


def read_unit(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def parse(words: list[str]) -> click.Context:
    """The words as the command line reads them, to the last command; raises for an unknown option."""
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    return command.make_context(str(command.name), words)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_every_option_of_a_unit_exists_and_it_is_open_to_this_machine_only(unit: Path) -> None:
    (line,) = read_unit(unit)["ExecStart"]
    program, *words = shlex.split(line)
    assert program == PROGRAM
    given = parse(words).params
    assert given["config"] == "/etc/exnorm/exnorm.yaml"
    for option, value in pairwise(words):
        if option in PORTS:
            assert re.fullmatch(PORTS[option], value), option


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_a_sandbox(unit: Path) -> None:
    found = read_unit(unit)
    for name, value in SANDBOX.items():
        assert found[name] == [value], name
    assert found["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]


def test_an_option_that_is_not_there_would_be_seen() -> None:
    with pytest.raises(click.NoSuchOption):
        parse(["logstash", "serve", "--no-such-option"])
    with pytest.raises(click.UsageError):
        parse(["logstash", "server"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_understands_a_unit_and_finds_little_to_object_to(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name  # with a program that is here, because that is looked for too
    copy.write_text(unit.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    options = ["security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager"]
    done = subprocess.run(["systemd-analyze", *options, copy], capture_output=True, text=True)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd is older than 250")
    assert done.returncode == 0, done.stdout


# --- the container file --------------------------------------------------------------------------


def last_stage() -> list[str]:
    text = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return text[text.rindex("\nFROM ") :].strip().splitlines()


def test_the_image_runs_as_a_number_that_is_not_root_and_needs_no_shell() -> None:
    lines = last_stage()
    (user,) = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    for word in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        (line,) = [line for line in lines if line.startswith(word)]
        assert re.search(r"\[.*\]$", line), "without brackets it would go through a shell"
    assert not [line for line in lines if line.startswith(("RUN", "ADD", "VOLUME"))]


def test_the_health_check_of_the_image_is_a_command_of_exnorm() -> None:
    (line,) = [line for line in last_stage() if line.startswith("HEALTHCHECK")]
    program, *words = re.findall(r'"([^"]*)"', line)
    assert program == "exnorm"
    parse([*words, "127.0.0.1:9802"])


def test_the_context_of_the_image_holds_what_the_build_needs_and_nothing_else() -> None:
    kept = (ROOT / ".containerignore").read_text(encoding="utf-8")
    assert kept == (ROOT / ".dockerignore").read_text(encoding="utf-8")
    names = [line[1:] for line in kept.splitlines() if line.startswith("!")]
    assert kept.startswith("*\n")
    assert {"src", "setup.py", "setup.cfg", "fluentbit"} <= set(names)
    for name in names:
        assert (ROOT / name).exists(), name
