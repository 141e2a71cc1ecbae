"""Worker processes that Ctrl-C ends without a word, and whose death is an error that can be told."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Workers(Executor):
    """A pool of processes; leaving it calls off what has not begun."""

    def __init__(self, jobs: int) -> None:
        from concurrent.futures import ProcessPoolExecutor  # convert needs none

        self._pool = ProcessPoolExecutor(jobs, initializer=end_at_interrupt)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let a worker call ``fn``. An interrupt waits until the worker knows what to do with one."""
        with holding_interrupts():
            return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End the workers once what has begun is done."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)


def end_at_interrupt() -> None:
    """Let Ctrl-C end a worker without a word: the process that it works for says what there is to say."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextlib.contextmanager
def holding_interrupts() -> Iterator[None]:
    """Have Ctrl-C wait until a process that is started knows what to do with one."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
