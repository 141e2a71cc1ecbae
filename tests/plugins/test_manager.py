from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from exnorm import (
    Codec,
    Event,
    Mapping,
    MappingError,
    Normalizer,
    PluginError,
    Record,
    SettingsError,
    Taxonomy,
    Unparsed,
    column_is,
    hookimpl,
    read_plugin_settings,
    row,
    setting_is,
)
from exnorm.convert import match, member
from exnorm.plugins.manager import Plugins
from exnorm.settings import make_settings
from exnorm.sources.message_tracking import COLUMNS_2016, MESSAGE_TRACKING
from exnorm.testing import check_plugin, events, normalizer, read_cef

EXAMPLES = Path(__file__).parents[1] / "plugins_examples"
HEADER = "#Fields: date-time,event-id,message-subject"
ROW = "2018-11-27T22:40:02.966Z,SEND,Receipt"


def plugin(name: str = "mine", /, **hooks: Any) -> Any:
    """A plugin object; each hook gives the list, or what the function given for it gives."""
    made = {
        hook: hookimpl(specname=hook)(found if callable(found) else lambda found=found: found)
        for hook, found in hooks.items()
    }
    return SimpleNamespace(name=name, **made)


def table(name: str = "mine", **changes: Any) -> Mapping:
    given: dict[str, Any] = {"source": "message_tracking", "taxonomy": "arcsight", "rows": (), **changes}
    return Mapping(name, **given)


def whole_table(name: str = "mine", **changes: Any) -> Mapping:
    """A table with one row, Message from event-id."""
    unmapped = {column: "not needed here" for column in COLUMNS_2016 if column != "event-id"}
    return table(name, rows=(row("Message", "event-id"),), unmapped=unmapped, **changes)


class Entry:
    """An installed plugin as the interpreter's metadata describes it."""

    def __init__(self, name: str, load: Callable[[], object], distribution: str = "dist") -> None:
        self.name, self.load = name, load
        self.dist = SimpleNamespace(name=distribution, version="1.0")


def install(monkeypatch: pytest.MonkeyPatch, *entries: Entry) -> None:
    monkeypatch.setattr("exnorm.plugins.manager.find_entry_points", lambda group: list(entries))


def append(text: str) -> Callable[[Record], Record]:
    def process(record: Record) -> Record:
        record.values["message-subject"] += text
        return record

    return process


def one_event(*plugins: object, **settings: Any) -> Event:
    (event,) = events([HEADER, ROW], *plugins, source="message_tracking", **settings)
    assert isinstance(event, Event)
    return event


# --- order ---------------------------------------------------------------------------------------


def test_the_order_is_the_same_whatever_the_order_of_the_entry_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries = [Entry(name, partial(plugin, name, record_processors=[append(name)])) for name in "dbac"]
    given = plugin("given", record_processors=[append("-given")])
    for seed in range(4):
        random.Random(seed).shuffle(entries)
        install(monkeypatch, *entries)
        running = Normalizer(plugins=[given], source="message_tracking")
        assert [p.name for p in running.plugins.listing()] == ["exnorm", "a", "b", "c", "d", "given"]
        (event,) = running.normalize([HEADER, ROW])
        assert event["message"] == "Receiptabcd-given"


def test_entry_points_of_one_name_are_told_apart_by_their_distributions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make() -> object:
        return plugin("same", record_processors=[])

    for pair in (("one", "two"), ("two", "one")):
        install(monkeypatch, *(Entry("same", make, distribution) for distribution in pair))
        with pytest.raises(
            PluginError, match=r"^plugin same is there twice: from one 1\.0 and from two 1\.0$"
        ):
            Plugins()


def test_a_plugin_may_ask_to_be_first_or_last() -> None:
    late = SimpleNamespace(name="a")
    late.record_processors = hookimpl(specname="record_processors", trylast=True)(lambda: [append("-late")])
    early = SimpleNamespace(name="z")
    early.record_processors = hookimpl(specname="record_processors", tryfirst=True)(
        lambda: [append("-early")]
    )
    middle = plugin("m", record_processors=[append("-m")])
    assert one_event(late, middle, early)["message"] == "Receipt-early-m-late"


def test_plugins_can_be_left_undiscovered(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Entry("broken", lambda: 1 // 0))
    assert [p.name for p in Plugins(discover=False).listing()] == ["exnorm"]


# --- blocking ------------------------------------------------------------------------------------


def test_a_blocked_plugin_is_not_even_imported_and_is_listed_as_blocked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, Entry("broken", lambda: 1 // 0, "dist"))
    running = Normalizer(block_plugins=["broken", "mine"], plugins=[plugin(register_sources=["x"])])
    listed = [(p.name, p.distribution, p.blocked) for p in running.plugins.listing()[1:]]
    assert listed == [("broken", "dist 1.0", True), ("mine", "given in Python", True)]


def test_blocking_a_name_that_is_not_there_names_the_nearest() -> None:
    made = plugin("geoip", record_processors=[])
    with pytest.raises(PluginError, match="cannot block plugin 'goeip'; did you mean 'geoip'"):
        Plugins([made], blocked=["goeip"], discover=False)


def test_the_built_ins_cannot_be_blocked() -> None:
    with pytest.raises(PluginError, match="the built-in plugin 'exnorm' cannot be blocked"):
        Plugins(blocked=["exnorm"], discover=False)


# --- what can be wrong with a plugin -------------------------------------------------------------


def test_a_plugin_that_cannot_be_imported_is_named_with_its_distribution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load() -> object:
        raise ImportError("no module named geoip2")

    install(monkeypatch, Entry("geoip", load, "exnorm-geoip"))
    with pytest.raises(PluginError) as refusal:
        Plugins()
    assert str(refusal.value) == (
        "plugin geoip (exnorm-geoip 1.0) cannot be loaded: ImportError: no module named geoip2; "
        "--block-plugin geoip leaves it out"
    )


@pytest.mark.parametrize(
    "hook",
    ["register_sources", "register_taxonomies", "register_mappings", "register_codecs"],
)
def test_a_hook_that_raises_is_named_with_its_plugin(hook: str) -> None:
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(PluginError, match=f"^plugin mine, hook {hook}: KeyError: 'x'$"):
        normalizer(plugin(**{hook: fail}))


def test_a_processors_hook_that_raises_is_named_with_its_plugin() -> None:
    def fail() -> None:
        raise KeyError("x")

    for hook in ("record_processors", "event_processors"):
        with pytest.raises(PluginError, match=f"^plugin mine, hook {hook}: KeyError: 'x'$"):
            one_event(plugin(**{hook: fail}))


@pytest.mark.parametrize(
    ("hook", "given", "expected"),
    [
        ("register_sources", [MESSAGE_TRACKING.name], "got 'message_tracking' of type str; expected Source"),
        ("register_taxonomies", [MESSAGE_TRACKING], "of type Source; expected Taxonomy"),
        ("register_mappings", [("a", "b")], r"got \"\('a', 'b'\)\" of type tuple; expected Mapping"),
        ("register_codecs", [None], "got 'None' of type NoneType; expected Codec"),
        ("register_sources", MESSAGE_TRACKING, "TypeError: 'Source' object is not iterable"),
        ("register_sources", "text", "got 't' of type str; expected Source"),
    ],
)
def test_the_wrong_kind_is_refused_with_plugin_and_hook(hook: str, given: object, expected: str) -> None:
    with pytest.raises(PluginError, match=f"^plugin mine, hook {hook}: .*{expected}"):
        normalizer(plugin(**{hook: lambda: given}))


def test_a_processor_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(
        PluginError, match=r"^plugin mine, hook record_processors: got 'x'; expected functions"
    ):
        one_event(plugin(record_processors=["x"]))


def test_a_misspelt_hook_names_the_nearest() -> None:
    with pytest.raises(PluginError, match="unknown hook 'register_maping'; did you mean 'register_mappings'"):
        Plugins([SimpleNamespace(name="mine", register_maping=hookimpl(lambda: ()))], discover=False)


def test_a_hook_with_an_argument_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(PluginError, match=r"^plugin mine \(given in Python\): .*sorce"):
        Plugins([plugin(record_processors=lambda sorce: [])], discover=False)


def test_a_plugin_that_implements_no_hook_is_told_how() -> None:
    with pytest.raises(PluginError, match=r"implements no hook; mark its functions with exnorm\.hookimpl"):
        Plugins([SimpleNamespace(name="mine", register_sources=list)], discover=False)


def test_a_hook_wrapper_is_refused() -> None:
    def wrap() -> Any:
        yield

    made = SimpleNamespace(
        name="mine", register_sources=hookimpl(specname="register_sources", wrapper=True)(wrap)
    )
    with pytest.raises(PluginError, match="register_sources is a wrapper"):
        Plugins([made], discover=False)


@pytest.mark.parametrize(
    ("kind", "hook", "item"),
    [
        ("source", "register_sources", MESSAGE_TRACKING),
        ("taxonomy", "register_taxonomies", Taxonomy("arcsight", "Mine", ())),
        ("codec", "register_codecs", Codec("cef", "Mine", lambda *_: lambda event: b"")),
        ("mapping", "register_mappings", whole_table("arcsight-2016")),
    ],
)
def test_a_name_that_is_taken_is_an_error_naming_both_plugins(kind: str, hook: str, item: Any) -> None:
    with pytest.raises(PluginError) as refusal:
        normalizer(plugin(**{hook: [item]}))
    assert str(refusal.value) == (
        f"{kind} '{item.name}' is registered twice: by plugin exnorm and by plugin mine"
    )


def test_a_format_that_cannot_be_built_is_named_with_its_plugin() -> None:
    def build(*given: object) -> Any:
        raise OSError("no schema file")

    made = plugin(register_codecs=[Codec("wire", "Wire", build)])
    with pytest.raises(PluginError, match=r"^plugin mine, format wire: OSError: no schema file$"):
        normalizer(made, format="wire")


# --- tables that build on others -----------------------------------------------------------------


def test_a_table_that_extends_puts_its_rows_over_those_of_the_same_field_and_condition() -> None:
    extension = table(
        extends="arcsight-2016",
        rows=(row("Message", "event-id"), row("Reason", "message-subject")),
    )
    event = one_event(plugin(register_mappings=[extension]), mapping="arcsight-2016")
    assert (event["message"], event["reason"], event["name"]) == ("SEND", "Receipt", "SEND")


def test_a_column_that_loses_its_row_must_be_listed() -> None:
    extension = table(extends="arcsight-2016", rows=(row("Message", "event-id"),))
    with pytest.raises(MappingError, match="column 'message-subject' of source message_tracking has no row"):
        normalizer(plugin(register_mappings=[extension]))


def test_tables_of_two_plugins_extend_one_after_the_other() -> None:
    first = plugin("a", register_mappings=[table(extends="arcsight-2016", events={"SEND": {"severity": 5}})])
    second = plugin("b", register_mappings=[table(extends="arcsight-2016", events={"send": {"severity": 6}})])
    assert one_event(first, second, mapping="arcsight-2016")["severity"] == 6
    assert one_event(second, first, mapping="arcsight-2016")["severity"] == 5


def test_a_table_that_replaces_takes_the_name_and_the_schemas_of_the_other() -> None:
    replacing = whole_table(replaces="arcsight-2010")
    running = normalizer(plugin(register_mappings=[replacing]))
    taken = running.plugins.registry.mappings["arcsight-2010"]
    assert (taken.schemas, len(taken.rows)) == (("2007", "2010"), 1)
    assert running.plugins.registry.owner("mapping", "arcsight-2010") == "mine"
    assert "mine" not in running.plugins.registry.mappings


@pytest.mark.parametrize("how", ["extends", "replaces"])
def test_a_table_that_builds_on_an_unknown_one_names_the_nearest(how: str) -> None:
    with pytest.raises(
        MappingError, match="plugin mine: no mapping 'arcsight-206' to build on; did you mean"
    ):
        normalizer(plugin(register_mappings=[table(**{how: "arcsight-206"})]))


@pytest.mark.parametrize("how", ["extends", "replaces"])
def test_a_table_that_builds_on_one_of_other_ends_is_refused(how: str) -> None:
    with pytest.raises(
        MappingError, match=r"leads from message_tracking to arcsight; got one from .* to 'jsa'"
    ):
        normalizer(plugin(register_mappings=[table(taxonomy="jsa", **{how: "arcsight-2016"})]))


def test_a_table_between_names_that_nobody_registered_is_refused() -> None:
    with pytest.raises(MappingError, match="plugin mine, mapping mine: unknown source 'msgtrk'"):
        normalizer(plugin(register_mappings=[whole_table(source="msgtrk")]))
    with pytest.raises(MappingError, match="unknown taxonomy 'arcsigth'; did you mean 'arcsight'"):
        normalizer(plugin(register_mappings=[whole_table(taxonomy="arcsigth")]))


def test_a_condition_on_a_name_that_is_not_there_names_the_nearest() -> None:
    for when, nearest in (
        (setting_is("user-name", "sender"), "unknown setting 'user-name'; did you mean 'username'"),
        (column_is("soruce", "SMTP"), "unknown column 'soruce'; did you mean 'source'"),
    ):
        extension = table(extends="arcsight-2016", rows=(row("Reason", "source", when=when),))
        with pytest.raises(MappingError, match=nearest):
            normalizer(plugin(register_mappings=[extension]))


# --- processors ----------------------------------------------------------------------------------


def spoil_record(record: Record) -> Record:
    record.values.clear()
    record.raw = "gone"
    raise ValueError("after it changed what it was given")


def spoil_event(event: Event) -> Event:
    event.fields.clear()
    event.additional["x"] = "y"
    event.record.values.clear()
    raise ValueError("after it changed what it was given")


@pytest.mark.parametrize("format", ["cef", "json"])
@pytest.mark.parametrize(
    ("hook", "processor"),
    [
        ("record_processors", spoil_record),
        ("event_processors", spoil_event),
        ("record_processors", lambda record: "text"),
        ("event_processors", lambda event: event.record),
        ("record_processors", lambda: None),
    ],
)
def test_a_faulty_processor_costs_its_own_effect_and_a_count(hook: str, processor: Any, format: str) -> None:
    untouched = normalizer(format=format, source="message_tracking")
    running = normalizer(plugin("bad", **{hook: [processor]}), format=format, source="message_tracking")
    assert list(running.encode([HEADER, ROW])) == list(untouched.encode([HEADER, ROW]))
    assert running.counts.plugin_errors == {"bad": 1}
    assert running.counts.events == 1


def test_a_processor_cannot_reach_the_record_that_the_native_payload_is_made_of() -> None:
    settings: dict[str, Any] = {"taxonomy": "jsa", "format": "wincollect", "source": "message_tracking"}
    running = normalizer(plugin("bad", event_processors=[spoil_event]), **settings)
    assert list(running.encode([HEADER, ROW])) == list(normalizer(**settings).encode([HEADER, ROW]))


def test_a_hook_cannot_reach_the_settings_of_another_plugin() -> None:
    seen: list[object] = []

    def spoil(settings: Any) -> list[Any]:
        settings.plugins["second"]["colour"] = "red"
        settings.plugins.clear()
        return []

    def look(settings: Any) -> list[Any]:
        seen.append(settings.plugins["second"]["colour"])
        return []

    given = {"second": {"colour": "green"}}
    first, second = plugin("first", event_processors=spoil), plugin("second", event_processors=look)
    running = normalizer(first, second, source="message_tracking", plugin_settings=given)
    assert seen == ["green"]
    assert running.settings.plugins == {"second": {"colour": "green"}}


def test_a_hook_that_changes_the_log_type_it_is_given_is_named() -> None:
    def spoil(source: Any) -> list[Any]:
        source.derived["mine"] = ""
        return []

    with pytest.raises(PluginError, match=r"^plugin mine, hook record_processors: TypeError: "):
        normalizer(plugin(record_processors=spoil))
    assert "mine" not in MESSAGE_TRACKING.derived


def test_processors_are_asked_for_before_any_line_is_read() -> None:
    with pytest.raises(PluginError, match=r"^plugin mine, hook event_processors: ValueError: no$"):
        normalizer(plugin(event_processors=fail))


def fail() -> list[Any]:
    raise ValueError("no")


def test_a_mark_is_additional_data_of_the_event_and_counted() -> None:
    def mark(record: Record) -> Record:
        record.marks["team"] = "blue"
        return record

    running = normalizer(plugin(record_processors=[mark]), source="message_tracking")
    (event,) = running.normalize([HEADER, ROW])
    assert isinstance(event, Event)
    assert event.additional["team"] == "blue"
    assert running.counts.marked == {"team: blue": 1}


def test_a_mark_of_a_processor_that_fails_is_lost_with_it() -> None:
    def mark(record: Record) -> Record:
        record.marks["team"] = "blue"
        raise ValueError

    running = normalizer(plugin(record_processors=[mark]), source="message_tracking")
    (event,) = running.normalize([HEADER, ROW])
    assert isinstance(event, Event)
    assert "team" not in event.additional
    assert running.counts.marked == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mine": {"colr": "x"}}, "plugins: mine: unknown setting 'colr'; did you mean 'colour'?"),
        ({"mine": {"colour": 7}}, "plugins: mine: colour: got '7'; expected a text"),
        ({"mine": {"list": "a"}}, "plugins: mine: list: got 'a'; expected a list"),
        ({"mine": "red"}, "plugins: mine: got 'red'; expected settings by name"),
    ],
)
def test_a_wrong_setting_of_a_plugin_is_refused_with_the_nearest_right_name(
    given: dict[str, Any], message: str
) -> None:
    defaults: dict[str, Any] = {"colour": "green", "list": [], "any": None}
    with pytest.raises(SettingsError) as refusal:
        read_plugin_settings(make_settings({"plugins": given}), "mine", defaults)
    assert str(refusal.value) == message


def test_the_settings_of_a_plugin_lie_over_its_defaults() -> None:
    settings = make_settings({"plugins": {"mine": {"colour": "red", "any": 3}, "other": {"x": 1}}})
    defaults: dict[str, Any] = {"colour": "green", "list": [], "any": None}
    assert read_plugin_settings(settings, "mine", defaults) == {"colour": "red", "list": [], "any": 3}
    assert read_plugin_settings(make_settings({}), "mine", defaults) == defaults


def test_a_row_for_a_field_that_is_written_on_request_takes_its_place() -> None:
    mine = table("m", extends="arcsight-2016", rows=(row("Flex String 2", "reference", label="Mine"),))
    made = plugin(register_mappings=[mine])
    event = one_event(made, direction=True, mapping="arcsight-2016")
    assert "flexString2" not in event  # the reference is empty, and the direction gave way


def test_a_partial_row_leaves_its_column_in_the_additional_data() -> None:
    lift = row("Reason", "message-subject", match("^(.)"), partial=True)
    event = one_event(plugin(register_mappings=[table("m", extends="arcsight-2010", rows=(lift,))]))
    assert event["reason"] == "R"
    assert event["message"] == "Receipt"
    custom = row("Reason", "custom-data", member("a"), partial=True)
    made = plugin(register_mappings=[table("m", extends="arcsight-2010", rows=(custom,))])
    (event,) = events([HEADER + ",custom-data", ROW + ",S:a=1"], made, source="message_tracking")  # type: ignore[assignment]
    assert (event["reason"], event.additional["custom-data"]) == ("1", "S:a=1")


def test_the_processors_after_a_faulty_one_still_run() -> None:
    faulty = plugin("bad", record_processors=[spoil_record])
    assert one_event(faulty, plugin("good", record_processors=[append("!")]))["message"] == "Receipt!"


@pytest.mark.parametrize("hook", ["record_processors", "event_processors"])
def test_what_a_processor_leaves_out_is_counted_under_its_plugin(hook: str) -> None:
    running = normalizer(plugin("filter", **{hook: [lambda item: None]}), source="message_tracking")
    assert list(running.encode([HEADER, ROW, ROW])) == []
    assert running.counts.removed == {"filter": 2}
    assert (running.counts.events, running.counts.plugin_errors) == (0, {})


def test_a_field_that_a_processor_adds_arrives_in_every_format() -> None:
    def add(event: Event) -> Event:
        event.fields["riskScore"] = 7
        return event

    made = plugin(event_processors=[add])
    for taxonomy, format, written in (
        ("arcsight", "cef", b"ad.riskScore=7"),
        ("arcsight", "json", b'"riskScore":7'),
        ("jsa", "leef", b"riskScore=7"),
    ):
        running = normalizer(made, taxonomy=taxonomy, format=format, source="message_tracking")
        assert written in next(running.encode([HEADER, ROW]))


# --- what a plugin can add without touching the core ---------------------------------------------


def example(name: str) -> ModuleType:
    return import_module(f"plugins_examples.{name}")


@pytest.fixture(autouse=True)
def _examples_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES.parent))


@pytest.mark.parametrize("name", ["new_column", "new_event", "own_taxonomy"])
def test_an_example_is_sound_and_has_fewer_than_40_lines(name: str) -> None:
    assert check_plugin(example(name)) == []
    assert len((EXAMPLES / f"{name}.py").read_text("utf-8").splitlines()) < 40


def test_a_plugin_gives_a_new_column_a_field() -> None:
    header = "#Fields: " + ",".join((*COLUMNS_2016, "delivery-latency"))
    line = "2018-11-27T22:40:02.966Z" + "," * 8 + "SEND" + "," * 22 + "0.771"
    settings: dict[str, Any] = {"source": "message_tracking"}
    with_plugin = normalizer(example("new_column"), **settings)
    without = normalizer(**settings)
    pairs = read_cef(next(with_plugin.encode([header, line]))).pairs
    assert (pairs["flexString2Label"], pairs["flexString2"]) == ("Delivery Latency", "0.771")
    assert not with_plugin.counts.unknown_columns
    assert read_cef(next(without.encode([header, line]))).pairs["ad.delivery-latency"] == "0.771"
    assert without.counts.unknown_columns == {"delivery-latency": 1}


def test_a_plugin_gives_a_new_event_a_severity() -> None:
    line = ROW.replace("SEND", "quarantine")
    with_plugin = normalizer(example("new_event"), source="message_tracking")
    without = normalizer(source="message_tracking")
    assert read_cef(next(with_plugin.encode([HEADER, line]))).header["severity"] == "7"
    assert not with_plugin.counts.unknown_events
    assert read_cef(next(without.encode([HEADER, line]))).header["severity"] == "3"
    assert without.counts.unknown_events == {"QUARANTINE": 1}


def test_a_plugin_brings_a_sites_own_taxonomy() -> None:
    line = "2018-11-27T22:40:02.966Z,SEND,Receipt"
    found = events([HEADER, line], example("own_taxonomy"), taxonomy="site", source="message_tracking")
    (event,) = (item for item in found if not isinstance(item, Unparsed))
    assert dict(event) == {"when": 1543358402966, "what": "SEND"}
    assert event.additional == {"message-subject": "Receipt"}


def test_a_plugins_row_may_name_its_field_by_label_full_name_or_key() -> None:
    class Plugin:
        name = "acme"

        @staticmethod
        @hookimpl
        def register_mappings() -> list[Mapping]:
            names = ("Device Facility", "flexString2", "reason")
            rows = tuple(row(name, "reference", ours="ours") for name in names)
            return [Mapping("m", "message_tracking", "arcsight", rows, extends="arcsight-2016")]

    (table,) = (
        table for table in Plugins([Plugin], discover=False).registry.mappings.values()
        if table.name == "arcsight-2016"
    )  # fmt: skip
    assert [row.field for row in table.rows if row.rule] == ["Device Facility", "Flex String 2", "Reason"]
