"""Mutated inputs through the targets, each under an alarm and all within a bound of memory."""

from __future__ import annotations

import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from fuzz.mutator import mutate
from fuzz.targets import TARGETS, Target, seeds

INPUT_SECONDS = 5.0
GROWTH_MIB = 64

# More inputs for what is quick: a few bytes; fewer for what assembles much: a whole pipeline, tables.
_MORE = dict.fromkeys(("lines", "pipe", "forward", "handshake", "json_text"), 5)
_FEWER = dict.fromkeys(("any_log", "chunk", "events", "body", "yaml", "overlay"), 0.5)


class TooSlow(BaseException):
    """An input took longer than it may; no ``except Exception`` of the product may hide it."""


@dataclass
class Finding:
    """An input that broke a promise."""

    target: str
    data: bytes
    what: str


@dataclass
class Result:
    """What came of one target."""

    target: str
    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    growth_mib: float = 0.0
    findings: list[Finding] = field(default_factory=list)


def share(total: int, names: tuple[str, ...] = tuple(TARGETS)) -> dict[str, int]:
    """So many inputs dealt out among targets; those that cost little get more of them."""
    weights = {name: {**_MORE, **_FEWER}.get(name, 1) for name in names}
    unit = total / sum(weights.values())
    shares = {name: int(weight * unit) for name, weight in weights.items()}
    shares[names[0]] += total - sum(shares.values())
    return shares


def run_target(name: str, inputs: int, seed: int, stop_after: int = 1) -> Result:
    """Feed a target its seeds and then mutations of them, the same ones for the same numbers."""
    target, given = TARGETS[name], seeds(name)
    chance = random.Random(f"{name} {seed}")
    result = Result(name)
    with _alarm():
        for data in given:  # what is made once (tables, generated code) is not growth
            check(result, target, data)
        before = reset_peak()
        started = time.perf_counter()
        while result.inputs < inputs + len(given) and len(result.findings) < stop_after:
            check(result, target, mutate(given, chance))
        result.seconds = time.perf_counter() - started
    result.growth_mib = max(0.0, peak_mib() - before)
    return result


def check(result: Result, target: Target, data: bytes) -> None:
    """One input; what it raises is a finding."""
    result.inputs += 1
    started = time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, INPUT_SECONDS)
    try:
        target(data)
    except TooSlow:
        result.findings.append(Finding(result.target, data, f"took longer than {INPUT_SECONDS:g} seconds"))
    except Exception as error:  # whatever it is, it is the finding
        result.findings.append(Finding(result.target, data, explain(error)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    result.slowest = max(result.slowest, time.perf_counter() - started)


def explain(error: BaseException) -> str:
    """The exception and the place that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__} in {place}: {str(error)[:500]}"


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- memory --------------------------------------------------------------------------------------


def reset_peak() -> float:
    """Forget the peak of this process's memory so far, where the system can; what it takes now, in MiB."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return peak_mib()
    return peak_mib()


def peak_mib() -> float:
    """The most memory that this process took since then, in MiB."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


Show = Callable[[str], None]


def run_all(total: int, seed: int, names: tuple[str, ...], show: Show) -> list[Result]:
    """Every target's share; a line for each, and for each finding its input."""
    results = []
    shares = share(total, names)
    show(f"{'target':<18}{'inputs':>8}{'seconds':>9}{'slowest ms':>12}{'growth MiB':>12}{'findings':>10}")
    for name in names:
        result = run_target(name, shares[name], seed)
        results.append(result)
        show(
            f"{name:<18}{result.inputs:>8}{result.seconds:>9.1f}{result.slowest * 1000:>12.1f}"
            f"{result.growth_mib:>12.1f}{len(result.findings):>10}"
        )
        for finding in result.findings:
            show(f"  {finding.what}\n  {finding.data!r}")
    return results
