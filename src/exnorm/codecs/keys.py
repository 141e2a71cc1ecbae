"""Keys on the wire for additional data, made from column names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from exnorm.settings import Settings

_NOT_IN_KEY = re.compile(r"[^A-Za-z0-9._()-]")
_WORDS = re.compile(r"[A-Za-z0-9]+")


_LONGEST = 100  # characters of a column's name; a log may bring longer ones, which are not kept


def ad_key(column: str) -> str:
    """Return a key such as ``ad.custom-data``, as ArcSight's connectors name additional data."""
    return _write_ad_key(column[:_LONGEST])


@lru_cache(maxsize=4096)
def _write_ad_key(column: str) -> str:
    return "ad." + _NOT_IN_KEY.sub("_", column)


def word_key(column: str, prefix: str = "") -> str:
    """Return the column name as one word of letters and digits, ``customData``; with a prefix,
    ``adCustomData``.
    """
    return _write_word_key(column[:_LONGEST], prefix)


@lru_cache(maxsize=4096)
def _write_word_key(column: str, prefix: str) -> str:
    words: list[str] = _WORDS.findall(column) or ["column"]
    head = words[0] if not prefix else prefix + words[0][0].upper() + words[0][1:]
    return head + "".join(word[0].upper() + word[1:] for word in words[1:])


def user_key(column: str) -> str:
    """Return a key such as ``adCustomData``, which a producer of CEF may define."""
    return word_key(column, "ad")


def cef_key(settings: Settings) -> Callable[[str], str]:
    """Return the function that makes CEF keys, as the setting ``additional_data`` chooses."""
    return user_key if settings.additional_data == "user" else ad_key


def unique_keys(
    pairs: Iterable[tuple[str, str]], make_key: Callable[[str], str], taken: set[str]
) -> Iterator[tuple[str, str]]:
    """Yield pairs of key and text with distinct keys, none of them in ``taken``; each key is added to
    ``taken``.
    """
    for column, value in pairs:
        key = make_key(column)
        number = 2
        while key in taken:
            key = f"{make_key(column)}{number}"
            number += 1
        taken.add(key)
        yield key, value


def distinct_keys(columns: Iterable[str], make_key: Callable[[str], str]) -> list[tuple[str, str]] | None:
    """Return the text before and after each column's value; ``None`` where two columns would get the same
    key.
    """
    keys = [make_key(column) for column in columns]
    return [(f"{key}=", "") for key in keys] if len(set(keys)) == len(keys) else None
