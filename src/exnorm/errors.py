"""All exceptions that exnorm raises on purpose.

::

    NormalizerError
    ├── SettingsError   a setting is unknown or has a value that cannot be used   } raised while a
    ├── PluginError     a plugin cannot be loaded, or clashes with another        } pipeline is built,
    ├── MappingError    a table does not fit its source or its taxonomy           } before any event
    ├── ParseError      a line did not parse and ``on_error`` is ``stop``         } for one line
    └── EncodeError     an event cannot be written and ``on_error`` is ``stop``   } for one event

By default, a line that does not parse, or an event that cannot be written, raises nothing: it is passed on as
``model.Unparsed``. Only a host catches ``NormalizerError``, in one place.
"""

from __future__ import annotations

from collections.abc import Iterable

QUOTE_LIMIT = 200


class NormalizerError(Exception):
    """The root of the tree above; ``str()`` of it is one lower-case line fit for an operator."""


class SettingsError(NormalizerError):
    """A setting is unknown, or its value is not one of those allowed.

    ``args`` are the faults, one line each, where several were found at once.
    """

    def __str__(self) -> str:
        """Return the faults on one line."""
        return "; ".join(map(str, self.args))


class PluginError(NormalizerError):
    """A plugin failed to load, implements an unknown hook, or registers a name that is taken."""


class MappingError(NormalizerError):
    """A table names a field or column that does not exist, or contradicts itself."""


class ParseError(NormalizerError):
    """A line did not parse while ``on_error`` was ``stop``."""


class EncodeError(NormalizerError):
    """An event contains what the format cannot carry, while ``on_error`` was ``stop``."""


def quote(text: object, limit: int = QUOTE_LIMIT) -> str:
    """Return text from outside for use in a message: one line, quoted, cut to ``limit`` characters."""
    shown = str(text)
    return repr(shown if len(shown) <= limit else shown[:limit] + "...")


def show(text: str) -> str:
    """Return text from outside on one line, with unprintable characters as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def show_json(text: str) -> str:
    """Return JSON for a terminal, with unprintable characters as escapes of JSON."""
    if text.isprintable():
        return text
    import json  # few runs meet such text, or a wrong name

    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or all names where none is near."""
    names = sorted(known)
    near = find_nearest(name, names)
    if near:
        return f"; did you mean '{near}'?"
    return f"; expected one of {', '.join(names)}" if names else ""


def find_nearest(name: str, known: Iterable[str]) -> str:
    """The known name that somebody may have meant; empty where none is near."""
    import difflib  # few runs need it

    folded = {candidate.casefold(): candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else ""
