"""Rps_Cmdlet logs: every cmdlet that ran over remote PowerShell, with its parameters and its outcome.

67 columns since 2016. ``Parameters`` contains values in plain text: those of secret parameters are hidden,
here and wherever else the row repeats them, before anything is derived. A row without a time marks the end of
a session; it names no cmdlet, so it is not an event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from exnorm.convert import find_member, utc_ms
from exnorm.model import Derivation, Head, Reader, Record, Schema, Source, Unparsed
from exnorm.settings import Settings
from exnorm.sources import cmdlets
from exnorm.sources.accounts import split_user
from exnorm.sources.columnar import ColumnarReader, Refusal, derive, explain_date, split_csv
from exnorm.sources.http_proxy import join_build, name_schema as name_year
from exnorm.sources.mask import MASK
from exnorm.sources.recognition import recognize_columnar
from exnorm.text.lines import join_csv
from exnorm.text.patterns import compile_later

COLUMNS = (
    "DateTime", "StartTime", "RequestId", "ClientRequestId", "MajorVersion", "MinorVersion", "BuildVersion",
    "RevisionVersion", "ServerHostName", "ProcessId", "ProcessName", "ThreadId", "CultureInfo",
    "Organization", "AuthenticatedUser", "ExecutingUserSid", "EffectiveOrganization", "UserServicePlan",
    "IsAdmin", "ClientApplication", "Cmdlet", "Parameters", "CmdletUniqueId", "UserBudgetOnStart",
    "ContributeToFailFast", "RunspaceSettingsCreationHint", "ADViewEntireForest", "ADRecipientViewRoot",
    "ADConfigurationDomainControllers", "ADPreferredGlobalCatalogs", "ADPreferredDomainControllers",
    "ADUserConfigurationDomainController", "ADUserPreferredGlobalCatalog",
    "ADuserPreferredDomainControllers", "ThrottlingInfo", "DelayInfo", "ThrottlingDelay",
    "IsOutputObjectRedacted", "CmdletProxyStage", "CmdletProxyRemoteServer",
    "CmdletProxyRemoteServerVersion", "CmdletProxyMethod", "ProxiedObjectCount", "CmdletProxyLatency",
    "OutputObjectCount", "ParameterBinding", "BeginProcessing", "ProcessRecord", "EndProcessing",
    "StopProcessing", "BizLogic", "PowerShellLatency", "UserInteractionLatency", "ProvisioningLayerLatency",
    "ActivityContextLifeTime", "TotalTime", "ErrorType", "ExecutionResult", "CacheHitCount",
    "CacheMissCount", "GenericLatency", "GenericInfo", "GenericErrors", "ObjectGuid",
    "ExternalDirectoryOrganizationId", "ExternalDirectoryObjectId", "NonPiiParameters",
)  # fmt: skip
SCHEMAS = (Schema("2016", COLUMNS),)

OUTCOMES = {"success": "success", "error": "failure", "failed": "failure", "failure": "failure"}
"""What ``ExecutionResult`` says, in lower case; of any other text nothing is known."""

_LOG_TYPE = compile_later(r"Rps Cmdlet Logs", re.IGNORECASE)
_FILE_NAME = compile_later(r"Rps_Cmdlet_\d{8,10}-\d+.*\.LOG.*", re.IGNORECASE)
_TELLTALE = frozenset(("Cmdlet", "CmdletUniqueId", "ExecutingUserSid"))
_GUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_SHAPES = {
    "RequestId": compile_later(rf"({_GUID})?"),
    "MajorVersion": compile_later(r"\d*"),
    "ExecutingUserSid": compile_later(r"(S-[\d-]+)?"),
    "Cmdlet": compile_later(r"[\w-]*"),
    "CmdletUniqueId": compile_later(rf"({_GUID})?"),
    "TotalTime": compile_later(r"\d*"),
}
_BUILD = ("MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion")
_SPEAKING = ("Parameters", "NonPiiParameters")
_EXCEPTION = compile_later(r"(?:^|=)\s*([A-Za-z_][\w.]*(?:Exception|Error)\w*)\s*[:;\\]")


def name_schema(columns: Sequence[str], version: str) -> str:
    """Return the product year, by the build in the header; without one, 2016."""
    return name_year(columns, version) if version else "2016"


def judge(result: str, errors: str) -> str:
    """Return ``success``, ``failure``, or an empty text where the row does not state it."""
    return OUTCOMES.get(result.lower(), "failure" if errors else "")


def name_reason(error_type: str, errors: str) -> str:
    """Return why a cmdlet failed: ``ErrorType``, else the first exception that is named."""
    if error_type:
        return error_type
    found = _EXCEPTION.search(errors)
    return found.group(1) if found else ""


def describe(
    cmdlet: str, parameters: str, result: str, errors: str, user: str, program: str
) -> tuple[str, ...]:
    """Return the values derived from a call, in the order of ``cmdlets.DERIVED``."""
    pairs = cmdlets.read_parameters(parameters)
    return cmdlets.describe_call(cmdlet, pairs, judge(result, errors), split_user(user)[1], program)


def name_session_user(info: str) -> str:
    r"""Return the user who signed in to the session, a UPN or ``domain\name``."""
    return find_member(info, "PSSenderInfo") if "PSSenderInfo=" in info else ""


COMPUTED = (
    Derivation(
        cmdlets.DERIVED,
        (
            "Cmdlet", "Parameters", "ExecutionResult", "GenericErrors", "AuthenticatedUser",
            "ClientApplication",
        ),
        describe,
    ),
    Derivation(("outcome",), ("ExecutionResult", "GenericErrors"), judge),
    Derivation(("reason",), ("ErrorType", "GenericErrors"), name_reason),
    Derivation(("build",), _BUILD, join_build),
    Derivation(("user-domain", "user-name"), ("AuthenticatedUser",), split_user),
    Derivation(("session-user",), ("GenericInfo",), name_session_user),
)  # fmt: skip


def hide_secrets(values: dict[str, str]) -> bool:
    """Hide the values of secret parameters wherever a row repeats them; return whether there were any."""
    given = [values.get(column, "") for column in _SPEAKING]
    shown = [cmdlets.hide_secrets(text) for text in given]
    if shown == given:
        return False
    values.update((column, text) for column, text in zip(_SPEAKING, shown) if column in values)
    secrets = [one for text in given for one in cmdlets.find_secrets(cmdlets.read_parameters(text))]
    for secret in dict.fromkeys(secrets):
        for column, text in values.items():
            if secret in text:
                values[column] = text.replace(secret, MASK)
    return True


def redact(line: str) -> str:
    """Return an unparsed row with the values of secret parameters hidden."""
    return cmdlets.hide_everywhere(line, "csv" if '""' in line else "plain")


def finish(record: Record) -> Refusal | None:
    """Read the row's time, hide secrets, derive the values that tables need."""
    moment = record.values.get("DateTime", "")
    record.time = utc_ms(moment)
    if record.time is None:
        return explain_date("DateTime", moment)
    if hide_secrets(record.values):
        record.raw = join_csv(record.values.values())
    record.derived["product-version"] = record.schema.version
    derive(record, COMPUTED)
    return None


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns."""
    return all(shape.fullmatch(values.get(column, "")) is not None for column, shape in _SHAPES.items())


class RpsCmdletReader(ColumnarReader):
    """Reads rows of cmdlets; a row that ends a session gives no record."""

    def read(self, line: str) -> Record | Unparsed | None:
        """Read one row as a record; ``None`` for a header and for the end of a session."""
        found = super().read(line)
        if isinstance(found, Unparsed) and found.kind == "date" and self._ends_session(line):
            return None
        return found

    def _ends_session(self, line: str) -> bool:
        columns = self.schema.columns if self.schema is not None else ()
        values = dict(zip(columns, split_csv(line) or ()))
        return not (values.get("DateTime") or values.get("Cmdlet")) and bool(values.get("RequestId"))


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    return RpsCmdletReader(
        source,
        settings,
        split=split_csv,
        finish=finish,
        name_schema=name_schema,
        plausible=is_plausible,
    )


RPS_CMDLET = Source(
    name="rps_cmdlet",
    title="Exchange Rps_Cmdlet log of remote PowerShell",
    columns=COLUMNS,
    derived={
        **dict.fromkeys(cmdlets.DERIVED, ""),
        "outcome": "ExecutionResult",
        "reason": "ErrorType",
        "product-version": "",
        "build": _BUILD,
        "user-domain": "",
        "user-name": "AuthenticatedUser",
        "session-user": "",
    },
    recognize=recognize_columnar(
        SCHEMAS, log_type=_LOG_TYPE, telltale=_TELLTALE, plausible=is_plausible, file_name=_FILE_NAME
    ),
    open=open_reader,
    event_column="Cmdlet",
    schemas=SCHEMAS,
    redact=redact,
    agent_log_format="RPSCMDLET",
    names=("Rps_Cmdlet_*.LOG",),
)
