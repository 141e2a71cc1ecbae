from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exnorm.relay import signals


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("name", "asked"), [("SIGTERM", "stop"), ("SIGINT", "stop"), ("SIGHUP", "reload")])
def test_signals_of_posix_stop_and_read_again(name: str, asked: str) -> None:
    async def main() -> str:
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        with signals.handling(lambda: done.set_result("stop"), lambda: done.set_result("reload")):
            os.kill(os.getpid(), getattr(signal, name))
            return await done

    assert asyncio.run(main()) == asked


def test_a_loop_without_signal_handlers_is_woken_by_pythons_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, whose loop raises NotImplementedError."""
    before = signal.getsignal(signal.SIGINT)

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def refuse(*_: Any) -> None:
            raise NotImplementedError

        monkeypatch.setattr(loop, "add_signal_handler", refuse)
        with signals.handling(stop.set):
            signal.raise_signal(signal.SIGINT)
            await stop.wait()

    asyncio.run(main())
    assert signal.getsignal(signal.SIGINT) is before


def test_where_there_is_no_sighup_a_changed_settings_file_is_read_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "exnorm.yaml"
    config.write_text("profile: all\n")
    names = ("SIGINT", "SIGTERM", "signal")
    monkeypatch.setattr(signals, "signal", SimpleNamespace(**{name: getattr(signal, name) for name in names}))
    monkeypatch.setattr(signals, "LOOK_SECONDS", 0)

    async def main() -> list[str]:
        changed = asyncio.Event()
        task = asyncio.create_task(signals.watch_file(str(config), changed.set, 0))
        await asyncio.sleep(0)
        config.write_text("profile: security\n")
        await changed.wait()
        task.cancel()
        begun: list[str] = []

        async def watch(path: str, call: object) -> None:
            begun.append(path)

        monkeypatch.setattr(signals, "watch_file", watch)
        with signals.handling(lambda: None, lambda: None, str(config)):
            await asyncio.sleep(0)
        return begun

    assert asyncio.run(main()) == [str(config)]
