"""A stable id for each event, so that a receiver can drop one that was sent twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exnorm.model import Head, Record

_BYTES = 16


def exnorm_id(record: Record) -> str:
    """Return 32 hexadecimal digits from the file's name, the raw row and, where it was split, the part.

    A row has the same id in whatever batch it comes and wherever its file is; two rows of one file that are
    equal byte for byte have one id. For a row that came in a payload, the file's name is the one in the
    payload, and the row is the payload without its syslog header, which differs each time it is sent.
    """
    from hashlib import blake2b  # imported only where identities are written

    row = record.raw if record.envelope is None else record.raw.removeprefix(record.envelope.header)
    parts = (Head(record.path).file_name, record.part, row)
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=_BYTES).hexdigest()


def identity_seed(path: str) -> bytes:
    """Return the text before a whole row in the input of its ``exnorm_id``."""
    return "\0".join((Head(path).file_name, "", "")).encode("utf-8", "surrogatepass")


def identify_rows(path: str, rows: Iterable[bytes]) -> Iterator[str]:
    """Yield the ``exnorm_id`` of rows of a log that were neither split nor changed."""
    from hashlib import blake2b

    seed = blake2b(identity_seed(path), digest_size=_BYTES)
    for row in rows:
        digest = seed.copy()
        digest.update(row)
        yield digest.hexdigest()
