"""The files that ``exnorm plugins new`` writes: a complete distribution of a plugin, with tests that pass.

``@name@`` stands for the plugin's name, ``@module@`` for its module, ``@NAME@`` for the name in capitals.
"""

from __future__ import annotations

_SETUP = """\
[metadata]
name = exnorm-@name@
version = 0.1.0
description = @about@

[options]
py_modules = @module@
python_requires = >=3.10
install_requires =
    exnorm>=0.1

[options.extras_require]
test =
    pytest

[options.entry_points]
exnorm =
    @name@ = @module@
"""

_PYPROJECT = """\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"
"""

_README = """\
# exnorm-@name@

@about@.

```sh
pip install .          # exnorm then lists it: exnorm plugins
pip install pytest && pytest
```
"""

_SOURCE = '''\
"""The log type @name@: rows of comma separated cells under a #Fields line."""

import re
from collections.abc import Iterable

from exnorm import (
    ColumnarReader,
    Head,
    Mapping,
    Reader,
    Record,
    Schema,
    Settings,
    Source,
    by_event,
    constant,
    explain_date,
    hookimpl,
    recognize_columnar,
    row,
    split_csv,
)
from exnorm.convert import account, ip, upper, utc_ms

name = "@name@"

COLUMNS = ("date-time", "client-ip", "user", "event", "result")
SCHEMAS = (Schema("1", COLUMNS),)


def is_plausible(values: dict[str, str]) -> bool:
    """Whether the cells of a row without a header stand under the columns they belong to."""
    return values["client-ip"] == "" or ip(values["client-ip"]) is not None


recognize = recognize_columnar(
    SCHEMAS,
    log_type=re.compile("@name@ log", re.IGNORECASE),  # the header's #Log-type
    telltale=frozenset(("client-ip", "user", "result")),  # columns that no other log has together
    plausible=is_plausible,
    file_name=re.compile(r"@name@.*\\.log", re.IGNORECASE),
)


def finish(record: Record) -> tuple[str, str] | None:
    """Set the record's time (epoch milliseconds UTC) and what is derived of its columns.

    Gives the kind and the reason where the row cannot be used.
    """
    record.time = utc_ms(record.get("date-time"))
    if record.time is None:
        return explain_date("date-time", record.get("date-time"))
    record.derived["outcome"] = {"ok": "success", "failed": "failure"}.get(record.get("result").lower(), "")
    return None


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """A reader for one file."""
    return ColumnarReader(source, settings, split=split_csv, finish=finish, plausible=is_plausible)


@NAME@ = Source(
    name="@name@",
    title="@name@ log",
    columns=COLUMNS,
    derived={"outcome": "result"},  # by name: the column whose whole text it carries
    recognize=recognize,
    open=open_reader,
    event_column="event",
    events=frozenset(("LOGIN", "LOGOUT")),
    schemas=SCHEMAS,
)

TO_ARCSIGHT = Mapping(
    "arcsight-@name@",
    source="@name@",
    taxonomy="arcsight",
    rows=(
        # exnorm mappings --fields arcsight lists the fields; label, full name or key may stand here.
        row("Device Vendor", constant("ACME"), ours="the maker of the log"),
        row("Device Product", constant("@name@"), ours="the product"),
        row("Device Event Class ID", "event", upper, ours="the event's name"),
        row("Name", "event", upper, ours="the event's name"),
        row("Severity", ("event", constant(3)), by_event("severity", 3), ours="our severity of the event"),
        row("Device Receipt Time", "date-time", utc_ms, ours="the row's time"),
        row("src", "client-ip", ip, ours="the client"),
        row("suser", "user", account, ours="the user"),
        row("outcome", "outcome", ours="what came of it"),
    ),
    events={"LOGIN": {"severity": 2}, "LOGOUT": {"severity": 1}},
)


@hookimpl
def register_sources() -> Iterable[Source]:
    """The log type."""
    yield @NAME@


@hookimpl
def register_mappings() -> Iterable[Mapping]:
    """Its table to ArcSight; one to JSA (taxonomy="jsa") is written the same way."""
    yield TO_ARCSIGHT
'''

_SOURCE_TEST = """\
import @module@
from exnorm import Event, Unparsed
from exnorm.testing import check_plugin, check_source, events

LOG = [
    "#Log-type: @name@ log",
    "#Fields: date-time,client-ip,user,event,result",
    "2026-03-17T08:01:02.003Z,192.0.2.7,nora,login,ok",
]


def test_a_row_is_an_event() -> None:
    (event,) = events(LOG, @module@)
    assert isinstance(event, Event)
    assert event["sourceAddress"] == "192.0.2.7"
    assert event["sourceUserName"] == "nora"
    assert event["deviceEventClassId"] == "LOGIN"
    assert event["eventOutcome"] == "success"
    assert event["severity"] == 2


def test_a_row_that_is_too_short_is_not_parsed() -> None:
    (line,) = events([*LOG[:2], "2026-03-17T08:01:02.003Z,192.0.2.7"], @module@)
    assert isinstance(line, Unparsed)


def test_nothing_is_wrong_with_the_plugin_nor_with_its_reader() -> None:
    assert check_plugin(@module@) == []
    assert check_source(@module@.@NAME@, LOG) == []
"""

_TAXONOMY = '''\
"""The vocabulary @name@: message tracking under the names of a product of one's own, as JSON."""

from collections.abc import Iterable

from exnorm import Field, Mapping, Taxonomy, by_event, constant, hookimpl, row
from exnorm.convert import size_bytes, upper, utc_ms

name = "@name@"

@NAME@ = Taxonomy(
    "@name@",
    "@name@",
    fields=(
        #     label        full name    key         type
        Field("Vendor",    "vendor",    "vendor"),
        Field("Product",   "product",   "product"),
        Field("Time",      "time",      "time",     "time"),
        Field("Event",     "event",     "event"),
        Field("Severity",  "severity",  "severity", "integer"),
        Field("Sender",    "sender",    "from"),
        Field("Recipient", "recipient", "to"),
        Field("Subject",   "subject",   "subject",  max_bytes=256),
        Field("Bytes",     "bytes",     "bytes",    "long"),
    ),
)  # fmt: skip

TABLE = Mapping(
    "@name@-message-tracking",
    source="message_tracking",
    taxonomy="@name@",
    rows=(
        row("Vendor", constant("Microsoft")),
        row("Product", constant("Exchange Server")),
        row("Time", "date-time", utc_ms),
        row("Event", "event-id", upper),
        row("Severity", ("event-id", constant(3)), by_event("severity", 3)),
        row("Sender", "sender-address"),
        row("Recipient", "recipient-address"),
        row("Subject", "message-subject"),
        row("Bytes", "total-bytes", size_bytes),
    ),
    events={"FAIL": {"severity": 5}},
    rest="no field for it; kept as additional data",
)


@hookimpl
def register_taxonomies() -> Iterable[Taxonomy]:
    """The vocabulary."""
    yield @NAME@


@hookimpl
def register_mappings() -> Iterable[Mapping]:
    """The table to it; one for each log type that is to be sent."""
    yield TABLE
'''

_TAXONOMY_TEST = """\
import @module@
from exnorm import Event
from exnorm.testing import check_plugin, events

LOG = [
    "#Log-type: Message Tracking Log",
    "#Fields: date-time,event-id,sender-address,recipient-address,message-subject,total-bytes",
    "2026-03-17T08:01:02.003Z,FAIL,ann@example.test,bob@example.test,Hello,4410",
]


def test_a_row_is_an_event_under_the_names_of_the_vocabulary() -> None:
    (event,) = events(LOG, @module@, taxonomy="@name@")
    assert isinstance(event, Event)
    assert event.fields == {
        "vendor": "Microsoft",
        "product": "Exchange Server",
        "time": 1773734462003,  # date -u -d 2026-03-17T08:01:02Z +%s
        "event": "FAIL",
        "severity": 5,
        "sender": "ann@example.test",
        "recipient": "bob@example.test",
        "subject": "Hello",
        "bytes": 4410,
    }


def test_nothing_is_wrong_with_the_plugin() -> None:
    assert check_plugin(@module@) == []
"""

_PROCESSOR = '''\
"""Mail of partners is marked: a step between the log's row and the vendor's fields.

The partners' domains stand in the settings file: plugins: {@name@: {domains: [partner.example]}}.
"""

from collections.abc import Callable, Iterable

from exnorm import Record, Settings, Source, hookimpl, read_plugin_settings

name = "@name@"

DEFAULTS: dict[str, list[str]] = {"domains": []}


@hookimpl
def record_processors(source: Source, settings: Settings) -> Iterable[Callable[[Record], Record | None]]:
    """One step for message tracking; it is asked for once, while the pipeline is built."""
    given = read_plugin_settings(settings, "@name@", DEFAULTS)
    domains = {domain.lower() for domain in given["domains"]}
    if source.name != "message_tracking" or not domains:
        return

    def mark(record: Record) -> Record | None:
        """The record, marked where its sender is a partner; None would leave it out."""
        if record.get("sender-address").rpartition("@")[2].lower() in domains:
            record.marks["@name@"] = "partner"
        return record

    yield mark
'''

_PROCESSOR_TEST = """\
import pytest

import @module@
from exnorm import Event, NormalizerError
from exnorm.testing import check_plugin, events

LOG = [
    "#Log-type: Message Tracking Log",
    "#Fields: date-time,event-id,sender-address,recipient-address",
    "2026-03-17T08:01:02.003Z,RECEIVE,ann@partner.example,bob@example.test",
    "2026-03-17T08:01:03.003Z,RECEIVE,eve@elsewhere.example,bob@example.test",
]
SETTINGS = {"@name@": {"domains": ["Partner.example"]}}


def test_mail_of_a_partner_is_marked_and_other_mail_is_not() -> None:
    found = events(LOG, @module@, plugin_settings=SETTINGS)
    marks = [event.additional.get("@name@") for event in found if isinstance(event, Event)]
    assert marks == ["partner", None]


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(NormalizerError, match="did you mean 'domains'"):
        events(LOG, @module@, plugin_settings={"@name@": {"domain": []}})


def test_nothing_is_wrong_with_the_plugin() -> None:
    assert check_plugin(@module@) == []
"""

KINDS = {
    "source": ("Reads the log type @name@", _SOURCE, _SOURCE_TEST),
    "taxonomy": ("Writes events under the names of @name@", _TAXONOMY, _TAXONOMY_TEST),
    "processor": ("Marks mail of partners", _PROCESSOR, _PROCESSOR_TEST),
}
"""By kind of plugin: what it does, its module, its tests."""


def render_plugin(name: str, kind: str) -> dict[str, str]:
    """Return the files of a distribution by their path in its folder."""
    about, module, tests = KINDS[kind]
    module_name = f"exnorm_{name}"

    def fill(text: str) -> str:
        words = {"@about@": about, "@name@": name, "@NAME@": name.upper(), "@module@": module_name}
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    return {
        "setup.cfg": fill(_SETUP),
        "pyproject.toml": _PYPROJECT,
        "README.md": fill(_README),
        f"{module_name}.py": fill(module),
        f"tests/test_{module_name}.py": fill(tests),
    }
