"""SMTP protocol events -> JSA: low level category (published id and name) and severity (1 to 10).

Which event belongs to which category is ours: the guide gives none.
"""

from __future__ import annotations

from exnorm.taxonomies.jsa.categories import describe_event

# fmt: off
EVENTS = dict((
    #              event                id   low level category             severity
    describe_event("CONNECT",          18098, "SMTP Opened",                  1),
    describe_event("CONNECT-FAILURE",  18101, "SMTP Terminated",              4),
    describe_event("DISCONNECT",       18099, "SMTP Closed",                  1),
    describe_event("DISCONNECT-ERROR", 18100, "SMTP Reset",                   3),
    describe_event("EHLO",             18103, "SMTP In Progress",             1),
    describe_event("STARTTLS",         18103, "SMTP In Progress",             1),
    describe_event("AUTH",             18103, "SMTP In Progress",             1),
    describe_event("AUTH-ANSWER",      18103, "SMTP In Progress",             1),
    describe_event("AUTH-CHALLENGE",   18103, "SMTP In Progress",             1),
    describe_event("AUTH-SUCCESS",      3008, "Mail Service Login Succeeded", 1),
    describe_event("AUTH-FAILURE",      3009, "Mail Service Login Failed",    3),
    describe_event("AUTH-REFUSED",     18103, "SMTP In Progress",             3),
    describe_event("AUTH-REASON",      18103, "SMTP In Progress",             3),
    describe_event("AUTH-USER",        18103, "SMTP In Progress",             1),
    describe_event("MAIL",             18103, "SMTP In Progress",             1),
    describe_event("RCPT",             18103, "SMTP In Progress",             1),
    describe_event("DATA",             18103, "SMTP In Progress",             1),
    describe_event("RSET",             18103, "SMTP In Progress",             1),
    describe_event("QUIT",             18103, "SMTP In Progress",             1),
    describe_event("PROXY",            18103, "SMTP In Progress",             1),
    describe_event("COMMAND",          18103, "SMTP In Progress",             1),
    describe_event("MESSAGE-SENDING",  18103, "SMTP In Progress",             1),
    describe_event("MESSAGE-RECEIVING", 18103, "SMTP In Progress",            1),
    describe_event("MESSAGE-ACCEPTED", 18103, "SMTP In Progress",             1),
    describe_event("REPLY-2XX",        18103, "SMTP In Progress",             1),
    describe_event("REPLY-3XX",        18103, "SMTP In Progress",             1),
    describe_event("REPLY-4XX",        18104, "SMTP Delayed",                 4),
    describe_event("REPLY-5XX",        18102, "SMTP Denied",                  4),
    describe_event("REPLY",            18103, "SMTP In Progress",             1),
    describe_event("TLS",              18103, "SMTP In Progress",             1),
    describe_event("TLS-FAILURE",      18101, "SMTP Terminated",              4),
    describe_event("CERTIFICATE",      18103, "SMTP In Progress",             1),
    describe_event("PERMISSIONS",      18103, "SMTP In Progress",             1),
    describe_event("TARPIT",           18104, "SMTP Delayed",                 3),
    describe_event("FAILURE",          18101, "SMTP Terminated",              4),
    describe_event("INFORMATION",      18103, "SMTP In Progress",             1),
    describe_event("OTHER",            10001, "Unknown",                      3),
))
# fmt: on
