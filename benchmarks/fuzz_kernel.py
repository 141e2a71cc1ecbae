"""The native kernel under AddressSanitizer and UBSan, fed with odd rows and with bytes of no sense.

    python benchmarks/fuzz_kernel.py --rows 100000

Builds the kernel with both sanitizers in a folder of its own, starts this file again with it, and there
compares every payload with the table applied row by row. Any fault of memory ends it with status 1.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FLAGS: tuple[str, ...] = (
    "-g",
    "-O1",
    "-Wall",
    "-Wextra",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
)
FLAGS += ("-fno-sanitize-recover=all", "-fPIC", "-shared")
SEPARATORS = (b",", b'"', b'""', b'",', b',"', b"\r", b"\x00", b"\xc3", b"=", b"\\", b"'", b"<>", b"\xf0\x9f")


def build(folder: Path, compiler: str) -> dict[str, str]:
    """Build the kernel with the sanitizers; the environment in which Python loads it."""
    target = folder / f"_kernel{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = f"-I{sysconfig.get_paths()['include']}"
    sources = sorted(map(str, (ROOT / "src" / "kernel").glob("*.c")))
    subprocess.run([compiler, *FLAGS, include, *sources, "-o", str(target)], check=True)
    libraries = [
        subprocess.run(
            [compiler, f"-print-file-name={name}"], check=True, capture_output=True, text=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    return {
        **os.environ,
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # so that every object has an allocation of its own
        "EXNORM_FUZZED_KERNEL": str(target),
    }


def garble(line: bytes, chance: random.Random) -> bytes:
    """The line with bytes of no sense in it, cut, doubled or without its beginning."""
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(line) + 1)
        line = line[:at] + chance.choice(SEPARATORS) * chance.choice((1, 1, 2, 500)) + line[at:]
    return line[: chance.randrange(len(line) + 1)] if chance.random() < 0.1 else line


def load_fuzzed() -> None:
    """Put the sanitized kernel in the place of the installed one."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("exnorm._kernel", os.environ["EXNORM_FUZZED_KERNEL"])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["exnorm._kernel"] = module


def compare(rows: int, seed: int) -> int:
    """Feed the kernel; the exit status."""
    sys.path[:0] = [str(HERE), str(ROOT / "src")]
    load_fuzzed()
    import compare_paths
    import tracking_rows

    from exnorm.engine.batches import BatchEncoder
    from exnorm.engine.kernel import describe_path
    from exnorm.engine.programs import Program
    from exnorm.pipeline.stream import Stream

    assert describe_path() == "native kernel"
    chance = random.Random(seed)
    made = tracking_rows.make_rows(rows, seed)
    done = taken = 0
    count = BatchEncoder.count

    def watch(
        self: BatchEncoder, stream: Stream, program: Program, rows: int, events: int, last: int | None
    ) -> None:
        nonlocal taken
        taken += rows
        count(self, stream, program, rows, events, last)

    BatchEncoder.count = watch  # type: ignore[method-assign]
    logs = compare_paths.find_columnar_logs()
    while batch := list(islice(made, 500)):
        number = done // 500
        settings = compare_paths.SETTINGS[number % len(compare_paths.SETTINGS)]
        log = logs[number // 2 % len(logs)] if number % 2 else None
        lines: Sequence[bytes] = list(
            compare_paths.odd_lines(batch, chance)
            if log is None
            else compare_paths.odd_lines_of(log, 500, chance, plain=50)
        )
        name = compare_paths.LOG if log is None else f"logs/{log.name}"
        lines = [
            garble(line, chance) if line[:1] == b"2" and chance.random() < 0.2 else line for line in lines
        ]
        lines = [line for line in lines if b"\n" not in line]
        long = compare_paths.take_long_way(lines, settings, name=name)
        short = compare_paths.take_short_way(lines, settings, name=name)
        difference = compare_paths.explain_difference(long, short)
        if difference:
            print(f"{name}, settings {settings}, after row {done}: {difference}")
            return 1
        done += len(batch)
    print(f"{done} rows, {taken} by the kernel, no fault of memory, every payload as the table has it")
    return 0


def run_fuzzed(
    compare: Callable[[int, int], int], summary: str, option: str, amount: int, *, has_python: bool = False
) -> int:
    """The command line of a fuzzer: builds the kernel, starts the script again with it, and there compares.

    Where it ``has_python`` to compare as well, and ``EXNORM_KERNEL`` is 0, nothing is built.
    ``compare`` is given the number behind ``option``, and a seed; it gives the exit status, as this does.
    """
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument(option, type=int, default=amount, dest="amount")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compiler", default="gcc")
    given = parser.parse_args()
    if "EXNORM_FUZZED_KERNEL" in os.environ or (has_python and os.environ.get("EXNORM_KERNEL") == "0"):
        return compare(given.amount, given.seed)
    with tempfile.TemporaryDirectory(prefix="exnorm-fuzz-") as folder:
        environment = build(Path(folder), given.compiler)
        return subprocess.run([sys.executable, *sys.argv], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(run_fuzzed(compare, __doc__.splitlines()[0], "--rows", 100_000))
