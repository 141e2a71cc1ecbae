"""The counts of a run, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exnorm.errors import show, show_json
from exnorm.pipeline.counts import Counts
from exnorm.pipeline.profiles import explain_loss
from exnorm.settings import Settings


def summarize(
    counts: Counts, settings: Settings, files: int, refused: int, failed: int, as_json: bool
) -> str:
    """One JSON object, or lines that say what became of every line and what to look at.

    Of ``files``, so many were ``refused`` as of an unknown type, and so many ``failed`` to be read.
    """
    warning = explain_loss(counts.dropped, settings.profile)
    if as_json:
        content: dict[str, Any] = {
            "files": files,
            "files_refused": refused,
            "files_failed": failed,
            **counts.as_dict(),
        }
        if counts.first_errors:
            content["first_errors"] = counts.first_errors
        if warning:
            content["warnings"] = [warning]
        import msgspec

        return show_json(msgspec.json.encode(content).decode())
    read = files - refused - failed
    lines = [
        f"{_many(read, 'file')}, {_many(counts.lines, 'line')}: {_many(counts.events, 'event')}, "
        f"{counts.header} header or blank, {sum(counts.unparsed.values())} not parsed"
        + (f"; {_many(refused, 'file')} left out" if refused else "")
        + (f"; {_many(failed, 'file')} not read" if failed else "")
    ]
    for text, tally in (
        ("not parsed, by reason", counts.unparsed),
        (f"left out by profile {settings.profile}", counts.dropped),
        ("left out by filters", counts.filtered),
        ("left out by plugins", counts.removed),
        ("marked by plugins", counts.marked),
        ("cut to the field's length", counts.cut),
        ("left out or cut to fit --max-payload", counts.shortened),
        ("line breaks and controls replaced", counts.replaced),
        ("values the format cannot carry", counts.refused),
        ("events the format cannot write, left out", counts.unencodable),
        ("unknown columns, kept", counts.unknown_columns),
        ("unknown events, kept", counts.unknown_events),
        ("plugin errors", counts.plugin_errors),
    ):
        if tally:
            lines.append(f"{text}: {_list(tally)}")
    lines += [f"first error of plugin {name}: {error}" for name, error in counts.first_errors.items()]
    if warning:
        lines.append(f"warning: {warning}")
    return "\n".join(f"exnorm: {show(line)}" for line in lines)


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _list(tally: Mapping[str, int], limit: int = 12) -> str:
    ordered = sorted(tally.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name or '(empty)'} {number}" for name, number in ordered[:limit])
    return shown + (f" and {len(ordered) - limit} more" if len(ordered) > limit else "")
