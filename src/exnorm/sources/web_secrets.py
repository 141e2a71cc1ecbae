"""Hide the credentials in web logs, by a list of names that is data.

A value is hidden where its name is listed, as a parameter of a query, a cookie, or a pair in Exchange's own
notes; so are tokens recognized by their form, and passwords in URLs. Names and ``=`` may be percent-encoded,
once or twice, as in a URL that is a parameter of another URL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from exnorm.settings import Settings
from exnorm.sources.mask import MASK
from exnorm.text.patterns import compile_later


class Secret(NamedTuple):
    """A name whose value is a credential; ``*`` before or after it stands for any letters."""

    name: str
    what: str


# fmt: off
NAMES = (
    Secret("*token",               "a token: access, refresh, id, security, against forged requests"),
    Secret("*password",            "a password"),
    Secret("*passwd",              "a password"),
    Secret("*passphrase",          "a password"),
    Secret("*passcode",            "a one-time code"),
    Secret("pass",                 "a password"),
    Secret("*pwd",                 "a password"),
    Secret("pin",                  "a one-time code"),
    Secret("otp",                  "a one-time code"),
    Secret("*secret",              "the secret of an application"),
    Secret("code",                 "the code that OAuth changes for a token"),
    Secret("*assertion",           "an assertion of OAuth or SAML"),
    Secret("samlresponse",         "an assertion of SAML"),
    Secret("samlart",              "what stands for an assertion of SAML"),
    Secret("wresult",              "the token of a WS-Federation logon"),
    Secret("ticket",               "a ticket of single sign-on"),
    Secret("sig",                  "the signature of a shared link"),
    Secret("signature",            "the signature of a shared link"),
    Secret("apikey",               "the key of an application"),
    Secret("api_key",              "the key of an application"),
    Secret("api-key",              "the key of an application"),
    Secret("x-api-key",            "the key of an application"),
    Secret("*accesskey",           "the key of an application"),
    Secret("*access_key",          "the key of an application"),
    Secret("*privatekey",          "a private key"),
    Secret("*private_key",         "a private key"),
    Secret("*authkey",             "a key to log on with"),
    Secret("auth",                 "what a request logs on with"),
    Secret("authorization",        "what a request logs on with"),
    Secret("*credential",          "what a request logs on with"),
    Secret("*credentials",         "what a request logs on with"),
    Secret("jwt",                  "a token"),
    Secret("bearer",               "a token"),
    Secret("x-rps-cat",            "the token of remote PowerShell"),
    Secret("*canary",              "OWA's and ECP's token against forged requests"),
    Secret("cadata*",              "OWA's cookie of a logon by form"),
    Secret("fedauth*",             "the cookie of a WS-Federation logon"),
    Secret("msisauth*",            "the cookie of a logon to AD FS"),
    Secret("estsauth*",            "the cookie of a logon to Microsoft Entra"),
    Secret("openidconnect.*",      "the cookies of an OpenID Connect logon"),
    Secret("rpsauth",              "the cookie of a Microsoft account"),
    Secret("rpssecauth",           "the cookie of a Microsoft account"),
    Secret("mspauth",              "the cookie of a Microsoft account"),
    Secret(".aspxauth",            "the cookie of a logon to ASP.NET"),
    Secret("aspxauth",             "the cookie of a logon to ASP.NET"),
    Secret(".aspnet.*",            "the cookies of a logon to ASP.NET"),
    Secret("asp.net_sessionid",    "a session"),
    Secret("aspsessionid*",        "a session"),
    Secret("jsessionid",           "a session"),
    Secret("phpsessid",            "a session"),
    Secret("sessionid",            "a session"),
    Secret("session_id",           "a session"),
    Secret("sid",                  "a session"),
    Secret("edgeaccesscookie",     "the cookie of Web Application Proxy"),
    Secret("*proxyaccesscookie",   "the cookie of Microsoft Entra application proxy"),
    Secret("mrhsession",           "the cookie of an F5 access policy"),
    Secret("nsc_aaac",             "the cookie of a logon to Citrix Gateway"),
    Secret("nsc_tmaa",             "the cookie of a logon to Citrix Gateway"),
    Secret("nsc_tmas",             "the cookie of a logon to Citrix Gateway"),
)
"""Parameters, cookies and pairs, in whatever case."""

HEADERS = (
    Secret("authorization",        "what a request logs on with"),
    Secret("proxy-authorization",  "what a request logs on with"),
    Secret("x-owa-canary",         "OWA's token against forged requests"),
    Secret("x-owa-usercontext",    "a session"),
    Secret("x-api-key",            "the key of an application"),
    Secret("x-auth-token",         "a token"),
    Secret("x-ms-exchange-token",  "a token"),
)
"""Columns that an administrator added, for headers whose whole value is a credential."""
# fmt: on

ENDS_OF_QUERY = "&"
ENDS_OF_PAIRS = ";"

W3C_COLUMNS = {
    "cs-uri": ENDS_OF_QUERY,
    "cs-uri-stem": ENDS_OF_QUERY,
    "cs-uri-query": ENDS_OF_QUERY,
    "cs(Referer)": ENDS_OF_QUERY,
    "cs(Cookie)": ENDS_OF_PAIRS,
    "cs(User-Agent)": ENDS_OF_PAIRS,
}
"""What a client says in W3C's logs of requests, by what ends a value in it."""

EXCHANGE_COLUMNS = {
    "UrlHost": ENDS_OF_QUERY,
    "UrlStem": ENDS_OF_QUERY,
    "UrlQuery": ENDS_OF_QUERY,
    "AnchorMailbox": ENDS_OF_QUERY,  # an attacker's holds the URL of a back end
    "UserAgent": ENDS_OF_PAIRS,
    "Cookie": ENDS_OF_PAIRS,
    "BackEndCookie": ENDS_OF_PAIRS,
    "AuthModulePerfContext": ENDS_OF_PAIRS,
    "BackEndGenericInfo": ENDS_OF_PAIRS,
    "GenericInfo": ENDS_OF_PAIRS,
    "GenericErrors": ENDS_OF_PAIRS,
}
"""The same of the logs that Exchange itself writes of requests."""

COLUMNS = {**W3C_COLUMNS, **EXCHANGE_COLUMNS}

_NAMED = compile_later(
    r"([A-Za-z0-9_.$~-]{1,64})(?:\]|%5D)?(=|%3D|%253D|(?:\"|%22)\s?(?::|%3A)\s?(?:\"|%22)?)", re.IGNORECASE
)
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$~-")
_ENCODED_END = compile_later(r"%(?:25)?(?:26|23|22|20)", re.IGNORECASE)
_TOKEN = compile_later(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}")
_SCHEME = compile_later(
    r"(?<![A-Za-z0-9])(Bearer|Basic|Negotiate|NTLM|Digest)((?: |\+|%20|:){1,3})([A-Za-z0-9+/=._~-]{8,})",
    re.IGNORECASE,
)
_IN_URL = compile_later(r"(://[^/\s:@?#&]{1,200}:)([^/\s@?#&]{1,200})@")
# Recognizes a row of a web log among lines whose columns are unknown.
_WEB_ROW = compile_later(
    r"[ ,;\t\"](?:GET|POST|HEAD|PUT|OPTIONS|DELETE|PROPFIND|SEARCH|CONNECT)[ ,;\t\"]"
    r"|[ ,;\t\"]HTTP/\d|[ ,;\t\"]/\w"
)
_RAW_ENDS = '& \t,"'

_EXACT = frozenset(one.name for one in NAMES if "*" not in one.name)
_ENDINGS = tuple(one.name[1:] for one in NAMES if one.name.startswith("*"))
_BEGINNINGS = tuple(one.name[:-1] for one in NAMES if one.name.endswith("*"))
_WHOLE = frozenset(one.name for one in HEADERS)
_SCHEMES = ("bearer", "basic", "negotiate", "ntlm", "digest")
_WORDS = {*_EXACT, *_ENDINGS, *_BEGINNINGS, *_SCHEMES, "eyj", "://"}
# A text without any of these has no credentials; finding them takes a tenth of the time of reading pairs.
_HINTS = tuple(sorted(word for word in _WORDS if not any(other in word for other in _WORDS - {word})))


def is_secret(name: str) -> bool:
    """Return whether the value of a parameter or cookie of this name is a credential."""
    low = name.lower()
    return low in _EXACT or low.endswith(_ENDINGS) or low.startswith(_BEGINNINGS)


def is_secret_header(column: str) -> bool:
    """Return whether a column contains a request header that is a credential as a whole."""
    low = column.lower().replace("_", "-")
    for before, after in (("cs(", ")"), ("sc(", ")"), ("http-", "")):
        if low.startswith(before) and low.endswith(after):
            low = low[len(before) : len(low) - len(after)]
    return low in _WHOLE


def hide(text: str, ends: str = ENDS_OF_QUERY) -> str:
    """Return a text with its credentials hidden; ``ends`` are the characters that end a value in it."""
    low = text.lower()
    if not any(hint in low for hint in _HINTS):
        return text
    text = _hide_named(text, ends) if "=" in text or "%" in text or '"' in text else text
    if "eyJ" in text:
        text = _TOKEN.sub(MASK, text)
    if "://" in text and "@" in text:
        text = _IN_URL.sub(rf"\1{MASK}@", text)
    return _SCHEME.sub(_hide_scheme, text) if any(scheme in low for scheme in _SCHEMES) else text


class HideEnding:
    """``hide`` for a given set of characters that end values."""

    hints = _HINTS

    def __init__(self, ends: str) -> None:
        self._ends = ends

    def __call__(self, text: str) -> str:
        """Return the text with its credentials hidden."""
        return hide(text, self._ends)


def hide_header(text: str) -> str:
    """Return a header hidden as a whole, if there is any."""
    return text if text in ("", "-") else MASK


def hide_line(line: str) -> str:
    """Return an unparsed line of a web log with its credentials hidden, and more than these
    where in doubt.
    """
    return hide(line, _RAW_ENDS) if _WEB_ROW.search(line) else line


def make_chooser(
    spoken: Mapping[str, str], known: Collection[str], settings: Settings
) -> Callable[[str], Callable[[str], str] | None]:
    """Return a function from a column to the function that hides its credentials, or ``None`` where it has
    none.

    ``spoken`` maps the columns that a client may fill to the characters that end a value in them. Columns
    that are not ``known`` are treated alike, because they are headers that an administrator added.
    """

    def choose(column: str) -> Callable[[str], str] | None:
        if settings.web_secrets == "keep":
            return None
        if is_secret_header(column):
            return hide_header
        ends = spoken.get(column, "" if column in known else ENDS_OF_PAIRS)
        return HideEnding(ends) if ends else None

    return choose


def _hide_named(text: str, ends: str) -> str:
    pieces, at = [], 0
    for found in _NAMED.finditer(text):
        begin, value = found.span(1)[0], found.end()
        if begin < at or (begin and text[begin - 1] in _LETTERS):
            continue
        name = _bare(text, begin, found.group(1))
        if not is_secret(name):
            continue
        end = _find_end(text, value, found.group(2), ends)
        if end > value and text[value:end] not in ("-", MASK):
            pieces += [text[at:value], MASK]
            at = end
    return "".join((*pieces, text[at:])) if pieces else text


def _bare(text: str, begin: int, name: str) -> str:
    """Return a name without the rest of an encoded character before it, as in ``%26token``."""
    if begin and text[begin - 1] == "%":
        name = name[4:] if name[:2] == "25" else name[2:]
    return name


def _find_end(text: str, begin: int, sign: str, ends: str) -> int:
    """Return where a value ends, by the way its ``=`` is written."""
    found = [at for end in (*ends, '"') if (at := text.find(end, begin)) >= 0]
    if sign != "=":
        encoded = _ENCODED_END.search(text, begin)
        found += [encoded.start()] if encoded is not None else []
    return min(found, default=len(text))


def _hide_scheme(found: re.Match[str]) -> str:
    scheme, between, word = found.groups()
    mixed = not word.isalpha() or (word != word.upper() and word[1:] != word[1:].lower())
    return f"{scheme}{between}{MASK}" if mixed or len(word) >= 20 else found.group()
