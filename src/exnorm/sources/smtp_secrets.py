"""Hide what a client sends with AUTH, wherever a line of SMTP may contain it.

``hide_command``, ``hide_answer`` and ``hide_reply`` know who speaks; ``hide_line`` has only the raw text of
an unparsed line, and hides too much of it rather than too little.
"""

from __future__ import annotations

import re

from exnorm.sources.mask import MASK
from exnorm.text.patterns import compile_later

COMMANDS = frozenset((
    "BDAT", "DATA", "EHLO", "ETRN", "EXPN", "HELO", "HELP", "LHLO", "MAIL", "NOOP", "QUIT", "RCPT",
    "RSET", "SAML", "SEND", "SOML", "STARTTLS", "TURN", "VRFY",
    "X-ANONYMOUSTLS", "X-LINK2STATE", "XADR", "XATTR", "XCLIENT", "XEXCH50", "XMESSAGECONTEXT",
    "XPROXY", "XPROXYFROM", "XPROXYTO", "XQDISCARD", "XRDST", "XSESSIONMDBGUID", "XSESSIONPARAMS",
    "XSESSIONTYPE", "XSHADOW", "XSHADOWREQUEST", "XSYSPROBE", "XTRACE",
))  # fmt: skip
"""The commands whose arguments are no secrets."""

# Any other word after AUTH may be the secret itself.
_MECHANISM = (
    r"(?:LOGIN|PLAIN|NTLM|GSSAPI|GSS-SPNEGO|NEGOTIATE|KERBEROS(?:_V4)?|XOAUTH2?|OAUTHBEARER|CRAM-MD5|"
    r"DIGEST-MD5|SCRAM-SHA-\d+(?:-PLUS)?|EXCHANGEAUTH|EXTERNAL|ANONYMOUS|SPA|MSN)(?![^\s,\"';])"
)
_AFTER = rf"(?:[ \t=:]+{_MECHANISM})?"
# In a command everything after these letters is hidden; in a raw line they must be a whole word.
_VERB = r"(?:AUTH(?!ENTICAT(?:ED|ION))|X-EXPS|PASS(?![A-Z])|LOGIN(?![A-Z]))"
_WORD = rf"(?:AUTH(?={_MECHANISM})|(?:AUTH|AUTHENTICATE|AUTHINFO|X-EXPS|PASS|LOGIN)(?![A-Z0-9_-]))"
_FLAGS = re.IGNORECASE | re.DOTALL

_HINT = compile_later(r"AUTH|X-EXPS|PASS|LOGIN", re.IGNORECASE)
_AUTH = compile_later(rf"(\s*{_VERB}{_AFTER})([ \t=:]*)(.*)", _FLAGS)
_MASKED = compile_later(r"<[A-Za-z ]{0,20}authentication[A-Za-z ]{0,20}>", re.IGNORECASE)
_MENTION = compile_later(
    rf"(?<![A-Z0-9])((?:AUTH|X-EXPS)((?:[ \t]+{_MECHANISM})*)[ \t]+)([^\s,;\"'|]{{3,}})", re.IGNORECASE
)
_IS_MECHANISM = compile_later(_MECHANISM, re.IGNORECASE)
_NO_SECRETS = frozenset((
    "8BITMIME", "DENIED", "FAILED", "REFUSED", "REJECTED", "SUCCEEDED", "UNSUCCESSFUL",
    "BECAUSE", "WAS", "WITH",
))  # fmt: skip
_ECHO = compile_later(r"(command ['\"]{0,2})([^\s',\"]+)", re.IGNORECASE)
_BASE64 = compile_later(r"[A-Za-z0-9+/]+={0,2}")
# An IMAP4 client in a log of another type.
_TAGGED = compile_later(r"(\s*[A-Za-z0-9.+]{1,16} +(?:LOGIN|AUTHENTICATE|AUTH|APOP|PASS) +)\S.*", _FLAGS)
_FIRST_WORD = compile_later(r"\s*([A-Za-z0-9-]*)")
_UNMISTAKABLE = compile_later(
    r"\s*(?:(?:MAIL FROM|RCPT TO)\s*:.*|(?:EHLO|HELO)\s+\S+\s*|BDAT\s+\d+(?:\s+LAST)?\s*"
    r"|(?:QUIT|RSET|NOOP|DATA|STARTTLS)\s*)",
    _FLAGS,
)
_OWN_COMMAND = compile_later(r"\s*(X[A-Z0-9-]+)(\s+\S.*|\s*)", _FLAGS)
# Text after one of these may be a command of its own, for the server or for a reader of the log.
_BREAK = r"\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029"
_BREAKS = compile_later(rf"([{_BREAK}]+)")

_CELL_AUTH = compile_later(rf"(?:^|[,;\t\"|{_BREAK}])\s{{0,8}}{_WORD}{_AFTER}[ \t=:]*", re.IGNORECASE)
_MARK = compile_later(r"[,;\t]\"?[<>]\"?[,;\t]\s*\"?")
_SMTP_ROW = compile_later(r"[,;\t][0-9A-F]{16}[,;\t]|[0-9x\]]:\d{1,5}[,;\t]", re.IGNORECASE)
_REPLY = compile_later(r"\d{3}(?![^\s,\"-])")
_CHALLENGE = compile_later(r"334[ -]?\s*([^,\"]*)")
_CELL_END = compile_later(r'[,"\t;]')
_WINDOW = 200  # how much is looked at behind each mark: a line may consist of marks


def is_auth(text: str) -> bool:
    """Return whether a command is AUTH or one like it, with or without arguments."""
    return _HINT.search(text) is not None and _AUTH.fullmatch(text) is not None


def is_masked(text: str) -> bool:
    """Return whether Exchange itself has hidden the text, as ``<authentication response>``."""
    return _MASKED.fullmatch(text.strip()) is not None


def is_unmistakable(text: str) -> bool:
    """Return whether a text can only be a command, even where an answer to AUTH would be due.

    An answer is one word of base64. So one of Exchange's own verbs is a command if more text follows it, or
    if its length is not one of base64.
    """
    if _UNMISTAKABLE.fullmatch(text) is not None:
        return True
    own = _OWN_COMMAND.fullmatch(text)
    if own is None or own.group(1).upper() not in COMMANDS:
        return False
    return bool(own.group(2).strip()) or len(own.group(1)) % 4 != 0


def is_command(text: str) -> bool:
    """Return whether a text begins with a command whose arguments are not secret."""
    word = _FIRST_WORD.match(text)
    return word is not None and word.group(1).upper() in COMMANDS


def hide_sent(text: str, auth: str) -> str:
    """Return a client's text with secrets hidden, by the state of its AUTH (``smtp_dialog.Phase.auth``).

    Where rows are missing, a single word that is not a command may be an answer to an AUTH in a missing row.
    """
    if _BREAKS.search(text) is None:
        return _hide_one(text, auth)
    pieces = _BREAKS.split(text)
    for at in range(0, len(pieces), 2):
        if pieces[at].strip():
            piece, pieces[at] = pieces[at], _hide_one(pieces[at], auth)
            auth = "open" if is_auth(piece) else auth
    return "".join(pieces)


def _hide_one(text: str, auth: str) -> str:
    if auth == "unknown":
        return hide_answer(text) if _is_lone(text) else hide_command(text)
    if not auth:
        return hide_command(text)
    known = is_unmistakable(text) or (auth == "failed" and is_command(text))
    return text if known else hide_answer(text)


def _is_lone(text: str) -> bool:
    return len(text.split(None, 1)) == 1 and not is_command(text) and not is_auth(text)


def hide_command(text: str) -> str:
    """Return a client's command with its AUTH argument hidden; a single word that looks like base64 is hidden
    too.
    """
    if is_auth(text):
        return _hide_argument(text)
    if is_command(text):
        return text
    tagged = _TAGGED.fullmatch(text)
    if tagged is not None:
        return f"{tagged.group(1)}{MASK}"
    return MASK if looks_secret(text.strip()) else text


def hide_answer(text: str) -> str:
    """Return a client's text while an answer to AUTH was due; a mask and ``*`` (cancel) stay, all else is
    hidden.
    """
    if _is_harmless(text):
        return text
    return _hide_argument(text) if is_auth(text) else MASK


def hide_reply(text: str, in_auth: bool = False) -> str:
    """Return a server's reply with a challenge and repetitions of a secret hidden."""
    if text.startswith("334"):
        return text if _is_harmless(text[4:]) else f"{text[:4]}{MASK}"
    if text.startswith("2"):
        return text
    return hide_mention(_ECHO.sub(_hide_unknown, text) if in_auth else text)


def hide_mention(text: str) -> str:
    """Return any other text with the arguments of AUTH commands in it hidden."""
    if "ommand" in text:
        text = _ECHO.sub(_hide_echo, text)
    return _MENTION.sub(_hide_token, text) if _HINT.search(text) else text


def hide_said(text: str) -> str:
    """Return a text of an unknown speaker with all but commands and replies hidden."""
    if _BREAKS.search(text) is not None:
        return "".join(
            piece if at % 2 or not piece else hide_said(piece) for at, piece in enumerate(_BREAKS.split(text))
        )
    if _REPLY.match(text):
        return hide_reply(text, in_auth=True)
    if is_command(text) or _is_harmless(text):
        return text
    return _hide_argument(text) if is_auth(text) else MASK


def hide_line(line: str) -> str:
    """Return an unparsed line with everything hidden that may be an argument of AUTH."""
    if "\0" in line:  # UTF-16 that was read as bytes
        plain = line.replace("\0", "")
        hidden = hide_line(plain)
        return line if hidden == plain else hidden
    if _SMTP_ROW.search(line):
        line = _hide_row(line)
    if not _HINT.search(line):
        return line
    for found in _CELL_AUTH.finditer(line):
        rest = line[found.end() : found.end() + _WINDOW]
        quoted = rest.startswith('"') and (rest.startswith('""') or found.group()[-1] in " \t=:")
        if quoted or not _is_harmless(_CELL_END.split(rest, maxsplit=1)[0]):
            line = line[: found.end()] + MASK
            break
    return hide_mention(line)


def _is_harmless(text: str) -> bool:
    return text.strip() in ("", "*", MASK) or is_masked(text)


def _hide_argument(text: str) -> str:
    found = _AUTH.fullmatch(text)
    if found is None or _is_harmless(found.group(3)):
        return text
    return f"{found.group(1)} {MASK}"


def _hide_row(line: str) -> str:
    """Return a row with a party's text hidden, unless that is a known command or reply."""
    for mark in _MARK.finditer(line):
        rest = line[mark.end() : mark.end() + _WINDOW]
        first = _CELL_END.split(rest, maxsplit=1)[0]
        challenge = _CHALLENGE.match(rest)
        if challenge is not None and not _is_harmless(challenge.group(1)):
            return f"{line[: mark.end()]}334 {MASK}"
        at = mark.end()
        for piece in _BREAKS.split(first):  # what breaks it is harmless, and a piece of its own
            known = _REPLY.match(piece) or is_command(piece) or is_auth(piece)  # AUTH is found by its name
            if not known and not _is_harmless(_BREAKS.sub("", piece)):
                return line[:at] + MASK
            at += len(piece)
    return line


def _hide_echo(found: re.Match[str]) -> str:
    return _hide_unknown(found) if looks_secret(found.group(2)) else found.group()


def _hide_unknown(found: re.Match[str]) -> str:
    return found.group() if found.group(2).upper() in COMMANDS else found.group(1) + MASK


def _hide_token(found: re.Match[str]) -> str:
    lead, mechanisms, token = found.groups()
    word = token.upper()
    harmless = word in _NO_SECRETS or token[0] == "<" or _IS_MECHANISM.fullmatch(token)
    # After a mechanism, only a word in capitals is certainly no secret: it is a keyword of an EHLO reply.
    suspect = token != word or not token.replace("-", "").isalpha() if mechanisms else _is_mixed(token)
    return found.group() if harmless or not suspect else lead + MASK


def looks_secret(word: str) -> bool:
    """Return whether a word is likely base64: by its length, and a mixture of letters that no command has."""
    return _BASE64.fullmatch(word) is not None and len(word) % 4 == 0 and _is_mixed(word)


def _is_mixed(word: str) -> bool:
    return not word.isalpha() or (word != word.upper() and word[1:] != word[1:].lower())
