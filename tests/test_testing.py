from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from exnorm import (
    Codec,
    Confidence,
    Event,
    Field,
    Head,
    Mapping,
    Record,
    Schema,
    Settings,
    Source,
    Taxonomy,
    Unparsed,
    hookimpl,
    row,
)
from exnorm.model import Read, Reader
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.testing import (
    FormatError,
    check_plugin,
    check_source,
    events,
    normalizer,
    read_cef,
    read_leef,
    read_wincollect,
)

HEADER = "#Fields: date-time,event-id,message-subject"
ROW = "2018-11-27T22:40:02.966Z,SEND,Receipt"
CEF = b"CEF:0|Microsoft|Exchange Server|15|SEND|SEND|1|"
LEEF = b"LEEF:2.0|Microsoft|Exchange Server|15|SEND|x09|"
NATIVE = b"AgentDevice=WindowsExchange\tAgentLogFile=MSGTRK1.LOG\tAgentLogFormat=MSGTRK"


# --- the strict readers --------------------------------------------------------------------------


def test_cef_is_read_with_its_escapes_undone() -> None:
    read = read_cef(rb"CEF:1|a\|b|c\\d|1|e=f|n|10|msg=x\=y\\n\nz  cs1=  ad.custom-data=q|q\r")
    assert read.header == {
        "version": "1",
        "deviceVendor": "a|b",
        "deviceProduct": "c\\d",
        "deviceVersion": "1",
        "deviceEventClassId": "e=f",
        "name": "n",
        "severity": "10",
    }
    assert read.pairs == {"msg": "x=y\\n\nz ", "cs1": " ", "ad.custom-data": "q|q\r"}


def test_cef_may_have_an_empty_extension_and_empty_values() -> None:
    assert read_cef(CEF).pairs == {}
    assert read_cef(CEF + b"a= b=").pairs == {"a": "", "b": ""}


@pytest.mark.parametrize(
    ("payload", "reason", "position"),
    [
        (b"", "expected CEF:0", 0),
        (b"<13>" + CEF, "expected CEF:0", 0),
        (b"CEF:2" + CEF[5:], "expected CEF:0", 0),
        (b"CEF:0|a|b|c|d|e|1", "the header ends in severity", 17),
        (b"CEF:0|a|b|c|d|e", "the header ends in name", 15),
        (b"CEF:0|a|b|c|d|e||", "severity is ''", 17),
        (b"CEF:0|a|b|c|d|e|11|", "severity is '11'", 19),
        (rb"CEF:0|a\=b|b|c|d|e|1|", "in the header", 7),
        (b"CEF:0|" + b"v" * 64 + b"|b|c|d|e|1|", "deviceVendor has 64 bytes", 71),
        (CEF + b"abc", "holds no key=", 47),
        (CEF + b"msg=a=b", "unescaped = in the value of msg", 52),
        (CEF + b"msg=a b!c=d", "'b!c' is no key", 53),
        (CEF + b" msg=a", "' msg' is no key", 47),
        (CEF + b"=a", "'' is no key", 47),
        (CEF + b"a=1 b=2 a=3", "key a is repeated", 55),
        (CEF + b"msg=a\\tb", "is no escape", 52),
        (CEF + b"msg=a\\", "is no escape", 52),
        (CEF + b"msg=a\\|b", "is no escape", 52),
        (CEF + b"msg=a\nb", "raw LF", 52),
        (CEF + b"msg=a\rb", "raw CR", 52),
        (CEF + "msg=é".encode() + b"\xff", "not UTF-8: 0xff", 52),
    ],
)
def test_cef_that_is_not_well_formed_is_refused_with_its_place(
    payload: bytes, reason: str, position: int
) -> None:
    with pytest.raises(FormatError) as refusal:
        read_cef(payload)
    assert reason in str(refusal.value)
    assert refusal.value.position == position


def test_a_format_error_is_a_value_error_that_says_where() -> None:
    with pytest.raises(ValueError, match=r"^character 47: the extension holds no key=$"):
        read_cef(CEF + b"abc")


def test_leef_is_read_with_the_delimiter_that_it_names() -> None:
    for delimiter, written in ((b"x09", b"\t"), (b"0x5E", b"^"), (b"^", b"^"), (b"\xc2\xa6", b"\xc2\xa6")):
        payload = b"LEEF:2.0|a|b|1|e|" + delimiter + b"|src=1.1.1.1" + written + b"x=a=b|c"
        assert read_leef(payload).pairs == {"src": "1.1.1.1", "x": "a=b|c"}
    assert read_leef(b"LEEF:1.0|a|b|1|e|src=1\tx=").pairs == {"src": "1", "x": ""}
    assert read_leef(LEEF).header["eventId"] == "SEND"


@pytest.mark.parametrize(
    ("payload", "reason", "position"),
    [
        (b"LEEF:3.0|a", "expected LEEF:1.0", 0),
        (b"LEEF:2.0|a|b|1|e|x09", "5 of 6 header fields", 20),
        (b"LEEF:1.0|a|b|1|e", "4 of 5 header fields", 16),
        (b"LEEF:2.0|a|b|1|e|ab|x=1", "'ab' is no delimiter", 20),
        (b"LEEF:2.0|a|b|1|e||x=1", "'' is no delimiter", 18),
        (b"LEEF:2.0|a\t|b|1|e|x09|x=1", "TAB in the header", 10),
        (b"LEEF:1.0|a|b|1|" + b"e" * 256 + b"|", "eventId has 256 characters", 272),
        (LEEF + b"a=1\tb", "'b' does not begin with a key and =", 51),
        (LEEF + b"a=1\t\tb=2", "'' does not begin", 51),
        (LEEF + b"a-b=1", "'a-b=1' does not begin", 47),
        (LEEF + b"a=1\ta=2", "key a is repeated", 51),
        (LEEF + b"sev=0", "sev is '0'; expected 1 to 10", 47),
        (LEEF + b"srcPort=x", "srcPort is 'x'", 47),
        (LEEF + b"a=1\n", "raw LF", 50),
    ],
)
def test_leef_that_is_not_well_formed_is_refused_with_its_place(
    payload: bytes, reason: str, position: int
) -> None:
    with pytest.raises(FormatError) as refusal:
        read_leef(payload)
    assert reason in str(refusal.value)
    assert refusal.value.position == position


def test_the_native_payload_is_an_envelope_and_the_columns() -> None:
    read = read_wincollect(b"SourceIp=10.91.5.110\t" + NATIVE + b"\tdate-time=x\treference=\tc(d)=a=b")
    assert list(read.header.values()) == ["10.91.5.110", "WindowsExchange", "MSGTRK1.LOG", "MSGTRK"]
    assert read.pairs == {"date-time": "x", "reference": "", "c(d)": "a=b"}
    assert read_wincollect(NATIVE).pairs == {}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "begins with ''"),
        (b"date-time=x", "begins with 'date-time'"),
        (NATIVE.replace(b"AgentLogFile", b"AgentLogName"), "expected AgentDevice, AgentLogFile"),
        (NATIVE + b"\tdate-time", "'date-time' does not begin with a key and ="),
        (NATIVE + b"\ta=1\ta=2", "key a is repeated"),
        (NATIVE + b"\ta=1\r", "raw CR"),
    ],
)
def test_a_native_payload_that_is_not_well_formed_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(FormatError, match=reason.replace("(", "\\(")):
        read_wincollect(payload)


# --- pipelines -----------------------------------------------------------------------------------


def test_a_normalizer_for_tests_has_the_built_ins_and_the_given_plugins_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def explode() -> None:
        raise AssertionError("the installed plugins were looked up")

    monkeypatch.setattr("exnorm.plugins.manager._entry_points", explode)

    class Mine:
        @hookimpl
        def record_processors(self) -> list[Any]:
            return []

    assert [p.name for p in normalizer(Mine(), format="json").plugins.listing()] == ["exnorm", "Mine"]


def test_events_gives_everything_of_one_log_to_its_end() -> None:
    first, second = events([HEADER, ROW, "torn"], source="message_tracking", name="x.log")
    assert isinstance(first, Event)
    assert first["message"] == "Receipt"
    assert isinstance(second, Unparsed)
    assert (second.kind, second.line_number, second.path) == ("width", 3, "x.log")


# --- checking a plugin ---------------------------------------------------------------------------


def plugin(**hooks: Any) -> SimpleNamespace:
    """A plugin object that registers what it is given by hook."""
    return SimpleNamespace(
        name="mine",
        **{
            hook: hookimpl(specname=hook)(lambda found=found: found() if callable(found) else found)
            for hook, found in hooks.items()
        },
    )


def table(**changes: Any) -> Mapping:
    given = {"source": "message_tracking", "taxonomy": "arcsight", "extends": "arcsight-2016", **changes}
    return Mapping("mine", **{"rows": (), **given})


SITE = Taxonomy("site", "Site", fields=(Field("Who", "who", "w"),))


def test_a_sound_plugin_gets_no_findings() -> None:
    assert check_plugin(plugin(register_mappings=[table(events={"NEW": {"severity": 1}})])) == []


def build_nothing(*given: object) -> Any:
    raise ValueError("no such wire")


@pytest.mark.parametrize(
    ("made", "finding"),
    [
        (plugin(), "plugin mine (given in Python) implements no hook"),
        (plugin(register_mappings=[table(rows=(row("Mesage", "source"),))]), "did you mean 'Message'?"),
        (plugin(register_mappings=[table(rows=(row("Message", "sorce"),))]), "did you mean 'source'?"),
        (plugin(register_mappings=[table(extends="arcsight-2061")]), "did you mean 'arcsight-2016'?"),
        (plugin(register_mappings=[table(extends="", source="iss")]), "unknown source 'iss'"),
        (plugin(register_mappings=[table(extends="", taxonomy="arcsite")]), "did you mean 'arcsight'?"),
        (plugin(register_taxonomies=[SITE]), "taxonomy 'site': no mapping names it"),
        (plugin(register_sources=["x"]), "got 'x' of type str; expected Source"),
        (plugin(record_processors=["x"]), "plugin mine, hook record_processors: got 'x'"),
        (plugin(event_processors=lambda: 1 // 0), "hook event_processors: ZeroDivisionError"),
        (
            plugin(register_codecs=[Codec("mine", "Mine", build_nothing, taxonomies=("jsa",))]),
            "plugin mine, format mine: ValueError",
        ),
        (
            plugin(register_taxonomies=[Taxonomy("twice", "", fields=SITE.fields * 2)]),
            "taxonomy 'twice': two fields have the key 'w'",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_faulty_plugin_is_told_what_is_wrong(made: object, finding: str) -> None:
    assert any(finding in found for found in check_plugin(made)), check_plugin(made)


def test_a_plugin_is_checked_together_with_those_it_builds_on() -> None:
    base = SimpleNamespace(
        name="base",
        register_mappings=hookimpl(specname="register_mappings")(
            lambda: [
                table(
                    extends="",
                    replaces="",
                    schemas=("2016",),
                    unmapped=dict.fromkeys(MESSAGE_TRACKING.columns, "x"),
                )
            ]
        ),
    )
    building = plugin(register_mappings=[table(extends="mine", events={"NEW": {"severity": 1}})])
    assert check_plugin(building, base) == []
    assert "no mapping 'mine' to build on" in check_plugin(building)[0]


# --- checking a source ---------------------------------------------------------------------------


class OneWord(Reader):
    """Reads rows of one word; ``fault`` says how it breaks the contract."""

    def __init__(self, source: Source, fault: str) -> None:
        self.source, self.fault = source, fault
        self.schema = Schema("", ("word",))

    def read(self, line: str) -> Read:
        if self.fault == "raises" and "o" not in line:
            raise IndexError("list index out of range")
        if " " in line:
            kind = "sapce" if self.fault == "kind" else "syntax"
            return Unparsed(line, kind, "" if self.fault == "reason" else "two words")
        record = Record(self.source, Schema("", ("word",)), {"word": line}, raw=line)
        if self.fault == "raw":
            record.raw = ""
        if self.fault == "derived":
            record.derived["length"] = "1"
        if self.fault == "number":
            record.values["word"] = 1  # type: ignore[assignment]
        if self.fault == "other":
            record.source = MESSAGE_TRACKING
        return "word" if self.fault == "text" else record  # type: ignore[return-value]

    def finish(self) -> list[Record | Unparsed]:
        if self.fault == "finish":
            raise OSError("gone")
        return []


def words(fault: str = "", sure: object = Confidence.HEADER) -> Source:
    def recognize(head: Head) -> Confidence:
        if fault == "recognize" and not head.line:
            raise KeyError("fields")
        return sure  # type: ignore[return-value]

    def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
        return OneWord(source, fault)

    return Source("words", "Words", ("word",), recognize, open_reader)


def test_the_built_in_message_tracking_keeps_the_contract() -> None:
    assert check_source(MESSAGE_TRACKING, [HEADER, ROW, ROW.replace("Receipt", '"a, ""b"""')]) == []


def test_a_source_that_keeps_the_contract_gets_no_findings() -> None:
    assert check_source(words(), ["one", b"t w o", "\udcff"]) == []


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ("raises", "line 1 replaced by a control character raises IndexError: list index out of range"),
        ("kind", "is unparsed with the kind 'sapce'; expected one of date, encoding"),
        ("reason", "is unparsed without a reason"),
        ("raw", "line 1 gives a record without its raw line"),
        ("derived", "line 1 gives a record that derives 'length', which the source does not name"),
        ("number", "line 1 gives a record whose 'word' is no text"),
        ("other", "line 1 gives a record of source 'message_tracking'; expected words"),
        ("text", "line 1 raises AttributeError: 'str' object"),
        ("finish", "at the end raises OSError: gone"),
        ("recognize", "raises KeyError: 'fields'"),
    ],
)
def test_a_source_that_breaks_the_contract_is_told_where(fault: str, finding: str) -> None:
    found = check_source(words(fault), ["one", "t wo"])
    assert any(finding in each for each in found), found


def test_a_source_that_raises_on_a_torn_line_is_told_which_one() -> None:
    found = check_source(words("raises"), ["no"])
    assert found == ["line 1 cut to 1 bytes raises IndexError: list index out of range"]


def test_a_source_that_gives_no_record_or_no_confidence_is_told() -> None:
    assert check_source(words(), ["t wo"])[-1:] == ["no line gives a record"]
    assert "gives 'yes'; expected a Confidence" in check_source(words(sure="yes"), ["one"])[0]
