"""Output of ``Get-MessageTrackingLog``, exported as CSV or JSON.

Its times are local times of the shell; the setting ``tz`` gives the zone, unless each time names its own (see
``clock``).
"""

from __future__ import annotations

from exnorm.model import Confidence, Head, Reader, Source
from exnorm.settings import Settings
from exnorm.sources.admin_audit import ADMIN_AUDIT, read_shipped as read_admin_audit
from exnorm.sources.audit_export import AUDIT_EXPORT, read_shipped as read_audit_export
from exnorm.sources.exports import ExportReader, Shape, Values, is_bracket, is_export
from exnorm.sources.message_trace import TRACES

# fmt: off
PROPERTIES = {
    # property                  column of the log
    "Timestamp":               "date-time",
    "ClientIp":                "client-ip",
    "ClientHostname":          "client-hostname",
    "ServerIp":                "server-ip",
    "ServerHostname":          "server-hostname",
    "SourceContext":           "source-context",
    "ConnectorId":             "connector-id",
    "Source":                  "source",
    "EventId":                 "event-id",
    "InternalMessageId":       "internal-message-id",
    "MessageId":               "message-id",
    "NetworkMessageId":        "network-message-id",
    "Recipients":              "recipient-address",
    "RecipientStatus":         "recipient-status",
    "TotalBytes":              "total-bytes",
    "RecipientCount":          "recipient-count",
    "RelatedRecipientAddress": "related-recipient-address",
    "Reference":               "reference",
    "MessageSubject":          "message-subject",
    "Sender":                  "sender-address",
    "ReturnPath":              "return-path",
    "MessageInfo":             "message-info",
    "Directionality":          "directionality",
    "TenantId":                "tenant-id",
    "OriginalClientIp":        "original-client-ip",
    "OriginalServerIp":        "original-server-ip",
    "EventData":               "custom-data",
    "TransportTrafficType":    "transport-traffic-type",
    "SchemaVersion":           "schema-version",
}
# fmt: on
# Computed by the cmdlet or added by remoting: not columns of the log, kept under their own names.
COMPUTED = ("MessageLatency", "MessageLatencyType", "PSComputerName", "RunspaceId", "PSShowComputerName")


def name_schema(values: Values) -> str:
    """Return the product year by ``SchemaVersion``, else 2016, whose tables are the newer ones.

    The selection of properties does not matter: a row must have the same fields with some of them as with
    all.
    """
    return "2019/SE" if values.get("schema-version", "").startswith("15.02") else "2016"


TRACKING = Shape(
    needs=frozenset(("timestamp", "eventid")),
    columns={name.lower(): column for name, column in PROPERTIES.items()},
    name_schema=name_schema,
)


def recognize(head: Head) -> Confidence:
    """Recognize an export by its property names; JSON that begins with a lone brace shows them only later."""
    if is_export((TRACKING,), head.line):
        return Confidence.HEADER
    return Confidence.SHAPE if is_bracket(head.line) else Confidence.NO


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one export, which also reads the other kinds: JSON may not show yet which one it
    is.
    """
    return ExportReader(
        settings, (TRACKING, *TRACES), (read_admin_audit(settings), read_audit_export(settings))
    )


TRACKING_EXPORT = Source(
    name="tracking_export",
    title="Get-MessageTrackingLog as CSV or JSON",
    columns=(*PROPERTIES, *COMPUTED),
    recognize=recognize,
    open=open_reader,
    event_column="EventId",
    carries=("message_tracking", ADMIN_AUDIT.name, AUDIT_EXPORT.name),
)
