"""Message tracking events -> ArcSight: severity (0 to 10) and the category fields.

ArcSight's own values for this log are not published. These are ours, chosen from the values that its
categories are known to have; the severities say how soon somebody should look.
"""

from __future__ import annotations

from exnorm.taxonomies.arcsight.categories import describe_event

# fmt: off
EVENTS = dict((
    #              event                  sev. behavior                outcome      significance                technique
    describe_event("AGENTINFO",             1, "/Execute/Response",    "/Success",  "/Informational",            ""),
    describe_event("BADMAIL",               5, "/Communicate/Query",   "/Failure",  "/Informational/Error",      ""),
    describe_event("CLIENTSUBMISSION",      1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    describe_event("DEFER",                 4, "/Communicate/Query",   "/Attempt",  "/Informational/Warning",    ""),
    describe_event("DELIVER",               1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    describe_event("DELIVERFAIL",           4, "/Communicate/Query",   "/Failure",  "/Informational/Error",      ""),
    describe_event("DROP",                  5, "/Communicate/Query",   "/Failure",  "/Informational/Warning",    "/Policy"),
    describe_event("DSN",                   3, "/Communicate/Response", "/Success",  "/Informational/Warning",    ""),
    describe_event("DUPLICATEDELIVER",      1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    describe_event("DUPLICATEEXPAND",       1, "/Modify/Content",      "/Success",  "/Informational",            ""),
    describe_event("DUPLICATEREDIRECT",     1, "/Modify/Content",      "/Success",  "/Informational",            ""),
    describe_event("EXPAND",                1, "/Modify/Content",      "/Success",  "/Informational",            ""),
    describe_event("FAIL",                  5, "/Communicate/Query",   "/Failure",  "/Informational/Error",      ""),
    describe_event("HADISCARD",             0, "/Delete",              "/Success",  "/Informational",            ""),
    describe_event("HARECEIVE",             0, "/Communicate/Query",   "/Success",  "/Informational",            ""),
    describe_event("HAREDIRECT",            0, "/Communicate/Query",   "/Success",  "/Informational",            ""),
    describe_event("HAREDIRECTFAIL",        4, "/Communicate/Query",   "/Failure",  "/Informational/Warning",    ""),
    describe_event("INITMESSAGECREATED",    2, "/Create",              "/Success",  "/Informational",            "/Policy"),
    describe_event("LOAD",                  0, "/Execute/Start",       "/Success",  "/Informational",            ""),
    describe_event("MODERATIONEXPIRE",      4, "/Authorization/Verify", "/Failure",  "/Informational/Warning",    "/Policy"),
    describe_event("MODERATORAPPROVE",      2, "/Authorization/Verify", "/Success",  "/Informational",            "/Policy"),
    describe_event("MODERATORREJECT",       4, "/Authorization/Verify", "/Failure",  "/Informational/Warning",    "/Policy"),
    describe_event("MODERATORSALLNDR",      4, "/Communicate/Query",   "/Failure",  "/Informational/Error",      "/Policy"),
    describe_event("NOTIFYMAPI",            0, "/Communicate/Query",   "/Attempt",  "/Informational",            ""),
    describe_event("NOTIFYSHADOW",          0, "/Communicate/Query",   "/Attempt",  "/Informational",            ""),
    describe_event("POISONMESSAGE",         8, "/Found",               "/Failure",  "/Suspicious",               ""),
    describe_event("PROCESS",               1, "/Execute/Response",    "/Success",  "/Informational",            ""),
    describe_event("PROCESSMEETINGMESSAGE", 0, "/Execute/Response",    "/Success",  "/Informational",            ""),
    describe_event("RECEIVE",               1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    describe_event("REDIRECT",              2, "/Substitute",          "/Success",  "/Informational",            "/Redirection/Application"),
    describe_event("RESOLVE",               0, "/Modify/Content",      "/Success",  "/Informational",            ""),
    describe_event("RESUBMIT",              2, "/Communicate/Query",   "/Success",  "/Informational",            ""),
    describe_event("RESUBMITDEFER",         3, "/Communicate/Query",   "/Attempt",  "/Informational/Warning",    ""),
    describe_event("RESUBMITFAIL",          4, "/Communicate/Query",   "/Failure",  "/Informational/Error",      ""),
    describe_event("SEND",                  1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    describe_event("SENDEXTERNAL",          1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    describe_event("SUBMIT",                1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    describe_event("SUBMITDEFER",           3, "/Communicate/Query",   "/Attempt",  "/Informational/Warning",    ""),
    describe_event("SUBMITFAIL",            5, "/Communicate/Query",   "/Failure",  "/Informational/Error",      ""),
    describe_event("SUPPRESSED",            1, "/Communicate/Query",   "/Failure",  "/Informational",            ""),
    describe_event("THROTTLE",              4, "/Communicate/Query",   "/Attempt",  "/Informational/Warning",    "/Policy"),
    describe_event("TRANSFER",              0, "/Modify/Content",      "/Success",  "/Informational",            ""),
    describe_event("SUSPEND",               0, "",                     "",          "",                          ""),
))
# fmt: on
