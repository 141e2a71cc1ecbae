"""Exports of audit logs: administrator audit, mailbox audit, unified audit, and the server's own audit CSV.

Input is CSV or JSON: one object a line, an array, pages, or objects printed over many lines. The
``AuditData`` of Search-UnifiedAuditLog and the ``Data`` of the server's audit log contain a record of unified
audit as JSON, which replaces the row. Each record keeps its properties under their own names; derived values
have one name for all kinds. Times of unified audit are UTC; another time without a zone needs the setting
``tz``. Secret parameters are hidden before anything is derived. A record of another workload is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from exnorm.convert import iso_utc
from exnorm.errors import quote
from exnorm.model import Confidence, Derivation, Head, Read, Reader, Record, Schema, Source, Unparsed
from exnorm.settings import Settings
from exnorm.sources import cmdlets
from exnorm.sources.accounts import split_user
from exnorm.sources.clock import Clock
from exnorm.sources.columnar import Refusal, derive, explain_quote, split_csv
from exnorm.sources.endpoints import split_endpoint
from exnorm.sources.exports import UNNAMED, ReadObject, write_text
from exnorm.sources.json_objects import JsonObjects, read_object
from exnorm.sources.mask import MASK
from exnorm.text.patterns import compile_later


class Kind(NamedTuple):
    """One kind of export: the lower-case properties that identify it, its time property, and that time's
    zone.
    """

    name: str
    needs: frozenset[str]
    moment: str
    zone: str = ""
    holds: str = ""
    """The property whose JSON takes the place of the row."""


ADMIN = Kind("AdminAuditLog", frozenset(("cmdletname", "caller", "rundate")), "RunDate")
MAILBOX = Kind("MailboxAuditLog", frozenset(("operation", "logontype", "lastaccessed")), "LastAccessed")
UNIFIED = Kind("UnifiedAuditLog", frozenset(("operation", "workload", "creationtime")), "CreationTime", "UTC")
SEARCHED = Kind(
    "UnifiedAuditLog", frozenset(("auditdata", "recordtype")), "CreationDate", "UTC", holds="AuditData"
)
SERVER = Kind(
    "audit", frozenset(("timestamp", "data", "recordid", "operation")), "Timestamp", "UTC", holds="Data"
)
# Unified audit has an operation too, so the kinds that contain its records come first.
KINDS = (SEARCHED, SERVER, UNIFIED, ADMIN, MAILBOX)

COLUMNS = (
    # unified audit
    "CreationTime", "Id", "RecordType", "Operation", "OrganizationId", "UserType", "UserKey", "Workload",
    "ResultStatus", "ObjectId", "UserId", "ClientIP", "Scope", "AppAccessContext", "Version",
    "OrganizationName", "OriginatingServer", "ExternalAccess", "SessionId", "AppId", "ClientAppId",
    "ModifiedObjectResolvedName", "Parameters", "ModifiedProperties", "LogonType", "InternalLogonType",
    "MailboxGuid", "MailboxOwnerUPN", "MailboxOwnerSid", "MailboxOwnerMasterAccountSid", "LogonUserSid",
    "LogonUserDisplayName", "ClientInfoString", "ClientIPAddress", "ClientMachineName", "ClientProcessName",
    "ClientVersion", "Item", "SendAsUserSmtp", "SendAsUserMailboxGuid", "SendOnBehalfOfUserSmtp",
    "SendOnBehalfOfUserMailboxGuid", "Folder", "DestFolder", "Folders", "AffectedItems",
    "CrossMailboxOperation", "CrossMailboxOperations", "DestMailboxId", "DestMailboxOwnerUPN",
    "DestMailboxOwnerSid", "DestMailboxOwnerMasterAccountSid", "OperationProperties", "OperationCount",
    # Search-AdminAuditLog
    "RunDate", "CmdletName", "CmdletParameters", "Caller", "Succeeded", "Error", "ObjectModified",
    "RunspaceId", "Identity", "IsValid", "ObjectState",
    # Search-MailboxAuditLog
    "LastAccessed", "OperationResult", "DestFolderId", "DestFolderPathName", "FolderId", "FolderPathName",
    "DelegateUserDisplayName", "SourceItems", "SourceFolders", "ItemId", "ItemSubject",
    "MailboxResolvedOwnerName", "DestMailboxOwnerGuid",
    # rows that contain a record
    "CreationDate", "UserIds", "Operations", "AuditData", "ResultIndex", "ResultCount",
    "Timestamp", "Server", "TenantId", "Data", "RecordId",
)  # fmt: skip

LOGON_TYPES = {
    "0": "Owner", "1": "Admin", "2": "Delegate", "3": "Transport", "4": "SystemService", "5": "BestAccess",
    "6": "DelegatedAdmin",
}  # fmt: skip
RECORD_TYPES = {
    "1": "ExchangeAdmin", "2": "ExchangeItem", "3": "ExchangeItemGroup", "19": "ExchangeAggregatedOperation",
    "50": "ExchangeItemAggregated",
}  # fmt: skip
OTHER_WORKLOADS = frozenset((
    "aeddiscovery", "aip", "airinvestigation", "azureactivedirectory", "compliance", "copilot", "crm",
    "dynamics365", "endpoint", "microsoft365copilot", "microsoft365defender", "microsoftflow",
    "microsoftforms", "microsoftstream", "microsoftteams", "mip", "onedrive", "planner", "powerapps",
    "powerbi", "project", "publicendpoint", "quarantine", "securitycompliancecenter", "sharepoint",
    "skypeforbusiness", "sway", "threatintelligence", "viva", "workplaceanalytics", "yammer",
))  # fmt: skip
"""Workloads of unified audit beside Exchange, in lower case: their records are left alone."""
OUTCOMES = {
    "true": "success", "succeeded": "success", "success": "success", "partiallysucceeded": "success",
    "false": "failure", "failed": "failure", "failure": "failure",
}  # fmt: skip

# --- what an operation on a mailbox means --------------------------------------------------------

MAIL_USED, MAIL_READ = "MAIL-USED", "MAIL-READ"
OTHERS_MAIL_READ, MAIL_SYNCED = "OTHERS-MAIL-READ", "MAIL-SYNCED"
SENT_AS_OTHER, MAIL_DELETED, MAIL_DELETED_IN_BULK = "SENT-AS-OTHER", "MAIL-DELETED", "MAIL-DELETED-IN-BULK"
MAILBOX_LOGIN = "MAILBOX-LOGIN"
OPERATION_CASES = (
    MAIL_USED, MAIL_READ, OTHERS_MAIL_READ, MAIL_SYNCED, SENT_AS_OTHER, MAIL_DELETED, MAIL_DELETED_IN_BULK,
    MAILBOX_LOGIN,
)  # fmt: skip
"""Cases beside those of cmdlets."""
OPERATIONS = {
    **dict.fromkeys(("COPY", "CREATE", "MOVE", "UPDATE", "SEND", "SEARCHQUERYINITIATED"), MAIL_USED),
    **dict.fromkeys(("FOLDERBIND", "MESSAGEBIND"), MAIL_USED),
    "MAILITEMSACCESSED": MAIL_READ,
    **dict.fromkeys(("SENDAS", "SENDONBEHALF"), SENT_AS_OTHER),
    **dict.fromkeys(("SOFTDELETE", "HARDDELETE", "MOVETODELETEDITEMS", "RECORDDELETE"), MAIL_DELETED),
    "MAILBOXLOGIN": MAILBOX_LOGIN,
    "UPDATEINBOXRULES": "INBOX-RULE",
    **dict.fromkeys(
        ("ADDFOLDERPERMISSIONS", "MODIFYFOLDERPERMISSIONS", "UPDATEFOLDERPERMISSIONS"), "FOLDER-PERMISSION"
    ),
    "REMOVEFOLDERPERMISSIONS": cmdlets.CHANGE,
    "UPDATECALENDARDELEGATION": "FOLDER-PERMISSION",
    "APPLYRECORD": MAIL_USED,
}
MANY_ITEMS = 25
"""As many items deleted at once are worth a look."""

_OTHERS = frozenset(("Admin", "Delegate", "DelegatedAdmin"))


def find_operation_case(operation: str, logon: str, properties: Mapping[str, str], items: int) -> str:
    """Return the case of an operation on a mailbox; empty for an unknown operation."""
    case = OPERATIONS.get(operation.upper(), "")
    by_another = logon in _OTHERS
    if case == MAIL_READ:
        synced = properties.get("MailAccessType", "").lower() == "sync"
        return MAIL_SYNCED if synced or properties.get("IsThrottled", "").lower() == "true" else MAIL_READ
    if case == MAIL_DELETED:
        return MAIL_DELETED_IN_BULK if items >= MANY_ITEMS or by_another else MAIL_DELETED
    if case == MAIL_USED and operation.upper().endswith("BIND") and by_another:
        return OTHERS_MAIL_READ
    return case


# --- what the properties say ---------------------------------------------------------------------


def load(text: str) -> Any:
    """Return the value of a property that came as JSON, or the text itself where it is not JSON."""
    if text[:1] not in ("[", "{"):
        return text
    try:
        return json.loads(text)
    except ValueError:  # a list as PowerShell's tables print it
        return text


def read_pairs(text: str) -> cmdlets.Pairs:
    """Return parameters of a cmdlet, or properties of an operation, as pairs."""
    found = load(text)
    if isinstance(found, dict):
        found = [{"Name": name, "Value": value} for name, value in found.items()]
    if isinstance(found, list):
        return [
            (write_text(one.get("Name", one.get("Key", ""))), write_text(one.get("Value", "")))
            for one in found[: cmdlets.MOST_PARAMETERS]
            if isinstance(one, dict)
        ]
    return cmdlets.read_parameters(text)


class Items(NamedTuple):
    """The messages that a record is about: their number, and details of the first."""

    number: int
    id: str
    subject: str
    message_id: str
    folder: str
    attachments: str


def read_items(*texts: str) -> Items:
    """Return the number of a record's messages and the details of the first."""
    found = [one for text in texts for one in _walk(load(text))]
    items = [one for one in found if "Id" in one or "InternetMessageId" in one or "Subject" in one]

    def first(name: str) -> str:
        return next((write_text(one[name]) for one in items if one.get(name)), "")

    paths = [one for one in found if one.get("Path")]
    return Items(
        len([one for one in items if "Path" not in one]),
        first("Id"),
        first("Subject"),
        first("InternetMessageId"),
        write_text(paths[0]["Path"]) if paths else "",
        first("Attachments"),
    )


_MOST_OBJECTS = 4096


def _walk(found: Any) -> list[dict[str, Any]]:
    """Return the objects in a value, outer ones first, in bounded number."""
    stack: list[Any] = [found]
    objects: list[dict[str, Any]] = []
    while stack and len(objects) < _MOST_OBJECTS:
        one = stack.pop()
        if isinstance(one, list):
            stack.extend(reversed(one[:_MOST_OBJECTS]))
        elif isinstance(one, dict):
            objects.append(one)
            stack.extend(reversed([value for value in one.values() if isinstance(value, (list, dict))]))
    return objects


def name_logon(text: str) -> str:
    """Return the word for a logon type given as a number."""
    word = LOGON_TYPES.get(text, text)
    return "Delegate" if word == "Delegated" else word


def name_record_type(text: str) -> str:
    """Return the name of a record type given as a number."""
    return RECORD_TYPES.get(text, text)


def judge(*texts: str) -> tuple[str, str]:
    """Return the outcome, and the status text where the operation succeeded in part."""
    text = next((text for text in texts if text), "")
    return OUTCOMES.get(text.lower(), ""), text if text.lower() == "partiallysucceeded" else ""


def read_error(error: str, partly: str) -> str:
    """Return why an operation failed; the log writes ``None`` for no error."""
    return partly if error.lower() in ("", "none") else error


def describe(*texts: str) -> tuple[str, ...]:
    """Return the values derived from a record, in the order of ``DERIVED``."""
    given = dict(zip(DESCRIBED, texts))
    event = given["Operation"] or given["CmdletName"]
    pairs = read_pairs(given["Parameters"] or given["CmdletParameters"])
    user, program = cmdlets.split_caller(given["UserId"] or given["Caller"])
    outcome, partly = judge(given["ResultStatus"], given["OperationResult"], given["Succeeded"])
    logon = name_logon(given["LogonType"])
    properties = dict(read_pairs(given["OperationProperties"]))
    items = read_items(
        given["AffectedItems"], given["Item"], given["Folders"], given["Folder"], given["SourceItems"]
    )
    case = find_operation_case(event, logon, properties, items.number)
    domain, name = split_user(user)
    routine = cmdlets.is_routine(name, program)
    case = case or cmdlets.find_case(event, pairs, outcome == "failure")
    server, _, build = given["OriginatingServer"].strip().partition(" (")
    return (
        *cmdlets.judge_case(case, outcome, routine),
        given["ObjectId"] or given["ObjectModified"] or cmdlets.find_target(pairs),
        given["MailboxOwnerUPN"] or cmdlets.find_mailbox(event, pairs),
        event,
        cmdlets.write_parameters(pairs),
        domain,
        name,
        program,
        outcome,
        read_error(given["Error"], partly),
        logon,
        name_record_type(given["RecordType"]),
        server or given["Server"],
        build.removesuffix(")"),
        given["FolderPathName"] or items.folder,
        given["DestFolderPathName"] or read_items(given["DestFolder"]).folder,
        given["ItemId"] or items.id,
        given["ItemSubject"] or items.subject,
        items.message_id,
        str(items.number) if items.number else "",
        items.attachments.partition(" (")[0],
        properties.get("MailAccessType", ""),
    )


DESCRIBED = (
    "Operation", "CmdletName", "Parameters", "CmdletParameters", "UserId", "Caller", "ResultStatus",
    "OperationResult", "Succeeded", "LogonType", "OperationProperties", "AffectedItems", "Item", "Folders",
    "Folder", "SourceItems", "OriginatingServer", "Server", "ObjectId", "ObjectModified", "MailboxOwnerUPN",
    "Error", "RecordType", "FolderPathName", "DestFolderPathName", "DestFolder", "ItemId", "ItemSubject",
)  # fmt: skip
DERIVED: dict[str, str | tuple[str, ...]] = {
    **dict.fromkeys(cmdlets.DERIVED, ""),
    "target": ("ObjectId", "ObjectModified"),
    "mailbox": "MailboxOwnerUPN",
    "event": ("Operation", "CmdletName"),
    "parameters": ("Parameters", "CmdletParameters"),
    "user-domain": "",
    "user-name": ("UserId", "Caller"),
    "host-program": "",
    "outcome": ("ResultStatus", "OperationResult", "Succeeded"),
    "reason": "Error",
    "logon-type": "LogonType",
    "record-type": "RecordType",
    "server": ("OriginatingServer", "Server"),
    "build": "",
    "folder": "FolderPathName",
    "destination-folder": "DestFolderPathName",
    "item-id": "ItemId",
    "subject": "ItemSubject",
    "message-id": "",
    "item-count": "",
    "file": "",
    "access-type": "",
}
COMPUTED = (
    Derivation(tuple(DERIVED), DESCRIBED, describe),
    Derivation(("mailbox-client", "mailbox-client-port"), ("ClientIPAddress",), split_endpoint),
    Derivation(("client", "client-port"), ("ClientIP",), split_endpoint),
)


# --- secrets -------------------------------------------------------------------------------------

_VALUES = ("Value", "NewValue", "OldValue")


def hide_in(value: Any) -> Any:
    """Return a value with the secrets in its name and value pairs hidden, at any depth."""
    if isinstance(value, list):
        return [hide_in(one) for one in value]
    if not isinstance(value, dict):
        return value
    name = value.get("Name")
    secret = isinstance(name, str) and cmdlets.is_secret(name)
    return {
        key: MASK
        if secret and key in _VALUES and cmdlets.must_hide(str(name), write_text(one))
        else hide_in(one)
        for key, one in value.items()
    }


def hide_secrets(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties with the values of secret parameters hidden, in JSON and in text."""
    hidden = {}
    for name, value in properties.items():
        shown = hide_in(value)
        if name in ("Parameters", "CmdletParameters") and isinstance(shown, str):
            shown = cmdlets.hide_secrets(shown)
        hidden[name] = shown
    return hidden


# In JSON, and in JSON within a cell of CSV or within JSON, where quotes stand twice or have a backslash.
_PAIR = compile_later(
    r"((?:\\*\"){1,2}Name(?:\\*\"){1,2}\s*:\s*(?:\\*\"){1,2}[^\"\\]*"
    r"(?:password|passphrase|credential|secret|token|privatekey|pfx)[^\"\\]*(?:\\*\"){1,2}\s*,\s*"
    r"(?:\\*\"){1,2}(?:New|Old)?Value(?:\\*\"){1,2}\s*:\s*((?:\\*\"){1,2}))[^\"\\]*",
    re.IGNORECASE,
)


def redact(line: str) -> str:
    """Return an unparsed line with the values of secret parameters hidden."""
    return _PAIR.sub(rf"\1{MASK}", cmdlets.hide_everywhere(line)) if '"' in line else line


# --- reading -------------------------------------------------------------------------------------


def find_kind(names: Iterable[str]) -> Kind | None:
    """Return the kind of export that has properties of these names."""
    lower = {name.lower() for name in names}
    return next((kind for kind in KINDS if lower >= kind.needs), None)


_KNOWN = {column.lower(): column for column in COLUMNS}
_SEPARATORS = (",", ";", "\t")
_JSON_NAME = compile_later(r'"(\w+)"\s*:')
_HEAD_CHARACTERS = 8192
_PAGE = ("value", "Records")


class AuditExportReader(Reader):
    """Reads one export of any of the kinds."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self._source = source
        self._tz = settings.tz
        self._clocks: dict[str, Clock] = {}
        self._json = JsonObjects(settings.max_line_bytes)
        self._is_json = False
        self._names: tuple[str, ...] = ()
        self._separator = ","

    def header(self, directives: Mapping[str, str]) -> None:
        """Read the names from ``#Fields``, as the server's own log has them."""
        fields = directives.get("fields")
        if fields is not None:
            self._take_names(tuple(name.strip() for name in fields.split(",")), ",")

    def read(self, line: str) -> Read:
        """Read a row of CSV, or the objects that this line of JSON completes."""
        if self._is_json or (not self._names and line.lstrip()[:1] in ("{", "[")):
            self._is_json = True
            return [item for found in self._json.feed(line) for item in self._from_json(*found)] or None
        return self._from_csv(line)

    def miss(self) -> None:
        """Take note of a lost line, which may have been part of an object."""
        self._json.miss()

    def finish(self) -> list[Record | Unparsed]:
        """Return the object that was left open, as unparsed."""
        return [item for found in self._json.finish() for item in self._from_json(*found)]

    def complete(self, line: str, values: dict[str, str], found: str) -> Record | Unparsed:
        """Return the record of a row whose properties came by their names."""
        return self.read_object(values, line)

    def _from_csv(self, line: str) -> Record | Unparsed | None:
        cells = split_csv(line, self._separator)
        if cells is None:
            return Unparsed(line, "quote", explain_quote(line))
        if not self._names or len(cells) != len(self._names) or cells[0] == self._names[0]:
            names = find_names(line)
            if names is not None:
                self._take_names(*names)
                return None
        if not self._names:
            reason = f"row has {len(cells)} fields and no line with the names of properties came before it"
            return Unparsed(line, "width", reason)
        if len(cells) != len(self._names):
            return Unparsed(line, "width", f"row has {len(cells)} fields; the names are {len(self._names)}")
        return self.read_object(dict(zip(self._names, cells)), line)

    def _take_names(self, names: tuple[str, ...], separator: str) -> None:
        self._names = tuple(_KNOWN.get(name.lower(), name) for name in names)
        self._separator = separator

    def _from_json(self, text: str, refusal: Refusal | None) -> list[Record | Unparsed]:
        found = read_object(text) if refusal is None else refusal
        if isinstance(found, tuple):
            return [Unparsed(text, *found)]
        pages = next((found[name] for name in _PAGE if isinstance(found.get(name), list)), None)
        if pages is None:
            return [self.read_object(found, text)]
        members = [one for one in pages if isinstance(one, dict)]
        return [self.read_object(one, json.dumps(one, ensure_ascii=False)) for one in members]

    def read_object(self, properties: Mapping[str, Any], text: str) -> Record | Unparsed:
        """Return the record of an object, or of a row by its names."""
        kind = find_kind(properties)
        if kind is None:
            reason = f"no known audit export has these properties: {quote(', '.join(properties))}"
            return Unparsed(text, "unknown-type", reason)
        named = _by_column(properties)
        held = load(str(named.get(kind.holds, ""))) if kind.holds else None
        moment = write_text(named.get(kind.moment))
        if kind.holds and not isinstance(held, dict):
            return Unparsed(text, "syntax", f"{kind.holds} holds no JSON of a record")
        if isinstance(held, dict):
            # The server's own CreationTime may be its local time; the row's is UTC.
            named = _by_column(held)
            moment = write_text(named.get("CreationTime")) if kind is SEARCHED else moment
        workload = write_text(named.get("Workload"))
        if workload.lower() not in ("", "exchange"):
            reason = f"a record of workload {quote(workload)}; expected Exchange"
            return Unparsed(text, "unknown-type", reason)
        return self._record(kind, named, moment, text)

    def _record(self, kind: Kind, named: dict[str, Any], text: str, line: str) -> Record | Unparsed:
        clock = self._clocks.setdefault(kind.zone, Clock(kind.zone or self._tz))
        moment = clock.read(kind.moment, text)
        if not isinstance(moment, int):
            return Unparsed(line, *moment)
        shown = hide_secrets(named)
        values = {name: write_text(value).strip("\r\n") for name, value in shown.items()}
        if shown != named:
            line = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
        columns = tuple(values)
        if self.schema is None or self.schema.columns != columns or self.schema.name != kind.name:
            self.schema = Schema(kind.name, columns, found="export")
        record = Record(self._source, self.schema, values, time=moment, raw=line)
        record.derived["moment"] = iso_utc(moment)
        derive(record, COMPUTED)
        return record


def _by_column(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties under the usual spelling of their names."""
    return {_KNOWN.get(name.lower(), name) or UNNAMED: value for name, value in properties.items()}


def find_names(line: str) -> tuple[tuple[str, ...], str] | None:
    """Return the names in a line of names, and their separator; ``None`` for any other line."""
    for separator in _SEPARATORS:
        names = tuple(name.strip() for name in split_csv(line, separator) or ())
        if len(set(names)) == len(names) > 1 and find_kind(names) is not None:
            return names, separator
    return None


def recognize(head: Head) -> Confidence:
    """Recognize an export by its property names, in a line of names, in JSON, or in the header of the
    server's log.
    """
    stated = head.directives.get("log-type", "").lower()
    fields = head.directives.get("fields", "")
    if stated == "audit" or (fields and find_kind(name.strip() for name in fields.split(",")) is not None):
        return Confidence.HEADER
    if stated or fields:
        return Confidence.NO
    line = head.line[:_HEAD_CHARACTERS]
    if line.lstrip()[:1] in ("{", "["):
        return Confidence.HEADER if find_kind(_JSON_NAME.findall(line)) is not None else Confidence.NO
    return Confidence.HEADER if find_names(line) is not None else Confidence.NO


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one export."""
    return AuditExportReader(source, settings)


def takes(record: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the names of a record that hold an audited operation; ``None`` for a record of
    another workload.
    """
    if find_kind(name for name in record if isinstance(name, str)) is None:
        return frozenset()
    if write_text(record.get("Workload")).lower() in OTHER_WORKLOADS:
        return None
    return frozenset(name for name in record if isinstance(name, str) and name.lower() in _KNOWN)


AUDIT_EXPORT = Source(
    name="audit_export",
    title="Exports of administrator, mailbox and unified audit",
    columns=COLUMNS,
    derived={
        **DERIVED,
        "moment": ("CreationTime", "RunDate", "LastAccessed", "Timestamp"),
        "mailbox-client": "ClientIPAddress",
        "mailbox-client-port": "",
        "client": "ClientIP",
        "client-port": "",
    },
    recognize=recognize,
    open=open_reader,
    event_column="event",
    events=frozenset((*(cmdlet.upper() for cmdlet in cmdlets.CMDLETS), *OPERATIONS)),
    redact=redact,
    takes=takes,
    agent_log_format="EXCHANGEAUDIT",
    names=("audit*.LOG",),
)


def read_shipped(settings: Settings) -> ReadObject:
    """Return a function that reads objects which are records of an audit export and ignores others."""
    reader = AuditExportReader(AUDIT_EXPORT, settings)

    def read(properties: Mapping[str, Any], text: str) -> Record | Unparsed | None:
        return None if find_kind(properties) is None else reader.read_object(properties, text)

    return read
