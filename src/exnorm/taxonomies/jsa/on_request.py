"""Rows of JSA tables that are written on request only; all are ours."""

from __future__ import annotations

from exnorm.model import Row
from exnorm.tables.mapping import by_event, row, setting_is

_DIRECTION = setting_is("direction", True)
_CORRELATION = setting_is("correlation", True)
_CATEGORIES = setting_is("categories", True)


def mail_flow_rows() -> tuple[Row, ...]:
    """Direction of a message and correlation of its rows."""
    # fmt: off
    return (
        row("mailDirection", "mail-direction", when=_DIRECTION,   ours="with --direction: inbound, outbound, internal or unknown"),
        row("correlationId", "correlation-id", when=_CORRELATION, ours="with --correlation: the same in every row of one message"),
    )
    # fmt: on


def correlation_row(*origins: str) -> Row:
    """The id that rows share, of a log whose rows are of a session rather than of a message."""
    return row(
        "correlationId",
        origins,
        when=_CORRELATION,
        ours="with --correlation: the message where the row knows it, else the session",
    )


def category_rows(event: str) -> tuple[Row, ...]:
    """The published number of the low level category in ``cat``, and the high level one it is in."""
    # fmt: off
    return (
        row("categoryId",        event, by_event("categoryId"),        when=_CATEGORIES, ours="with --categories: the published number of the category in cat"),
        row("highLevelCategory", event, by_event("highLevelCategory"), when=_CATEGORIES, ours="with --categories: the published high level category that cat lies in"),
    )
    # fmt: on
