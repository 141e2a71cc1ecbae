"""Message traces of Exchange Online: extended report, enhanced summary, objects of the shell and of Graph.

All times are UTC. Only the extended report names its events; for the others the event is derived from the
delivery status, and the status is kept beside it.
"""

from __future__ import annotations

from dataclasses import replace

from exnorm.model import Confidence, Head, Reader, Source
from exnorm.settings import Settings
from exnorm.sources.exports import ExportReader, Shape, Values, is_export

# fmt: off
EXTENDED_COLUMNS = {
    # column of the report       column of the log
    "date_time_utc":             "date-time",
    "date_time":                 "date-time",
    "client_ip":                 "client-ip",
    "client_hostname":           "client-hostname",
    "server_ip":                 "server-ip",
    "server_hostname":           "server-hostname",
    "source_context":            "source-context",
    "connector_id":              "connector-id",
    "source":                    "source",
    "event_id":                  "event-id",
    "internal_message_id":       "internal-message-id",
    "message_id":                "message-id",
    "network_message_id":        "network-message-id",
    "recipient_address":         "recipient-address",
    "recipient_status":          "recipient-status",
    "total_bytes":               "total-bytes",
    "recipient_count":           "recipient-count",
    "related_recipient_address": "related-recipient-address",
    "reference":                 "reference",
    "message_subject":           "message-subject",
    "sender_address":            "sender-address",
    "return_path":               "return-path",
    "message_info":              "message-info",
    "directionality":            "directionality",
    "tenant_id":                 "tenant-id",
    "original_client_ip":        "original-client-ip",
    "original_server_ip":        "original-server-ip",
    "custom_data":               "custom-data",
}
SUMMARY_COLUMNS = {
    "origin_timestamp":          "date-time",
    "origin_timestamp_utc":      "date-time",
    "sender_address":            "sender-address",
    "recipient_status":          "recipient-status",  # with the address before each status
    "message_subject":           "message-subject",
    "total_bytes":               "total-bytes",
    "message_id":                "message-id",
    "network_message_id":        "network-message-id",
    "original_client_ip":        "original-client-ip",
    "directionality":            "directionality",
    "connector_id":              "connector-id",
    "delivery_priority":         "custom-data",
}
OBJECT_PROPERTIES = {
    "Received":                  "date-time",
    "SenderAddress":             "sender-address",
    "RecipientAddress":          "recipient-address",
    "Subject":                   "message-subject",
    "Size":                      "total-bytes",
    "MessageId":                 "message-id",
    "MessageTraceId":            "network-message-id",
}
GRAPH_PROPERTIES = {
    # of Microsoft Graph          the same of Get-MessageTraceV2
    "receivedDateTime":          "Received",
    "senderAddress":             "SenderAddress",
    "recipientAddress":          "RecipientAddress",
    "subject":                   "Subject",
    "toIP":                      "ToIP",
    "fromIP":                    "FromIP",
    "size":                      "Size",
    "messageId":                 "MessageId",
    "id":                        "MessageTraceId",
    "status":                    "Status",
}
# Not columns of the log: kept under their own names. The tables for traces read the addresses.
OTHER_PROPERTIES = ("FromIP", "ToIP", "Status", "Organization", "Index", "StartDate", "EndDate")

# The event for a status is our choice. None and GettingStatus mean that there is no outcome yet, and
# an outcome that is not listed here is not guessed: the status itself is then the event's name.
STATUS_EVENTS = {
    "DELIVERED":      "DELIVER",
    "FAILED":         "FAIL",
    "EXPANDED":       "EXPAND",
    "PENDING":        "DEFER",
    "QUARANTINED":    "DROP",   # held back from the recipient
    "FILTEREDASSPAM": "DROP",   # refused, not quarantined
}
DIRECTIONS = {"1": "Incoming", "2": "Originating"}
# fmt: on
SCHEMA = "trace"
"""What the tables for traces are chosen by."""
_MARK = "##"


def name_fate(values: Values) -> list[Values]:
    """Return the row with the event for its status."""
    status = values.get("Status", "").upper()
    if status:
        values.setdefault("event-id", STATUS_EVENTS.get(status, status))
    return [values]


def split_summary(values: Values) -> list[Values]:
    """Convert the columns that a summary row holds in another form, and derive the event from its statuses.

    A row has one status for each recipient: where their last words differ, each recipient becomes a row of
    its own. Statuses that do not all begin with an address stay as they are.
    """
    direction = values.get("directionality", "")
    if direction in DIRECTIONS:
        values["directionality"] = DIRECTIONS[direction]
    if values.get("custom-data"):
        values["custom-data"] = f"S:DeliveryPriority={values['custom-data']}"
    members = [member.partition(_MARK) for member in values.get("recipient-status", "").split(";") if member]
    if "recipient-address" in values or not all(address and mark for address, mark, _ in members):
        return [values]
    fates = [(address.strip(), status.strip()) for address, _, status in members]
    events = [_name_event(status) for _, status in fates]
    if len(set(events)) > 1:
        return [_give_fate(values, [fate], event) for fate, event in zip(fates, events)]
    return [_give_fate(values, fates, events[0] if events else "")]


def _name_event(status: str) -> str:
    """Return the event for the last word of ``Receive, Deliver``."""
    outcome = status.rpartition(",")[2].strip().upper()
    return STATUS_EVENTS.get(outcome, outcome)


def _give_fate(values: Values, fates: list[tuple[str, str]], event: str) -> Values:
    """Return a row for these recipients with their statuses."""
    found = {
        **values,
        "recipient-address": ";".join(address for address, _ in fates),
        "recipient-status": ";".join(status for _, status in fates),
    }
    return {**found, "event-id": values.get("event-id", event)} if event else found


def _lower(columns: dict[str, str]) -> dict[str, str]:
    return {name.lower(): column for name, column in columns.items()}


EXTENDED = Shape(needs=frozenset(("event_id",)), columns=EXTENDED_COLUMNS, zone="UTC")
SUMMARY = Shape(
    needs=frozenset(("recipient_status", "sender_address")),
    columns=SUMMARY_COLUMNS,
    zone="UTC",
    schema=SCHEMA,
    split=split_summary,
)
OBJECT = Shape(
    needs=frozenset(("received", "recipientaddress")),
    columns=_lower(OBJECT_PROPERTIES),
    zone="UTC",
    schema=SCHEMA,
    split=name_fate,
)
GRAPH = replace(
    OBJECT,
    needs=frozenset(("receiveddatetime", "recipientaddress")),
    columns={name.lower(): OBJECT_PROPERTIES.get(same, same) for name, same in GRAPH_PROPERTIES.items()},
)
# An extended report has the columns of a summary too, so it is looked for first.
TRACES = (EXTENDED, SUMMARY, OBJECT, GRAPH)


def recognize(head: Head) -> Confidence:
    """Recognize a trace by the names of its columns or properties."""
    return Confidence.HEADER if is_export(TRACES, head.line) else Confidence.NO


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one report or export."""
    return ExportReader(settings, TRACES)


MESSAGE_TRACE = Source(
    name="message_trace",
    title="Exchange Online message trace as CSV or JSON",
    columns=tuple(
        dict.fromkeys(
            (*EXTENDED_COLUMNS, *SUMMARY_COLUMNS, *OBJECT_PROPERTIES, *OTHER_PROPERTIES, *GRAPH_PROPERTIES)
        )
    ),
    recognize=recognize,
    open=open_reader,
    carries=("message_tracking",),
)
