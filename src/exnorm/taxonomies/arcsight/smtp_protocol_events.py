"""SMTP protocol events -> ArcSight: severity (0 to 10), outcome and the category fields.

No vendor publishes values for this log. These are ours, chosen from the values that ArcSight's
categories are known to have; the severities say how soon somebody should look.
"""

from __future__ import annotations

UNKNOWN_SEVERITY = 3
"""For an event that is not listed: above routine, below trouble, so that it is noticed."""


def _event(
    name: str, severity: int, outcome: str, behavior: str, category_outcome: str, significance: str
) -> tuple[str, dict[str, str | int]]:
    return name, {
        "severity": severity,
        "outcome": outcome,
        "categoryObject": "/Host/Application/Service/Email",
        "categoryBehavior": behavior,
        "categoryOutcome": category_outcome,
        "categorySignificance": significance,
        "categoryDeviceGroup": "/Application",
    }


# fmt: off
EVENTS = dict((
    #      event              sev. outcome    behavior                  outcome     significance
    _event("CONNECT",           1, "success", "/Access/Start",          "/Success", "/Normal"),
    _event("CONNECT-FAILURE",   4, "failure", "/Access/Start",          "/Failure", "/Informational/Warning"),
    _event("DISCONNECT",        1, "",        "/Access/Stop",           "/Success", "/Normal"),
    _event("DISCONNECT-ERROR",  3, "failure", "/Access/Stop",           "/Failure", "/Informational/Warning"),
    _event("EHLO",              0, "",        "/Communicate/Query",     "/Attempt", "/Normal"),
    _event("STARTTLS",          0, "",        "/Communicate/Query",     "/Attempt", "/Normal"),
    _event("AUTH",              1, "",        "/Authentication/Verify", "/Attempt", "/Normal"),
    _event("AUTH-ANSWER",       0, "",        "/Authentication/Verify", "/Attempt", "/Normal"),
    _event("AUTH-CHALLENGE",    0, "",        "/Authentication/Verify", "/Attempt", "/Normal"),
    _event("AUTH-SUCCESS",      2, "success", "/Authentication/Verify", "/Success", "/Normal"),
    _event("AUTH-FAILURE",      5, "failure", "/Authentication/Verify", "/Failure", "/Informational/Warning"),
    _event("AUTH-REFUSED",      3, "",        "/Authentication/Verify", "/Failure", "/Informational/Warning"),
    _event("AUTH-REASON",       3, "",        "/Authentication/Verify", "/Failure", "/Informational/Warning"),
    _event("AUTH-USER",         1, "",        "/Authentication/Verify", "/Attempt", "/Informational"),
    _event("MAIL",              1, "",        "/Communicate/Query",     "/Attempt", "/Normal"),
    _event("RCPT",              1, "",        "/Communicate/Query",     "/Attempt", "/Normal"),
    _event("DATA",              0, "",        "/Communicate/Query",     "/Attempt", "/Normal"),
    _event("RSET",              0, "",        "/Communicate/Query",     "/Attempt", "/Normal"),
    _event("QUIT",              0, "",        "/Communicate/Query",     "/Attempt", "/Normal"),
    _event("PROXY",             1, "",        "/Communicate/Query",     "/Attempt", "/Normal"),
    _event("COMMAND",           1, "",        "/Communicate/Query",     "/Attempt", "/Normal"),
    _event("MESSAGE-SENDING",   1, "",        "/Communicate/Query",     "/Attempt", "/Normal"),
    _event("MESSAGE-RECEIVING", 1, "",        "/Communicate/Query",     "/Attempt", "/Normal"),
    _event("MESSAGE-ACCEPTED",  1, "success", "/Communicate/Query",     "/Success", "/Normal"),
    _event("REPLY-2XX",         0, "success", "/Communicate/Response",  "/Success", "/Normal"),
    _event("REPLY-3XX",         0, "",        "/Communicate/Response",  "/Success", "/Normal"),
    _event("REPLY-4XX",         3, "failure", "/Communicate/Response",  "/Failure", "/Informational/Warning"),
    _event("REPLY-5XX",         4, "failure", "/Communicate/Response",  "/Failure", "/Informational/Error"),
    _event("REPLY",             1, "",        "/Communicate/Response",  "",         "/Informational"),
    _event("TLS",               1, "success", "/Communicate/Response",  "/Success", "/Normal"),
    _event("TLS-FAILURE",       5, "failure", "/Communicate/Response",  "/Failure", "/Informational/Error"),
    _event("CERTIFICATE",       1, "",        "/Communicate/Response",  "",         "/Informational"),
    _event("PERMISSIONS",       1, "",        "/Authorization/Add",     "/Success", "/Informational"),
    _event("TARPIT",            3, "",        "/Communicate/Response",  "/Attempt", "/Informational/Warning"),
    _event("FAILURE",           4, "failure", "/Communicate/Response",  "/Failure", "/Informational/Warning"),
    _event("INFORMATION",       1, "",        "",                       "",         "/Informational"),
    _event("OTHER",             3, "",        "",                       "",         "/Informational"),
))
# fmt: on
