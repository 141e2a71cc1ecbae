"""Hide the credentials of IMAP4 and POP3 clients wherever a row of these logs may contain them.

Usually ``command`` is one word and ``parameters`` the rest. But some clients appear with their whole line in
one cell, and the text after ``authenticate``, ``auth`` or a literal (``login {4}``) comes in rows of its own:
a password, or an answer in base64, in the place of a command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from exnorm.sources.mask import MASK
from exnorm.sources.smtp_secrets import looks_secret
from exnorm.text.patterns import compile_later

MECHANISMS = frozenset((
    "LOGIN", "PLAIN", "NTLM", "GSSAPI", "GSS-SPNEGO", "NEGOTIATE", "KERBEROS", "KERBEROS_V4", "CRAM-MD5",
    "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "XOAUTH", "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "ANONYMOUS",
    "EXCHANGEAUTH", "MSN", "SPA",
))  # fmt: skip
# fmt: off
VERBS = frozenset((
    # of IMAP4
    "append", "authenticate", "capability", "check", "close", "compress", "copy", "create", "delete",
    "deleteacl", "done", "enable", "examine", "expunge", "fetch", "getacl", "getquota", "getquotaroot",
    "id", "idle", "list", "listrights", "login", "logout", "lsub", "move", "myrights", "namespace", "noop",
    "rename", "search", "select", "setacl", "setquota", "sort", "starttls", "status", "store", "subscribe",
    "thread", "uid", "unselect", "unsubscribe",
    # of POP3
    "apop", "auth", "capa", "dele", "lang", "last", "pass", "quit", "retr", "rset", "stat", "stls", "top",
    "uidl", "user", "utf8", "xtnd",
    # Exchange's own
    "closesession", "opensession", "proxy", "xproxy", "xproxy2", "xproxy3", "xprx", "invalidcommand",
    "sessiontimeout",
))
# fmt: on
_SESSION = frozenset(("opensession", "closesession"))
_SECRET_AFTER_FIRST_WORD = frozenset(("login", "authenticate", "auth", "apop"))
_SECRET_WHOLE = frozenset(("pass",))
_NAMES_MECHANISM = frozenset(("authenticate", "auth"))
_FIRST_WORD = compile_later(r'("(?:[^"\\]|\\.)*"|\S*)(\s+)(\S.*)', re.DOTALL)
_MASKED = compile_later(r"(?:.*\s)?\*+", re.DOTALL)
LITERAL = compile_later(r"(?:.*\s)?\{\d+\+?\}", re.DOTALL)
_PLAIN_WORD = compile_later(r"[A-Za-z][A-Za-z0-9_-]{0,23}")
_HEX = compile_later(r"[0-9A-Fa-f-]+")
_SPOKEN = compile_later(
    r'(?:^|[,;\t])"?(?:[A-Za-z0-9.+]{1,16} )?(?:LOGIN|AUTHENTICATE|AUTH|APOP|PASS) +(?=[^\s,;])',
    re.IGNORECASE,
)
_CELL = compile_later(r'[^,;\t"]+')
_LEAST_SECRET = 4  # characters of a secret that is looked for in other cells

MOST_SESSIONS = 1024
"""Sessions of which it is remembered that they owe an answer."""


def hide_arguments(command: str, parameters: str) -> str:
    """Return the parameters of a command with their secret part hidden; most commands have none."""
    word = command.lower()
    if not parameters or _MASKED.fullmatch(parameters):
        return parameters
    if word in _SECRET_WHOLE:
        return MASK
    if word not in _SECRET_AFTER_FIRST_WORD:
        return parameters
    given = parameters.lstrip() if word in _NAMES_MECHANISM else parameters
    before = parameters[: len(parameters) - len(given)]
    found = _FIRST_WORD.fullmatch(given)
    first = given if found is None else found.group(1)
    if word in _NAMES_MECHANISM and first.strip('" ').upper() not in MECHANISMS:
        return MASK
    return parameters if found is None else before + found.group(1) + found.group(2) + MASK


def hide_command(command: str, waits: bool = False) -> str:
    """Return a command cell with its secret part hidden; with ``waits`` an answer is due, which is all
    secret.

    A tag may come before the command: ``a7 LOGIN nora ...``.
    """
    text = command.strip()
    first, _, rest = text.partition(" ")
    if first.lower() in VERBS:
        shown = hide_arguments(first, rest.strip())
        return command if shown == rest.strip() else f"{first} {shown}"
    second, _, arguments = rest.strip().partition(" ")
    if second.lower() in VERBS:
        shown = hide_arguments(second, arguments.strip())
        return command if shown == arguments.strip() else f"{first} {second} {shown}"
    if not text or text == "*" or _MASKED.fullmatch(text):
        return command
    harmless = not waits and _PLAIN_WORD.fullmatch(text) is not None and not looks_secret(text)
    return command if harmless else MASK


class Dialogues:
    """The sessions that owe an answer which is a secret, in bounded number."""

    def __init__(self) -> None:
        self._waiting: dict[str, bool] = {}  # by session: whether what comes is a literal

    @property
    def memory(self) -> tuple[tuple[str, bool], ...]:
        """The state that decides how the next rows are read."""
        return tuple(self._waiting.items())

    def hide(self, values: Mapping[str, str], *, is_answered: bool) -> dict[str, str]:
        """Return the cells of a row with a secret, in the form that may be shown.

        ``is_answered``: the server has replied with a result, so it waits for no answer any more.
        """
        command, parameters = values.get("command", ""), values.get("parameters", "")
        session = values.get("sessionId", "")
        verb, arguments = _read_verb(command, parameters)
        waits, literal = session in self._waiting, self._waiting.get(session, False)
        answers = waits and (literal or verb not in VERBS) and verb not in _SESSION
        shown = {"command": hide_command(command, answers), "parameters": hide_arguments(verb, parameters)}
        if answers and literal and verb in VERBS:
            shown["command"] = MASK
        if verb not in VERBS and parameters and (answers or not command or looks_secret(parameters)):
            masked = _MASKED.fullmatch(parameters) is not None
            shown["parameters"] = parameters if masked else MASK
        self._note(session, verb, arguments, answers=answers, is_answered=is_answered)
        hidden = {name: text for name, text in shown.items() if text != values.get(name, "")}
        return {**hidden, **_hide_echoes(values, hidden)}

    def _note(self, session: str, verb: str, arguments: str, *, answers: bool, is_answered: bool) -> None:
        literal = LITERAL.fullmatch(arguments) is not None
        asks = verb in _NAMES_MECHANISM and bool(arguments)
        if not session or verb in _SESSION:
            self._waiting.pop(session, None)
        elif (literal and (answers or verb in VERBS)) or (asks and not is_answered):
            self._waiting.pop(session, None)
            self._waiting[session] = literal
            if len(self._waiting) > MOST_SESSIONS:
                del self._waiting[next(iter(self._waiting))]
        elif is_answered or not answers:
            self._waiting.pop(session, None)
        else:
            self._waiting[session] = False  # a server may ask once more


def _read_verb(command: str, parameters: str) -> tuple[str, str]:
    """Return the verb in lower case and its arguments, wherever they are; without a verb, the first word."""
    words = command.split(None, 2)
    for at, word in enumerate(words[:2]):
        if word.lower() in VERBS:
            return word.lower(), " ".join((*words[at + 1 :], parameters)).strip()
    return command.strip().lower(), parameters or command


def _hide_echoes(values: Mapping[str, str], hidden: Mapping[str, str]) -> dict[str, str]:
    """Return the server's reply where it repeats a secret, as an error may, with the secret hidden."""
    secrets = [secret for name, text in hidden.items() for secret in _find_hidden(values[name], text)]
    context = values.get("context", "")
    for secret in secrets:
        context = context.replace(secret, MASK)
    return {} if context == values.get("context", "") else {"context": context}


def _find_hidden(text: str, shown: str) -> list[str]:
    """Return the text that the mask replaced, as a whole and by words, the longest first."""
    begin = shown[: -len(MASK)] if shown.endswith(MASK) else ""
    rest = text[len(begin) :].strip() if text.startswith(begin) else text
    words = [rest, *(word.strip('"') for word in rest.split())]
    return sorted({word for word in words if len(word) >= _LEAST_SECRET}, key=len, reverse=True)


def hide_line(line: str) -> str:
    """Return an unparsed row with the arguments of a logon hidden that share a cell with it."""
    found = _SPOKEN.search(line)
    return line if found is None else f"{line[: found.end()]}{MASK}"


def hide_answers(line: str) -> str:
    """Return an unparsed row of such a log with words of base64 hidden, which may be an answer."""
    return _CELL.sub(_hide_answer, line)


def _hide_answer(found: re.Match[str]) -> str:
    word = found.group().strip()
    secret = len(word) >= 2 * _LEAST_SECRET and looks_secret(word) and _HEX.fullmatch(word) is None
    return MASK if secret else found.group()
