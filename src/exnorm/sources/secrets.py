"""Hide secrets by column name, for a header that names another log type than its columns belong to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from exnorm.settings import Settings
from exnorm.sources import web_secrets
from exnorm.sources.mail_secrets import hide_arguments, hide_command
from exnorm.sources.smtp_secrets import hide_mention, hide_said

HideRow = Callable[[Mapping[str, str]], "dict[str, str]"]
"""By column, what is shown in the place of a secret."""

_MAIL = frozenset(("command", "parameters"))
_SMTP = frozenset(("session-id", "sequence-number", "data"))
_NOT_SAID = frozenset("+-*")


def hide_foreign(columns: Collection[str], own: Collection[str], settings: Settings) -> HideRow | None:
    """Return a function that hides secrets in columns not among the source's ``own``; ``None`` where there
    are none.
    """
    by_name = {column.lower(): column for column in columns if column not in own}
    hides: list[HideRow] = []
    if by_name.keys() >= _MAIL:
        hides.append(lambda row: _hide_mail(row, by_name))
    if by_name.keys() >= _SMTP:
        hides.append(lambda row: _hide_smtp(row, by_name))
    choose = web_secrets.make_chooser(web_secrets.COLUMNS, own, settings)
    web = {
        column: hide
        for column in by_name.values()
        if column in web_secrets.COLUMNS and (hide := choose(column))
    }
    if web:
        hides.append(lambda row: {column: hide(row.get(column, "")) for column, hide in web.items()})
    if not hides:
        return None

    def hide_row(row: Mapping[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for hide in hides:
            found.update((column, text) for column, text in hide(row).items() if text != row.get(column, ""))
        return found

    return hide_row


def _hide_mail(row: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    command, parameters = names["command"], names["parameters"]
    said = row.get(command, "")
    return {command: hide_command(said), parameters: hide_arguments(said, row.get(parameters, ""))}


def _hide_smtp(row: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    data, context = names["data"], names.get("context", "")
    is_said = row.get(names.get("event", ""), "") not in _NOT_SAID
    shown = {data: (hide_said if is_said else hide_mention)(row.get(data, ""))}
    return {**shown, context: hide_mention(row.get(context, ""))} if context else shown
