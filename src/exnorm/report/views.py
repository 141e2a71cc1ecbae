"""Turn a survey into the text, tables and plots of a page, section by section, as plain values for the
template.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping as AnyMapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from exnorm.errors import show
from exnorm.model import Mapping, Source, Taxonomy
from exnorm.pipeline.profiles import PROFILES
from exnorm.report import plots
from exnorm.report.findings import (
    LOGS,
    Finding,
    describe_future,
    describe_gap,
    describe_place,
    describe_step,
    describe_unparsed,
    describe_usual,
    duration,
    group,
    many,
    moment,
    pair_copies,
    percent,
    shorten_refusal,
    show_path,
    title,
)
from exnorm.report.masks import Mask, keep, mask_name, mask_reason, mask_text, mask_value
from exnorm.report.silences import Gap
from exnorm.report.survey import (
    DAY,
    EVERY,
    LogFile,
    Place,
    Sample,
    SampleSide,
    Series,
    Survey,
    TableUse,
    is_additional,
)
from exnorm.report.tallies import TimeSlots, TopTally

COMMAND_PATHS = 3
SHORTEST_SPAN = 3_600_000
"""Milliseconds; from less, nothing is said of a day."""
FILES_SHOWN = 300
SERVERS_SHOWN = 100
SERVERS_PLOTTED = 20
EVENTS_SHOWN = 200
EVENTS_PLOTTED = 20
TYPES_PLOTTED = 8
NAMES_SHOWN = 100
REASONS_SHOWN = 5
TALKERS_SHOWN = 10
VALUE_LIMIT = 120
LINE_LIMIT = 600
VERSIONS_SHOWN = 3
LABEL_LIMIT = 24

SECTIONS = (
    ("wrong", "What is wrong"),
    ("time", "Rows in time"),
    ("events", "Events and profiles"),
    ("read", "What was read"),
    ("files", "Files"),
    ("unparsed", "Lines that did not parse"),
    ("unknown", "Unknown columns and events"),
    ("fields", "Where fields come from"),
    ("samples", "Sample rows"),
    ("talkers", "Who is named most often"),
)
WORDS = {"problem": "Problem", "look": "Look at", "note": "Note"}
KINDS = {
    "width": "The row has more or fewer cells than its header names.",
    "quote": "A quoted cell is left open, or goes on after its quote.",
    "date": "The row's time cannot be read.",
    "encoding": "The line is not UTF-8.",
    "too-long": "The line is longer than max_line_bytes.",
    "unknown-type": "No known log type has lines like this.",
    "timezone": "The row's time is a local one, and its zone is not known: --tz names it.",
    "syntax": "The line has no form that this log type knows.",
    "contested": "Headers of several logs came under one name: the row could be of either.",
    "fault": "A source, most likely a plugin's, failed on this line.",
}
# Words that Exchange, IIS and SMTP themselves write into columns; they say nothing about a sender.
VOCABULARY = frozenset((
    "ADMIN", "AGENT", "APPROVAL", "BOOTLOADER", "DNS", "DSN", "GATEWAY", "MAILBOXRULE",
    "MEETINGMESSAGEPROCESSOR", "ORAR", "PICKUP", "POISONMESSAGE", "PUBLICFOLDER", "QUEUE", "REDUNDANCY",
    "RESOLVER", "ROUTING", "SAFETYNET", "SMTP", "STOREDRIVER", "INCOMING", "ORIGINATING", "UNDEFINED",
    "EMAIL", "TRUE", "FALSE", "GET", "POST", "HEAD", "OPTIONS", "PUT", "EHLO", "HELO", "MAIL", "RCPT", "DATA",
    "QUIT", "STARTTLS", "AUTH", "IMAP4", "POP3", "OWA", "ECP", "EWS", "EAS", "MAPI", "HTTP", "HTTPS", "TCP",
))  # fmt: skip


@dataclass(frozen=True)
class About:
    """Details of the page itself: heading, paths, time, version and options."""

    heading: str = ""
    paths: tuple[str, ...] = ()
    made: int = 0
    version: str = ""
    profile: str = "all"
    show_values: bool = False


@dataclass(frozen=True)
class Known:
    """The registered sources, taxonomies and mappings, for their titles."""

    sources: AnyMapping[str, Source]
    taxonomies: AnyMapping[str, Taxonomy]
    mappings: AnyMapping[str, Mapping]


@dataclass(frozen=True)
class Masks:
    """The functions that show values, masked or unchanged."""

    value: Mask
    text: Mask
    name: Mask
    reason: Mask


def choose_masks(show_values: bool) -> Masks:
    """Return the masks of a page."""
    if show_values:
        return Masks(keep, keep, keep, keep)
    return Masks(mask_value, mask_text, mask_name, mask_reason)


def gather_plain(known: Known) -> frozenset[str]:
    """Return the words that say nothing about a person: names of events and the values that tables write for
    them.
    """
    words = set(VOCABULARY)
    for source in known.sources.values():
        words.update(name.upper() for name in (*source.events, *source.variants))
    for mapping in known.mappings.values():
        for event, attributes in mapping.events.items():
            words.update(str(word).upper() for word in (event, *attributes.values()))
    return frozenset(word for word in words if len(word) > 1 and not word.isdigit())


# --- the top of the page -------------------------------------------------------------------------


def view_heading(survey: Survey, about: About, findings: list[Finding]) -> dict[str, Any]:
    """Return the head of the page and the verdict."""
    span = "" if survey.first is None or survey.last is None else (
        f", from {moment(survey.first)} to {moment(survey.last)} UTC"
    )  # fmt: skip
    words = (("problem", "problem", ""), ("look", "thing", " to look at"), ("note", "note", ""))
    verdict = ", ".join(
        many(number, word) + rest
        for level, word, rest in words
        if (number := sum(finding.level == level for finding in findings))
    )
    places = dict(SECTIONS)
    return {
        "heading": show(about.heading) or "Exchange logs: what is in them, and what is wrong",
        "lead": f"{many(survey.rows, 'row')} in {_count_full(survey)} of {many(len(survey.files), 'file')}"
        f"{span}{_leave_out(survey)}.",
        "masked_note": "Values are shown as they are in the logs: treat this page as you treat the logs."
        if about.show_values
        else "Values are masked: mail addresses as a***@p***.example, IP addresses as 203.0.*.*, other text "
        "and whole lines with x for a letter and 9 for a digit; --show-values shows them. "
        "Tables of servers, files, columns and events show their names; times and plain numbers stay.",
        "verdict": f"{verdict}, the worst first.",
        "findings": [
            {
                "level": finding.level,
                "word": WORDS[finding.level],
                "title": finding.title,
                "advice": finding.advice,
                "details": finding.items,
                "command": _write_command(finding.command, about.paths),
                "section": finding.section,
                "place": places[finding.section],
            }
            for finding in findings
        ],
        "made": moment(about.made),
        "paths": ", ".join(show_path(path) for path in about.paths[:5])
        + (f" and {len(about.paths) - 5} more" if len(about.paths) > 5 else ""),
    }  # fmt: skip


def _write_command(words: Sequence[str], paths: Sequence[str]) -> str:
    """Return a command that can be pasted into a shell; empty for no words."""
    if not words:
        return ""
    given = [*paths[:COMMAND_PATHS], *(["..."] if len(paths) > COMMAND_PATHS else [])]
    spread = [path for word in words for path in (given if word == LOGS else [word])]
    return " ".join(["exnorm", *(word if word == "..." else shlex.quote(show(word)) for word in spread)])


def _count_full(survey: Survey) -> int:
    return sum(file.rows > 0 for file in survey.files)


def _leave_out(survey: Survey) -> str:
    future = sum(file.future for file in survey.files)
    return f", without {many(future, 'row')} of a time that has not come yet" if future else ""


# --- what was read -------------------------------------------------------------------------------


def view_read(survey: Survey, about: About, known: Known) -> dict[str, Any]:
    """Return the section on files, log types, servers and versions."""
    first, last = survey.first, survey.last
    files = sorted(survey.files, key=lambda file: file.path)
    folder = find_folder([file.path for file in survey.files])
    below = f" below {show_path(folder)}" if folder else ""
    copies = pair_copies(survey.files)
    remarked = [
        (file, remarks) for file in files if (remarks := _remark(file, copies.get(file.path, ""), folder))
    ]
    servers = sorted(survey.series.items(), key=lambda item: (item[0][0], item[0][1]))
    facts = [
        *_sort_files(survey),
        ("size", _size(sum(file.size for file in survey.files))),
        ("rows", group(survey.rows)),
        ("lines not parsed", group(survey.unparsed)),
        ("servers", group(len({server for _, server in survey.series}))),
        ("log types", group(len(survey.events))),
        ("first row, UTC", "none" if first is None else moment(first)),
        ("last row, UTC", "none" if last is None else moment(last)),
    ]
    return {
        "facts": facts,
        "types": [_view_type(source, survey, known) for source in survey.events],
        "servers": [_view_server(*key, rows, survey, known) for key, rows in servers[:SERVERS_SHOWN]],
        "servers_caption": "Servers, as far as rows name them" + _of(len(servers), SERVERS_SHOWN),
        "files": [_view_file(file, folder, known) for file in files[:FILES_SHOWN]],
        "files_caption": f"Files{below}" + _of(len(files), FILES_SHOWN),
        "remarks": [
            (show_path(file.path.removeprefix(folder)), "; ".join(remarks))
            for file, remarks in remarked[:FILES_SHOWN]
        ],
        "remarks_caption": f"Files{below} with something to say of them" + _of(len(remarked), FILES_SHOWN),
    }


def _sort_files(survey: Survey) -> list[tuple[str, str]]:
    """Return how many files there are, and why some have no rows."""
    files = survey.files
    others = (
        ("files without a row", sum(not (file.rows or file.refusal or file.failure) for file in files)),
        ("files of unknown type", sum(bool(file.refusal) for file in files)),
        ("files not read", sum(bool(file.failure) and not file.rows for file in files)),
    )
    told = [(name, group(number)) for name, number in others if number]
    if not told:
        return [("files", group(len(files)))]
    return [("files with rows", f"{group(_count_full(survey))} of {group(len(files))}"), *told]


def _of(number: int, shown: int) -> str:
    return f" (the first {group(shown)} of {group(number)})" if number > shown else ""


def _view_type(source: str, survey: Survey, known: Known) -> tuple[str, ...]:
    series = {server: rows for (of, server), rows in survey.series.items() if of == source}
    files = sum(file.rows > 0 and source in _sources_of(file, known) for file in survey.files)
    return (
        title(source, known.sources),
        group(sum(rows.rows for rows in series.values())),
        group(files),
        _join(sorted(series), 8),
        _versions(chain.from_iterable(rows.versions for rows in series.values())),
        _moment(min((r.first for r in series.values() if r.first is not None), default=None)),
        _moment(max((r.last for r in series.values() if r.last is not None), default=None)),
    )


def _sources_of(file: LogFile, known: Known) -> tuple[str, ...]:
    source = known.sources.get(file.source)
    return (file.source, *(source.carries if source is not None else ()))


def _view_server(source: str, server: str, rows: Series, survey: Survey, known: Known) -> tuple[str, ...]:
    return (
        show(server),
        title(source, known.sources),
        group(rows.rows),
        percent(rows.rows / survey.rows),
        _a_day(rows.rows, rows.first, rows.last),
        _moment(rows.first),
        _moment(rows.last),
        _versions(rows.versions),
    )


def find_folder(paths: Sequence[str]) -> str:
    """Return the folder that contains all files, with its last slash; empty where there is none."""
    if len(paths) < 2:
        return ""
    least, most = min(paths), max(paths)
    same = next((i for i, (one, two) in enumerate(zip(least, most)) if one != two), len(least))
    return least[: max(least.rfind("/", 0, same), least.rfind("\\", 0, same)) + 1]


def _view_file(file: LogFile, folder: str, known: Known) -> tuple[str, ...]:
    read = not (file.refusal or file.failure)
    return (
        show_path(file.path.removeprefix(folder)),
        title(file.source, known.sources) if file.source else "",
        group(file.rows) if read else "",
        group(file.unparsed) if read else "",
        _moment(file.future_first if file.first is None else file.first) if read else "",
        _moment(file.last if file.future_last is None else file.future_last) if read else "",
        _size(file.size),
    )


def _remark(file: LogFile, copied: str, folder: str) -> list[str]:
    remarks = [show(text) for text in (file.failure, shorten_refusal(file.refusal)) if text]
    if file.unparsed:
        remarks.append(f"{describe_unparsed(file)} not parsed")
    if file.backwards:
        remarks.append(f"time goes {describe_step(file)}")
    if file.future:
        remarks.append(f"{describe_future(file)}: a time that has not come yet")
    if file.guessed:
        remarks.append(f"{many(file.guessed, 'row')} without a header before {_it(file.guessed)}")
    if len([version for version in file.versions if version]) > 1:
        remarks.append(f"versions {_versions(file.versions)}")
    if copied:
        remarks.append(f"exactly the content of {show_path(copied.removeprefix(folder))}")
    if not remarks and not file.rows:
        remarks.append("no row")
    return remarks


def _it(number: int) -> str:
    return "it" if number == 1 else "them"


def _versions(versions: Iterable[str]) -> str:
    found = sorted({version for version in versions if version})
    return _join(found, VERSIONS_SHOWN)


def _join(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(show(name) for name in names[:most]) + more


def _moment(time: int | None) -> str:
    return "" if time is None else moment(time)


def _shorten(name: str) -> str:
    return name if len(name) <= LABEL_LIMIT else name[: LABEL_LIMIT - 3] + "..."


def _size(size: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000  # type: ignore[assignment]
    raise AssertionError


# --- time ----------------------------------------------------------------------------------------


def view_time(survey: Survey, gaps: list[Gap], known: Known, draw: plots.Draw) -> dict[str, Any]:
    """Return the section on rows over time, when each server wrote, and gaps."""
    first, last = survey.first, survey.last
    if first is None or last is None:
        return {"timeline": None, "presence": None, "gaps": [], "slot": ""}
    widest = max(series.slots.width for series in survey.series.values())
    return {
        "timeline": _view_timeline(survey, first, last, widest, known, draw),
        "presence": _view_presence(survey, first, last, gaps, known, draw),
        "gaps": [_view_gap(gap, known) for gap in gaps[:NAMES_SHOWN]],
        "slot": duration(widest),
    }


def _view_timeline(
    survey: Survey, first: int, last: int, widest: int, known: Known, draw: plots.Draw
) -> dict[str, Any]:
    width = plots.choose_width(first, last, widest)
    by_type: dict[str, dict[int, int]] = {}
    for (source, _), series in survey.series.items():
        counts = by_type.setdefault(source, {})
        for start, rows in series.slots.gather(width).items():
            counts[start] = counts.get(start, 0) + rows
    order = sorted(by_type, key=lambda source: (-sum(by_type[source].values()), source))
    names = {source: title(source, known.sources) for source in order}
    points = [
        {"start": start, "rows": rows, "type": names[source]}
        for source in order[:TYPES_PLOTTED]
        for start, rows in sorted(by_type[source].items())
    ]
    starts = sorted(set(chain.from_iterable(by_type.values())))
    busiest, begun, of_type = max(
        (rows, start, names[source]) for source, counts in by_type.items() for start, rows in counts.items()
    )
    left_out = " The others are in the table below." if len(order) > TYPES_PLOTTED else ""
    caption = f"Rows by time, in slots of {duration(width)}, one band for each log type.{left_out}"
    description = (
        f"From {moment(first)} to {moment(last)} UTC. The busiest slot is that of {moment(begun)} with "
        f"{many(busiest, 'row')} of {of_type}. The numbers are in the table below."
    )
    begin = first // width * width
    spec = plots.plot_timeline(
        points, [names[source] for source in order], width, begin, last // width * width
    )
    return {
        "caption": caption,
        "svg": plots.draw(draw, spec, "p-timeline", "Rows by time", description),
        "columns": ("slot begins, UTC", *(names[source] for source in order)),
        "numbers": range(1, len(order) + 1),
        "rows": [
            (moment(start), *(group(by_type[source].get(start, 0)) for source in order)) for start in starts
        ],
    }


def _view_presence(
    survey: Survey, first: int, last: int, gaps: list[Gap], known: Known, draw: plots.Draw
) -> dict[str, Any]:
    troubled = {(gap.source, gap.server) for gap in gaps}
    ordered = sorted(
        (item for item in survey.series.items() if item[1].first is not None),
        key=lambda item: (item[0] not in troubled, -item[1].rows, item[0]),
    )
    shown = sorted(ordered[:SERVERS_PLOTTED], key=lambda item: item[0])
    finest = max((last - first) // (4 * plots.BINS), *(series.slots.width for _, series in shown))
    label = {key: f"{_shorten(show(key[1]))} · {key[0]}" for key, _ in shown}
    stretches = [
        {"start": start, "end": max(end, start + finest), "server": label[key]}
        for key, series in shown
        for start, end in find_stretches(series.slots.starts(), series.slots.width, finest)
    ]
    marked = [
        {"start": gap.start, "end": gap.end, "server": label[gap.source, gap.server]}
        for gap in gaps
        if (gap.source, gap.server) in label
    ]
    more = f" {len(ordered) - len(shown)} more servers are not drawn." if len(ordered) > len(shown) else ""
    caption = (
        "Each bar is time in which a server wrote rows of a log type; a dashed frame with the word gap is a "
        f"silence much longer than usual.{more}"
    )
    told = "; ".join(describe_gap(gap, known.sources) for gap in gaps[:5])
    description = f"{many(len(shown), 'server log')}, {many(len(gaps), 'gap')}. {told}"
    spec = plots.plot_presence(stretches, marked, first, max(last, first + 60_000))
    return {
        "caption": caption,
        "svg": plots.draw(draw, spec, "p-presence", "When each server wrote", description),
    }


def find_stretches(starts: list[int], width: int, least: int) -> Iterator[tuple[int, int]]:
    """Yield the times with rows; silences shorter than ``least`` are too short to draw and are bridged."""
    begin = end = None
    for start in starts:
        if end is None or begin is None or start - end > least:
            if end is not None and begin is not None:
                yield begin, end
            begin = start
        end = start + width
    if begin is not None and end is not None:
        yield begin, end


def _view_gap(gap: Gap, known: Known) -> tuple[str, ...]:
    remark = {
        "start": "only other servers have rows before: its log begins here",
        "end": "only other servers have rows after: its log stops here",
    }
    return (
        show(gap.server),
        title(gap.source, known.sources),
        moment(gap.start),
        moment(gap.end),
        duration(gap.end - gap.start),
        describe_usual(gap),
        remark.get(gap.side, "between rows of the same server"),
    )


# --- events --------------------------------------------------------------------------------------


def view_events(survey: Survey, about: About, known: Known, draw: plots.Draw) -> dict[str, Any]:
    """Return the section on events by number and hour, and on what each profile keeps."""
    counted = [
        (source, name, count) for source, counts in survey.events.items() for name, count in counts.items()
    ]
    counted.sort(key=lambda item: (-item[2].rows, item[0], item[1]))
    total = survey.rows
    view: dict[str, Any] = {
        "profile_names": tuple(PROFILES),
        "profiles": [_view_profile(name, survey) for name in PROFILES],
        "rates": [*(_view_rate(name, survey) for name in PROFILES), _view_message_rate(survey)],
        "profile_note": "A profile says which events go to the SIEM; with all, every one does. "
        "Profiles speak of message tracking logs only: events of other logs are always kept. "
        f"The plot below is for the profile {about.profile}"
        + ("." if about.profile != "all" else "; --profile NAME shows what another one would do."),
        "events": [
            (
                show(name) or "(empty)", title(source, known.sources), group(count.rows),
                percent(count.rows / total),
                *("kept" if profile in count.kept_by else "left out" for profile in PROFILES),
            )
            for source, name, count in counted[:EVENTS_SHOWN]
        ],
        "events_caption": "Events" + _of(len(counted), EVENTS_SHOWN),
        "hours_columns": ("event", *(f"{hour}h" for hour in range(24))),
        "hours": [
            (f"{show(name) or '(empty)'} · {source}", *map(group, count.hours))
            for source, name, count in counted[:EVENTS_SHOWN]
        ],
        "events_plot": None,
        "hours_plot": None,
    }  # fmt: skip
    if not counted:
        return view
    shown = counted[:EVENTS_PLOTTED]
    label = {(source, name): f"{_shorten(show(name)) or '(empty)'} · {source}" for source, name, _ in shown}
    bars = [
        {
            "event": label[source, name],
            "rows": count.rows,
            "fate": "kept" if about.profile in count.kept_by else "left out",
        }
        for source, name, count in shown
    ]
    squares = [
        {"event": label[source, name], "hour": hour, "rows": rows, "share": rows / max(*count.hours, 1)}
        for source, name, count in shown
        for hour, rows in enumerate(count.hours)
    ]
    source, name, most = counted[0]
    spoken = f"The most frequent is {show(name)} with {many(most.rows, 'row')}."
    more = f" The {EVENTS_PLOTTED} most frequent of {len(counted)}." if len(counted) > EVENTS_PLOTTED else ""
    outline = " Outlined bars are left out." if any(bar["fate"] != "kept" for bar in bars) else ""
    view["events_plot"] = {
        "caption": f"Rows by event.{more}{outline}",
        "svg": (
            plots.draw(
                draw, plots.plot_events(bars), "p-events", "Rows by event",
                f"{spoken}{outline} The numbers are in the table below.",
            )
        ),
    }  # fmt: skip
    view["hours_plot"] = {
        "caption": "Events by hour of the day: the fuller a square's colour, the nearer to that event's "
        f"busiest hour.{more}",
        "svg": (
            plots.draw(
                draw, plots.plot_hours(squares), "p-hours", "Events by hour of the day",
                f"{label[source, name]} is most frequent from {most.hours.index(max(most.hours))}:00 UTC. "
                "The numbers are in the table below.",
            )
        ),
    }  # fmt: skip
    return view


def _view_profile(name: str, survey: Survey) -> tuple[str, ...]:
    kept = sum(survey.kept.get(name, {}).values())
    share = kept / survey.rows if survey.rows else 0
    return name, group(kept), percent(share), group(survey.rows - kept), PROFILES[name].summary


def _view_rate(name: str, survey: Survey) -> tuple[str, ...]:
    """Return what a profile would send: events a day, a second on average, a second in the busiest slot."""
    slots = survey.sent.get(name, TimeSlots())
    sent, length = sum(slots.counts.values()), _length(survey.first, survey.last)
    busiest = max(slots.counts.values(), default=0) / (slots.width / 1000)
    average = _rate(sent / (length / 1000)) if length else "unknown"
    return name, _a_day(sent, survey.first, survey.last), average, _rate(busiest), duration(slots.width)


def _view_message_rate(survey: Survey) -> tuple[str, ...]:
    """Return the rate of one event for each message; how many come at a time depends on when they are
    written.
    """
    sent = survey.rows - survey.message_rows + survey.messages.number
    length = _length(survey.first, survey.last)
    average = _rate(sent / (length / 1000)) if length else "unknown"
    return "one event for each message", _a_day(sent, survey.first, survey.last), average, "", ""


def _length(first: int | None, last: int | None) -> int:
    """Return the milliseconds from the first row to the last; 0 where the span is too short for
    a daily rate.
    """
    length = 0 if first is None or last is None else last - first
    return length if length >= SHORTEST_SPAN else 0


def _a_day(rows: int, first: int | None, last: int | None) -> str:
    """Return the number of rows a day at this rate."""
    length = _length(first, last)
    return group(round(rows * DAY / length)) if length else "unknown"


def _rate(number: float) -> str:
    return f"{number:.2g}" if number < 10 else group(round(number))


# --- what was not understood ---------------------------------------------------------------------


def view_refused(survey: Survey, masks: Masks, plain: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield the lines that did not parse, by kind, with examples."""
    for kind, refused in sorted(survey.refused.items(), key=lambda item: (-item[1].lines, item[0])):
        reasons = refused.reasons.top(len(refused.reasons.counts))
        yield {
            "title": f"{kind}: {many(refused.lines, 'line')}",
            "meaning": KINDS.get(kind, ""),
            "reasons": [f"{group(number)}: {show(reason)}" for reason, number in reasons[:REASONS_SHOWN]]
            + ([f"{len(reasons) - REASONS_SHOWN} more reasons"] if len(reasons) > REASONS_SHOWN else []),
            "examples": [
                {
                    "place": f"{show_path(line.path)}, line {line.line_number}",
                    "reason": show(masks.reason(line.reason, line.kind)),
                    "raw": _clip(show(masks.text(line.raw, plain)), LINE_LIMIT) or "(empty)",
                }
                for line in refused.examples
            ],
        }


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}... ({group(len(text) - limit)} more)"


def view_unknown(survey: Survey, known: Known) -> dict[str, Any]:
    """Return the section on columns and events that exnorm does not know."""
    columns = [
        (
            show(column),
            title(source, known.sources),
            group(rows),
            _place(survey.unknown_seen.get((source, column))),
        )
        for source, tally in sorted(survey.unknown_columns.items())
        for column, rows in tally.most_common(NAMES_SHOWN)
    ]
    events = [
        (show(name) or "(empty)", title(source, known.sources), group(count.rows), _place(count.seen))
        for source, counts in sorted(survey.events.items())
        for name, count in counts.items()
        if not count.known
    ]
    return {"unknown_columns": columns, "unknown_events": events[:NAMES_SHOWN]}


def _place(place: Place | None) -> str:
    return describe_place(place) if place is not None else ""


# --- fields --------------------------------------------------------------------------------------


def view_fields(survey: Survey, known: Known) -> dict[str, Any]:
    """Return the section on tables, how many of their rows had a value, and fields that were cut."""
    uses = sorted(survey.tables.values(), key=lambda use: (use.source, use.taxonomy, use.mapping))
    cuts = [
        (name, known.taxonomies[use.taxonomy].title, group(cut.values), group(cut.longest), group(cut.limit))
        for use in uses
        for name, cut in sorted(use.cut.items())
    ]
    all_rows = survey.examined == survey.rows
    note = "every row" if all_rows else (
        f"{group(survey.examined)} of {group(survey.rows)} rows: the first of each event, then one in {EVERY}"
        " (--examine 0 takes all)"
    )  # fmt: skip
    return {
        "fields_note": "A table says which field of a product each column of a log type goes to, by one rule "
        "for each field. Rules are the product vendor's, as its guide has them, or exnorm's own, with the "
        f"reason. Which of them filled its field was counted over {note}. A rule that never did is no fault "
        "by itself: its column may be empty in these logs.",
        "tables_summary": [_view_use(use, known) for use in uses],
        "tables": [
            {
                "name": f"t-table-{number}",
                "title": f"{use.mapping} ({title(use.source, known.sources)})",
                "caption": f"{use.mapping}: {many(use.examined, 'row')} examined",
                "rows": [_view_row(row, use.examined) for row in use.rows if not is_additional(row)],
            }
            for number, use in enumerate(uses)
        ],
        "cuts": cuts,
    }


def _view_use(use: TableUse, known: Known) -> tuple[str, ...]:
    rows = [row for row in use.rows if not is_additional(row)]
    guide = [row for row in rows if row.rule == "guide"]
    ours = [row for row in rows if row.rule != "guide"]
    return (
        use.mapping,
        title(use.source, known.sources),
        known.taxonomies[use.taxonomy].title,
        group(use.examined),
        _filled(guide) if guide else "no guide has this log",
        _filled(ours),
    )


def _filled(rows: Sequence[Any]) -> str:
    return f"{sum(row.filled > 0 for row in rows)} of {len(rows)}" if rows else "none"


def _view_row(row: Any, examined: int) -> tuple[str, ...]:
    own = f"exnorm: {row.ours}" if row.ours else "exnorm"
    whose = {"guide": "vendor's guide", "exnorm": own}.get(row.rule, row.rule)
    share = percent(row.filled / examined) if examined else ""
    return row.field, row.key, row.origin, whose, group(row.filled), share


# --- sample rows ---------------------------------------------------------------------------------


def view_samples(survey: Survey, known: Known, masks: Masks, plain: frozenset[str]) -> dict[str, Any]:
    """Sample rows, column by column, in each taxonomy."""
    rows = {source: sum(count.rows for count in counts.values()) for source, counts in survey.events.items()}
    ordered = sorted(survey.samples, key=lambda s: (-rows[s.source], s.source, s.path, s.line_number))
    masked = "" if masks.value is keep else " Values are masked; their length and shape are kept."
    return {
        "samples": [
            _view_sample(number, sample, known, masks, plain) for number, sample in enumerate(ordered)
        ],
        "samples_note": "Where each column of a row goes. A value stands beside a field only where it is not "
        f"the column's own text. Additional data is what no field takes: it goes along under the column's "
        f"own name, for the reason in the table that follows.{masked}",
        "additional": [
            (known.taxonomies[name].title, title(source, known.sources), reason, _join(columns, NAMES_SHOWN))
            for (source, name, reason), columns in _gather_additional(ordered).items()
        ],
    }


def _gather_additional(samples: Iterable[Sample]) -> dict[tuple[str, str, str], list[str]]:
    """The columns that are kept as additional data, by log type, taxonomy and why."""
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for sample in samples:
        for name, side in sample.sides.items():
            for entry in side.additional:
                if entry.column in dict(sample.columns):
                    why = "so the table has it" if entry.reason.startswith("row ") else entry.reason
                    found.setdefault((sample.source, name, why), {})[entry.column] = None
    return {key: list(columns) for key, columns in found.items()}


def _view_sample(
    number: int, sample: Sample, known: Known, masks: Masks, plain: frozenset[str]
) -> dict[str, Any]:
    source = known.sources[sample.source]
    text = dict(sample.columns)

    def shown(value: object) -> str:
        return _clip(show(masks.value(str(value), plain)), VALUE_LIMIT)

    rows: list[dict[str, Any]] = []
    for column, value in sample.columns:
        sides = [_view_side(column, value, side, source, shown) for side in sample.sides.values()]
        rows.append({"column": show(column), "value": shown(value), "derived": False, "sides": sides})
    worked_out = dict.fromkeys(
        entry.column
        for side in sample.sides.values()
        for entry in side.fields
        if entry.column and entry.column not in text
    )
    for column in worked_out:
        values = [e.value for side in sample.sides.values() for e in side.fields if e.column == column]
        sides = [_view_side(column, str(values[0]), s, source, shown) for s in sample.sides.values()]
        rows.append({"column": column, "value": shown(values[0]), "derived": True, "sides": sides})
    fixed = [_view_fixed(side) for side in sample.sides.values()]
    if any(side["fields"] for side in fixed):
        rows.append({"column": "(fixed by the table)", "value": "", "derived": False, "sides": fixed})
    remarks = [f"{many(sample.empty, 'column')} of this row {_is(sample.empty)} empty and not shown."]
    for name, side in sample.sides.items():
        if side.dropped:
            remarks.append(f"{known.taxonomies[name].title}: left out {side.dropped}.")
        remarks += [
            f"{known.taxonomies[name].title}: a plugin changed {field}."
            for field, _ in sorted(side.changed.items())
        ]
    return {
        "name": f"t-sample-{number}",
        "title": f"{title(sample.source, known.sources)}: {show(sample.event) or '(no event)'}",
        "place": f"{show_path(sample.path)}, line {sample.line_number}; {show(sample.schema)}",
        "remarks": remarks if sample.empty else remarks[1:],
        "heads": [
            f"{known.taxonomies[name].title} field ({side.mapping})" for name, side in sample.sides.items()
        ],
        "rows": rows,
    }


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _view_side(column: str, value: str, side: SampleSide, source: Source, shown: Any) -> dict[str, Any]:
    fields = [
        {
            "name": entry.field,
            "key": entry.key,
            "value": "" if str(entry.value) == value else shown(entry.value),
        }
        for entry in side.fields
        if entry.column == column
    ]
    remarks = []
    for entry in side.fields:
        if entry.column == column and entry.cut_from:
            remarks.append(f"; {entry.field} was cut from {group(entry.cut_from)} bytes")
    if any(entry.column == column for entry in side.additional):
        remarks.append(f"{'; ' if fields else ''}additional data")
    elif not fields:
        via = dict.fromkeys(
            e.column for e in side.fields if e.derived and column in source.columns_of(e.column)
        )
        remarks.append(f"by way of {', '.join(via)}" if via else "")
    return {"fields": fields, "remark": "".join(remarks)}


def _view_fixed(side: SampleSide) -> dict[str, Any]:
    fields = [
        {"name": entry.field, "key": entry.key, "value": show(str(entry.value))}
        for entry in side.fields
        if not entry.column
    ]
    return {"fields": fields, "remark": ""}


# --- talkers -------------------------------------------------------------------------------------


def view_talkers(survey: Survey, known: Known, about: About, masks: Masks) -> dict[str, Any]:
    """Return the section on the most frequent names, by log type."""
    found = []
    for number, (source, talkers) in enumerate(sorted(survey.talkers.items())):
        parts = [
            _view_tally(
                f"t-talkers-{number}-{key}", f"{title(source, known.sources)}: {caption}", head, tally, masks
            )
            for key, caption, head, tally in (
                ("senders", "senders, or users who signed in", "sender", talkers.senders),
                ("domains", "domains of recipients", "domain", talkers.domains),
                ("clients", "clients, which opened the connection", "client", talkers.clients),
            )
            if tally.counts
        ]
        if parts:
            found.append({"title": title(source, known.sources), "parts": parts})
    masked = "" if about.show_values else " They are masked; --show-values shows them."
    return {
        "talkers": found,
        "talkers_note": f"Counted by rows, of which one message makes several.{masked}",
    }


def _view_tally(name: str, caption: str, head: str, tally: TopTally, masks: Masks) -> dict[str, Any]:
    exact = f"; counts may be up to {group(tally.error)} too low" if tally.error else ""
    return {
        "name": name,
        "caption": f"{caption}{exact}",
        "head": head,
        "rows": [
            (show(masks.name(value)), group(rows), percent(rows / tally.total))
            for value, rows in tally.top(TALKERS_SHOWN)
        ],
    }
