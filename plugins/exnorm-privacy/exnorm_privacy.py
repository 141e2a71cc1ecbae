"""Personal data hidden field by field: a keyed pseudonym, format-preserving encryption, domain or nothing.

What is hidden in one field is hidden wherever else it stands in the event: in other fields, in additional
data, in the columns that the native payload is made of, in the raw line. The same address has the same
pseudonym in every log type, because it is made of the address alone and the key.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import ipaddress
import os
import stat
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Union

from exnorm import (
    Event,
    Field,
    Record,
    Settings,
    SettingsError,
    Source,
    Taxonomy,
    hookimpl,
    read_plugin_settings,
)
from exnorm.convert import addresses, cut_utf8, members
from exnorm.errors import quote, suggest
from exnorm.sources.admin_audit import ADMIN_AUDIT
from exnorm.sources.agent_log import AGENT_LOG
from exnorm.sources.audit_export import AUDIT_EXPORT
from exnorm.sources.connectivity import CONNECTIVITY
from exnorm.sources.ecp_server import ECP_SERVER
from exnorm.sources.ews import EWS
from exnorm.sources.exchange_2003 import EXCHANGE_2003
from exnorm.sources.http_proxy import HTTP_PROXY
from exnorm.sources.httperr import HTTPERR
from exnorm.sources.iis import IIS
from exnorm.sources.imap_pop import IMAP_POP
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.sources.rps_cmdlet import RPS_CMDLET
from exnorm.sources.rps_http import RPS_HTTP
from exnorm.sources.smtp_protocol import SMTP_PROTOCOL
from exnorm.sources.smtpsvc import SMTPSVC

name = "privacy"

METHODS = ("pseudonym", "encrypt", "domain", "drop")
FIELDS = {
    "arcsight": ("sourceUserName", "destinationUserName", "deviceCustomString6"),
    "jsa": ("usrName", "senderAddress", "recipientAddress"),
    "ecs": ("user.name", "email.from.address", "email.sender.address", "email.to.address"),
}
"""What is hidden where nothing is said, by taxonomy; sites delete and add, as in the ArcSight guide."""
COLUMNS = frozenset(
    column
    for source in (
        ADMIN_AUDIT, AGENT_LOG, AUDIT_EXPORT, CONNECTIVITY, ECP_SERVER, EWS, EXCHANGE_2003, HTTPERR,
        HTTP_PROXY, IIS, IMAP_POP, MESSAGE_TRACKING, RPS_CMDLET, RPS_HTTP, SMTPSVC, SMTP_PROTOCOL,
    )
    for column in source.columns
)  # fmt: skip

KEY_BYTES = 32
MAX_KEY_FILE = 4096
HIDDEN = "hidden"
PSEUDONYM_DOMAIN = "pseudonym.invalid"
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
SHORTEST = 4
"""A shorter text is hidden where it is all of a value, not inside others, where it may be any word."""

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Hide = Callable[[str], str]


@hookimpl(trylast=True)
def event_processors(
    source: Source, taxonomy: Taxonomy, settings: Settings
) -> Iterable[Callable[[Event], Event | None]]:
    """One step, after those of every other plugin, so that it sees what they wrote.

    An event that cannot be hidden is left out: exnorm passes on what a failing processor was given.
    """
    given = read_plugin_settings(settings, "privacy", {"key_file": "", "fields": None})
    methods = read_fields(given["fields"], taxonomy, source)
    if not methods:
        return
    secret = read_key(given["key_file"]) if {"pseudonym", "encrypt"} & set(methods.values()) else b""
    hider = Hider(methods, taxonomy, make_hides(secret, set(methods.values())))

    def hide_or_leave_out(event: Event) -> Event | None:
        try:
            return hider.hide(event)
        except Exception:  # whatever it was, the event must not pass as it is
            return None

    yield hide_or_leave_out


# --- settings ------------------------------------------------------------------------------------


def read_fields(given: Any, taxonomy: Taxonomy, source: Source) -> dict[str, str]:
    """The method of each field (by full name) and column. Raises ``SettingsError``."""
    if given is None:
        if taxonomy.name not in FIELDS:
            raise SettingsError(
                f"plugins: privacy: fields: nothing is known of taxonomy {taxonomy.name}; list them"
            )
        given = FIELDS[taxonomy.name]
    if isinstance(given, (list, tuple)):
        given = dict.fromkeys(given, "pseudonym")
    if not isinstance(given, dict):
        raise SettingsError(f"plugins: privacy: fields: got {quote(given)}; expected methods by field")
    known = {
        str(text).casefold(): field.name
        for field in taxonomy.fields
        for text in (field.key, field.name, field.label)
    }
    methods: dict[str, str] = {}
    for wanted, method in given.items():
        where = f"plugins: privacy: fields: {wanted}"
        if method not in METHODS:
            raise SettingsError(f"{where}: got {quote(method)}{suggest(str(method), METHODS)}")
        field = known.get(str(wanted).casefold())
        if field is None and wanted not in COLUMNS and wanted not in source.columns:
            near = suggest(str(wanted), [*known.values(), *COLUMNS])
            near = near if near.startswith("; did you mean") else ""
            raise SettingsError(
                f"plugins: privacy: fields: {quote(wanted)} is no field of {taxonomy.name}, no column{near}"
            )
        methods[field or str(wanted)] = method
    return methods


def read_key(path: str) -> bytes:
    """The key in a file that nobody else can read. Raises ``SettingsError``, which never holds the key."""
    where = f"plugins: privacy: key_file: {quote(path)}"
    if not path:
        raise SettingsError(
            "plugins: privacy: key_file: got nothing; expected a file with the key of the pseudonyms"
        )
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(MAX_KEY_FILE + 1)
    except OSError as error:
        raise SettingsError(f"{where}: cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise SettingsError(f"{where}: is no file")
    if os.name == "posix":
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o077:
            raise SettingsError(f"{where}: has mode {mode:04o}, so others can use it; expected 0600 or 0400")
        if status.st_uid not in (0, os.geteuid()):
            raise SettingsError(
                f"{where}: belongs to user {status.st_uid}; expected the user that runs exnorm, or root"
            )
    content = content.strip()
    if len(content) > MAX_KEY_FILE:
        raise SettingsError(f"{where}: is longer than {MAX_KEY_FILE} bytes; expected a key")
    try:
        key = bytes.fromhex(content.decode("ascii"))
    except ValueError:  # it is no text of hexadecimal digits, so it is the key itself
        key = content
    if len(key) < KEY_BYTES:
        raise SettingsError(
            f"{where}: holds {len(key)} bytes; expected at least {KEY_BYTES}, or as many pairs of hex digits"
        )
    return key


def make_hides(key: bytes, methods: set[str]) -> dict[str, Hide]:
    """The functions that the chosen methods need, by method."""
    hides: dict[str, Hide] = {"domain": cut_to_domain, "drop": lambda text: ""}
    if "pseudonym" in methods:
        hides["pseudonym"] = lru_cache(maxsize=65536)(Pseudonyms(key).make)
    if "encrypt" in methods:
        hides["encrypt"] = lru_cache(maxsize=65536)(Cipher(key).encrypt)
    return hides


# --- one value -----------------------------------------------------------------------------------


def normalize(text: str) -> str:
    """The one spelling of an address or a name, whichever log wrote it."""
    return text.strip("<> ").lower()


def read_address(text: str) -> Address | None:
    """The IP address that a text is; an IPv4-mapped one is an IPv4 address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if isinstance(mapped, ipaddress.IPv4Address) else address


class Pseudonyms:
    """Keyed pseudonyms: HMAC-SHA-256 of the normalized text, in the shape of what they stand for."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, text: str) -> str:
        """An address for an address, a number for a number, else a word of 26 letters and digits."""
        plain = normalize(text)
        address = read_address(plain)
        digest = self._digest(str(address) if address is not None else plain)
        if isinstance(address, ipaddress.IPv4Address):
            # 240.0.0.0/4 is reserved: no host has such an address
            return str(ipaddress.IPv4Address(0xF0000000 | int.from_bytes(digest[:4], "big") >> 4))
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.IPv6Address(b"\xfd" + digest[:15]))
        if plain.isascii() and plain.isdigit():
            return str(int.from_bytes(digest[:4], "big") >> 1)
        word = base64.b32encode(digest).decode("ascii")[:26].lower()
        return f"{word}@{PSEUDONYM_DOMAIN}" if "@" in plain else word

    def _digest(self, text: str) -> bytes:
        return hmac.new(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


class Cipher:
    """Format-preserving encryption with FF3-1 of the library ff3; who has the key can read it back.

    Of a mail address the part before the ``@`` is encrypted, of an IP address its bits, of other texts
    the letters and digits. What is too short or too long for the cipher, or not ASCII, gets a pseudonym.
    """

    def __init__(self, key: bytes) -> None:
        try:
            from ff3 import FF3Cipher  # an extra: only who encrypts needs it
        except ImportError:
            raise SettingsError(
                "plugins: privacy: fields: encrypt needs the library ff3: pip install 'exnorm-privacy[fpe]'"
            ) from None
        secret = hmac.new(key, b"exnorm-privacy encrypt", hashlib.sha256).digest()
        tweak = hmac.new(key, b"exnorm-privacy tweak", hashlib.sha256).digest()[:7]
        self._letters, self._bits, self._digits = (
            FF3Cipher.withCustomAlphabet(secret.hex(), tweak.hex(), alphabet)
            for alphabet in (LETTERS, "01", LETTERS[:10])
        )
        self._pseudonyms = Pseudonyms(key)

    def encrypt(self, text: str) -> str:
        """The text in its own shape, or a pseudonym where it has none that can be kept."""
        return self._turn(normalize(text), "encrypt") or self._pseudonyms.make(text)

    def decrypt(self, text: str) -> str:
        """What was encrypted; empty for a pseudonym, which cannot be read back."""
        plain = normalize(text)
        return "" if plain.endswith("@" + PSEUDONYM_DOMAIN) else self._turn(plain, "decrypt")

    def _turn(self, plain: str, how: str) -> str:
        address = read_address(plain)
        if address is not None:
            bits = f"{int(address):0{address.max_prefixlen}b}"
            return str(type(address)(int(getattr(self._bits, how)(bits), 2)))
        if not plain.isascii():
            return ""
        if plain.isdigit():
            return str(int(getattr(self._digits, how)(plain.zfill(9)))) if len(plain) <= 9 else ""
        local, at, domain = plain.partition("@")
        hidden = self._turn_letters(local, how)
        return hidden + at + domain if hidden else ""

    def _turn_letters(self, text: str, how: str) -> str:
        letters = [letter for letter in text if letter in LETTERS]
        if not self._letters.minLen <= len(letters) <= self._letters.maxLen:
            return ""
        turned = iter(getattr(self._letters, how)("".join(letters)))
        return "".join(next(turned) if letter in LETTERS else letter for letter in text)


def cut_to_domain(text: str) -> str:
    """The domain of an address, of a host's name, or of ``DOMAIN\\user``; the network of an IP address."""
    plain = normalize(text)
    address = read_address(plain)
    if address is not None:
        prefix = 24 if address.version == 4 else 48
        return str(ipaddress.ip_network((address, prefix), strict=False).network_address)
    for mark in ("@", "\\"):
        if mark in plain:
            return plain.rpartition("@")[2] if mark == "@" else plain.partition("\\")[0]
    return plain.partition(".")[2] if " " not in plain else ""


# --- one event -----------------------------------------------------------------------------------


class Hider:
    """Hides what the settings name in events of one taxonomy."""

    def __init__(self, methods: dict[str, str], taxonomy: Taxonomy, hides: dict[str, Hide]) -> None:
        self._methods = methods
        self._fields = {field.name: field for field in taxonomy.fields}
        self._hides = hides

    def hide(self, event: Event) -> Event:
        """The event without what is to be hidden, here and wherever else it stands in it."""
        found: dict[str, str] = {}
        record = event.record
        for wanted, method in self._methods.items():
            hide = self._hides[method]
            if wanted in event.fields:
                self._hide_field(event, wanted, hide, found)
            if record.get(wanted):
                record.values[wanted] = self._hide_text(record.get(wanted), hide, found)
                if wanted in event.additional:
                    event.additional[wanted] = record.values[wanted]
        self._sweep(event, found)
        event.additional = {column: text for column, text in event.additional.items() if text}
        record.raw = write_row(record)
        return event

    def _hide_field(self, event: Event, wanted: str, hide: Hide, found: dict[str, str]) -> None:
        value = event.fields[wanted]
        text = str(value)
        if wanted in event.cut:
            text = find_whole(event, wanted, text)
        hidden = self._hide_text(text, hide, found)
        if not hidden:
            del event.fields[wanted]
            event.fields.pop(wanted + "Label", None)
        elif isinstance(value, int):
            event.fields[wanted] = int(hidden) if hidden.isdigit() else 0
        else:
            event.fields[wanted] = fit(event, self._fields[wanted], hidden)

    def _hide_text(self, text: str, hide: Hide, found: dict[str, str]) -> str:
        """A text, member by member where it is a list of addresses; notes what became of each."""
        parts = members(text) if "@" in text and ";" in text else [text]
        hidden = []
        for part in parts:
            plain = normalize(part)
            if plain:
                hidden.append(hide(part))
                found[plain] = hidden[-1] or HIDDEN
        if len(parts) > 1:
            hidden = [part for part in hidden if part]
        return ";".join(hidden)

    def _sweep(self, event: Event, found: dict[str, str]) -> None:
        longest_first = sorted(found.items(), key=lambda pair: -len(pair[0]))

        def clean(text: str) -> str:
            whole = found.get(normalize(text))
            if whole is not None:
                return whole if whole != HIDDEN else ""
            for old, new in longest_first:
                if len(old) >= SHORTEST and len(old) <= len(text):
                    text = replace_word(text, old, new)
            return text

        for holder in (event.additional, event.record.values, event.record.derived):
            for column, text in holder.items():
                if column not in self._methods:
                    holder[column] = clean(text)
        for field, value in list(event.fields.items()):
            if isinstance(value, str) and field not in self._methods:
                event.fields[field] = clean(value)


def find_whole(event: Event, wanted: str, shown: str) -> str:
    """What a field held before it was cut: the rest of it stands in a column, or in a longer field."""
    others = (value for field, value in event.fields.items() if field != wanted and isinstance(value, str))
    wholes = [
        text for text in map(addresses, (*event.record.values.values(), *others)) if text.startswith(shown)
    ]
    return max(wholes, key=len, default=shown)


def fit(event: Event, field: Field, text: str) -> str:
    """A text that is no longer than its field: a list loses its last members, another text its end."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if not field.max_bytes or size <= field.max_bytes:
        return text
    event.cut.setdefault(field.name, size)
    shown = cut_utf8(text, field.max_bytes)
    return shown.rpartition(";")[0] if ";" in shown else shown


def replace_word(text: str, old: str, new: str) -> str:
    """``old``, which is in lower case, replaced where it stands between others than letters and digits."""
    folded = text.lower()
    if len(folded) != len(text):  # some letters grow in lower case: then only what is written alike is found
        folded = text
    start = folded.find(old)
    if start < 0:
        return text
    parts, done = [], 0
    while start >= 0:
        end = start + len(old)
        if not (folded[start - 1 : start].isalnum() or folded[end : end + 1].isalnum()):
            parts += [text[done:start], new]
            done = end
        start = folded.find(old, max(start + 1, done))
    return "".join(parts) + text[done:]


def write_row(record: Record) -> str:
    """The row in the place of the raw line, which may hold what is hidden in more spellings than one."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(record.values.values())
    return line.getvalue()


# --- reading back --------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """``python -m exnorm_privacy KEY_FILE VALUE...``: what was encrypted, one a line."""
    if len(arguments) < 2:
        print("usage: python -m exnorm_privacy KEY_FILE VALUE...", file=sys.stderr)
        return 2
    try:
        cipher = Cipher(read_key(arguments[0]))
    except SettingsError as error:
        print(f"exnorm_privacy: {error}", file=sys.stderr)
        return 2
    for value in arguments[1:]:
        print(cipher.decrypt(value))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
