from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fluent.sender", reason="fluent-logger is not installed")

from exnorm.errors import SettingsError
from exnorm.fluentbit.service import Service


@pytest.mark.parametrize(
    ("error", "reason"),
    [(SettingsError("format: got 'cfe'"), "format: got 'cfe'"), (RuntimeError("a subject"), "RuntimeError")],
)
def test_whatever_goes_wrong_in_a_reload_is_said_and_what_runs_goes_on(error: Exception, reason: str) -> None:
    said: list[dict[str, Any]] = []
    replaced: list[Any] = []
    service: Any = SimpleNamespace(
        _log=lambda level, event, **fields: said.append({"level": level, "event": event, **fields}),
        carrier=SimpleNamespace(replace_filter=replaced.append),
    )

    def load() -> Any:
        raise error

    Service._reload(service, load)
    assert replaced == []
    assert said == [
        {"level": "error", "event": "reload failed", "reason": reason, "kept": "the settings before"}
    ]


def test_a_chunk_that_comes_at_the_moment_of_stopping_is_carried_to_its_end() -> None:
    async def stop() -> list[str]:
        done: list[str] = []
        busy: set[asyncio.Task[None]] = set()

        async def carry(turns: int) -> None:
            task = asyncio.current_task()
            assert task is not None
            busy.add(task)
            for _ in range(turns):
                await asyncio.sleep(0)
            done.append("acknowledged")
            busy.discard(task)

        async def wait_for_bytes() -> None:  # as wait_for does in Python before 3.12, where they are there
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            await carry(20)

        tasks = {asyncio.create_task(carry(5)), asyncio.create_task(wait_for_bytes())}
        await asyncio.sleep(0)
        service: Any = SimpleNamespace(_connections=tasks, _busy=busy, _limits=SimpleNamespace(timeout=10.0))
        await Service._drain(service)
        return done

    assert asyncio.run(stop()) == ["acknowledged"] * 2
