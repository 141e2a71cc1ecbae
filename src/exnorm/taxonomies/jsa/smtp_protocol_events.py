"""SMTP protocol events -> JSA: low level category (published id and name) and severity (1 to 10).

Which event belongs to which category is ours: the guide gives none.
"""

from __future__ import annotations

from exnorm.taxonomies.jsa.categories import UNKNOWN_CATEGORY, UNKNOWN_SEVERITY, describe_event as _event

__all__ = ["EVENTS", "UNKNOWN_CATEGORY", "UNKNOWN_SEVERITY"]

# fmt: off
EVENTS = dict((
    #      event                id   low level category             severity
    _event("CONNECT",          18098, "SMTP Opened",                  1),
    _event("CONNECT-FAILURE",  18101, "SMTP Terminated",              4),
    _event("DISCONNECT",       18099, "SMTP Closed",                  1),
    _event("DISCONNECT-ERROR", 18100, "SMTP Reset",                   3),
    _event("EHLO",             18103, "SMTP In Progress",             1),
    _event("STARTTLS",         18103, "SMTP In Progress",             1),
    _event("AUTH",             18103, "SMTP In Progress",             1),
    _event("AUTH-ANSWER",      18103, "SMTP In Progress",             1),
    _event("AUTH-CHALLENGE",   18103, "SMTP In Progress",             1),
    _event("AUTH-SUCCESS",      3008, "Mail Service Login Succeeded", 1),
    _event("AUTH-FAILURE",      3009, "Mail Service Login Failed",    3),
    _event("AUTH-USER",        18103, "SMTP In Progress",             3),
    _event("MAIL",             18103, "SMTP In Progress",             1),
    _event("RCPT",             18103, "SMTP In Progress",             1),
    _event("DATA",             18103, "SMTP In Progress",             1),
    _event("RSET",             18103, "SMTP In Progress",             1),
    _event("QUIT",             18103, "SMTP In Progress",             1),
    _event("PROXY",            18103, "SMTP In Progress",             1),
    _event("COMMAND",          18103, "SMTP In Progress",             1),
    _event("MESSAGE-SENDING",  18103, "SMTP In Progress",             1),
    _event("MESSAGE-ACCEPTED", 18103, "SMTP In Progress",             1),
    _event("REPLY-2XX",        18103, "SMTP In Progress",             1),
    _event("REPLY-3XX",        18103, "SMTP In Progress",             1),
    _event("REPLY-4XX",        18104, "SMTP Delayed",                 4),
    _event("REPLY-5XX",        18102, "SMTP Denied",                  4),
    _event("REPLY",            18103, "SMTP In Progress",             1),
    _event("TLS",              18103, "SMTP In Progress",             1),
    _event("TLS-FAILURE",      18101, "SMTP Terminated",              4),
    _event("CERTIFICATE",      18103, "SMTP In Progress",             1),
    _event("PERMISSIONS",      18103, "SMTP In Progress",             1),
    _event("TARPIT",           18104, "SMTP Delayed",                 3),
    _event("INFORMATION",      18103, "SMTP In Progress",             1),
    _event("OTHER",            10001, "Unknown",                      3),
))
# fmt: on
