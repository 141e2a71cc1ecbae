"""Shared by the logs of the back end, EWS and remote PowerShell: the result of a request, and who asked.

A 401 without a user is the routine first leg of a handshake.
"""

from __future__ import annotations

from exnorm.text.patterns import compile_later

REQUEST = "REQUEST"
AUTH_CHALLENGE = "AUTH-CHALLENGE"
LOGON_FAILURE = "LOGON-FAILURE"
ACCESS_DENIED = "ACCESS-DENIED"
CLIENT_ERROR = "CLIENT-ERROR"
SERVER_ERROR = "SERVER-ERROR"
FAILED = "FAILED"
STATUS_UNKNOWN = "STATUS-UNKNOWN"
ANSWERS = (
    REQUEST, AUTH_CHALLENGE, LOGON_FAILURE, ACCESS_DENIED, CLIENT_ERROR, SERVER_ERROR, FAILED, STATUS_UNKNOWN,
)  # fmt: skip
OUTCOMES = {REQUEST: "success", AUTH_CHALLENGE: "", STATUS_UNKNOWN: ""}
"""The outcome of an answer; of any other it is ``failure``."""

_STATUS = compile_later(r"[1-5][0-9]{2}")
_CLASSES = {"1": REQUEST, "2": REQUEST, "3": REQUEST, "4": CLIENT_ERROR, "5": SERVER_ERROR}


def name_answer(status: str, error: str, authenticated: str, user: str) -> str:
    """Return the result of a request as one of ``ANSWERS``; an error code makes a 200 a failure."""
    if _STATUS.fullmatch(status) is None:
        return FAILED if error else STATUS_UNKNOWN
    if status == "401":
        if authenticated.lower() == "true":
            return ACCESS_DENIED
        return LOGON_FAILURE if user else AUTH_CHALLENGE
    if status == "403":
        return ACCESS_DENIED
    found = _CLASSES[status[0]]
    return FAILED if found == REQUEST and error else found


def judge(answer: str) -> str:
    """Return ``success``, ``failure``, or an empty text where the answer is neither."""
    return OUTCOMES.get(answer, "failure")


_PROBE_AGENT = compile_later(r".*(?:AMProbe|_AM_Probe|ActiveMonitor|MSExchangeMonitoring|TestConnectivity).*")
_PROBE_USER = compile_later(r"(?:.*\\)?HealthMailbox\w*(?:@.*)?")


def is_probe(user: str, agent: str) -> bool:
    """Return whether the request is one of Exchange's own health probes."""
    return _PROBE_USER.fullmatch(user) is not None or _PROBE_AGENT.fullmatch(agent) is not None
