"""Message tracking events -> JSA: low level category (published id and name) and severity (1 to 10).

Which event belongs to which category is ours: the guide gives none.
"""

from __future__ import annotations

from exnorm.taxonomies.jsa.categories import UNKNOWN_CATEGORY, UNKNOWN_SEVERITY, describe_event as _event

__all__ = ["EVENTS", "UNKNOWN_CATEGORY", "UNKNOWN_SEVERITY"]

# fmt: off
EVENTS = dict((
    #      event                     id   low level category        severity
    _event("AGENTINFO",              8052, "Information",           1),
    _event("BADMAIL",               18004, "Mail Terminated",       4),
    _event("CLIENTSUBMISSION",      18006, "Mail in Progress",      1),
    _event("DEFER",                 18007, "Mail Delayed",          4),
    _event("DELIVER",               18002, "Mail Closed",           1),
    _event("DELIVERFAIL",           18004, "Mail Terminated",       4),
    _event("DROP",                  18005, "Mail Denied",           4),
    _event("DSN",                   18006, "Mail in Progress",      3),
    _event("DUPLICATEDELIVER",      18002, "Mail Closed",           1),
    _event("DUPLICATEEXPAND",       18006, "Mail in Progress",      1),
    _event("DUPLICATEREDIRECT",     18009, "Mail Redirected",       1),
    _event("EXPAND",                18006, "Mail in Progress",      1),
    _event("FAIL",                  18004, "Mail Terminated",       4),
    _event("HADISCARD",              8052, "Information",           1),
    _event("HARECEIVE",              8052, "Information",           1),
    _event("HAREDIRECT",             8052, "Information",           1),
    _event("HAREDIRECTFAIL",         8054, "Warning",               4),
    _event("INITMESSAGECREATED",    18008, "Mail Queued",           3),
    _event("LOAD",                   8052, "Information",           1),
    _event("MODERATIONEXPIRE",      18004, "Mail Terminated",       4),
    _event("MODERATORAPPROVE",      18006, "Mail in Progress",      1),
    _event("MODERATORREJECT",       18005, "Mail Denied",           4),
    _event("MODERATORSALLNDR",      18004, "Mail Terminated",       4),
    _event("NOTIFYMAPI",            18006, "Mail in Progress",      1),
    _event("NOTIFYSHADOW",          18006, "Mail in Progress",      1),
    _event("POISONMESSAGE",          7018, "Mail Protocol Anomaly", 6),
    _event("PROCESS",               18006, "Mail in Progress",      1),
    _event("PROCESSMEETINGMESSAGE", 18006, "Mail in Progress",      1),
    _event("RECEIVE",               18001, "Mail Opened",           1),
    _event("REDIRECT",              18009, "Mail Redirected",       1),
    _event("RESOLVE",               18006, "Mail in Progress",      1),
    _event("RESUBMIT",              18008, "Mail Queued",           3),
    _event("RESUBMITDEFER",         18007, "Mail Delayed",          4),
    _event("RESUBMITFAIL",          18004, "Mail Terminated",       4),
    _event("SEND",                  18006, "Mail in Progress",      1),
    _event("SENDEXTERNAL",          18002, "Mail Closed",           1),
    _event("SUBMIT",                18006, "Mail in Progress",      1),
    _event("SUBMITDEFER",           18007, "Mail Delayed",          4),
    _event("SUBMITFAIL",            18004, "Mail Terminated",       4),
    _event("SUPPRESSED",            18004, "Mail Terminated",       2),
    _event("THROTTLE",              18007, "Mail Delayed",          4),
    _event("TRANSFER",              18006, "Mail in Progress",      1),
    _event("SUSPEND",               10001, "Unknown",               1),
))
# fmt: on
