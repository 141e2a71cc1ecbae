"""exnorm inside Fluent Bit: a chunk of its events in, a chunk out.

Both the filter in process and the forward service call ``filter_chunk``.
"""

from __future__ import annotations

import importlib
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exnorm.fluentbit.chunk import ChunkFilter
    from exnorm.fluentbit.options import Options, read_options

__all__ = ["ChunkFilter", "Options", "filter_chunk", "read_options"]


def filter_chunk(tag: str, chunk: bytes) -> bytes | None:
    """Return the chunk with every Exchange record normalized; ``None`` where nothing changed.

    ``chunk`` is what Fluent Bit passes to a filter: msgpack events back to back. The settings are the
    defaults and the environment (``EXNORM_TAXONOMY=jsa``), read at the first call; a ``ChunkFilter`` takes
    others. The state of each log file is remembered between calls.
    """
    return _shared_filter().filter(tag, chunk)


@lru_cache(maxsize=1)
def _shared_filter() -> ChunkFilter:
    from exnorm.fluentbit.chunk import ChunkFilter

    return ChunkFilter.from_names({}, environ=os.environ)


_HOMES = {"ChunkFilter": "chunk", "Options": "options", "read_options": "options"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"exnorm.fluentbit.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
