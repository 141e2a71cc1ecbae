"""ECP Server and ECP Activity logs: actions in the admin center and in a user's own options.

Four columns; the last one, ``EventData``, has members ``S:KEY=value;``, wrapped in apostrophes where they
contain special characters. It reaches to the end of the line, and is quoted as in CSV only where needed. The
event is the last cmdlet of ``CMD``; a row without one has its ``EventId``. Server rows name neither user nor
client; Activity rows name the user. The canary in a URL and the values of secret parameters are hidden before
anything is derived.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from exnorm.convert import utc_ms
from exnorm.model import Derivation, Head, Reader, Record, Schema, Source
from exnorm.settings import Settings
from exnorm.sources import cmdlets, web_secrets
from exnorm.sources.accounts import split_account
from exnorm.sources.columnar import ColumnarReader, Finish, Refusal, derive, explain_date, split_csv
from exnorm.sources.recognition import recognize_columnar
from exnorm.text.lines import join_csv
from exnorm.text.patterns import compile_later

COLUMNS = ("TimeStamp", "ServerName", "EventId", "EventData", "MyTimeStamp")
SCHEMAS = (Schema("2013", COLUMNS[:4]),)

MEMBERS = {
    # member in capitals, derived value
    "TIME": "time-taken",
    "SID": "session-id",
    "CMD": "command",
    "REQID": "request-id",
    "URL": "url",
    "REFERRER": "referrer",
    "EX": "exception",
    "ACTID": "activity-id",
    "BLD": "build",
    "TNAME": "tenant",
    "USID": "user-session-id",
    "PSA": "user",
}
"""The members that have a meaning of their own; the others are read in ``EventData``."""

MOST_MEMBERS = 256

_LOG_TYPE = compile_later(r"ECP (?:Server Log|Activity Context Log)", re.IGNORECASE)
_FILE_NAME = compile_later(r"ECP(?:Server|Activity_\d+_)\d{8}-\d+.*\.LOG.*", re.IGNORECASE)
_ROW = compile_later(r"'?S:(?:TIME|PSA|URL|Bld)=")
_MASK = compile_later(r"<PII>(.*)</PII>", re.DOTALL)
_MEMBER = compile_later(r"(?:'([^']*(?:''[^']*)*)'|([^;]*))(?:;|\Z)")
_QUERY = compile_later(r"(?:\?|%3f)[^;\s']+", re.IGNORECASE)
_NOTHING = frozenset(("<null>", "$null"))


def split_row(line: str) -> list[str] | None:
    """Return the cells of a row: the fourth is the rest of the line, unquoted where it begins
    with a quote.
    """
    cells = line.split(",", 3)
    if len(cells) < 4 or not cells[3].startswith('"'):
        return cells
    quoted = split_csv(cells[3])
    return None if quoted is None else [*cells[:3], *quoted]


def read_members(data: str) -> dict[str, str]:
    """Return the members of ``EventData`` by name in capitals without its type; of a repeated
    one the first.
    """
    found: dict[str, str] = {}
    for match, _ in zip(_MEMBER.finditer(data), range(MOST_MEMBERS)):
        wrapped, plain = match.groups()
        member = plain if wrapped is None else wrapped.replace("''", "'")
        key, equals, value = member.partition("=")
        if equals:
            found.setdefault(key.rpartition(":")[2].strip().upper(), value)
    return found


def describe(event_id: str, data: str) -> tuple[str, ...]:
    """Return the values derived from a row, in the order of ``DERIVED``."""
    members = read_members(data)
    given = [members.get(name, "") for name in MEMBERS]
    named = ["" if text in _NOTHING else _take_off(text) for text in given]
    cmdlet, pairs = cmdlets.read_command(members.get("CMD", ""))
    error = members.get("EX")
    outcome = "" if error is None else "failure" if error else "success"
    reason = (error or "").partition(":")[0].strip() if error else ""
    call = (
        cmdlets.describe_call(cmdlet, pairs, outcome, "", "")
        if cmdlet
        else ("", *cmdlets.judge_case(cmdlets.READ, outcome, routine=False)[1:], "", "")
    )
    account = split_account(named[-1])
    return (*named, *account, cmdlet or event_id, outcome, reason, *call)


def _take_off(text: str) -> str:
    """Return a value without the marks that Exchange puts around personal data."""
    found = _MASK.fullmatch(text)
    return found.group(1) if found else text


DERIVED = (
    *MEMBERS.values(), "user-domain", "user-name", "user-mailbox", "event", "outcome", "reason",
    *cmdlets.DERIVED,
)  # fmt: skip
COMPUTED = (Derivation(DERIVED, ("EventId", "EventData"), describe),)


def hide_secrets(text: str) -> str:
    """Return a row, or its last cell, with credentials in URLs and the values of secret parameters hidden."""
    return cmdlets.hide_dotted(_QUERY.sub(_hide_query, text))


def _hide_query(found: re.Match[str]) -> str:
    return web_secrets.hide(found.group())


def make_finish(settings: Settings) -> Finish:
    """Return a function that reads a row's time, hides secrets and splits ``EventData``."""
    hide = cmdlets.hide_dotted if settings.web_secrets == "keep" else hide_secrets

    def finish(record: Record) -> Refusal | None:
        values = record.values
        moment = values.get("TimeStamp") or values.get("MyTimeStamp", "")
        record.time = utc_ms(moment)
        if record.time is None:
            return explain_date("TimeStamp", moment)
        data = values.get("EventData", "")
        shown = hide(data)
        if shown != data:
            values["EventData"] = shown
            record.raw = join_csv(values.values())
        record.derived["moment"] = moment
        derive(record, COMPUTED)
        return None

    return finish


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns."""
    return _ROW.match(values.get("EventData", "")) is not None


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    return ColumnarReader(
        source,
        settings,
        split=split_row,
        finish=make_finish(settings),
        name_schema=lambda columns, version: "2013",
        plausible=is_plausible,
    )


ECP_SERVER = Source(
    name="ecp_server",
    title="Exchange ECP Server and Activity log",
    columns=COLUMNS,
    derived={**dict.fromkeys(DERIVED, ""), "moment": ("TimeStamp", "MyTimeStamp")},
    recognize=recognize_columnar(
        SCHEMAS,
        log_type=_LOG_TYPE,
        telltale=frozenset(("ServerName", "EventId", "EventData")),
        plausible=is_plausible,
        file_name=_FILE_NAME,
    ),
    open=open_reader,
    event_column="event",
    schemas=SCHEMAS,
    redact=hide_secrets,
    agent_log_format="ECPSERVER",
    names=("ECPServer*.LOG", "ECPActivity_*.LOG"),
)
