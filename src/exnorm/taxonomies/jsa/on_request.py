"""Rows of JSA tables that are written on request only; all are ours."""

from __future__ import annotations

from exnorm.model import Row
from exnorm.tables.mapping import by_event, row, setting_is

_DIRECTION = setting_is("direction", True)
_CORRELATION = setting_is("correlation", True)
_CATEGORIES = setting_is("categories", True)


def mail_flow_rows() -> tuple[Row, ...]:
    """Return the rows for the direction of a message and the correlation of its rows."""
    # fmt: off
    return (
        row("mailDirection", "mail-direction", when=_DIRECTION,   ours="with --direction: inbound, outbound, internal or unknown"),
        row("correlationId", "correlation-id", when=_CORRELATION, ours="with --correlation: the same in every row of one message"),
    )
    # fmt: on


def correlation_row(*origins: str) -> Row:
    """Return the row for the shared id in a log whose rows belong to a session rather than to a message."""
    return row(
        "correlationId",
        origins,
        when=_CORRELATION,
        ours="with --correlation: the message where the row knows it, else the session",
    )


def category_rows(event: str) -> tuple[Row, ...]:
    """Return the rows for the published number of the low level category in ``cat``, and its high level
    category.
    """
    # fmt: off
    return (
        row("categoryId",        event, by_event("categoryId"),        when=_CATEGORIES, ours="with --categories: the published number of the category in cat"),
        row("highLevelCategory", event, by_event("highLevelCategory"), when=_CATEGORIES, ours="with --categories: the published high level category that cat lies in"),
    )
    # fmt: on
