r"""W3C extended logs of Internet Information Services, of whichever service.

Every service of IIS (web, SMTP, FTP) writes the same header, so the service is recognized by a row, or before
the first row by the folder (``LogFiles\SMTPSVC1\``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from exnorm.convert import iso_utc, utc_ms
from exnorm.errors import quote
from exnorm.model import Derivation, Head, Layout, Record, Source, Unparsed, Watched
from exnorm.settings import Settings
from exnorm.sources.columnar import ChooseHide, ColumnarReader, Refusal, cut_otherwise, field_names
from exnorm.sources.mask import MASK
from exnorm.text.patterns import compile_later

WEB = "W3SVC"
FTP = "FTPSVC"
SMTP = "SMTPSVC"

HTTP_METHODS = frozenset((
    "BCOPY", "BDELETE", "BMOVE", "BPROPFIND", "BPROPPATCH", "CONNECT", "COPY", "DELETE", "GET", "HEAD",
    "LOCK", "MKCOL", "MOVE", "NOTIFY", "OPTIONS", "PATCH", "POLL", "POST", "PROPFIND", "PROPPATCH", "PUT",
    "RPC_IN_DATA", "RPC_OUT_DATA", "SEARCH", "SUBSCRIBE", "TRACE", "UNLOCK", "UNSUBSCRIBE", "X-MS-ENUMATTS",
))  # fmt: skip
SMTP_VERBS = frozenset((
    "ATRN", "AUTH", "BDAT", "DATA", "EHLO", "ETRN", "EXPN", "HELO", "HELP", "MAIL", "NOOP", "QUIT", "RCPT",
    "RSET", "SAML", "SEND", "SOML", "STARTTLS", "TURN", "VRFY", "X-EXPS", "X-LINK2STATE", "XEXCH50",
))  # fmt: skip

FTP_VERBS = frozenset((
    "ABOR", "ACCT", "ALLO", "APPE", "CDUP", "CWD", "DELE", "EPRT", "EPSV", "FEAT", "LIST", "MDTM", "MKD",
    "MLSD", "MLST", "MODE", "NLST", "OPTS", "PASS", "PASV", "PBSZ", "PORT", "PROT", "PWD", "REIN", "REST",
    "RETR", "RMD", "RNFR", "RNTO", "SITE", "SIZE", "STAT", "STOR", "STOU", "STRU", "SYST", "TYPE", "USER",
    "XCWD", "XMKD", "XPWD", "XRMD",
))  # fmt: skip
"""Commands of FTP that neither HTTP nor SMTP has."""

# The software of a W3C log, by the part of its header that no other software writes.
_FTP_LOG = "a log of the FTP service of IIS"
_ISA_LOG = "a log of ISA Server or Forefront TMG"
_SOFTWARES = (
    (compile_later(r"Microsoft.{0,8} (?:Internet Security|Forefront).*", re.IGNORECASE), _ISA_LOG),
    (compile_later(r"(?:Microsoft )?Windows Firewall.*", re.IGNORECASE), "a log of Windows Firewall"),
    (compile_later(r".*Windows Media.*", re.IGNORECASE), "a log of Windows Media Services"),
    (compile_later(r"IIS Advanced Logging.*", re.IGNORECASE), "a log of IIS Advanced Logging"),
)
_FOREIGN_COLUMNS = {
    "s-queuename": "an error log of http.sys (HTTPERR)",
    "x-edge-location": "an access log of Amazon CloudFront",
    "cs-transport": _ISA_LOG,
    "s-operation": _ISA_LOG,
    "src-ip": "a log of Windows Firewall",
}
# What of a header without #Software only IIS writes; where a shipper split the row, some may be left out.
_OWN_COLUMNS = ("cs-method", "cs-uri-stem", "s-sitename", "sc-win32-status")
_FTP_COLUMNS = frozenset(("x-session", "x-fullpath"))
# IIS's own format: address, user, date, time, service, server; it has no header, and its dates are local.
_OWN_FORMAT = compile_later(
    r"[^\s,]+, [^,]*, \d\d?/\d\d?/\d{2,4}, \d\d?:\d\d:\d\d, ([A-Z0-9]*SVC\d*), .*", re.IGNORECASE
)
_OWN_FORMAT_LOG = "a log in IIS's own format, without names of columns (set the site's log format to W3C)"
_SERVICES = {"FTPSVC": _FTP_LOG, "MSFTPSVC": _FTP_LOG, "NNTPSVC": "a log of the NNTP service of IIS"}

_SERVICE_NAMES = {FTP: "FTP", "MSFTPSVC": "FTP", SMTP: "SMTP", "NNTPSVC": "NNTP"}
SERVICE_COLUMNS = ("s-sitename", "cs-method", "cs-version", "cs-username")
"""The columns that tell the service of a row."""
_FTP_PORTS = frozenset(("21", "990"))
_FTP_PASSWORD = compile_later(
    r"(^(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d .{0,1000}?(?<= )(?:\[\d+\])?(?:PASS|ACCT) )(?!-(?: |\Z))\S+",
    re.IGNORECASE,
)

DAY_MS = 86_400_000
LATE_MS = 60_000
"""How far a row may stand behind the row before it and still be of the same day."""

_SOFTWARE = compile_later(r"Microsoft Internet Information Serv(?:ices|er)\s*([\d.]*).*", re.IGNORECASE)
# What writes the log of a web site that http.sys serves without IIS.
_KERNEL = compile_later(r"Microsoft HTTP Server API.*", re.IGNORECASE)
_SITE = compile_later(r"([A-Z0-9]*SVC)\d+", re.IGNORECASE)
_FTP_METHOD = compile_later(r"\[\d+\]\w+|(?:Control|Data)Channel(?:Opened|Closed)", re.IGNORECASE)
_FILE_NAME = compile_later(r"(?:u_)?ex(?:tend\d+|\d{4}|\d{6}|\d{8})(?:_x)?\.log.*", re.IGNORECASE)

Complete = Callable[[Record], None]
"""Fills in what can be derived from the columns of a record whose time is known."""


# --- recognising ---------------------------------------------------------------------------------


def has_header(head: Head) -> bool:
    """Return whether the header is one of IIS; other software writes W3C logs too."""
    if "log-type" in head.directives or not _names(head).isdisjoint(_FOREIGN_COLUMNS):
        return False
    software = head.directives.get("software")
    if software is not None and _SOFTWARE.fullmatch(software) is not None:
        return True
    if software is not None and _KERNEL.fullmatch(software) is None:
        return False
    names = _names(head)
    return "time" in names and not names.isdisjoint(_OWN_COLUMNS)


def has_name(head: Head) -> bool:
    """Return whether the file is named as IIS names its logs: ``exYYMMDD.log``, ``u_exYYMMDD_x.log``, ..."""
    return _FILE_NAME.fullmatch(head.file_name) is not None


def name_foreign(head: Head) -> str:
    """Return the software of a W3C log that is not of the web or SMTP service of IIS; empty if unknown."""
    software = head.directives.get("software", "")
    found = next((what for pattern, what in _SOFTWARES if pattern.fullmatch(software)), "")
    found = found or next((what for name, what in _FOREIGN_COLUMNS.items() if name in _names(head)), "")
    if not found and "fields" not in head.directives and _OWN_FORMAT.fullmatch(head.line):
        return _OWN_FORMAT_LOG
    return found or _SERVICES.get(find_service(head), "")


def _names(head: Head) -> frozenset[str]:
    return frozenset(head.directives.get("fields", "").lower().split())


def find_service(head: Head) -> str:
    """Return the service of IIS that wrote the log: ``W3SVC``, ``SMTPSVC``, ``FTPSVC``, another one, or
    empty.
    """
    columns, _ = field_names(head.directives.get("fields", "").lower(), (), " ")
    cells = next(
        (
            cells
            for cells in (split_blanks(head.line), *cut_otherwise(head.line))
            if len(cells) == len(columns)
        ),
        None,
    )
    if cells is None:
        # A row that does not fit its columns may still show the service in one of its cells.
        words = split_blanks(head.line)
        found = _site(words) or (FTP if any(map(_FTP_METHOD.fullmatch, words)) else "")
    else:
        row = dict(zip(columns, cells))
        found = _site((row.get("s-sitename", ""),)) or find_service_of(row)
    if not found and not _FTP_COLUMNS.isdisjoint(columns):
        return FTP
    return found or _site(reversed(re.split(r"[\\/]", head.name)))


def _site(names: Iterable[str]) -> str:
    found = next((match for match in map(_SITE.fullmatch, names) if match is not None), None)
    return "" if found is None else found.group(1).upper()


def find_service_of(row: Mapping[str, str]) -> str:
    """Return the service by a column value that only one of them writes."""
    version = row.get("cs-version", "").upper()
    method = row.get("cs-method", "").upper()
    is_path = row.get("cs-uri-stem", "").startswith("/") and row.keys().isdisjoint(_FTP_COLUMNS)
    if version == "SMTP":
        return SMTP  # whatever was sent to it: browsers and worms send HTTP
    if _FTP_METHOD.fullmatch(method) or (method in FTP_VERBS and _is_ftp(row)):
        return FTP
    if version.startswith("HTTP") or method in HTTP_METHODS or is_path:
        return WEB
    if method in SMTP_VERBS or row.get("cs-username", "").startswith("OutboundConnection"):
        return SMTP
    return ""


def _is_ftp(row: Mapping[str, str]) -> bool:
    """Return whether a command of FTP is one: browsers and worms may send such a word to a web site too."""
    port = row.get("s-port", "")
    if port in _FTP_PORTS or "cs(user-agent)" not in row:
        return True
    said = (row.get("cs-version", ""), row["cs(user-agent)"])
    is_path = row.get("cs-uri-stem", "").startswith("/")
    return not any(text.strip("-") for text in said) and not (is_path and port.isdigit())


def name_other_service(values: Mapping[str, str]) -> str:
    """Which service a row in a web log is of, where that is another one; empty where not."""
    row = {column.lower(): text for column, text in values.items()}
    service = _site((row.get("s-sitename", ""),)) or find_service_of(row)
    return service if service in _SERVICE_NAMES else ""


def may_be_of_another(text: str) -> bool:
    """Return whether a text of ``SERVICE_COLUMNS`` may be of a row of another service than the web's."""
    word = text.upper()
    return (
        word in FTP_VERBS
        or word in SMTP_VERBS
        or word == "SMTP"
        or word.startswith("OUTBOUNDCONNECTION")
        or _FTP_METHOD.fullmatch(text) is not None
        or (_SITE.fullmatch(text) is not None and not word.startswith(WEB))
    )


def hide_ftp(line: str) -> str:
    """A raw row without the password that a client of FTP sent."""
    return _FTP_PASSWORD.sub(rf"\1{MASK}", line)


# --- reading -------------------------------------------------------------------------------------


def split_blanks(line: str) -> list[str]:
    """Return the cells of a row; the blank at the end of IIS 6 rows is not a cell."""
    return line.rstrip(" ").split(" ")


def product_version(software: str) -> str:
    """Return ``IIS 10.0`` from the header's ``#Software``; empty where it names no version."""
    found = _SOFTWARE.fullmatch(software)
    return f"IIS {found.group(1)}" if found is not None and found.group(1) else ""


def begin_day(header_ms: int, clock_ms: int) -> int:
    """Return the time of the first row under a header with ``#Date`` ``header_ms``, in epoch milliseconds
    UTC.

    The row has the header's date, unless it would then lie more than half a day before the header: in that
    case midnight passed between the two.
    """
    moment = header_ms - header_ms % DAY_MS + clock_ms
    return moment + DAY_MS if header_ms - moment > DAY_MS // 2 else moment


def follow_day(before_ms: int, clock_ms: int) -> int:
    """Return the time of a row from its time of day and the row before it, in epoch milliseconds UTC.

    A smaller time is of the next day. Rows are written when an answer is done and may overtake each other, so
    a row up to a minute before the previous one is late, not a day ahead.
    """
    step = (clock_ms - before_ms) % DAY_MS
    return before_ms + (step if step < DAY_MS - LATE_MS else step - DAY_MS)


class Calendar:
    """Finds the date of rows that have only a time of day: that of the header's ``#Date``, and the days after
    it.
    """

    def __init__(self) -> None:
        self._heading = ""
        self._header_ms: int | None = None
        self._before_ms: int | None = None

    def head(self, heading: str) -> None:
        """Read ``#Date``, ``yyyy-MM-dd HH:mm:ss``; a repeated one changes nothing."""
        if heading == self._heading:
            return
        self._heading = heading
        date, _, clock = heading.partition(" ")
        self._header_ms = utc_ms(f"{date}T{clock.strip() or '00:00:00'}Z")
        self._before_ms = None

    def place(self, clock_ms: int) -> int | None:
        """Return the time of the next row in epoch milliseconds UTC, or ``None`` where no header
        gave a date.
        """
        if self._header_ms is None:
            return None
        if self._before_ms is None:
            moment = begin_day(self._header_ms, clock_ms)
        else:
            moment = follow_day(self._before_ms, clock_ms)
        self._before_ms = moment
        return moment


class W3cReader(ColumnarReader):
    """Reads rows of cells separated by blanks; ``complete`` derives values from the service's columns.

    With ``only_web``, rows of other services are refused. ``name_product`` reads the product's version from
    ``#Software``; ``name_schema`` and ``plausible`` are as in ``ColumnarReader``.
    """

    memory = None  # a row without a date is placed after the one before it

    def __init__(
        self,
        source: Source,
        settings: Settings,
        complete: Complete,
        *,
        derived_from: Mapping[str, str] | None = None,
        computed: tuple[Derivation, ...] = (),
        name_product: Callable[[str], str] = product_version,
        name_schema: Callable[[Sequence[str], str], str] = lambda columns, version: "",
        plausible: Callable[[Mapping[str, str]], bool] = lambda values: True,
        choose_hide: ChooseHide = lambda column: None,
        only_web: bool = False,
    ) -> None:
        super().__init__(
            source,
            settings,
            split=split_blanks,
            finish=self._complete_row,
            separator=" ",
            name_schema=name_schema,
            plausible=plausible,
            derived_from=derived_from,
            computed=computed,
            choose_hide=choose_hide,
        )
        self._complete = complete
        self._only_web = only_web
        self._name_product = name_product
        self._calendar = Calendar()
        self._product = ""

    def lay_out(self) -> Layout | None:
        """Return the layout where the header names date and time first."""
        layout = super().lay_out()
        if layout is None or layout.schema.columns[:2] != ("date", "time"):
            return None
        guards = dict(layout.guards)
        if self._only_web:
            for column in SERVICE_COLUMNS:
                if column in layout.schema.columns:
                    guards.setdefault(column, Watched(may_be_of_another))
        return replace(layout, separator=" ", dated="date-time", edition=self._product, guards=guards)

    def read(self, line: str) -> Record | Unparsed | None:
        """One row; a blank too many is passed over where the rest fits the columns, for no cell is empty."""
        found = super().read(line)
        if (
            not isinstance(found, Unparsed)
            or found.kind != "width"
            or "  " not in line
            or self.schema is None
        ):
            return found
        cells = [cell for cell in line.split(" ") if cell]
        if len(cells) != len(self.schema.columns):
            return found
        values = dict(zip(self.schema.columns, cells))
        return self.record(line, self.schema, values) if self._plausible(values) else found

    def header(self, directives: Mapping[str, str]) -> None:
        """Read the columns from ``#Fields``, the product's version and the date of rows without one."""
        super().header(directives)
        self._product = self._name_product(directives.get("software", ""))
        self._calendar.head(directives.get("date", ""))

    def _complete_row(self, record: Record) -> Refusal | None:
        other = name_other_service(record.values) if self._only_web else ""
        if other:
            name = _SERVICE_NAMES[other]
            return "unknown-type", f"the row is of the {name} service of IIS, in a log of the web service"
        refusal = self._take_time(record)
        if refusal is None:
            assert record.time is not None
            record.derived["date-time"] = iso_utc(record.time)
            record.derived["product-version"] = self._product
            self._complete(record)
        return refusal

    def _take_time(self, record: Record) -> Refusal | None:
        values = record.values
        clock = values.get("time")
        if clock is None:
            return "date", "#Fields names no time, so it is not known when the row was written"
        if "date" in values:
            record.time = utc_ms(f"{values['date']}T{clock}Z")
            if record.time is None:
                return explain_time("date time", f"{values['date']} {clock}", "yyyy-MM-dd HH:mm:ss")
            return None
        clock_ms = utc_ms(f"1970-01-01T{clock}Z")
        if clock_ms is None:
            return explain_time("time", clock, "HH:mm:ss")
        record.time = self._calendar.place(clock_ms)
        if record.time is None:
            return "date", "the row has no date, and no #Date that can be read came before it"
        # A payload of this row has no header for it.
        record.values = {"date": iso_utc(record.time)[:10], **values}
        return None


def explain_time(column: str, value: str, expected: str) -> Refusal:
    """Return the refusal of a row whose time cannot be read."""
    return "date", f"{column} is {quote(value)}; expected {expected}"
