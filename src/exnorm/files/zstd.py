"""Read zstd with Python 3.14 or the package ``zstandard``, with a limited window; both are optional."""

from __future__ import annotations

import importlib
import sys
from typing import Any

WINDOW_LOG = 27
_MODULES = ("compression.zstd", "zstandard")


def load() -> Any:
    """Return the module for zstd; ``None`` where there is none."""
    for name in _MODULES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def list_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that the module raises for bytes that are not zstd."""
    return tuple(sys.modules[name].ZstdError for name in _MODULES if name in sys.modules)


def open_decompressor() -> Any:
    """Return a decompressor of one frame, like ``bz2.BZ2Decompressor``; ``load`` must have found a module."""
    module = load()
    if hasattr(module, "DecompressionParameter"):
        return module.ZstdDecompressor(options={module.DecompressionParameter.window_log_max: WINDOW_LOG})
    return _Zstandard(module.ZstdDecompressor(max_window_size=1 << WINDOW_LOG))


class _Zstandard:
    """A decompressor of ``zstandard``: it returns all output at once, so its input is fed in small pieces."""

    _PIECE = 64  # a block of zstd gives 128 KiB at most, and has 3 bytes at least

    def __init__(self, decompressor: Any) -> None:
        self._engine = decompressor.decompressobj()
        self._rest = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return bool(self._engine.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._engine.unused_data) + self._rest

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._rest += data
        made, at = bytearray(), 0
        while at < len(self._rest) and len(made) < max_length and not self._engine.eof:
            made += self._engine.decompress(self._rest[at : at + self._PIECE])
            at += self._PIECE
        self._rest = self._rest[at:]
        self.needs_input = not self._rest
        return bytes(made)
