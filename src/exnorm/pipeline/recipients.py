"""Split a row into one record for each recipient, where the settings request it."""

from __future__ import annotations

from collections.abc import Iterator

from exnorm.convert import addresses, members
from exnorm.model import Record

MOST_RECIPIENTS = 10_000
MOST_SPLIT = 256 * 1024 * 1024
"""Characters of all the rows that one row is split into."""


def split_recipients(record: Record) -> Iterator[Record]:
    """Yield one record for each recipient, with its own status where the row has one for each."""
    found = _find_recipients(record)
    if len(found) < 2 or record.source.recipients is None:
        yield record
        return
    address_column, status_column = record.source.recipients
    status = record.values.get(status_column, "")
    statuses = members(status)
    aligned = len(statuses) == len(found)
    for number, address in enumerate(found):
        part = record.copy()
        part.values[address_column] = addresses(address)
        if status_column in part.values:
            part.values[status_column] = statuses[number] if aligned else status
        part.part = str(number + 1)
        yield part


def refuse_split(record: Record) -> str:
    """Return why a row must not be split into one for each recipient; empty where it may be."""
    if record.source.recipients is None:
        return ""
    most = record.values.get(record.source.recipients[0], "").count(";") + 1
    if most < 2:
        return ""
    found = len(_find_recipients(record)) if most > MOST_RECIPIENTS else most
    if found > MOST_RECIPIENTS:
        return f"row has {found} recipients; expected at most {MOST_RECIPIENTS} where each gives an event"
    beside = sum(map(len, record.values.values())) - sum(
        len(record.values.get(column, "")) for column in record.source.recipients
    )
    if beside * found > MOST_SPLIT:
        return f"row has {found} recipients and {beside} characters beside them, too many to write for each"
    return ""


def _find_recipients(record: Record) -> list[str]:
    if record.source.recipients is None:
        return []
    return [address for address in members(record.values.get(record.source.recipients[0], "")) if address]
