r"""Split accounts as clients spell them: ``DOMAIN\user``, ``DOMAIN\user\mailbox``, ``user@domain``.

All logs use this function, so that a user has the same spelling in each of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from exnorm.text.patterns import compile_later

_ENCODED = compile_later(r"%(?:5c|40|2f)", re.IGNORECASE)
# Not the canonical name contoso.com/Users/nora, nor the X.400 or legacy name /o=First/cn=nora, nor a
# service's name HTTP/mail.example.com, nor nora/admin@REALM.
_SLASHED = compile_later(
    r"(?!(?:http|host|smtp|smtpsvc|imap|pop|ldap|cifs|rpc|exchange\w*)/)"
    r"([^/@=:\s][^/@=:]*/[^/@=]+|[^/@=:.\s][^/@=:.]*/[^/@=]+/[^/=]+|[^/@=:\s]+@[^/@=:]+/[^/=]+)",
    re.IGNORECASE,
)


class Account(NamedTuple):
    """The parts of an account; empty where it does not name them."""

    domain: str = ""
    name: str = ""
    mailbox: str = ""


def split_account(text: str) -> Account:
    r"""Return the parts of an account as a client or a log spells it.

    A third part is the mailbox that the user opens, as in ``user@domain\mailbox``. ``user@domain`` is a name
    as a whole. A slash separates parts like a backslash where the text cannot be anything else. A text with
    ``%5C``, ``%2F`` or ``%40`` is decoded first; one with an empty part is a name.
    """
    plain = unquote(text) if _ENCODED.search(text) is not None else text
    if "/" in plain and "\\" not in plain and _SLASHED.fullmatch(plain) is not None:
        plain = plain.replace("/", "\\")
    if "\\" not in plain:
        return Account(name=plain)
    parts = plain.replace("\\\\", "\\").split("\\")
    if not all(parts) or len(parts) > 3 or "/" in parts[0]:  # a canonical name with a backslash in it
        return Account(name=plain)
    if len(parts) == 2 and "@" in parts[0]:
        return Account("", *parts)
    return Account(*parts)


def split_user(text: str) -> tuple[str, str]:
    """Return domain and name of an account, for logs whose users open no other mailbox."""
    return split_account(text)[:2]
