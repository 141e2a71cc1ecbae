"""What an event costs of logs other than message tracking, and of rows that a plugin's processor sees.

    TMPDIR=/dev/shm python benchmarks/other_logs.py --rows 50000 > table.md

Each log is a sample of tests/samples over and over; every time through it has other addresses, identifiers
and times, so that what is remembered of one row is of no use for the next. The table applied to each record
by itself stands beside it: whole processes, CPU, least of ``--times`` runs in turn.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path

import tracking_rows
from compare_paths import SAMPLES
from measure import HERE, REFERENCE, Way, best, convert, prepare_environment

LOGS = {
    "HttpProxy of OWA": "http_proxy/Owa_HttpProxy_2023010602-1.LOG",
    "HttpProxy of MAPI": "http_proxy/Mapi_HttpProxy_2023010601-1.LOG",
    "SMTP receive": "smtp_protocol/RECV2023011116-1.LOG",
    "SMTP send": "smtp_protocol/SEND2024030509-1.LOG",
    "IMAP4": "imap_pop/IMAP42024031508-1.LOG",
    "IIS": "iis/u_ex220919_x.log",
    "connectivity": "connectivity/CONNECTLOG2024031508-1.LOG",
    "agent log": "agent_log/AgentLog20220913-1.LOG",
}
TRACKING = "message tracking, a processor changes each record"

_CHANGING = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})|(?P<seconds>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"
    r"|(?P<hex>\b[0-9A-F]{16}\b|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|(?P<address>\b\d{1,3}(?:\.\d{1,3}){3}\b)"
)

PROCESSED = """
import sys
import exnorm
from exnorm import Normalizer
class Plugin:
    name = "plugin"
    @exnorm.hookimpl
    def record_processors(self):
        def hide(record):
            record.values["message-subject"] = "hidden"
            return record
        return [hide]
normalizer = Normalizer(discover_plugins=False, plugins=[Plugin()])
stream = normalizer.stream(sys.argv[1])
with open(sys.argv[1], "rb") as log, open("/dev/null", "wb") as out:
    if sys.argv[2] == "coded":
        while block := log.read(1 << 18):
            normalizer.encode_block(block, stream, out.write)
    else:
        for item in normalizer.normalize(log, stream):
            out.write(normalizer.encode_item(item) + b"\\n")
"""


def make_log(sample: Path, rows: int, target: Path) -> Path:
    """A log with so many of the rows that a sample has under its first header."""
    lines = [line for line in sample.read_text("utf-8-sig").splitlines() if line]
    target.mkdir(parents=True, exist_ok=True)
    path = target / sample.name
    with path.open("w", encoding="utf-8") as out:
        first = next(number for number, line in enumerate(lines) if line[0].isdecimal())
        out.writelines(f"{line}\n" for line in lines[:first])
        under_it = list(takewhile(lambda line: line[0].isdecimal(), lines[first:]))
        out.writelines(f"{row}\n" for row in vary(under_it, rows))
    return path


def vary(lines: list[str], rows: int) -> Iterator[str]:
    """The rows over and over, each time with other addresses, identifiers and times."""
    chance, written, shift = random.Random(1), 0, timedelta()
    while written < rows:
        changed: dict[str, str] = {}

        def change(found: re.Match[str], changed: dict[str, str] = changed, shift: timedelta = shift) -> str:
            text = found[0]
            if text not in changed:
                changed[text] = _change(found, chance, shift)
            return changed[text]

        for line in lines[: rows - written]:
            yield _CHANGING.sub(change, line)
        written += len(lines)
        shift += timedelta(milliseconds=chance.randrange(20))


def _change(found: re.Match[str], chance: random.Random, shift: timedelta) -> str:
    text = found[0]
    if found.lastgroup == "address":
        return f"10.{chance.randrange(8)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
    if found.lastgroup == "hex":
        digits = "0123456789abcdef" if "-" in text else "0123456789ABCDEF"
        return "".join("-" if one == "-" else chance.choice(digits) for one in text)
    moment = datetime.fromisoformat(text) + shift
    parts = "milliseconds" if found.lastgroup == "time" else "seconds"
    return moment.isoformat("T" if parts == "milliseconds" else " ", parts)


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    prepare_environment()
    with tempfile.TemporaryDirectory() as folder:
        commands: dict[str, Way] = {}
        for number, (name, sample) in enumerate(LOGS.items()):
            path = str(make_log(SAMPLES / sample, given.rows, Path(folder) / str(number)))
            commands[f"{name}, CEF"] = convert(path, "--output", "/dev/null")
            commands[f"{name}, LEEF"] = convert(path, "--output", "/dev/null", "--taxonomy", "jsa")
            commands[f"{name}, by itself"] = [sys.executable, "-c", REFERENCE, path, str(HERE)]
        log = Path(folder) / "MSGTRK2026010100-1.LOG"
        log.write_text(
            tracking_rows.header() + "".join(f"{row}\n" for row in tracking_rows.make_rows(given.rows))
        )
        for kind, way in (("coded", "CEF"), ("", "by itself")):
            commands[f"{TRACKING}, {way}"] = [sys.executable, "-c", PROCESSED, str(log), kind]
        found = best(commands, given.times)
    print(
        f"{given.rows} lines of each log; whole processes, us of CPU a line, least of {given.times} runs.\n"
    )
    print("| log | CEF | LEEF | CEF, each record by itself | times as long |\n|---|---|---|---|---|")
    for name in (*LOGS, TRACKING):
        cef, leef, alone = (
            found[key].cpu / given.rows * 1e6 if (key := f"{name}, {way}") in found else None
            for way in ("CEF", "LEEF", "by itself")
        )
        assert cef is not None
        assert alone is not None
        shown = "" if leef is None else f"{leef:.1f}"
        print(f"| {name} | {cef:.1f} | {shown} | {alone:.1f} | {alone / cef:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
