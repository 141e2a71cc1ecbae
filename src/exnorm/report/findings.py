"""Describe problems of the logs in plain sentences, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping as AnyMapping
from dataclasses import dataclass
from datetime import datetime, timezone

from exnorm.convert import iso_utc
from exnorm.errors import show
from exnorm.model import Source
from exnorm.pipeline.profiles import EXTERNAL, PROFILES, explain_loss
from exnorm.report.masks import mask_text
from exnorm.report.silences import Gap
from exnorm.report.survey import DAY, LogFile, Place, RowUse, Survey, TableUse, VersionUse
from exnorm.report.tallies import MINUTE

PROBLEM, LOOK, NOTE = "problem", "look", "note"
LEVELS = (PROBLEM, LOOK, NOTE)
UNPARSED_SHARE = 0.01
NO_EVENT = (
    "No event is made of such a line; the lines around it are unharmed. exnorm convert --rejects FILE writes "
    "each one to a file, with its place and reason; Fluent Bit and Logstash pass it on unchanged with the "
    "tag _exnormparsefailure (docs/unparsed.md)."
)
LOSS_SHARE = 0.01
OLD = 7 * DAY
SHOWN = 8
LOGS = "LOGS"
EXPLAIN_LOGS = ("explain", LOGS)
PATH_LIMIT = 160

_LATEST = datetime(9999, 12, 31, tzinfo=timezone.utc).timestamp() * 1000
_YEAR_0 = datetime(1, 1, 1, tzinfo=timezone.utc).timestamp() * 1000


@dataclass(frozen=True)
class Finding:
    """One finding: its level, a title, advice, and the section with details.

    ``command`` are the words of a command line that shows the lines behind it; ``LOGS`` stands for the paths
    that the page was made of.
    """

    level: str
    title: str
    advice: str
    section: str
    items: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def find(
    survey: Survey,
    gaps: list[Gap],
    sources: AnyMapping[str, Source],
    profile: str = "all",
    mask: Callable[..., str] = mask_text,
    now: int = 0,
) -> list[Finding]:
    """Return all findings, the worst first; an empty list where the logs are complete and known.

    ``now`` is when the page is made, in epoch milliseconds UTC; with 0 nothing is said about the logs' age.
    """
    found = [
        *_find_failures(survey),
        *_find_gaps(gaps, sources),
        *_find_future(survey),
        *_find_unparsed(survey),
        *_find_loss(survey, profile),
        *_find_copies(survey),
        *_find_clocks(survey),
        *_find_headers(survey),
        *_find_refused(survey),
        *_find_missing_columns(survey, sources),
        *_find_unknown(survey, sources),
        *_find_cuts(survey),
        *_find_age(survey, now),
        *_find_versions(survey, sources),
        *_find_plugins(survey, mask),
    ]
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))


def _find_failures(survey: Survey) -> Iterator[Finding]:
    failed = [file for file in survey.files if file.failure]
    if failed:
        yield Finding(
            PROBLEM,
            f"{many(len(failed), 'file')} could not be read",
            "Their rows are missing from all that is below. Check rights and shares, then run this again.",
            "files",
            _list(file.failure for file in failed),
            command=("doctor", LOGS),
        )
    if not survey.rows and not failed and not any(file.refusal for file in survey.files):
        yield Finding(PROBLEM, "There is not one row in these files", "Check the folder.", "files")
    empty = [f for f in survey.files if not f.rows and not f.unparsed and not f.refusal and not f.failure]
    if empty and survey.rows:
        yield Finding(
            NOTE,
            f"{many(len(empty), 'file')} without a row",
            "Exchange makes a log's header before its first row, so this is usual for a quiet hour.",
            "files",
            _list(show_path(file.path) for file in empty),
        )


def _find_refused(survey: Survey) -> Iterator[Finding]:
    refused = [file for file in survey.files if file.refusal]
    if refused:
        yield Finding(
            LOOK,
            f"{many(len(refused), 'file')} left out: no log type that is known here",
            "Where one of them should be a log of Exchange, look at its first lines: its header is gone, or "
            "it is packed.",
            "files",
            _list(f"{show_path(file.path)}: {show(shorten_refusal(file.refusal))}" for file in refused),
            command=("explain", refused[0].path),
        )


def _find_copies(survey: Survey) -> Iterator[Finding]:
    twice = pair_copies(survey.files)
    if twice:
        yield Finding(
            LOOK,
            f"{many(len(twice), 'file')} with exactly the content of another one",
            "Their rows are counted twice below, and a SIEM would have them twice too.",
            "files",
            _list(f"{show_path(copy)} is {show_path(first)}" for copy, first in twice.items()),
        )


def pair_copies(files: Iterable[LogFile]) -> dict[str, str]:
    """Return each file with exactly the content of an earlier one, and that earlier file."""
    first: dict[str, str] = {}
    return {
        file.path: first[file.digest]
        for file in files
        if file.rows and first.setdefault(file.digest, file.path) != file.path
    }


def _find_unparsed(survey: Survey) -> Iterator[Finding]:
    unparsed = survey.unparsed
    if not unparsed:
        return
    share = unparsed / (unparsed + survey.rows)
    worst = sorted((file for file in survey.files if file.unparsed), key=lambda file: -file.unparsed)
    reasons = [
        f"{group(refused.lines)} of kind {kind}: {show(refused.reasons.top(1)[0][0])}"
        for kind, refused in sorted(survey.refused.items(), key=lambda item: -item[1].lines)
    ]
    most = "most of them " if len(worst) > 1 else ""
    yield Finding(
        PROBLEM if share >= UNPARSED_SHARE else LOOK,
        f"{many(unparsed, 'line')} ({percent(share)} of all {group(unparsed + survey.rows)}) could not be "
        f"read as a row, {most}in {show_path(worst[0].path)}: {describe_unparsed(worst[0])}",
        NO_EVENT,
        "unparsed",
        _list(reasons),
        ("convert", LOGS, "--dry-run", "--rejects", "rejects.ndjson"),
    )


def describe_unparsed(file: LogFile) -> str:
    """Return how many of a file's lines did not parse, header lines aside."""
    lines = file.rows + file.unparsed
    return f"{group(file.unparsed)} of its {many(lines, 'line')} ({percent(file.unparsed / lines)})"


def _find_gaps(gaps: list[Gap], sources: AnyMapping[str, Source]) -> Iterator[Finding]:
    for side, level, found, advice in (
        (
            "",
            PROBLEM,
            "{} in time: a server that usually writes has no rows",
            "Either it was down or had no mail, or log files are missing: compare with the files on the "
            "server itself.",
        ),
        (
            "end",
            PROBLEM,
            "{} before other servers do",
            "Either it was down or taken away, or its files stopped coming: compare with the files on the "
            "server itself.",
        ),
        ("start", LOOK, "{} after other servers do", "A server was added, or its older files are not here."),
    ):
        chosen = [gap for gap in gaps if gap.side == side]
        items = [describe_gap(gap, sources) for gap in chosen]
        if items:
            thing = many(len(items), "server log" if side else "gap")
            verb = {"end": " stop", "start": " begin", "": ""}[side]
            what = thing + (f"{verb}s" if verb and len(items) == 1 else verb)
            yield Finding(level, found.format(what), advice, "time", _list(items), _show_around(chosen[0]))


def _show_around(gap: Gap) -> tuple[str, ...]:
    """Return the command that shows the rows a minute before and after a gap."""
    since, until = iso_utc(max(gap.start - MINUTE, 0)), iso_utc(gap.end + MINUTE)
    return (*EXPLAIN_LOGS, "--since", since, "--until", until, "--source", gap.source)


def describe_gap(gap: Gap, sources: AnyMapping[str, Source]) -> str:
    """Return a gap as one sentence."""
    where = f"{show(gap.server)}, {title(gap.source, sources)}"
    lasted = duration(gap.end - gap.start)
    if gap.side == "end":
        return f"{where}: its last row is of {moment(gap.start)}, {lasted} before the last row of the others"
    if gap.side == "start":
        return f"{where}: its first row is of {moment(gap.end)}, {lasted} after the first row of the others"
    return (
        f"{where}: no rows between {moment(gap.start)} and {moment(gap.end)} ({lasted}); "
        f"nine in ten of its silences last {describe_usual(gap)} at most"
    )


def describe_usual(gap: Gap) -> str:
    """Return how long the silences of a server's log usually are."""
    return "less than a minute" if gap.usual < MINUTE else duration(gap.usual)


def _find_clocks(survey: Survey) -> Iterator[Finding]:
    back = sorted((file for file in survey.files if file.backwards), key=lambda file: -file.furthest)
    if back:
        yield Finding(
            LOOK,
            f"The clock goes backwards in {many(len(back), 'file')}",
            "A server's clock was set back, or files were put together in the wrong order: times of events "
            "around there cannot be trusted.",
            "files",
            _list(
                f"{show_path(file.path)}: {describe_step(file)}"
                + (f", and {many(file.backwards, 'row')} in all are late" if file.backwards > 1 else "")
                for file in back
            ),
            command=("explain", back[0].path, "--line", str(back[0].backwards_line)),
        )


def _find_future(survey: Survey) -> Iterator[Finding]:
    future = [file for file in survey.files if file.future]
    if future:
        yield Finding(
            PROBLEM,
            f"{many(sum(file.future for file in future), 'row')} of a time that has not come yet",
            "A server's clock is wrong, or this machine's is. A SIEM may refuse or misplace such events. "
            "They count as rows, but are left out of the first and last row, of plots and of gaps.",
            "files",
            _list(f"{show_path(file.path)}: {describe_future(file)}" for file in future),
            command=_show_since(future[0].path, future[0].future_first),
        )


def describe_step(file: LogFile) -> str:
    """Return where the clock of a file goes back furthest."""
    time = file.backwards_time
    return (
        f"from {moment(time + file.furthest)} back to {moment(time)} at line {file.backwards_line} "
        f"({duration(file.furthest)})"
    )


def describe_future(file: LogFile) -> str:
    """Return the number and times of a file's rows that lie in the future."""
    first, last = file.future_first, file.future_last
    if first is None or last is None:
        return ""
    times = f"of {moment(first)}" if first == last else f"of {moment(first)} to {moment(last)}"
    return f"{many(file.future, 'row')}, {times}"


def _find_headers(survey: Survey) -> Iterator[Finding]:
    guessed = [file for file in survey.files if file.guessed]
    if guessed:
        yield Finding(
            LOOK,
            f"{many(len(guessed), 'file')} with rows that no header comes before",
            "Which columns they have was told from how many there are, and checked against the values of "
            "every row. It is safer to have the files from their first line: the shipper must read them so.",
            "files",
            _list(f"{show_path(file.path)}: {many(file.guessed, 'row')}" for file in guessed),
            command=("explain", guessed[0].path, "--limit", "1"),
        )


def find_missing(use: TableUse, columns: set[str]) -> Iterator[RowUse]:
    """Yield the rows of a table whose columns do not occur in the logs."""
    for row in use.rows:
        if row.columns and not row.filled and all(row.columns) and not columns.intersection(row.columns):
            yield row


def _find_missing_columns(survey: Survey, sources: AnyMapping[str, Source]) -> Iterator[Finding]:
    missing: dict[tuple[str, str], list[str]] = {}
    for use in survey.tables.values():
        for row in find_missing(use, survey.columns.get(use.source, set())):
            fields = missing.setdefault((use.source, " or ".join(row.columns)), [])
            fields.append(f"{use.taxonomy} {row.field}")
    if missing:
        yield Finding(
            LOOK,
            f"{many(len(missing), 'column')} that fields are filled from, but these logs do not have",
            "The fields named here stay empty. In IIS, columns are switched on under Logging; other logs "
            "have them from a later version on.",
            "fields",
            _list(
                f"{title(source, sources)}: {column} (for {', '.join(dict.fromkeys(fields))})"
                for (source, column), fields in sorted(missing.items())
            ),
            command=("mappings", next(iter(missing))[0]),
        )


def _find_unknown(survey: Survey, sources: AnyMapping[str, Source]) -> Iterator[Finding]:
    if survey.unknown_columns:
        names = [
            f"{title(source, sources)}: {show(column)} ({many(rows, 'row')}"
            f"{_seen(survey.unknown_seen.get((source, column)))})"
            for source, tally in sorted(survey.unknown_columns.items())
            for column, rows in tally.most_common()
        ]
        yield Finding(
            LOOK,
            f"{many(len(names), 'column')} that exnorm does not know",
            "Nothing is lost: each goes along as additional data under its own name. To send one in a field "
            "of the SIEM, name it under tables in the settings file (docs/overlays.md).",
            "unknown",
            _list(names),
            _show_place(next(iter(survey.unknown_seen.values()), None)),
        )
    events = [
        f"{title(source, sources)}: {show(name) or '(empty)'} ({many(count.rows, 'row')}{_seen(count.seen)})"
        for source, counts in sorted(survey.events.items())
        for name, count in counts.items()
        if not count.known
    ]
    if events:
        yield Finding(
            LOOK,
            f"{many(len(events), 'event-id')} that exnorm does not know",
            "They are sent with a medium severity, but the profile arcsight-guide leaves them out. Another "
            "severity is set under tables in the settings file (docs/overlays.md).",
            "unknown",
            _list(events),
            _show_place(next((c.seen for e in survey.events.values() for c in e.values() if c.seen), None)),
        )


def _show_place(place: Place | None) -> tuple[str, ...]:
    return () if place is None else ("explain", place.path, "--line", str(place.line_number))


def _show_since(path: str, time: int | None) -> tuple[str, ...]:
    return (
        () if time is None or not _YEAR_0 <= time < _LATEST else ("explain", path, "--since", iso_utc(time))
    )


def _seen(place: Place | None) -> str:
    return f"; first in {describe_place(place)}" if place is not None else ""


def describe_place(place: Place) -> str:
    """Return a line and the server that wrote it."""
    return f"{show_path(place.path)}, line {place.line_number}, of {show(place.server)}"


def _find_loss(survey: Survey, profile: str) -> Iterator[Finding]:
    for name in PROFILES:
        dropped = {
            event: count.rows
            for counts in survey.events.values()
            for event, count in counts.items()
            if name not in count.kept_by
        }
        warning = explain_loss(dropped, name)
        share = dropped.get(EXTERNAL, 0) / survey.rows if survey.rows else 0
        if warning and (name == profile or share >= LOSS_SHARE):
            chosen = "" if name == profile else f" The profile chosen here, {profile}, keeps them."
            yield Finding(
                PROBLEM if name == profile else LOOK,
                warning[:1].upper() + warning[1:],
                f"They are {percent(share)} of these rows.{chosen}",
                "events",
                command=(*EXPLAIN_LOGS, "--event", EXTERNAL, "--limit", "3"),
            )


def _find_age(survey: Survey, now: int) -> Iterator[Finding]:
    last = survey.last
    if last is not None and now - last >= OLD:
        yield Finding(
            NOTE,
            f"The newest row is {many((now - last) // DAY, 'day')} older than this page: of {moment(last)}",
            f"This page was made on {moment(now)[:10]}. These logs say nothing of the time since: where they "
            "should reach to today, the newest files are missing.",
            "read",
            command=(*EXPLAIN_LOGS, "--since", iso_utc(last)),
        )


def _find_cuts(survey: Survey) -> Iterator[Finding]:
    cuts = [
        f"{use.taxonomy} {name}: {many(cut.values, 'value')}, the longest of {group(cut.longest)} bytes; "
        f"the field takes {group(cut.limit)}"
        for use in survey.tables.values()
        for name, cut in sorted(use.cut.items())
    ]
    if cuts:
        yield Finding(
            NOTE,
            f"{many(len(cuts), 'field')} with values longer than the vendor's limit",
            "They are cut there, and kept whole as additional data.",
            "fields",
            _list(cuts),
            command=(*EXPLAIN_LOGS, "--json"),
        )


def _find_versions(survey: Survey, sources: AnyMapping[str, Source]) -> Iterator[Finding]:
    mixed: list[str] = []
    for source, versions in sorted(survey.versions.items()):
        for version, use in sorted(versions.items()) if len(versions) > 1 else ():
            servers = sorted(
                server
                for (of, server), rows in survey.series.items()
                if of == source and version in rows.versions
            )
            more = f" and {len(servers) - 3} more" if len(servers) > 3 else ""
            mixed.append(
                f"{title(source, sources)}, {show(version) or '(no version)'}: {many(use.rows, 'row')}"
                f"{_describe_span(use)}{' on ' if servers else ''}{', '.join(map(show, servers[:3]))}{more}"
            )
    if mixed:
        yield Finding(
            NOTE,
            "Rows of several versions of Exchange side by side",
            "Each row is read by its own columns, but by version the table may differ, and so the fields in "
            "the SIEM.",
            "read",
            _list(mixed),
        )


def _describe_span(use: VersionUse) -> str:
    if use.first is None or use.last is None:
        return ""
    return f", from {moment(use.first)} to {moment(use.last)},"


def _find_plugins(survey: Survey, mask: Callable[..., str]) -> Iterator[Finding]:
    if survey.plugin_errors:
        yield Finding(
            PROBLEM,
            f"{many(len(survey.plugin_errors), 'plugin')} failed on rows of these logs",
            "What a plugin fails on goes on as if it were not there.",
            "read",
            _list(f"{name}: {mask(error)}" for name, error in survey.plugin_errors.items()),
        )
    if survey.evicted:
        yield Finding(
            NOTE,
            "Some sessions were longer than what is remembered of them",
            "What had been learnt of them at their beginning is missing from their last rows.",
            "read",
            _list(f"{source}: {amount}" for source, amount in survey.evicted.items()),
        )


# --- words ---------------------------------------------------------------------------------------


def _list(items: Iterable[str]) -> tuple[str, ...]:
    found = list(items)
    more = (f"and {len(found) - SHOWN} more",) if len(found) > SHOWN else ()
    return (*found[:SHOWN], *more)


def group(number: int) -> str:
    """Return a number with commas between thousands."""
    return f"{number:,}"


def many(number: int, thing: str) -> str:
    """Return a count with its noun, in the plural where needed."""
    return f"{group(number)} {thing}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """Return a share as a percentage; a share above zero is never shown as zero."""
    if 0 < share < 0.001:
        return "less than 0.1 %"
    return f"{share * 100:.1f} %".replace(".0 %", " %")


def title(source: str, sources: AnyMapping[str, Source]) -> str:
    """Return the readable name of a log type."""
    return sources[source].title if source in sources else source


def show_path(path: str) -> str:
    """Return a path on one line; of a very long one only the end."""
    shown = show(path)
    return shown if len(shown) <= PATH_LIMIT else "..." + shown[-PATH_LIMIT:]


def shorten_refusal(refusal: str) -> str:
    """Return why a file is left out, without the list of known log types."""
    return refusal.partition("; known are")[0]


def moment(time: int) -> str:
    """Return epoch milliseconds as a UTC time to the second."""
    if not _YEAR_0 <= time < _LATEST:
        return "(no date)"
    return iso_utc(time)[:19].replace("T", " ")


def duration(length: int) -> str:
    """Return milliseconds in the two largest units that are not zero."""
    minutes, seconds = divmod(length // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    said = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(said[:2]) or "0 s"
