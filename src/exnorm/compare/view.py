"""Turn findings into plain values, and into text for people; the page shows the same."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from exnorm.compare.captures import ADDITIONAL, Vocabulary
from exnorm.compare.findings import Findings, Key, Single
from exnorm.compare.matching import MOST_WAITING
from exnorm.compare.suggestions import Suggestions
from exnorm.compare.values import KINDS, SAME, VERDICTS
from exnorm.convert import iso_utc
from exnorm.errors import quote, show

_LONGEST = 160
_HOUR = 3600 * 1000


def name_field(name: str, words: Vocabulary) -> str:
    """Return a field as tables and explanations name it: ``Source User Name (suser)``."""
    if name in words.labels:
        return f"{words.labels[name]} ({words.keys[name]})"
    if name.startswith(ADDITIONAL):
        return f"{ADDITIONAL}{words.spelled.get(name, name.removeprefix(ADDITIONAL))}"
    return name


def as_dict(findings: Findings, words: Vocabulary, suggestions: Suggestions) -> dict[str, Any]:
    """Return all findings in the form of the JSON output."""
    return {
        "format": findings.shape,
        "taxonomy": findings.taxonomy,
        "verdict": findings.verdict,
        "matched": findings.matched,
        "matched_by_verdict": {word: findings.verdicts[word] for word in VERDICTS},
        "only_ours": _list_singles(findings.only_ours, findings.singles_ours),
        "only_theirs": _list_singles(findings.only_theirs, findings.singles_theirs),
        "fields": list(_list_fields(findings, words)),
        "set_by_their_connector": dict(sorted(findings.own.items())),
        "not_in_their_export": sorted(name_field(name, words) for name in findings.not_exported),
        "their_lines_not_read": {
            "count": findings.unread.total(),
            "reasons": dict(findings.unread.most_common()),
            "examples": [one._asdict() for one in findings.unread_examples],
        },
        "our_lines_not_parsed": {
            "count": findings.unparsed, "reasons": dict(findings.unparsed_reasons.most_common()),
        },
        "notes": list(_list_notes(findings)),
        "suggestions": {
            "overlay": suggestions.content,
            "pairs_tried": suggestions.pairs,
            "equal_before": suggestions.equal_before,
            "equal_after": suggestions.equal_after,
            "cured": {name_field(name, words): n for name, n in suggestions.cured.most_common()},
            "left": {name_field(name, words): n for name, n in suggestions.left.most_common()},
        },
    }  # fmt: skip


def _list_singles(by_event: Mapping[str, int], examples: Sequence[Single]) -> dict[str, Any]:
    return {
        "count": sum(by_event.values()),
        "by_event": dict(sorted(by_event.items(), key=lambda item: (-item[1], item[0]))),
        "examples": [
            {**one._asdict(), "time": None if one.time is None else _show_time(one.time)} for one in examples
        ],
    }


def _show_time(time: int) -> str:
    try:
        return iso_utc(time)
    except OverflowError:
        return str(time)


def _list_fields(findings: Findings, words: Vocabulary) -> Iterator[dict[str, Any]]:
    """Yield each field: those that differ most first, then those without a difference."""
    by_field: dict[str, list[tuple[Key, Any]]] = {}
    for key, found in findings.differences.items():
        by_field.setdefault(key.field, []).append((key, found))
    order = sorted(by_field, key=lambda name: -sum(found.count for _, found in by_field[name]))
    for name in (*order, *(name for name in findings.compared if name not in by_field)):
        yield {
            "field": name_field(name, words),
            "name": name,
            "compared": findings.compared[name],
            "equal": findings.equal[name],
            "verdict": findings.verdict_of(name),
            "differences": [
                {
                    "kind": key.kind,
                    "meaning": KINDS[key.kind],
                    "count": found.count,
                    "verdict": found.verdict,
                    "where": found.where,
                    "ours": found.ours,
                    "theirs": found.theirs,
                    "table": key.table,
                    "rule": key.rule,
                    "why": found.why,
                    "elsewhere": name_field(found.elsewhere, words) if found.elsewhere else "",
                }
                for key, found in sorted(by_field.get(name, ()), key=lambda item: -item[1].count)
            ],
        }


def _list_notes(findings: Findings) -> Iterator[str]:
    """Yield remarks to be read before the numbers."""
    if findings.offset:
        hours = findings.offset / _HOUR
        side = "ahead of" if hours > 0 else "behind"
        yield f"their times are {abs(hours):g} h {side} ours throughout"
    if findings.again:
        yield (
            f"{findings.again.total()} of their single events are further ones of a message and event that "
            "is matched: they write one event for each recipient (--per-recipient does too), or sent it twice"
        )
    if findings.torn:
        yield f"{findings.torn} of their lines are cut off: what is missing behind it counts as truncated"
    if findings.pushed_out:
        reason = (
            f"{findings.disorder} lines are more than a minute out of order"
            if findings.disorder
            else "they cover different times, or other logs"
        )
        yield (
            f"{findings.pushed_out} events waited for a partner among {MOST_WAITING} others in vain and were "
            f"taken for single: {reason}; sort both sides by time to be sure"
        )
    if findings.more_differences:
        yield f"{findings.more_differences} further differences are of too many kinds to be listed"


# --- text ----------------------------------------------------------------------------------------


def render_text(content: Mapping[str, Any], width: int = 0) -> Iterator[str]:
    """Yield the content as lines for a terminal of ``width`` columns, 0 for any."""
    yield f"verdict: {content['verdict']}"
    told = ", ".join(f"{number} {word}" for word, number in content["matched_by_verdict"].items() if number)
    yield f"events matched: {content['matched']}{f' ({told})' if told else ''}"
    yield from _tell_singles("only ours", content["only_ours"])
    yield from _tell_singles("only theirs", content["only_theirs"])
    for title, place in (
        ("lines of theirs that were not read", "their_lines_not_read"),
        ("lines of ours that did not parse", "our_lines_not_parsed"),
    ):
        unread = content[place]
        if unread["count"]:
            yield f"{title}: {unread['count']}"
            yield from (f"  {number} {show(reason)}" for reason, number in unread["reasons"].items())
    for note in content["notes"]:
        yield from _fold(f"note: {show(note)}", width, 2)
    differing = [one for one in content["fields"] if one["differences"]]
    same = [one["field"] for one in content["fields"] if not one["differences"]]
    for one in differing:
        yield ""
        yield f"{show(one['field'])}: {one['verdict']}; equal in {one['equal']} of {one['compared']}"
        for found in one["differences"]:
            yield from _tell_difference(found, width)
    if same:
        yield ""
        yield from _fold(f"{SAME} throughout: {show(', '.join(same))}", width, 2)
    own = content["set_by_their_connector"]
    if own:
        yield from _fold(f"set by their connector itself, not compared: {show(', '.join(own))}", width, 2)
    missing = content["not_in_their_export"]
    if missing:
        yield from _fold(f"not in their export, not compared: {show(', '.join(missing))}", width, 2)
    yield from _tell_suggestions(content["suggestions"], width)


def _tell_singles(title: str, singles: Mapping[str, Any]) -> Iterator[str]:
    yield f"{title}: {singles['count']}"
    if singles["count"]:
        yield f"  {', '.join(f'{show(name)} {number}' for name, number in singles['by_event'].items())}"
    for one in singles["examples"]:
        said = f"{one['time'] or 'no time'} {show(one['event'])} {quote(one['said'], 80)}"
        yield f"  {show(one['where'])}: {said}"


def _tell_difference(found: Mapping[str, Any], width: int) -> Iterator[str]:
    yield from _fold(f"{found['count']} x {found['kind']} ({found['verdict']})", width, 2, 2)
    for side in ("ours", "theirs"):
        shown = quote(found[side], _LONGEST) if found[side] else "(none)"
        where = f"   {show(found['where'])}" if side == "ours" else ""
        yield from _fold(f"{side + ':':8}{shown}{where}", width, 8, 4)
    yield from _fold(f"rule:   {show(found['rule'])}, {found['table']}: {show(found['why'])}", width, 8, 4)
    if found["elsewhere"]:
        side = "theirs" if not found["theirs"] else "ours"
        yield from _fold(f"there:  the value stands in {side} as {show(found['elsewhere'])}", width, 8, 4)


def _tell_suggestions(told: Mapping[str, Any], width: int) -> Iterator[str]:
    if not told["overlay"]:
        return
    yield ""
    yield from _fold(
        f"suggestion: with these settings {told['equal_after']} of {told['pairs_tried']} pairs that were "
        f"tried are equal, without {told['equal_before']} (--write-overlay FILE writes them):",
        width, 2,
    )  # fmt: skip
    yield from (f"  {show(line)}" for line in dump_overlay(told["overlay"]).splitlines())
    if told["left"]:
        left = ", ".join(f"{name} in {number}" for name, number in told["left"].items())
        yield from _fold(f"what no settings cure: {show(left)}", width, 2)


def dump_overlay(content: Mapping[str, Any]) -> str:
    """Return settings as YAML."""
    return str(yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100))


def write_overlay(content: Mapping[str, Any], suggestions: Suggestions, theirs: str) -> str:
    """Return the settings file for a site that wants its events equal to theirs."""
    head = (
        f"# Written by exnorm compare: makes exnorm's events as those in {show(theirs)} are.\n"
        f"# Tried on {suggestions.pairs} pairs: {suggestions.equal_after} are equal with it, "
        f"{suggestions.equal_before} without.\n"
    )
    return head + (dump_overlay(content) if content else "{}\n")


def _fold(text: str, width: int, hanging: int, indent: int = 0) -> list[str]:
    if not width:
        return [" " * indent + text]
    return textwrap.wrap(
        text, max(width, 40), initial_indent=" " * indent, subsequent_indent=" " * (indent + hanging),
        break_on_hyphens=False,
    )  # fmt: skip
