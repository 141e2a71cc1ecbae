"""Types of command line words, for shells that complete them; each value is taken as it was typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # not generic in older releases


class Typed(ParamType):
    """A text; it is checked where it is used, with the nearest right name in the message."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text unchanged."""
        return value


class Files(Typed):
    """The name of a file or folder; ``kind`` is ``file`` or ``dir``, as a shell offers them."""

    def __init__(self, kind: str = "file") -> None:
        self.kind = kind

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Leave it to the shell."""
        from click.shell_completion import CompletionItem  # only a shell that asks pays for it

        return [CompletionItem(incomplete, type=self.kind)]


class Words(Typed):
    """One of several words, given or found when a shell or a help text asks for them."""

    def __init__(self, known: Iterable[str] | Callable[[], Iterable[str]]) -> None:
        self._known = known

    @property
    def known(self) -> tuple[str, ...]:
        """The words."""
        return tuple(self._known() if callable(self._known) else self._known)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the words that begin with the typed text."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in self.known if word.startswith(incomplete)]


FILE = Files()
FOLDER = Files("dir")
