"""Interpret one row of an SMTP session: its event, its values, and its changes to the state of the session.

``read_row`` is pure: the result follows from a phase, the speaker and two texts. It knows no sender, user or
address of earlier rows, so the same words at the same point of a dialogue give the same result in every
session, and ``SmtpReader`` caches it. ``State.follow`` then applies the result to the names of the session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from exnorm.sources.mask import MASK
from exnorm.sources.smtp_secrets import is_masked, is_unmistakable
from exnorm.sources.smtp_texts import (
    ends_reply,
    is_outbound,
    read_accepted,
    read_answer,
    read_auth_failure,
    read_auth_type,
    read_banner,
    read_certificate_subject,
    read_failure,
    read_hello,
    read_message_id,
    read_path,
    read_proxied,
    read_queue_id,
    read_reply,
    read_tarpit,
    read_tls,
    read_tls_failure,
    read_user_name,
    read_verb,
    takes_message_over,
)
from exnorm.text.patterns import compile_later

RECEIVE, SEND = "receive", "send"

LONGEST = 320
"""A longer text is not carried: it stands whole in its own row, and addresses are shorter."""

# fmt: off
EVENTS: Mapping[str, str] = {
    "CONNECT":          "+: the connection is there",
    "CONNECT-FAILURE":  "*: a connection could not be made",
    "DISCONNECT":       "-: either side has ended the session",
    "DISCONNECT-ERROR": "-: the connection broke, or ended before a failed AUTH was answered",
    "EHLO":             "client: EHLO, HELO",
    "STARTTLS":         "client: STARTTLS, X-ANONYMOUSTLS",
    "AUTH":             "client: AUTH, X-EXPS",
    "AUTH-ANSWER":      "client: an answer to a challenge, hidden",
    "MAIL":             "client: MAIL FROM",
    "RCPT":             "client: RCPT TO",
    "DATA":             "client: DATA, BDAT",
    "RSET":             "client: RSET",
    "QUIT":             "client: QUIT",
    "PROXY":            "client: XPROXY and its like, from one Exchange server to another",
    "COMMAND":          "client: anything else",
    "AUTH-CHALLENGE":   "server: 334",
    "AUTH-SUCCESS":     "server: 235; *: authenticated",
    "AUTH-FAILURE":     "the failure of an AUTH, once for each: a remark with its user, else the refusal",
    "AUTH-REFUSED":     "server: the refusal of an AUTH whose failure a row before it is",
    "AUTH-REASON":      "*: why an AUTH fails whose failure another row is",
    "MESSAGE-ACCEPTED": "server: 250 to the end of DATA or BDAT LAST, or with the ids of a message",
    "REPLY-2XX":        "server: another reply of success",
    "REPLY-3XX":        "server: another reply that asks for more",
    "REPLY-4XX":        "server: another refusal for now",
    "REPLY-5XX":        "server: another refusal for good",
    "REPLY":            "server: a text without a reply code that SMTP has",
    "AUTH-USER":        "*: the user that an AUTH named",
    "CERTIFICATE":      "*: a certificate that was sent or received",
    "MESSAGE-SENDING":  "*: the message that is about to be sent",
    "MESSAGE-RECEIVING": "*: the id of the message that comes in",
    "PERMISSIONS":      "*: what the session may do",
    "TARPIT":           "*: a reply is held back",
    "TLS":              "*: a handshake succeeded",
    "TLS-FAILURE":      "*: a handshake failed",
    "FAILURE":          "*: anything else that failed, was refused, denied or rejected",
    "INFORMATION":      "*: any other remark",
    "OTHER":            "a row whose event is none of + - > < *",
}
# fmt: on
"""The closed set of ``event-name``: which rows have it. ``client`` and ``server`` are who speaks."""

_VERB_EVENTS = {
    "EHLO": "EHLO", "HELO": "EHLO", "LHLO": "EHLO", "STARTTLS": "STARTTLS", "X-ANONYMOUSTLS": "STARTTLS",
    "AUTH": "AUTH", "X-EXPS": "AUTH", "MAIL": "MAIL", "RCPT": "RCPT", "DATA": "DATA", "BDAT": "DATA",
    "RSET": "RSET", "QUIT": "QUIT", "XPROXY": "PROXY", "XPROXYFROM": "PROXY", "XPROXYTO": "PROXY",
}  # fmt: skip
# After these a client may send more before the reply comes (RFC 2920, RFC 3030); after all others it waits.
_PIPELINED = frozenset(("MAIL", "RCPT", "RSET", "BDAT"))
_NAMES_CLIENT = frozenset(("XPROXY", "XPROXYFROM"))
_CONNECT_FAILED = compile_later(r"Failed to connect\b", re.IGNORECASE)
_CERTIFICATE = compile_later(
    r"(?:Sending|Received|Remote) certificate\b"
    r"|Certificate (?:subject|issuer name|serial number|thumbprint|alternate names)",
    re.IGNORECASE,
)
_SERVERS = compile_later(r"NT AUTHORITY\\|[^$]{0,320}\$\Z", re.IGNORECASE)
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Phase(NamedTuple):
    """The point that a dialogue has reached, without the names said on the way.

    ``certain``: ``direction`` is known from more than the ports. ``auth`` is the state of an AUTH exchange:
    ``""`` none, ``open`` after the command, ``challenged`` after a 334 (the client's next words are a
    secret), ``failed`` after a refusal, ``unknown`` where rows are missing. ``failure`` is ``named`` where a
    remark gave the user of a failure, ``announced`` where one reported it before the row of the failure,
    ``told`` after that row. ``due`` counts the commands without a reply; ``mail`` and ``data`` are the
    positions among these replies, from 1, of those to MAIL and to the end of a message (0: none). ``waits``:
    the client sends nothing more before the last of these replies. ``proxies``: the last command named
    another client.
    """

    direction: str = ""
    certain: bool = False
    spoken: bool = False
    greeted: bool = False
    auth: str = ""
    failure: str = ""
    due: int = 0
    mail: int = 0
    data: int = 0
    waits: bool = True
    proxies: bool = False

    def after_gap(self) -> Phase:
        """Return the parts of the phase that are still certain after missing rows."""
        return Phase(self.direction, self.certain, spoken=True, greeted=self.greeted, auth="unknown")


class Said(NamedTuple):
    """The result of one row: its event, the values of this row alone, and its changes to the session.

    ``learned`` holds values for this row and those after it. ``held`` holds values kept until a row lists
    them in ``asks``. ``over`` and ``forgotten`` name the values of both kinds that later rows no longer have.
    ``auth`` is the change to an AUTH: ``over`` before this row, ``accepted`` or ``refused`` by it.
    """

    event: str
    phase: Phase
    own: Mapping[str, str] = _NOTHING
    learned: Mapping[str, str] = _NOTHING
    over: tuple[str, ...] = ()
    held: Mapping[str, str] = _NOTHING
    asks: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    auth: str = ""


class State(NamedTuple):
    """The state of a session; immutable, so that it can be remembered for each row.

    ``shown`` goes with every row, under the names of derived values; ``held`` does not. ``local`` and
    ``remote`` are the endpoints as the log has them.
    """

    phase: Phase = Phase()
    shown: Mapping[str, str] = _NOTHING
    held: Mapping[str, str] = _NOTHING
    local: str = ""
    remote: str = ""

    def after_gap(self) -> State:
        """Return the state after missing rows: nothing is known of a message, an AUTH or another client."""
        shown = {name: text for name, text in self.shown.items() if name in _OF_THE_CONNECTION}
        held: dict[str, str] = {}
        if self.held.get("proxied"):
            held["proxied"] = "yes"
            shown["client-address"] = shown["client-port"] = ""
        elif (user := self.held.get("user", "")) and not _SERVERS.match(user):
            held["user"] = shown["auth-user"] = user  # a server may speak for others by now, a user does not
        return State(self.phase.after_gap(), shown, held, self.local, self.remote)

    def follow(self, said: Said) -> tuple[dict[str, str], State]:
        """Return the derived values of a row with this result, and the state after it."""
        shown, held = self.shown, self.held
        if said.auth == "over":
            shown = _put(_put(shown, "auth-user", held.get("user", "")), "auth-type", "")
        if said.learned:
            shown = {**shown, **said.learned}
        derived = {**shown, **said.own}
        for name in said.asks:
            if held.get(name):
                derived[name] = held[name]
        if said.auth == "accepted":
            held = _put(held, "user", shown.get("auth-user", ""))
            shown = _put(shown, "auth-type", "")
        elif said.auth == "refused":
            shown = _put(_put(shown, "auth-user", held.get("user", "")), "auth-type", "")
        if said.held:
            held = {**held, **said.held}
        for name in said.over:
            shown = _put(shown, name, "")
        for name in said.forgotten:
            held = _put(held, name, "")
        if shown is self.shown and held is self.held and said.phase == self.phase:
            return derived, self
        if "proxied" in said.forgotten:  # both sides are those of the next row again
            return derived, State(said.phase, shown, held)
        return derived, State(said.phase, shown, held, self.local, self.remote)


# Once known, these stay true as long as the connection lasts.
_OF_THE_CONNECTION = frozenset((
    "greeting-name", "ehlo-name", "tls", "tls-protocol", "tls-cipher", "direction", "local-address",
    "client-address", "client-port", "server-address", "server-port", "server-name",
))  # fmt: skip


def carry(text: str) -> str:
    """Return a text in the form in which it may be remembered: empty where it is too long."""
    return text if len(text) <= LONGEST else ""


def read_row(phase: Phase, mark: str, speaker: str, data: str, context: str) -> Said:
    """Return the result of one row at a point of a dialogue; its texts contain no secrets."""
    if speaker == "client":
        return _read_command(phase, data)
    if speaker == "server":
        return _read_reply(phase, data)
    if mark == "*":
        return _read_remark(phase, data, context)
    if mark == "-":
        return _read_end(phase, context or data)
    return Said("CONNECT" if mark == "+" else "OTHER", phase)


def _put(texts: Mapping[str, str], name: str, text: str) -> Mapping[str, str]:
    return texts if texts.get(name, "") == text else {**texts, name: text}


# --- the client ----------------------------------------------------------------------------------


def _read_command(phase: Phase, text: str) -> Said:
    verb = read_verb(text)
    begins_auth = verb in ("AUTH", "X-EXPS")
    if not begins_auth and _is_answer(phase, text):
        waits = phase.auth in ("open", "challenged")
        return Said("AUTH-ANSWER", phase._replace(auth="open") if waits else phase)
    auth = "open" if begins_auth else phase.auth if phase.auth in ("failed", "unknown") else ""
    learned = {"auth-type": read_auth_type(text)} if begins_auth else {}
    own, held = {"verb": verb}, {}
    if verb in ("EHLO", "HELO", "LHLO"):
        own["ehlo-name"] = read_hello(text)
        learned["ehlo-name"], learned["mail-from"] = carry(own["ehlo-name"]), ""
    elif verb == "MAIL":
        own["mail-from"] = read_path(text)
        learned["mail-from"] = carry(own["mail-from"])
    elif verb == "RCPT":
        own["rcpt-to"] = read_path(text)
    elif verb == "RSET":
        learned["mail-from"] = ""
    elif verb in _NAMES_CLIENT:
        held = _read_client(phase, text, learned)
    after = _wait(phase, verb, takes_message_over(text))
    after = after._replace(spoken=True, auth=auth, failure="", proxies=bool(held))
    event = _VERB_EVENTS.get(verb, "COMMAND")
    return Said(event, after, own, learned, held=held, forgotten=("reason",), auth="over")


def _is_answer(phase: Phase, text: str) -> bool:
    if phase.auth in ("open", "challenged"):
        return not is_unmistakable(text)
    return is_masked(text) or (phase.auth == "unknown" and text == MASK)


def _wait(phase: Phase, verb: str, ends_message: bool) -> Phase:
    """Return the phase with one more reply due; replies that the client waited for have come by now, logged
    or not.
    """
    speaks_on = phase.due and not phase.waits and phase.direction != RECEIVE
    due, mail, data = (phase.due, phase.mail, phase.data) if speaks_on else (0, 0, 0)
    due += 1
    return phase._replace(
        due=due,
        mail=due if verb == "MAIL" else mail,
        data=due if ends_message else data,
        waits=ends_message or verb not in _PIPELINED,
    )


def _read_client(phase: Phase, text: str, learned: dict[str, str]) -> dict[str, str]:
    """Read the client that one Exchange server names to another; it replaces the client known so far."""
    found = read_proxied(text) if phase.direction else None
    if found is None:
        return {}
    learned["client-address"], learned["client-port"], learned["auth-user"] = found.address, found.port, ""
    if found.domain:
        learned["ehlo-name"] = carry(found.domain)
    return {"proxied": "yes", "user": ""}


# --- the server ----------------------------------------------------------------------------------


def _read_reply(phase: Phase, text: str) -> Said:
    reply = read_reply(text)
    if reply is None:
        return Said("REPLY", phase)
    code = reply.code
    own = {"reply-code": code, "enhanced-status": reply.status}
    refused = code[0] in "45"
    if refused:
        own["reason"] = reply.text
    answers_mail, ends_message = phase.mail == 1, phase.data == 1 and code[0] != "3"
    after = phase if code[0] == "3" else _answer(phase, is_whole=ends_reply(code, text))
    if code == "334":
        return Said("AUTH-CHALLENGE", after._replace(auth="challenged"), own)
    if code == "235":
        return Said("AUTH-SUCCESS", after._replace(auth=""), own, auth="accepted")
    in_auth = phase.auth in ("open", "challenged")
    if (refused and in_auth) or code == "535" or (code, reply.status) == ("504", "5.7.4"):
        return _refuse_auth(after, own, was_told=phase.failure == "told")
    if phase.auth != "failed" and phase.auth:
        after = after._replace(auth="")
    learned = {}
    if code == "220" and not phase.spoken and not phase.greeted:
        learned = {"greeting-name": carry(read_banner(text))}
        after = after._replace(greeted=bool(learned["greeting-name"]))
    event = f"REPLY-{code[0]}XX" if code[0] in "2345" else "REPLY"
    forgotten = ("proxied",) if refused and phase.proxies else ()
    over = ("mail-from",) if refused and answers_mail else ()
    if ends_message or read_accepted(text) is not None:
        return _end_message(after, own, text, event)
    return Said(event, after, own, learned, over, forgotten=forgotten)


def _answer(phase: Phase, is_whole: bool) -> Phase:
    """Return the phase with one reply less due; of a reply in several rows the first counts and the last ends
    it.
    """
    if not is_whole:
        return phase._replace(
            mail=0 if phase.mail == 1 else phase.mail, data=0 if phase.data == 1 else phase.data
        )
    mail, data = max(phase.mail - 1, 0), max(phase.data - 1, 0)
    return phase._replace(due=max(phase.due - 1, 0), mail=mail, data=data, proxies=False)


def _refuse_auth(phase: Phase, own: dict[str, str], was_told: bool) -> Said:
    event = "AUTH-REFUSED" if was_told else "AUTH-FAILURE"
    return Said(
        event,
        phase._replace(auth="failed", failure="told"),
        own,
        asks=("reason",),
        forgotten=("reason",),
        auth="refused",
    )


def _end_message(phase: Phase, own: dict[str, str], text: str, event: str) -> Said:
    """Read the reply to a whole message, which ends the message whatever it says."""
    accepted = read_accepted(text)
    asks: tuple[str, ...] = ("message-id",)
    if accepted is not None:
        own["message-id"], own["message-bytes"] = accepted.message_id, accepted.size
        asks = ()
        if phase.direction == RECEIVE:  # otherwise it is an id of another server
            own["internal-message-id"] = accepted.internal_id
    if event == "REPLY-2XX":
        event = "MESSAGE-ACCEPTED"
        own["queue-id"] = read_queue_id(text)
    return Said(event, phase, own, over=("mail-from",), asks=asks, forgotten=("message-id",))


# --- Exchange's own remarks ----------------------------------------------------------------------


def _read_end(phase: Phase, text: str) -> Said:
    if phase.failure == "announced":
        return Said("DISCONNECT-ERROR", phase, {"reason": text}, asks=("reason",))
    return Said("DISCONNECT-ERROR" if "error" in text.lower() else "DISCONNECT", phase, {"reason": text})


def _read_remark(phase: Phase, data: str, context: str) -> Said:
    """Read a remark of Exchange itself: mostly in ``context``, in some versions in ``data``."""
    kind = context.strip().lower()
    if kind == "authenticated":
        user = carry(data)
        return Said("AUTH-SUCCESS", phase._replace(auth=""), learned={"auth-user": user}, held={"user": user})
    if kind == "set session permissions":
        return Said("PERMISSIONS", phase, {"permissions": data})
    if _CERTIFICATE.match(context):
        combined = "" if kind.startswith("certificate") else read_certificate_subject(data)
        subject = data if kind == "certificate subject" else combined
        return Said("CERTIFICATE", phase, {"certificate-subject": subject})
    for read in (_read_known_remark, _read_other_failure):
        for text in (context, data):
            said = read(phase, text) if text else None
            if said is not None:
                return said
    return Said("INFORMATION", phase)


def _read_known_remark(phase: Phase, text: str) -> Said | None:  # noqa: PLR0911
    tls = read_tls(text)
    if tls is not None:
        protocol, cipher = carry(tls[0]), carry(tls[1])
        shown = {"tls-protocol": protocol, "tls-cipher": cipher, "tls": f"{protocol} {cipher}".strip()}
        return Said("TLS", phase, learned=shown)
    tarpit = read_tarpit(text)
    if tarpit is not None:
        return Said("TARPIT", phase, {"tarpit-ms": str(tarpit[0]), "reason": tarpit[1]})
    user = read_user_name(text)
    if user:
        return _name_user(phase, carry(user))
    failed = read_auth_failure(text)
    if failed is not None:
        return _fail_auth(phase, *failed, is_ours=is_outbound(text))
    why = read_tls_failure(text)
    if why is not None:
        return Said("TLS-FAILURE", phase, {"reason": why})
    if _CONNECT_FAILED.match(text):
        return Said("CONNECT-FAILURE", phase, {"reason": text})
    message = read_message_id(text)
    if message is not None:
        event = "MESSAGE-SENDING" if message[0] == "sending" else "MESSAGE-RECEIVING"
        return Said(event, phase, {"message-id": message[1]}, held={"message-id": carry(message[1])})
    return None


def _name_user(phase: Phase, user: str) -> Said:
    """Read the user of an AUTH; where a remark has reported its failure, this row is the failure."""
    if phase.failure != "announced":
        named = phase if phase.failure else phase._replace(failure="named")
        return Said("AUTH-USER", named, learned={"auth-user": user})
    told = phase._replace(failure="told")
    return Said("AUTH-FAILURE", told, learned={"auth-user": user}, asks=("reason",))


def _fail_auth(phase: Phase, mechanism: str, reason: str, *, is_ours: bool = False) -> Said:
    """Why AUTH failed: not the failure yet while its refusal is awaited, for the user comes after it.

    An AUTH that ``is_ours`` is one of our own server, which gives it up: no refusal follows.
    """
    learned = {"auth-type": mechanism} if mechanism else {}
    failed = phase._replace(auth="failed")
    own, held = {"reason": reason}, {"reason": carry(reason)}
    if phase.failure == "told":
        return Said("AUTH-REASON", failed, own, learned, held=held)
    if phase.auth and phase.failure != "named" and not is_ours:
        return Said("AUTH-REASON", failed._replace(failure="announced"), own, learned, held=held)
    return Said("AUTH-FAILURE", failed._replace(failure="told"), own, learned)


def _read_other_failure(phase: Phase, text: str) -> Said | None:
    reason = read_failure(text)
    if not reason:
        return None
    if phase.auth in ("open", "challenged"):
        return _fail_auth(phase, "", reason)
    return Said("FAILURE", phase, {"reason": reason, **read_answer(text)})
