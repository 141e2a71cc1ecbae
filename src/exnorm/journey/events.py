"""The meaning of message tracking events for a message, as Microsoft documents them."""

from __future__ import annotations

WRITTEN_BY_CLIENT = frozenset((
    "AGENTINFO", "DEFER", "FAIL", "NOTIFYMAPI", "NOTIFYSHADOW", "SEND", "SENDEXTERNAL", "SUBMIT",
    "SUBMITDEFER", "SUBMITFAIL", "THROTTLE", "CLIENTSUBMISSION",
))  # fmt: skip
"""Events whose client columns name the server that wrote the row; in all others the server columns do."""

SHADOW = frozenset(("HADISCARD", "HARECEIVE", "HAREDIRECT", "HAREDIRECTFAIL", "NOTIFYSHADOW"))
"""Rows about copies that are kept in case a server fails: no message goes this way."""

SENT = frozenset(("SEND", "SENDEXTERNAL"))
DELIVERED = frozenset(("DELIVER", "DUPLICATEDELIVER"))
ARRIVED = frozenset(("RECEIVE", "SUBMIT", "CLIENTSUBMISSION", "LOAD", "RESUBMIT"))

FAILED = frozenset((
    "BADMAIL", "DELIVERFAIL", "DROP", "FAIL", "MODERATIONEXPIRE", "MODERATORREJECT", "MODERATORSALLNDR",
    "RESUBMITFAIL", "SUBMITFAIL",
))  # fmt: skip
DEFERRED = frozenset((
    "DEFER", "INITMESSAGECREATED", "POISONMESSAGE", "RESUBMITDEFER", "SUBMITDEFER", "THROTTLE",
))  # fmt: skip

REFERS_TO_OTHERS = frozenset(("DSN", "SEND", "SENDEXTERNAL", "THROTTLE", "BADMAIL"))
"""Events whose ``reference`` names another message, or none, and not the one that this is a copy of."""

WORDS = {
    "AGENTINFO": "agents had their say",
    "BADMAIL": "could be neither delivered nor returned",
    "CLIENTSUBMISSION": "submitted from an Outbox",
    "DEFER": "delayed",
    "DELIVER": "delivered to the mailbox",
    "DELIVERFAIL": "no such folder in the mailbox",
    "DROP": "dropped without a notice",
    "DSN": "a delivery status notification was made",
    "DUPLICATEDELIVER": "a second copy for the same mailbox was dropped",
    "DUPLICATEEXPAND": "a member was a recipient already",
    "DUPLICATEREDIRECT": "the other address was a recipient already",
    "EXPAND": "group expanded",
    "FAIL": "failed",
    "HADISCARD": "shadow copy discarded",
    "HARECEIVE": "shadow copy received",
    "HAREDIRECT": "shadow copy made",
    "HAREDIRECTFAIL": "no shadow copy could be made",
    "INITMESSAGECREATED": "waits for a moderator",
    "LOAD": "loaded when the service started",
    "MODERATIONEXPIRE": "no moderator decided in time",
    "MODERATORAPPROVE": "approved by a moderator",
    "MODERATORREJECT": "rejected by a moderator",
    "MODERATORSALLNDR": "no moderator could be reached",
    "NOTIFYMAPI": "found in an Outbox",
    "NOTIFYSHADOW": "found in an Outbox, a shadow copy is wanted",
    "POISONMESSAGE": "in the poison queue",
    "PROCESS": "processed",
    "PROCESSMEETINGMESSAGE": "processed as a meeting message",
    "RECEIVE": "received",
    "REDIRECT": "redirected to another recipient",
    "RESOLVE": "resolved to another address",
    "RESUBMIT": "submitted again from Safety Net",
    "RESUBMITDEFER": "submitting again was delayed",
    "RESUBMITFAIL": "submitting again failed",
    "SEND": "sent on",
    "SENDEXTERNAL": "sent out of the organization",
    "SUBMIT": "handed to transport",
    "SUBMITDEFER": "handing to transport was delayed",
    "SUBMITFAIL": "handing to transport failed",
    "SUPPRESSED": "not sent a second time",
    "THROTTLE": "throttled",
    "TRANSFER": "some recipients go on as a copy",
}
"""Each event in a few words, for people."""
