"""Message tracking events -> ArcSight: severity (0 to 10) and the category fields.

ArcSight's own values for this log are not published. These are ours, chosen from the values that its
categories are known to have; the severities say how soon somebody should look.
"""

from __future__ import annotations

UNKNOWN_SEVERITY = 3
"""For an event that is not listed: above routine, below trouble, so that it is noticed."""


def _event(
    name: str, severity: int, behavior: str, outcome: str, significance: str, technique: str
) -> tuple[str, dict[str, str | int]]:
    return name, {
        "severity": severity,
        "categoryObject": "/Host/Application/Service/Email",
        "categoryBehavior": behavior,
        "categoryOutcome": outcome,
        "categorySignificance": significance,
        "categoryDeviceGroup": "/Application",
        "categoryTechnique": technique,
    }


# fmt: off
EVENTS = dict((
    #      event                  sev. behavior                outcome      significance                technique
    _event("AGENTINFO",             1, "/Execute/Response",    "/Success",  "/Informational",            ""),
    _event("BADMAIL",               5, "/Communicate/Query",   "/Failure",  "/Informational/Error",      ""),
    _event("CLIENTSUBMISSION",      1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    _event("DEFER",                 4, "/Communicate/Query",   "/Attempt",  "/Informational/Warning",    ""),
    _event("DELIVER",               1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    _event("DELIVERFAIL",           4, "/Communicate/Query",   "/Failure",  "/Informational/Error",      ""),
    _event("DROP",                  5, "/Communicate/Query",   "/Failure",  "/Informational/Warning",    "/Policy"),
    _event("DSN",                   3, "/Communicate/Response", "/Success",  "/Informational/Warning",    ""),
    _event("DUPLICATEDELIVER",      1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    _event("DUPLICATEEXPAND",       1, "/Modify/Content",      "/Success",  "/Informational",            ""),
    _event("DUPLICATEREDIRECT",     1, "/Modify/Content",      "/Success",  "/Informational",            ""),
    _event("EXPAND",                1, "/Modify/Content",      "/Success",  "/Informational",            ""),
    _event("FAIL",                  5, "/Communicate/Query",   "/Failure",  "/Informational/Error",      ""),
    _event("HADISCARD",             0, "/Delete",              "/Success",  "/Informational",            ""),
    _event("HARECEIVE",             0, "/Communicate/Query",   "/Success",  "/Informational",            ""),
    _event("HAREDIRECT",            0, "/Communicate/Query",   "/Success",  "/Informational",            ""),
    _event("HAREDIRECTFAIL",        4, "/Communicate/Query",   "/Failure",  "/Informational/Warning",    ""),
    _event("INITMESSAGECREATED",    2, "/Create",              "/Success",  "/Informational",            "/Policy"),
    _event("LOAD",                  0, "/Execute/Start",       "/Success",  "/Informational",            ""),
    _event("MODERATIONEXPIRE",      4, "/Authorization/Verify", "/Failure",  "/Informational/Warning",    "/Policy"),
    _event("MODERATORAPPROVE",      2, "/Authorization/Verify", "/Success",  "/Informational",            "/Policy"),
    _event("MODERATORREJECT",       4, "/Authorization/Verify", "/Failure",  "/Informational/Warning",    "/Policy"),
    _event("MODERATORSALLNDR",      4, "/Communicate/Query",   "/Failure",  "/Informational/Error",      "/Policy"),
    _event("NOTIFYMAPI",            0, "/Communicate/Query",   "/Attempt",  "/Informational",            ""),
    _event("NOTIFYSHADOW",          0, "/Communicate/Query",   "/Attempt",  "/Informational",            ""),
    _event("POISONMESSAGE",         8, "/Found",               "/Failure",  "/Suspicious",               ""),
    _event("PROCESS",               1, "/Execute/Response",    "/Success",  "/Informational",            ""),
    _event("PROCESSMEETINGMESSAGE", 0, "/Execute/Response",    "/Success",  "/Informational",            ""),
    _event("RECEIVE",               1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    _event("REDIRECT",              2, "/Substitute",          "/Success",  "/Informational",            "/Redirection/Application"),
    _event("RESOLVE",               0, "/Modify/Content",      "/Success",  "/Informational",            ""),
    _event("RESUBMIT",              2, "/Communicate/Query",   "/Success",  "/Informational",            ""),
    _event("RESUBMITDEFER",         3, "/Communicate/Query",   "/Attempt",  "/Informational/Warning",    ""),
    _event("RESUBMITFAIL",          4, "/Communicate/Query",   "/Failure",  "/Informational/Error",      ""),
    _event("SEND",                  1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    _event("SENDEXTERNAL",          1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    _event("SUBMIT",                1, "/Communicate/Query",   "/Success",  "/Normal",                   ""),
    _event("SUBMITDEFER",           3, "/Communicate/Query",   "/Attempt",  "/Informational/Warning",    ""),
    _event("SUBMITFAIL",            5, "/Communicate/Query",   "/Failure",  "/Informational/Error",      ""),
    _event("SUPPRESSED",            1, "/Communicate/Query",   "/Failure",  "/Informational",            ""),
    _event("THROTTLE",              4, "/Communicate/Query",   "/Attempt",  "/Informational/Warning",    "/Policy"),
    _event("TRANSFER",              0, "/Modify/Content",      "/Success",  "/Informational",            ""),
    _event("SUSPEND",               0, "",                     "",          "",                          ""),
))
# fmt: on
