"""Message tracking events -> JSA: low level category (published id and name) and severity (1 to 10).

Which event belongs to which category is ours: the guide gives none.
"""

from __future__ import annotations

from exnorm.taxonomies.jsa.categories import describe_event

# fmt: off
EVENTS = dict((
    #              event                     id   low level category        severity
    describe_event("AGENTINFO",              8052, "Information",           1),
    describe_event("BADMAIL",               18004, "Mail Terminated",       4),
    describe_event("CLIENTSUBMISSION",      18006, "Mail in Progress",      1),
    describe_event("DEFER",                 18007, "Mail Delayed",          4),
    describe_event("DELIVER",               18002, "Mail Closed",           1),
    describe_event("DELIVERFAIL",           18004, "Mail Terminated",       4),
    describe_event("DROP",                  18005, "Mail Denied",           4),
    describe_event("DSN",                   18006, "Mail in Progress",      3),
    describe_event("DUPLICATEDELIVER",      18002, "Mail Closed",           1),
    describe_event("DUPLICATEEXPAND",       18006, "Mail in Progress",      1),
    describe_event("DUPLICATEREDIRECT",     18009, "Mail Redirected",       1),
    describe_event("EXPAND",                18006, "Mail in Progress",      1),
    describe_event("FAIL",                  18004, "Mail Terminated",       4),
    describe_event("HADISCARD",              8052, "Information",           1),
    describe_event("HARECEIVE",              8052, "Information",           1),
    describe_event("HAREDIRECT",             8052, "Information",           1),
    describe_event("HAREDIRECTFAIL",         8054, "Warning",               4),
    describe_event("INITMESSAGECREATED",    18008, "Mail Queued",           3),
    describe_event("LOAD",                   8052, "Information",           1),
    describe_event("MODERATIONEXPIRE",      18004, "Mail Terminated",       4),
    describe_event("MODERATORAPPROVE",      18006, "Mail in Progress",      1),
    describe_event("MODERATORREJECT",       18005, "Mail Denied",           4),
    describe_event("MODERATORSALLNDR",      18004, "Mail Terminated",       4),
    describe_event("NOTIFYMAPI",            18006, "Mail in Progress",      1),
    describe_event("NOTIFYSHADOW",          18006, "Mail in Progress",      1),
    describe_event("POISONMESSAGE",          7018, "Mail Protocol Anomaly", 6),
    describe_event("PROCESS",               18006, "Mail in Progress",      1),
    describe_event("PROCESSMEETINGMESSAGE", 18006, "Mail in Progress",      1),
    describe_event("RECEIVE",               18001, "Mail Opened",           1),
    describe_event("REDIRECT",              18009, "Mail Redirected",       1),
    describe_event("RESOLVE",               18006, "Mail in Progress",      1),
    describe_event("RESUBMIT",              18008, "Mail Queued",           3),
    describe_event("RESUBMITDEFER",         18007, "Mail Delayed",          4),
    describe_event("RESUBMITFAIL",          18004, "Mail Terminated",       4),
    describe_event("SEND",                  18006, "Mail in Progress",      1),
    describe_event("SENDEXTERNAL",          18002, "Mail Closed",           1),
    describe_event("SUBMIT",                18006, "Mail in Progress",      1),
    describe_event("SUBMITDEFER",           18007, "Mail Delayed",          4),
    describe_event("SUBMITFAIL",            18004, "Mail Terminated",       4),
    describe_event("SUPPRESSED",            18004, "Mail Terminated",       2),
    describe_event("THROTTLE",              18007, "Mail Delayed",          4),
    describe_event("TRANSFER",              18006, "Mail in Progress",      1),
    describe_event("SUSPEND",               10001, "Unknown",               1),
))
# fmt: on
