"""Cmdlets of Exchange's shell, as any log names them: parameters, secrets, target and meaning.

Four forms of parameters are read, all into pairs of name and value: ``-Name "value" -Switch`` (2013 and
later), ``{Name=value, Name=value}`` (2010), ``.Name='value'.Name=value`` (the admin center) and the members
of an export. The meaning of a call is the first matching row of ``CASES``; tables give the case its severity
and its category. Names are compared ignoring case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from exnorm.sources.cmdlet_cases import CASES
from exnorm.sources.mask import MASK
from exnorm.text.patterns import compile_later

Pairs = list[tuple[str, str]]
"""Parameters in order: each one's name as it is written, and its value without quotes."""

WITHHELD = frozenset((MASK, "<redacted>", "<secure information omitted>", "<snip-pii>", "<null>", "$null"))
"""Values that Exchange, or exnorm, has taken out already, and that stand for none."""

ROUTINE = "/ROUTINE"
"""Ends the weight of a case that a program of Exchange itself brought about."""
FAILED = "/FAILED"
"""Ends the verdict of a case that did not come about."""
ATTEMPTED = "/ATTEMPTED"
"""Ends the verdict of a case of which the log does not say what became of it."""

MOST_PARAMETERS = 512
SECRETS_SOUGHT = 16
SHORTEST_SECRET = 4
"""A shorter secret is hidden where it stands, not wherever else its letters may be found."""

# --- parameters ----------------------------------------------------------------------------------

_SECRET = compile_later(r"password|passphrase|credential|secret|token|privatekey|pfx", re.IGNORECASE)
_SWITCH = compile_later(r"\$?(?:true|false)", re.IGNORECASE)
# An open quote extends to the end of the text.
_REST = r"|(?<=[\s=:(,])'[^']*(?:'|\Z)|[(){}\[\]]|(?<![^\s\")}\]])-[A-Za-z][\w.]*:?"
# In CSV each quote is doubled; in a JSON string it has a backslash, and a quote without one ends the string.
_SCANS = {
    "plain": compile_later(r'"[^"]*(?:"|\Z)' + _REST),
    "csv": compile_later(r'""[^"]*(?:"(?!")[^"]*)*(?:""|\Z)' + _REST),
    "json": compile_later(r'\\"[^\\"]*(?:\\(?!")[^\\"]*)*(?:\\"|(?=")|\Z)|"' + _REST),
}
_BRACED_NAME = compile_later(r"(?:^\{|, )([A-Za-z]\w*)=")
_DOTTED = compile_later(r"\.([A-Za-z]\w*)=('[^']*(?:''[^']*)*(?:'|\Z)|(?:(?!\.[A-Za-z]\w*=)[^|'])*)")
# Within a wrapped member of EventData each apostrophe is doubled.
_DOTTED_ANYWHERE = compile_later(
    r"\.([A-Za-z]\w*)="
    r"(''[^']*(?:''(?=[^.|';])[^']*)*(?:''|\Z)|'[^']*(?:'|\Z)|(?:(?!\.[A-Za-z]\w*=)[^|';])*)"
)
_CMDLET = compile_later(r"[A-Za-z]+-[A-Za-z][\w-]*")


def is_secret(name: str) -> bool:
    """Return whether the value of a parameter of this name must be hidden."""
    return _SECRET.search(name) is not None


def must_hide(name: str, value: str) -> bool:
    """Return whether this value is a secret not hidden yet; the value of a switch is never secret."""
    return (
        bool(value) and is_secret(name) and value.lower() not in WITHHELD and _SWITCH.fullmatch(value) is None
    )


class Part(NamedTuple):
    """A parameter in its text: its name, and where its value begins and ends."""

    name: str
    begin: int
    end: int


def find_parameters(text: str, form: str = "plain") -> Iterator[Part]:
    """Yield the parameters of ``-Name "value" -Name value -Switch``, with respect to nested brackets and
    quotes.

    A secret parameter is found within brackets too, which may never be closed. ``form`` is how quotes are
    written: ``plain``, ``csv`` or ``json``.
    """
    depth, name, begin = 0, "", 0
    for found in _SCANS[form].finditer(text):
        sign = found.group()
        if form == "json" and sign == '"':  # the end of the string, or the beginning of one
            if name:
                yield Part(name, begin, found.start())
            name, depth = "", 0
        elif sign in "({[":
            depth += 1
        elif sign in ")}]":
            depth = max(depth - 1, 0)
        elif sign[0] == "-" and (not depth or is_secret(sign)):
            if name:
                yield Part(name, begin, found.start())
            name, begin, depth = sign[1:].rstrip(":"), found.end(), 0
    if name:
        yield Part(name, begin, len(text))


def read_parameters(text: str) -> Pairs:
    """Return the parameters of a cell, in the form of 2013 and later or in that of 2010."""
    text = text.strip()
    if text.startswith("{") and text.endswith("}"):
        names = list(_BRACED_NAME.finditer(text))[:MOST_PARAMETERS]
        ends = [*(found.start() for found in names[1:]), len(text) - 1]
        return [(found.group(1), text[found.end() : end]) for found, end in zip(names, ends)]
    parts = [part for part, _ in zip(find_parameters(text), range(MOST_PARAMETERS))]
    return [(part.name, unquote(text[part.begin : part.end])) for part in parts]


def unquote(value: str) -> str:
    """Return a value without its quotes and the blanks around it."""
    value = value.strip()
    for mark in ('"', "'"):
        if len(value) > 1 and value.startswith(mark) and value.endswith(mark):
            return value[1:-1].replace(mark * 2, mark)
    return value


def hide_secrets(text: str, form: str = "plain") -> str:
    """Return a cell of parameters, or any text with some in it, with the values of secret ones hidden.

    ``form`` is as for ``find_parameters``; in a raw row, the value of the last parameter reaches to the end.
    """
    if _SECRET.search(text) is None:
        return text
    if form == "plain" and text.lstrip().startswith("{"):
        return _hide_parts(text, _braced_parts(text))
    return _hide_parts(text, find_parameters(text, form))


def hide_everywhere(text: str, form: str = "plain") -> str:
    """Hide the values of secret parameters, and each repetition of them in the text, as in an
    error message.
    """
    shown = hide_secrets(text, form)
    if shown == text:
        return text
    pairs = [
        (part.name, unquote(text[part.begin : part.end].replace('\\"', '"').replace('""', '"')))
        for part in find_parameters(text, form)
    ]
    for secret in find_secrets(pairs):
        shown = shown.replace(secret, MASK)
    return shown


def hide_secrets_of_pairs(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """Return the pairs with the values of secret parameters hidden."""
    return [(name, MASK if must_hide(name, value) else value) for name, value in pairs]


def _braced_parts(text: str) -> Iterator[Part]:
    names = list(_BRACED_NAME.finditer(text))
    ends = [*(found.start() for found in names[1:]), len(text.rstrip().removesuffix("}"))]
    for found, end in zip(names, ends):
        yield Part(found.group(1), found.end(), end)


def _hide_parts(text: str, parts: Iterable[Part]) -> str:
    pieces, done = [], 0
    for part in parts:
        value = text[part.begin : part.end]
        shown = unquote(value.replace('""', '"').replace('\\"', '"'))
        if not must_hide(part.name, shown):
            continue
        blank = value[: len(value) - len(value.lstrip())]
        tail = value[len(value.rstrip()) :]
        quotes = _quotes_of(value.strip())
        pieces += [text[done : part.begin], blank, quotes, MASK, quotes, tail]
        done = part.end
    return "".join((*pieces, text[done:])) if pieces else text


def _quotes_of(value: str) -> str:
    """Return the quotes around a value, as they are written."""
    marks = ('\\"', '""', '"')
    return next((mark for mark in marks if value.startswith(mark) and value.endswith(mark)), "")


def find_secrets(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return the secret values long enough to be searched for elsewhere, the longest first."""
    found = {value for name, value in pairs if must_hide(name, value) and len(value) >= SHORTEST_SECRET}
    return sorted(found, key=len, reverse=True)[:SECRETS_SOUGHT]


def write_parameters(pairs: Iterable[tuple[str, str]]) -> str:
    """Return pairs in the form of the shell's logs: ``-Name "value" -Name "value"``."""
    return " ".join(f'-{name} "{value}"' if value else f"-{name}" for name, value in pairs)


# --- commands of the admin center ----------------------------------------------------------------


def read_command(text: str) -> tuple[str, Pairs]:
    """Return the cmdlet and the parameters of the last step of ``Step|Cmdlet.Name='value'.Name=value``."""
    begin, quoted = 0, False
    for at, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif character == "|" and not quoted:
            begin = at + 1
    step = text[begin:]
    name = step.partition(".")[0].strip()
    pairs = [
        (found.group(1), _read_dotted(found.group(2)))
        for found, _ in zip(_DOTTED.finditer(step, len(step.partition(".")[0])), range(MOST_PARAMETERS))
    ]
    return name, pairs


def _read_dotted(value: str) -> str:
    text = unquote(value)
    return "" if text == "$null" else text


def hide_dotted(text: str) -> str:
    """Return a text with a command of the admin center with the values of secret parameters hidden."""
    if _SECRET.search(text) is None:
        return text
    pieces, done = [], 0
    for found in _DOTTED_ANYWHERE.finditer(text):
        if must_hide(found.group(1), unquote(found.group(2).replace("''", "'"))):
            quotes = "''" if found.group(2).startswith("''") else "'" if found.group(2)[:1] == "'" else ""
            pieces += [text[done : found.start(2)], quotes, MASK, quotes]
            done = found.end(2)
    return "".join((*pieces, text[done:])) if pieces else text


# --- what a call is about ------------------------------------------------------------------------

TARGETS = ("identity", "mailbox", "user", "name")
"""Parameters that name the object worked on, the surest first."""

# Nouns whose -Identity is a mailbox or a folder of one.
_MAILBOX_NOUNS = frozenset((
    "casmailbox", "mailbox", "mailboxautoreplyconfiguration",
    "mailboxcalendarconfiguration", "mailboxfolderpermission", "mailboxjunkemailconfiguration",
    "mailboxmessageconfiguration", "mailboxpermission", "mailboxregionalconfiguration",
    "mailboxspellingconfiguration", "mailboxstatistics", "mailuser", "recipientpermission", "remotemailbox",
    "userphoto", "mailboxfolder", "mailboxfolderstatistics", "mailboxrestorerequest",
    "mailboxauditbypassassociation", "clutter", "calendarprocessing", "focusedinbox",
))  # fmt: skip


def find_target(pairs: Sequence[tuple[str, str]]) -> str:
    """Return the object that a call works on; empty where no parameter names it."""
    return _first(pairs, TARGETS)


def find_mailbox(cmdlet: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Return the mailbox that a call works on; empty where there is none or the call does not name it."""
    mailbox = _first(pairs, ("mailbox", "sourcemailbox"))
    if mailbox or cmdlet.partition("-")[2].lower() not in _MAILBOX_NOUNS:
        return mailbox
    return _first(pairs, ("identity", "userprincipalname", "primarysmtpaddress")).partition(":\\")[0]


def _first(pairs: Sequence[tuple[str, str]], names: Iterable[str]) -> str:
    given: dict[str, str] = {}
    for name, value in pairs:
        if value and value.lower() not in WITHHELD:
            given.setdefault(name.lower(), value)
    return next((given[name] for name in names if name in given), "")


def split_caller(caller: str) -> tuple[str, str]:
    r"""Split a caller and the program that ran the cmdlet: ``NT AUTHORITY\SYSTEM (MSExchangeHMHost)``."""
    if not caller.endswith(")"):
        return caller, ""
    name, bracket, program = caller[:-1].rpartition(" (")
    return (name, program) if bracket and name and program else (caller, "")


_PROBE = compile_later(r"(?:.*[\\/])?HealthMailbox\w*(?:@.*)?", re.IGNORECASE)
# The accounts of the system itself are named in the language of the server; their programs are not.
_SYSTEM_PROGRAMS = frozenset((
    "msexchangehmhost", "msexchangehmworker", "msexchangemailboxassistants", "msexchangeservicehost",
    "msexchangedagmgmt", "msexchangerepl", "msexchangeadtopology", "msexchangemigration",
    "msexchangemailboxreplication", "msexchangemigrationworkflow", "msexchangeinferencetraining",
    "msexchangemonitoring", "noderunner", "forefrontactivedirectoryconnector",
    "microsoft.exchange.servicehost", "monitoringhost",
))  # fmt: skip


def is_routine(user: str, program: str) -> bool:
    """Return whether Exchange itself ran the cmdlet: a health mailbox, a probe, a program of the system."""
    low = program.lower()
    return low == "activemonitor" or low in _SYSTEM_PROGRAMS or _PROBE.fullmatch(user) is not None


# --- what a call means ---------------------------------------------------------------------------


READ, SEARCH, CHANGE, RUN = "READ", "SEARCH", "CHANGE", "RUN"
READ_FAILED = "READ-FAILED"
_VERBS = {
    "get": READ, "test": READ,
    "search": SEARCH, "export": SEARCH,
    "new": CHANGE, "set": CHANGE, "enable": CHANGE, "add": CHANGE, "remove": CHANGE, "disable": CHANGE,
    "update": CHANGE, "import": CHANGE, "install": CHANGE, "uninstall": CHANGE,
}  # fmt: skip
VERB_CASES = (READ, READ_FAILED, SEARCH, CHANGE, RUN)
"""What a cmdlet that no row of ``CASES`` names is, by its verb."""

CASE_NAMES = (*dict.fromkeys(case.name for case in CASES), *VERB_CASES)
CMDLETS = frozenset(cmdlet for case in CASES for cmdlet in case.cmdlets)
"""The cmdlets that ``CASES`` name."""


class _Rule(NamedTuple):
    name: str
    parameters: frozenset[str]
    value: re.Pattern[str] | None


@lru_cache(maxsize=1)
def _rules() -> dict[str, tuple[_Rule, ...]]:
    """Return the rows by cmdlet in lower case."""
    rules: dict[str, tuple[_Rule, ...]] = {}
    for case in CASES:
        value = re.compile(case.value, re.IGNORECASE | re.DOTALL) if case.value else None
        rule = _Rule(case.name, frozenset(case.parameters.lower().split()), value)
        for cmdlet in map(str.lower, case.cmdlets):
            rules[cmdlet] = (*rules.get(cmdlet, ()), rule)
    return rules


_VALUE_READ = 4096  # characters of a value, enough to see what it is


def find_case(cmdlet: str, pairs: Sequence[tuple[str, str]], failed: bool = False) -> str:
    """Return the case of a call."""
    low = cmdlet.lower()
    for rule in _rules().get(low, ()):
        if not rule.parameters or any(_fits(rule, name, value) for name, value in pairs):
            return rule.name
    case = _VERBS.get(low.partition("-")[0], RUN)
    return READ_FAILED if failed and case == READ else case


def _fits(rule: _Rule, name: str, value: str) -> bool:
    if name.lower() not in rule.parameters or value.lower() in ("$null", "<null>"):
        return False
    return rule.value is None or rule.value.fullmatch(value[:_VALUE_READ]) is not None


def describe_call(cmdlet: str, pairs: Pairs, outcome: str, user: str, program: str) -> tuple[str, ...]:
    """Return the values derived from a call, in the order of ``DERIVED``."""
    case = find_case(cmdlet, pairs, outcome == "failure")
    return (
        *judge_case(case, outcome, is_routine(user, program)),
        find_target(pairs),
        find_mailbox(cmdlet, pairs),
    )


def judge_case(case: str, outcome: str, routine: bool) -> tuple[str, str, str]:
    """Return a case, the case with its outcome, and the case with its routine mark."""
    ends = {"success": "", "failure": FAILED}
    return case, case + ends.get(outcome, ATTEMPTED), case + ROUTINE if routine else case


DERIVED = ("case", "verdict", "weight", "target", "mailbox")
