"""Recognize a log of cells: by its header, then by the form of its first row, then by its file name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from exnorm.convert import utc_ms
from exnorm.model import Confidence, Head, Schema
from exnorm.sources.columnar import cut_any_way, field_names


def recognize_columnar(
    schemas: Sequence[Schema],
    *,
    log_type: re.Pattern[str],
    telltale: frozenset[str],
    plausible: Callable[[Mapping[str, str]], bool],
    file_name: re.Pattern[str],
    other_telltales: tuple[frozenset[str], ...] = (),
) -> Callable[[Head], Confidence]:
    """Return a source's ``recognize`` for rows of comma separated cells that begin with a UTC time.

    ``telltale`` are column names that every version has and no other log has together, and so is each of
    ``other_telltales``: shippers leave out empty columns, and a row then has those of one of them.
    ``log_type`` and ``file_name`` must match as a whole. A log whose header names another type is accepted
    only with these columns, and with less confidence than the source of that type.
    """
    known = max((schema.columns for schema in schemas), key=len)
    by_width = {len(schema.columns): schema.columns for schema in schemas}

    def names_columns(text: str) -> bool:
        names = set(field_names(text, known)[0])
        return any(names >= own for own in (telltale, *other_telltales))

    def is_row(line: str) -> bool:
        return any(
            utc_ms(cells[0]) is not None
            and len(cells) in by_width
            and plausible(dict(zip(by_width[len(cells)], cells)))
            for cells in cut_any_way(line)
        )

    def recognize(head: Head) -> Confidence:
        stated = head.directives.get("log-type", "")
        if log_type.fullmatch(stated):
            return Confidence.HEADER
        if names_columns(head.directives.get("fields", "")):
            return Confidence.COLUMNS if stated else Confidence.HEADER
        if stated:
            return Confidence.NO
        if head.line and is_row(head.line):
            return Confidence.SHAPE
        return Confidence.NAME if file_name.fullmatch(head.file_name) else Confidence.NO

    return recognize
