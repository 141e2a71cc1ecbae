"""Unpack compressed files to the bytes of their logs, as streams and in bounded memory; bombs are refused."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from exnorm.files import zstd

if TYPE_CHECKING:
    import zipfile

OUT_BYTES = 256 * 1024
BOMB_BYTES = 256 * 1024 * 1024
"""So much may come of anything; of more, ``BOMB_RATIO`` bytes at most for each one that was read."""
BOMB_RATIO = 500
XZ_MEMORY = 256 * 1024 * 1024
MOST_MEMBERS = 10_000

GZIP, BZIP2, XZ, ZSTD, ZIP, TAR = "gzip", "bzip2", "xz", "zstd", "zip", "tar"
_MAGIC = {
    b"\x1f\x8b\x08": GZIP,
    b"BZh": BZIP2,
    b"\xfd7zXZ\0": XZ,
    b"\x28\xb5\x2f\xfd": ZSTD,
    b"PK\x03\x04": ZIP,
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"MSCF\0\0\0\0": "cab",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x1f\x9d": "compress",
    b"LZIP": "lzip",
}
_MAGIC_LONGEST = max(map(len, _MAGIC))
_TAR_MAGIC, _TAR_AT = b"ustar", 257
MAGIC_BYTES = max(_TAR_AT + len(_TAR_MAGIC), _MAGIC_LONGEST)


class CompressedError(Exception):
    """Compressed content cannot be read; ``str()`` of it is the reason."""


class ArchiveError(CompressedError):
    """Compressed content contains an archive, which is not read."""


class Engine(Protocol):
    """Unpacks one stream, as ``bz2.BZ2Decompressor`` does."""

    eof: bool
    unused_data: bytes
    needs_input: bool

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most ``max_length`` bytes from ``data`` and the input before it."""


def name_kind(beginning: bytes) -> str:
    """Return the compression or archive of a file by its beginning; empty for neither."""
    if beginning.startswith(_TAR_MAGIC, _TAR_AT):
        return TAR
    return next((kind for magic, kind in _MAGIC.items() if beginning.startswith(magic)), "")


def explain_closed(kind: str) -> str:
    """Return why a file of this compression cannot be read here; empty where it can."""
    if kind == TAR:
        return "is a tar archive, which exnorm does not read: unpack it first"
    if kind not in (GZIP, BZIP2, XZ, ZSTD, ZIP):
        return f"is compressed ({kind}), which exnorm does not read"
    if kind == ZSTD and zstd.load() is None:
        return "is compressed (zstd): needs pip install 'exnorm[zstd]', or Python 3.14"
    return ""


def unpack(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the blocks of a file, unpacked where they are compressed; raises ``CompressedError``."""
    source = iter(blocks)
    beginning = b""
    for block in source:
        beginning += block
        if len(beginning) >= _MAGIC_LONGEST or not _may_be_magic(beginning):
            break
    kind = name_kind(beginning)
    whole = chain((beginning,) if beginning else (), source)
    if not kind:
        yield from whole
        return
    closed = explain_closed(kind)
    if kind == ZIP:
        closed = "is a zip archive, which is read from a file, not from a stream nor from another archive"
    if closed:
        raise CompressedError(closed)
    first = True
    for made in _decompress(whole, kind):
        if first and name_kind(made) == TAR:
            raise ArchiveError(explain_closed(TAR))
        first = False
        yield made


def _may_be_magic(beginning: bytes) -> bool:
    return any(magic.startswith(beginning) for magic in _MAGIC)


# --- one stream ----------------------------------------------------------------------------------


def _decompress(blocks: Iterable[bytes], kind: str) -> Iterator[bytes]:
    make = {GZIP: _Gzip, BZIP2: _open_bzip2, XZ: _open_xz, ZSTD: zstd.open_decompressor}[kind]
    bound = Bound(kind)
    engine: Any = make()
    is_open = False
    for block in blocks:
        bound.taken += len(block)
        data = block if is_open else block.lstrip(b"\0")
        while data or (is_open and not engine.needs_input):
            made = _run(engine, data, kind)
            yield from bound.pass_on(made)
            data, is_open = b"", True
            if engine.eof:  # further streams may follow, and what fills a tape
                data, is_open = engine.unused_data.lstrip(b"\0"), False
                engine = make()
    if is_open:
        raise CompressedError(f"is cut off: the {kind} data ends in the middle")


def _run(engine: Engine, data: bytes, kind: str) -> bytes:
    refusals = _find_refusals()
    try:
        return engine.decompress(data, OUT_BYTES)
    except refusals as error:
        raise CompressedError(f"cannot be unpacked: {kind}: {error}") from None


class Bound:
    """Counts the bytes in and out, and stops at a ratio that only a bomb has."""

    def __init__(self, kind: str, taken: int = 0) -> None:
        self.taken = taken
        self._kind = kind
        self._given = 0

    def pass_on(self, made: bytes) -> Iterator[bytes]:
        """Yield the output, if there is any; raises ``CompressedError`` for a bomb."""
        self._given += len(made)
        if self._given > BOMB_BYTES and self._given > BOMB_RATIO * self.taken:
            reason = f"gives {self._given} bytes of {self.taken}; expected at most {BOMB_RATIO} for each"
            raise CompressedError(f"is taken for a bomb: {self._kind} {reason}")
        if made:
            yield made


class _Gzip:
    """zlib's engine with the interface of the others."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._engine.eof

    @property
    def unused_data(self) -> bytes:
        return self._engine.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        made = self._engine.decompress(self._engine.unconsumed_tail + data, max_length)
        self.needs_input = not self._engine.unconsumed_tail and len(made) < max_length
        return made


def _open_bzip2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


def _open_xz() -> Any:
    import lzma

    return lzma.LZMADecompressor(memlimit=XZ_MEMORY)


def _find_refusals() -> tuple[type[Exception], ...]:
    """Return the exceptions of the imported engines for unreadable data."""
    lzma = sys.modules.get("lzma")
    own = () if lzma is None else (lzma.LZMAError,)
    return (zlib.error, EOFError, OSError, ValueError, *own, *zstd.list_errors())


# --- zip -----------------------------------------------------------------------------------------


def list_members(path: str) -> list[tuple[str, int]]:
    """Return the files in a zip archive, each with its size there; raises ``CompressedError``."""
    with _opening(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MOST_MEMBERS:
        raise CompressedError(f"is a zip archive of {len(infos)} files; expected at most {MOST_MEMBERS}")
    return [(info.filename, info.compress_size) for info in infos]


def read_member(path: str, member: str) -> Iterator[bytes]:
    """Yield the blocks of one file in a zip archive, itself unpacked; raises ``CompressedError``."""
    yield from unpack(_read_member(path, member))


def _read_member(path: str, member: str) -> Iterator[bytes]:
    import zipfile

    with _opening(path) as archive:
        info = archive.getinfo(member)
        if info.flag_bits & 1:
            raise CompressedError("is encrypted in its zip archive")
        bound = Bound(ZIP, info.compress_size)
        refusals: tuple[type[Exception], ...]
        refusals = (zipfile.BadZipFile, NotImplementedError, *_find_refusals())
        try:
            with archive.open(info) as file:
                while block := file.read(OUT_BYTES):
                    yield from bound.pass_on(block)
        except refusals as error:
            raise CompressedError(f"cannot be unpacked: zip: {error}") from None


def _opening(path: str) -> zipfile.ZipFile:
    import zipfile

    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise CompressedError(f"is a zip archive that cannot be opened: {error}") from None
