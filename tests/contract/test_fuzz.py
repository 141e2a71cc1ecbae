"""The fixed budget of mutated inputs: the same ones in every run, over every target of ``fuzz``."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.mutator import mutate
from fuzz.runner import INPUT_SECONDS, Result, check, run_target, share
from fuzz.targets import SOURCES, TARGETS, seeds

from exnorm.testing import normalizer

ROOT = Path(__file__).parents[2]
INPUTS = 200_000

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="the alarm is POSIX's")


@pytest.mark.slow
def test_200_000_mutated_inputs_raise_nothing_and_stay_in_their_bounds_of_time_and_memory() -> None:
    # Two processes, each with half of the targets, whose memory no other test has filled.
    names = sorted(TARGETS, key=list(TARGETS).index)
    halves = (names[0::2], names[1::2])
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")))
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "fuzz", *half, "--inputs", str(INPUTS // 2)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True,
        )
        for half in halves
    ]  # fmt: skip
    inputs = 0
    for process in running:
        said, _ = process.communicate()
        assert process.returncode == 0, said[-4000:]
        found = re.search(
            r"^([0-9]+) inputs in [0-9.]+ s, 0 findings, at most [0-9.]+ MiB more memory$", said, re.M
        )
        assert found is not None, said[-4000:]
        inputs += int(found.group(1))
    assert inputs >= INPUTS


def test_every_source_has_a_target_and_every_target_small_seeds() -> None:
    assert set(SOURCES) == set(normalizer().plugins.registry.sources)
    for name in TARGETS:
        assert seeds(name), name
        assert max(map(len, seeds(name))) < 16 * 1024, name


def test_the_same_numbers_make_the_same_inputs() -> None:
    made = [[mutate(seeds("wire"), random.Random(number)) for number in range(50)] for _ in range(2)]
    assert made[0] == made[1]
    assert len(set(made[0])) > 40


def test_every_input_is_dealt_to_a_target() -> None:
    dealt = share(INPUTS)
    assert sum(dealt.values()) == INPUTS
    assert min(dealt.values()) > 1000


def test_what_a_target_raises_is_a_finding_and_so_is_an_input_that_takes_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(data: bytes) -> None:
        try:
            while True:
                pass
        except Exception:  # as a product may
            pass

    def broken(data: bytes) -> None:
        raise KeyError("x")

    monkeypatch.setattr("fuzz.runner.INPUT_SECONDS", 0.05)
    monkeypatch.setitem(TARGETS, "lines", slow)
    (finding,) = run_target("lines", 1, 1).findings[:1]
    assert finding.what == "took longer than 0.05 seconds"
    result = Result("lines")
    check(result, broken, b"data")
    assert [found.data for found in result.findings] == [b"data"]
    assert result.findings[0].what.startswith("KeyError in test_fuzz.py")
    assert INPUT_SECONDS == 5
