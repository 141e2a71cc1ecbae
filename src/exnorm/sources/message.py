"""One row for each message: what ``exnorm convert --per-message`` makes of the rows of message tracking.

A log of exnorm's own, with cells under a ``#Fields`` line as Exchange writes them, so that all that is there
for logs of Exchange is there for it too. Names that message tracking has mean the same here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from exnorm.convert import utc_ms
from exnorm.model import Head, Reader, Record, Schema, Source
from exnorm.settings import Settings
from exnorm.sources.columnar import ColumnarReader, Finish, Refusal, explain_date, split_csv
from exnorm.sources.mail_flow import CORRELATION, DERIVED, DIRECTION
from exnorm.sources.recognition import recognize_columnar
from exnorm.text.patterns import compile_later

COLUMNS = (
    "date-time", "last-time", "latency-ms", "outcome", "message-key", "revision", "told-early", "rows",
    "network-message-id", "message-id", "sender-address", "return-path", "recipient-address",
    "recipient-count", "recipient-states", "failed-recipients", "delivered-count", "failed-count",
    "deferred-count", "pending-count", "expanded-count", "redirected-count", "message-subject",
    "total-bytes", "bytes-in", "bytes-out", "directionality", "direction", "client-ip", "client-hostname",
    "server-hostname", "servers", "server-count", "missing-logs", "connector-in", "connectors-out",
    "agent-verdicts", "reference",
)  # fmt: skip
SCHEMAS = (Schema("1", COLUMNS),)
EVENTS = frozenset(("DELIVERED", "DEFERRED", "FAILED", "PENDING"))
LOG_TYPE = "exnorm messages"
HEADER = f"#Software: exnorm\n#Log-type: {LOG_TYPE}\n#Fields: {','.join(COLUMNS)}\n"
NAME = "messages.log"
"""The name under which these rows are read, so that a message has one ``exnorm_id`` wherever it is told."""

_LOG_TYPE = compile_later(re.escape(LOG_TYPE), re.IGNORECASE)
_TELLTALE = frozenset(("message-key", "recipient-states", "told-early"))
_KEY = compile_later(r"[0-9a-f]{32}")
_FILE_NAME = compile_later(re.escape(NAME), re.IGNORECASE)


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns."""
    return (
        values.get("outcome", "").upper() in EVENTS
        and _KEY.fullmatch(values.get("message-key", "")) is not None
    )


def make_finish(settings: Settings) -> Finish:
    """Return the function that completes a row, with direction and correlation if the settings
    request them.
    """

    def finish(record: Record) -> Refusal | None:
        moment = record.values.get("date-time", "")
        record.time = utc_ms(moment)
        if record.time is None:
            return explain_date("date-time", moment)
        if settings.direction:
            record.derived[DIRECTION] = record.get("direction")
        if settings.correlation:
            record.derived[CORRELATION] = record.get("network-message-id") or record.get("message-id")
        return None

    return finish


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    return ColumnarReader(
        source,
        settings,
        split=split_csv,
        finish=make_finish(settings),
        plausible=is_plausible,
        derived_from={},
    )


MESSAGE = Source(
    name="message",
    title="Messages, one row for each",
    columns=COLUMNS,
    derived=DERIVED,
    recognize=recognize_columnar(
        SCHEMAS, log_type=_LOG_TYPE, telltale=_TELLTALE, plausible=is_plausible, file_name=_FILE_NAME
    ),
    open=open_reader,
    event_column="outcome",
    events=EVENTS,
    schemas=SCHEMAS,
    agent_log_format="MESSAGE",
    names=(NAME,),
)
