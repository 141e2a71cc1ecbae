"""Outcomes of requests to the web applications -> ArcSight: severity (0 to 10) and the category fields.

One table for IIS and HttpProxy. An outcome of ``/Attempt`` is not written, because the log does not state it.
"""

from __future__ import annotations

from exnorm.taxonomies.arcsight.categories import describe_event

# fmt: off
EVENTS = dict((
    #              event                sev. behavior                  outcome     significance
    describe_event("REQUEST",           1, "/Access",                "/Success", "/Normal"),
    describe_event("REDIRECT",          1, "/Access",                "/Attempt", "/Normal"),
    describe_event("AUTH-CHALLENGE",    1, "/Authentication/Verify", "/Attempt", "/Informational"),
    describe_event("LOGON-ATTEMPT",     2, "/Authentication/Verify", "/Attempt", "/Informational"),
    describe_event("LOGON-SUCCESS",     2, "/Authentication/Verify", "/Success", "/Normal"),
    describe_event("LOGON-FAILURE",     5, "/Authentication/Verify", "/Failure", "/Informational/Warning"),
    describe_event("LOGOFF",            1, "/Access/Stop",           "/Success", "/Normal"),
    describe_event("PASSWORD-EXPIRED",  3, "/Authentication/Verify", "/Attempt", "/Informational/Warning"),
    describe_event("SESSION-EXPIRED",   1, "/Access/Stop",           "/Attempt", "/Informational"),
    describe_event("PROVISIONING",      1, "/Access",                "/Attempt", "/Informational"),
    describe_event("ACCESS-DENIED",     4, "/Authorization/Verify",  "/Failure", "/Informational/Warning"),
    describe_event("CLIENT-ERROR",      3, "/Access",                "/Failure", "/Informational/Warning"),
    describe_event("CLIENT-DISCONNECT", 1, "/Access",                "/Attempt", "/Informational"),
    describe_event("APPLICATION-ERROR", 3, "/Execute/Response",      "/Attempt", "/Informational/Error"),
    describe_event("SERVER-ERROR",      4, "/Execute/Response",      "/Failure", "/Informational/Error"),
    describe_event("STATUS-UNKNOWN",    3, "/Access",                "/Attempt", "/Informational"),
))
# fmt: on
