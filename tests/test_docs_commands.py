"""Every command in the docs is run as it is written, and what it prints is what the page shows.

A page's blocks of ``sh`` are run in order, in a scratch folder that looks like a checkout, where the absolute
paths of the docs (/mnt/ex01, /etc, ...) are folders of the test's own that hold the sample logs. What stands
below in a block ``output`` must be what the command before it printed; ``...`` stands for anything. A block
after "Write `FILE`:" is that file. A command that is expected to fail says so: ``# exit status 1``.
A block without a language counts as commands; what cannot be run stands in ELSEWHERE with the reason.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import click
import pytest
from fluent_bit_delivery import find_fluent_bit

from exnorm.cli import cli, run
from exnorm.fluentbit import build as builder

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(ROOT.glob("[!.]*/README.md")),
    *sorted(ROOT.glob("plugins/*/README.md")),
]
BLOCK = re.compile(
    r"(?:[Ww]rite `(?P<file>[^`\n]+)`[^\n`]*:\n\n)?"
    r"^(?P<indent> *)```(?P<kind>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
COMMANDS = ("", "sh")
NO_COMMANDS = (
    "conf", "csv", "ini", "json", "markdown", "output", "powershell", "python", "text", "toml", "xml", "yaml",
)  # fmt: skip

# Pages that a test of their own follows.
FOLLOWED = {"plugins/README.md": "tests/test_plugin_tutorial.py"}

# Python that a test of its own runs.
PYTHON_ELSEWHERE = {
    "docs/plugins.md": "tests/test_docs.py",
    "docs/spark.md": "needs a cluster; tests/test_spark.py where there is one",
}

# What the tests cannot run: how such a command begins, and why not.
ELSEWHERE = {
    r"(python3? -m )?pip install|python3 -m venv|\. \S+/activate|/opt/exnorm\S*/bin/pip": "tox installs",
    r"tox\b|pytest|python -m pytest|ruff|mypy|mkdocs|[A-Z_]+=1 pytest": "the tests themselves",
    r"(env \S+ )?python benchmarks/": "takes minutes; its last result stands beside it",
    r"node benchmarks/": "needs a browser and axe-core; its last result stands beside it",
    r"systemctl|install -": "changes the machine",
    r"exnorm doctor --host": "hosts that run; tests/cli/test_doctor_host.py",
    r"podman": "needs a container engine; tests/relay/test_deployment.py reads the file",
    r"export PYSPARK|python job\.py|cat /data/": "a job of Spark; tests/test_spark.py where there is one",
    r"([A-Z_]+=\S+ )*logstash ": "a Logstash; tests/test_examples.py and tests/hosts where there is one",
    r"kcat": "a broker of Kafka",
    r"exnorm health": "a running service; tests/hosts/test_service_operation.py",
    r"python examples/": "tests/test_examples.py",
}
MOVED = re.compile(r"(?<![\w.{/])(?:/(?=(?:mnt|srv|etc|var/lib|tmp|opt)/)|C:\\logs\\)")
CANNOT_RUN = "\n(a command that cannot be run here goes into ELSEWHERE, with the reason)"
SERVES = re.compile(r"exnorm (fluentbit|logstash|otlp) serve ")
START_SECONDS = 30.0


@dataclass
class Block:
    page: Path
    file: str
    kind: str
    text: str

    @property
    def is_commands(self) -> bool:
        return self.kind in COMMANDS and not self.file

    def commands(self) -> Iterator[str]:
        """Each command; one that goes on after a backslash or in a here-document is one."""
        waiting = ""
        for line in self.text.splitlines():
            waiting += line.lstrip() if waiting.endswith(" ") else line
            if line.endswith("\\"):
                waiting = waiting[:-1].rstrip() + " "
            elif here := re.search(r"<<'(\w+)'", waiting):
                waiting += "\n"
                if line == here[1]:
                    yield waiting
                    waiting = ""
            else:
                if waiting.strip() and not waiting.startswith("#"):
                    yield waiting
                waiting = ""

    def parts(self) -> Iterator[tuple[str, int]]:
        """Each command, those between ``&&`` one by one, with the exit status that its comment announces."""
        for command in self.commands():
            parts, status = split_command(command)
            yield from ((part, status) for part in parts)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name


def read_blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(page, b["file"] or "", b["kind"], b["text"]) for b in BLOCK.finditer(text)]


def split_command(command: str) -> tuple[list[str], int]:
    """The parts of a command between ``&&``, without its comment, and the exit status that it announces."""
    bare, _, comment = re.sub(r"\s+# ", "\0", command, count=1).partition("\0")
    announced = re.search(r"exit status (\d+)", comment)
    parts = bare.split(" && ")
    if not any(say_why_not(part) for part in parts):
        parts = [bare]
    return parts, int(announced[1]) if announced else 0


def say_why_not(command: str) -> str:
    return next((why for start, why in ELSEWHERE.items() if re.match(start, command)), "")


# --- running ---------------------------------------------------------------------------------------------


@dataclass
class Scratch:
    """A folder like a checkout, and one beside it for the absolute paths of the docs."""

    folder: Path
    capture: pytest.CaptureFixture[bytes]
    environment: dict[str, str]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    def localize(self, text: str) -> str:
        """The text with the absolute paths of the docs moved into the scratch folder."""
        text = re.sub(r"/opt/exnorm[\w.-]*/bin/exnorm\b", "exnorm", text)
        return MOVED.sub(lambda path: f"{self.folder}/{'' if path[0] == '/' else 'C/logs/'}", text)

    def globalize(self, text: str) -> str:
        return text.replace(f"{self.folder}/C/logs/", "C:\\logs\\").replace(str(self.folder), "")

    def run(self, command: str) -> tuple[int, str]:
        """One command: its exit status, and what it printed, standard output first.

        A stage of a pipe that is exnorm runs in this process, because that is faster.
        """
        local = self.localize(command)
        needs_shell = re.search(r"[\n$~;&<]|2>", re.sub(r"'[^']*'", "", local))
        status, out, told = 0, b"", b""
        for stage in [local] if needs_shell else local.split(" | "):
            if stage.startswith("exnorm ") and not needs_shell:
                status, out, err = self.run_here(shlex.split(stage)[1:], out)
            else:
                done = subprocess.run(
                    ["sh", "-c", stage],
                    env=self.environment, input=out, capture_output=True, check=False, timeout=60,
                )  # fmt: skip
                status, out, err = done.returncode, done.stdout, done.stderr
            told += err
        return status, self.globalize(out.decode() + told.decode())

    def run_here(self, words: list[str], given: bytes) -> tuple[int, bytes, bytes]:
        """exnorm with these arguments, the last two perhaps ``> FILE``, and this standard input."""
        *words, to = (*words[:-2], words[-1]) if words[-2:-1] == [">"] else (*words, "")
        (self.folder / "stdin").write_bytes(given)
        self.capture.readouterr()
        with (self.folder / "stdin").open(encoding="utf-8") as stdin, mock.patch.object(sys, "stdin", stdin):
            status = run(words)
        sys.stdout.flush()
        out, err = self.capture.readouterr()
        if to:
            Path(to).write_bytes(out)
        return status, b"" if to else out, err

    def do(self, command: str, status: int) -> str:
        """One command, in the way that fits it: what it printed."""
        if plugin := re.match(r"pip install '?\./plugins/([\w-]+)", command):
            self.install(plugin[1])
        elif environment := re.match(r"python3 -m venv (/opt/\S+)", command):
            Path(self.localize(environment[1])).mkdir(parents=True)
        elif command.startswith("fluent-bit "):
            self.start_fluent_bit(command)
        elif re.fullmatch(r"(/opt/\S+/bin/)?exnorm fluentbit build", command):
            with contextlib.suppress(builder.BuildError):  # the pages say what to do without a filter
                builder.build(builder.filter_path())
        elif SERVES.match(command):
            self.serve(command)
        elif not say_why_not(command):
            got, said = self.run(command)
            assert got == status or self.running, f"{command}: exit status {got}: {said}{CANNOT_RUN}"
            return said
        return ""

    def start_fluent_bit(self, command: str) -> None:
        """It runs until the page is done; a config to copy gets the paths of the scratch folder too."""
        config, log = Path(self.localize(command.partition(" -c ")[2])), self.folder / "fluent-bit.log"
        text = config.read_text(encoding="utf-8")
        if str(self.folder) not in text:
            config.write_text(self.localize(text), encoding="utf-8")
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["sh", "-c", f"exec {self.localize(command)}"], env=self.environment, stdout=out, stderr=out
            )
        self.running.append(process)
        wait_until(lambda: b"stream processor started" in log.read_bytes() or process.poll() is not None)
        assert process.poll() is None, f"{command}: {log.read_text()}"

    def serve(self, command: str) -> None:
        """A service, on ports that are free: it must come up, and stop when it is told to."""
        log = self.folder / "serve.log"
        free = re.sub(r"(--listen \S+?:)\d+", r"\g<1>0", command)
        free = free if "--listen" in free else f"{free} --listen 127.0.0.1:0"
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["sh", "-c", f"exec {self.localize(free)}"], env=self.environment, stdout=out, stderr=out
            )
        try:
            wait_until(lambda: b"listening" in log.read_bytes() or process.poll() is not None)
            assert process.poll() is None, f"{command}: {log.read_text()}"
            process.send_signal(signal.SIGTERM)
            assert process.wait(START_SECONDS) == 0, f"{command}: {log.read_text()}"
        finally:
            process.kill()
            process.wait(START_SECONDS)

    def install(self, name: str) -> None:
        """A companion plugin, as pip would leave it: its module, and the entry point that names it."""
        module = name.replace("-", "_")
        info = self.folder / "site" / f"{module}-0.1.0.dist-info"
        info.mkdir(parents=True)
        shutil.copy(ROOT / "plugins" / name / f"{module}.py", self.folder / "site")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
        (info / "entry_points.txt").write_text(f"[exnorm]\n{name.removeprefix('exnorm-')} = {module}\n")
        self.installed.append(module)
        importlib.invalidate_caches()

    def stop(self) -> None:
        for process in self.running:
            process.kill()  # it would wait for a destination that is not there
            process.wait(START_SECONDS)
        for module in self.installed:
            sys.modules.pop(module, None)


def wait_until(happened: object) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def matches(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed; ``...`` alone stands for any lines, else for any text.

    Blanks in a row, as they make columns, count as one.
    """
    lines = [
        re.escape(" ".join(line.split())).replace(r"\.\.\.", ".*") for line in shown.rstrip().splitlines()
    ]
    pattern = "".join(r"(?:.*\n)*" if line == ".*" else rf"{line}\n" for line in lines)
    wanted = "".join(" ".join(line.split()) + "\n" for line in printed.rstrip().splitlines())
    return re.fullmatch(pattern, wanted) is not None


@pytest.fixture
def scratch(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scratch]:
    for name in [name for name in os.environ if name.startswith("EXNORM_")]:
        monkeypatch.delenv(name)
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, words in (("exnorm", "-m exnorm"), ("python", "")):
        (bin_ / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (bin_ / name).chmod(0o755)
    if program := find_fluent_bit():
        (bin_ / "fluent-bit").symlink_to(program)
    monkeypatch.syspath_prepend(tmp_path / "site")
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    made = Scratch(tmp_path, capfdbinary, environment)
    for folder in ("examples", "plugins"):
        shutil.copytree(ROOT / folder, made.checkout / folder)
    shutil.copytree(ROOT / "fluentbit", made.checkout / "fluentbit", ignore=shutil.ignore_patterns("*.so"))
    put_logs(tmp_path)
    monkeypatch.chdir(made.checkout)
    yield made
    made.stop()


def put_logs(folder: Path) -> None:
    """Sample logs where the docs say that logs are."""
    samples = ROOT / "tests" / "samples"
    tracking = ROOT / "examples" / "MSGTRK2018112722-1.LOG"
    for place in (
        "mnt/ex01/logs", "mnt/ex02/logs", "mnt/ex01/TransportRoles/Logs/MessageTracking",
        "C/logs", "checkout/logs",
    ):  # fmt: skip
        (folder / place).mkdir(parents=True)
        shutil.copy(tracking, folder / place)
    hub = folder / "mnt/ex01/TransportRoles/Logs/Hub/ProtocolLog/SmtpReceive"
    hub.mkdir(parents=True)
    shutil.copy(samples / "smtp_protocol" / "RECV2023011116-1.LOG", hub)
    for place in ("etc/logstash", "etc/fluent-bit", "var/lib/exnorm", "var/lib/fluent-bit", "tmp"):
        (folder / place).mkdir(parents=True)


def follow(page: Path, scratch: Scratch) -> None:
    """Do what a page says; skips at the end where only a Fluent Bit was missing."""
    said, last, missing, skipped = "", "", "", 0
    for block in read_blocks(page):
        skipped -= block.is_commands and skipped > 0
        if skipped:
            continue
        if block.file:
            Path(block.file).write_text(scratch.localize(block.text), encoding="utf-8")
        elif block.kind == "python" and name_of(page) not in PYTHON_ELSEWHERE:
            exec(compile(block.text, name_of(page), "exec"), {"__name__": "page"})
        elif block.kind == "output" and last:
            if scratch.running and not matches(block.text, said):
                wait_until(lambda text=block.text, again=last: matches(text, scratch.run(again)[1]))
            else:
                assert matches(block.text, said), f"{last}\nprinted\n{said}"
        elif block.is_commands:
            said, last = "", ""
            for part, status in block.parts():
                if part.startswith("fluent-bit ") and not has_fluent_bit():
                    missing, skipped = part, 2  # the next block looks at what it did
                    break
                printed = scratch.do(part, status)
                said, last = said + printed, part
    if missing:
        pytest.skip(
            f"all but '{missing}' was run: no fluent-bit on PATH or in FLUENT_BIT, or no filter for it"
        )


def has_fluent_bit() -> bool:
    """Whether there is a Fluent Bit and what the pages load into it."""
    return find_fluent_bit() is not None and builder.filter_path().is_file()


# --- the tests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if name_of(page) not in FOLLOWED],
    ids=name_of,
)
def test_the_commands_of_a_page_do_what_the_page_shows(page: Path, scratch: Scratch) -> None:
    follow(page, scratch)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_a_page_says_what_it_is(page: Path) -> None:
    blocks = read_blocks(page)
    assert len(blocks) * 2 == len(re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.MULTILINE))
    unknown = [block.kind for block in blocks if block.kind not in (*COMMANDS, *NO_COMMANDS)]
    assert unknown == [], f"one of {COMMANDS} for commands, else of {NO_COMMANDS}"
    hidden = [
        line
        for block in blocks
        if block.kind == "text"
        for line in block.text.splitlines()
        if re.match(r"\$ |(pip|python|sh|fluent-bit|systemctl|docker) ", line)
    ]
    assert hidden == [], "commands stand in a block of sh"


def find_wrong_options(words: list[str]) -> list[str]:
    """What the command line does not have of a command's words."""
    command: click.Command = cli
    context = click.Context(command)
    for word in words:
        name = word.rstrip(",;:").split("=")[0]
        if isinstance(command, click.Group) and not name.startswith("-"):
            found = [command.get_command(context, one) for one in name.split("|")]
            if None in found:
                return [] if command.invoke_without_command else [name]
            (command, *others) = found  # type: ignore[assignment]
            if others:
                return []
        elif re.fullmatch(r"--[a-z][a-z-]*", name):
            known = {option for parameter in command.get_params(context) for option in parameter.opts}
            if name not in known:
                return [f"{command.name} {name}"]
    return []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_a_page_names_exists_with_its_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`exnorm ([^`\n]+)`", text)
    lines = "".join(block.text for block in read_blocks(page) if block.kind in (*COMMANDS, "text", "ini"))
    named += re.findall(r"^(?:ExecStart=)?(?:[\w/]*/)?exnorm +([a-z][^\n#]*)", lines, re.MULTILINE)
    wrong = {line: bad for line in named if (bad := find_wrong_options(line.split(" | ")[0].split()))}
    assert wrong == {}


def test_the_reasons_for_not_running_a_command_are_all_needed() -> None:
    parts = [
        part
        for page in PAGES
        for block in read_blocks(page)
        if block.is_commands
        for part, _ in block.parts()
    ]
    assert [start for start in ELSEWHERE if not any(re.match(start, part) for part in parts)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_script_that_a_page_names_is_there_and_knows_its_options(page: Path) -> None:
    parts = [part for block in read_blocks(page) if block.is_commands for part, _ in block.parts()]
    for part in parts:
        if script := re.search(r"python ((?:benchmarks|examples|fuzz)/\S+\.py)", part):
            text = (ROOT / script[1]).read_text(encoding="utf-8")
            assert [option for option in re.findall(r" (--[a-z-]+)", part) if f'"{option}"' not in text] == []


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a...c", "abc\n", True),
        ("a\n...\nc", "a\nb\nb\nc\n", True),
        ("a\n...", "a\n", True),
        ("a", "a\nb\n", False),
        ("a...c", "ab\nc\n", False),
        ("a.c", "abc\n", False),
        ("a b", " a   b \n", True),
        ("a b", "ab\n", False),
    ],
)
def test_dots_stand_for_any_text_and_nothing_else_does(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) is same


def test_a_page_whose_command_fails_or_prints_something_else_is_found(
    tmp_path: Path, scratch: Scratch
) -> None:
    page = tmp_path / "page.md"
    log = "examples/MSGTRK2018112722-1.LOG"
    for text in (
        f"```sh\nexnorm convert {log} --taxonmy jsa\n```\n",
        f"```sh\nexnorm convert {log} --dry-run\n```\n\n```output\nexnorm: 1 file, 7 lines\n```\n",
        f"```\nexnorm convert {log} --dry-run  # exit status 1\n```\n",
        "```sh\nno-such-command\n```\n",
    ):
        page.write_text(text, encoding="utf-8")
        with pytest.raises(AssertionError):
            follow(page, scratch)
    page.write_text(
        f"```\nexnorm convert {log} --dry-run\n```\n\n```output\nexnorm: 1 file,...\n```\n", "utf-8"
    )
    follow(page, scratch)


def test_a_wrong_option_is_found() -> None:
    assert find_wrong_options(["convert", "--dry-run", "x"]) == []
    assert find_wrong_options(["fluentbit", "config", "/a", "--to", "x"]) == []
    assert find_wrong_options(["convert", "--dry-rn"]) == ["convert --dry-rn"]
    assert find_wrong_options(["fluentbit", "konfig"]) == ["konfig"]
