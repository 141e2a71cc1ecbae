"""Tell a running service to stop and to read its settings again, on POSIX and on Windows.

POSIX: SIGTERM and SIGINT stop, SIGHUP reads again. Windows has no SIGHUP: Ctrl-C and Ctrl-Break stop (a
service wrapper sends one of them), and the settings are read again when their file has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

LOOK_SECONDS = 5.0
"""How often the settings file is looked at where there is no SIGHUP."""

Call = Callable[[], object]


@contextlib.contextmanager
def handling(stop: Call, reload: Call | None = None, config: str | None = None) -> Iterator[None]:
    """Call ``stop`` and ``reload`` in the running loop at their signals.

    ``config`` is the settings file to watch where the system has no SIGHUP.
    """
    loop = asyncio.get_running_loop()
    calls: dict[str, Call] = {"SIGTERM": stop, "SIGINT": stop, "SIGBREAK": stop}
    if reload is not None:
        calls["SIGHUP"] = reload
    known = {getattr(signal, name): call for name, call in calls.items() if hasattr(signal, name)}
    with contextlib.ExitStack() as stack:
        for number, call in known.items():
            stack.callback(_handle(loop, number, call))
        if reload is not None and config is not None and not hasattr(signal, "SIGHUP"):
            watch = loop.create_task(watch_file(config, reload))
            stack.callback(watch.cancel)
        yield


def _handle(loop: asyncio.AbstractEventLoop, number: int, call: Call) -> Call:
    """Handle a signal; return a function that removes the handler."""
    try:
        loop.add_signal_handler(number, call)
    except NotImplementedError:  # Windows: the loop has none, but is woken by a handler of Python's own

        def pass_on(*_: Any) -> None:
            loop.call_soon_threadsafe(call)

        before = signal.signal(number, pass_on)
        return lambda: signal.signal(number, before)
    return lambda: loop.remove_signal_handler(number)


async def watch_file(path: str, changed: Call, seconds: float = LOOK_SECONDS) -> None:
    """Call ``changed`` each time the file's time or size changes; a missing file is no change."""
    seen = _state(path)
    while True:
        await asyncio.sleep(seconds)
        now = _state(path)
        if now is not None and now != seen:
            changed()
        seen = now or seen


def _state(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
