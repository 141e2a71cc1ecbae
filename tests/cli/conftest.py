"""Running the command line in this process, and what it said."""

from __future__ import annotations

import os
import sys

import pytest

from exnorm.cli import run


class Result:
    def __init__(self, status: int, out: bytes, err: bytes) -> None:
        self.status = status
        self.lines = out.split(b"\n")[:-1]
        self.out = out
        self.err = err.decode()


class Exnorm:
    def __init__(self, capture: pytest.CaptureFixture[bytes]) -> None:
        self.capture = capture

    def __call__(self, *arguments: object) -> Result:
        self.capture.readouterr()
        status = run([str(argument) for argument in arguments])
        sys.stdout.flush()
        captured = self.capture.readouterr()
        return Result(status, captured.out, captured.err)


@pytest.fixture
def exnorm(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Exnorm:
    for name in list(os.environ):
        if name.startswith("EXNORM_"):
            monkeypatch.delenv(name)
    return Exnorm(capfdbinary)
