"""The tables in code against the vendor guides, by way of the transcriptions beside this file."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from exnorm import Normalizer
from exnorm.model import Condition, Confidence, Constant, Head, Mapping, Row
from exnorm.pipeline.profiles import PROFILES
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.tables.mapping import quote_guide
from exnorm.taxonomies.arcsight.message_tracking import ARCSIGHT_2010, ARCSIGHT_2016
from exnorm.taxonomies.jsa.message_tracking import JSA_MESSAGE_TRACKING

HERE = Path(__file__).parent
SAMPLE_FILE = HERE.parent / "samples" / "message_tracking" / "2016" / "MSGTRK2018112722-1.LOG"
SEEDS = HERE.parents[1].parent / "shared" / "seeds"
ARCSIGHT_SEED = SEEDS / "arcsight-exchange-message-tracking.txt"
JSA_SEED = SEEDS / "jsa-exchange-dsm.txt"

ARCSIGHT_TABLES = [("arcsight-2016", ARCSIGHT_2016), ("arcsight-2010", ARCSIGHT_2010)]
needs_the_guides_text = pytest.mark.skipif(not SEEDS.is_dir(), reason="the guides' text is not here")


def transcription(name: str) -> list[tuple[str, str]]:
    """The rows of a CSV beside this file without its header."""
    with (HERE / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        _, *rows = csv.reader(lines)
    return [(left, right) for left, right in rows]


# --- what the guide's words mean -----------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What one row of a guide says; ``event`` is the condition in the guide's own parentheses."""

    field: str
    column: str = ""
    constant: str = ""
    event: str = ""
    label: str = ""
    zone: str = ""


def interpret(field: str, text: str) -> Told:
    """The guide's two cells: ``'text'``, ``column``, ``column, 'zone'``, ``column (words)``.

    Words in parentheses are an event (in capitals, perhaps after "except for") or a label.
    """
    fixed = re.fullmatch(r"""["']([^"']+)["']""", text)
    if fixed:
        return Told(field, constant=fixed[1])
    found = re.fullmatch(r"([a-z-]+)(?:, '([A-Z]+)')?(?: \((.+)\))?", text)
    assert found, f"the guide's cell {text!r} is of no known form"
    column, zone, words = found[1], found[2] or "", found[3] or ""
    if re.fullmatch(r"(except for )?[A-Z]+", words):
        return Told(field, column, event=words, zone=zone)
    return Told(field, column, label=words, zone=zone)


def tell(row: Row) -> Told:
    """What a row of a table in code says, in the words of the guide."""
    (origin,) = row.origins
    if isinstance(origin, Constant):
        return Told(row.field, constant=str(origin.value))
    event = ""
    if row.when is not None:
        assert row.when.subject == "event"
        event = ("except for " if row.when.negated else "") + " ".join(sorted(row.when.values))
    return Told(row.field, origin, event=event, label=row.label)


def differences(guide: Sequence[tuple[str, str]], mapping: Mapping) -> list[str]:
    """Where a table departs from the guide: its rows without ``ours`` must be the guide's, in order."""
    told = [interpret(*cells) for cells in guide]
    coded = [tell(row) for row in mapping.rows if not row.ours]
    found = [f"not in the guide: {row}" for row in coded if not any(same(one, row) for one in told)]
    found += [f"not in the table: {one}" for one in told if not any(same(one, row) for row in coded)]
    if not found and len(told) != len(coded):
        found.append(f"{len(told)} rows in the guide, {len(coded)} in the table")
    if not found:
        found = [f"out of order: {row}" for one, row in zip(told, coded) if not same(one, row)]
    return found


def same(guide: Told, coded: Told) -> bool:
    """Whether two rows say the same; a label counts where the guide prints one."""
    return replace(guide, label=guide.label or coded.label, zone="") == coded


# --- the interpretation itself -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("custom-data", Told("F", "custom-data")),
        ("total-bytes (RECEIVE)", Told("F", "total-bytes", event="RECEIVE")),
        ("total-bytes (except for RECEIVE)", Told("F", "total-bytes", event="except for RECEIVE")),
        ("server-ip (Device IPv6 Address)", Told("F", "server-ip", label="Device IPv6 Address")),
        ("date-time, 'GMT'", Told("F", "date-time", zone="GMT")),
        ("'Microsoft'", Told("F", constant="Microsoft")),
        ("\"Exchange Server'", Told("F", constant="Exchange Server")),
    ],
)
def test_the_guides_cells_are_read_as_column_condition_label_or_constant(text: str, told: Told) -> None:
    assert interpret("F", text) == told


# --- ArcSight ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "mapping"), ARCSIGHT_TABLES)
def test_the_arcsight_table_in_code_has_the_guides_rows_in_the_guides_order(
    name: str, mapping: Mapping
) -> None:
    assert differences(transcription(name), mapping) == []


@pytest.mark.parametrize(("name", "mapping"), ARCSIGHT_TABLES)
def test_the_arcsight_table_shows_both_cells_of_the_guide_to_the_letter(name: str, mapping: Mapping) -> None:
    shown = [(row.field, quote_guide(row)) for row in mapping.rows if not row.ours]
    assert shown == transcription(name)


@pytest.mark.parametrize(("name", "rows"), [("arcsight-2016", 34), ("arcsight-2010", 33)])
def test_the_transcription_has_as_many_rows_as_were_counted_in_the_guide(name: str, rows: int) -> None:
    assert len(transcription(name)) == rows


@pytest.mark.parametrize(("name", "mapping"), ARCSIGHT_TABLES)
def test_the_arcsight_table_bears_the_guides_heading_and_serves_the_versions_it_names(
    name: str, mapping: Mapping
) -> None:
    heading = dict(transcription("arcsight-headings"))[name]
    assert mapping.title == heading
    assert set(re.findall(r"\b20\d\d\b", heading)) <= set(mapping.schemas)


def test_no_version_is_served_by_both_arcsight_tables() -> None:
    assert not set(ARCSIGHT_2016.schemas) & set(ARCSIGHT_2010.schemas)


@pytest.mark.parametrize(("name", "mapping"), ARCSIGHT_TABLES)
def test_the_device_receipt_time_is_read_as_gmt_where_the_guide_says_so(name: str, mapping: Mapping) -> None:
    zones = {cells[0]: interpret(*cells).zone for cells in transcription(name)}
    assert zones["Device Receipt Time"] == "GMT"
    (row,) = [row for row in mapping.rows if row.field == "Device Receipt Time"]
    # 1543358402 s = 2018-11-27 22:40:02 UTC, the time of the sample message in the JSA guide
    assert row.read("2018-11-27T22:40:02.966Z") == 1543358402966


@pytest.mark.parametrize(("name", "mapping"), ARCSIGHT_TABLES)
def test_every_custom_field_has_a_label(name: str, mapping: Mapping) -> None:
    unlabelled = [
        r.field for r in mapping.rows if r.field.startswith(("Device Custom", "Flex")) and not r.label
    ]
    assert unlabelled == []


def without_row(mapping: Mapping, number: int) -> Mapping:
    return replace(mapping, rows=mapping.rows[:number] + mapping.rows[number + 1 :])


def changed(mapping: Mapping, label: str, /, **changes: object) -> Mapping:
    """A copy whose first row for the field ``label`` is changed."""
    rows = list(mapping.rows)
    number = next(number for number, row in enumerate(rows) if row.field == label)
    rows[number] = replace(rows[number], **changes)  # type: ignore[arg-type]
    return replace(mapping, rows=tuple(rows))


def swapped(mapping: Mapping) -> Mapping:
    first, second, *rest = mapping.rows
    return replace(mapping, rows=(second, first, *rest))


@pytest.mark.parametrize(("name", "mapping"), ARCSIGHT_TABLES)
def test_a_table_that_lacks_any_one_of_the_guides_rows_fails_the_comparison(
    name: str, mapping: Mapping
) -> None:
    guide = transcription(name)
    for number in range(len(guide)):
        missing = differences(guide, without_row(mapping, number))
        assert len(missing) == 1
        assert missing[0].startswith("not in the table")
        assert repr(guide[number][0]) in missing[0]


@pytest.mark.parametrize(
    "damage",
    [
        swapped,
        lambda table: changed(table, "Device Address", origins=("client-ip",)),
        lambda table: changed(table, "Device Vendor", origins=(Constant("Micro Focus"),)),
        lambda table: changed(table, "Bytes In", when=None),
        lambda table: changed(table, "Bytes In", when=Condition("event", "event", frozenset({"SEND"}))),
        lambda table: changed(
            table, "Bytes Out", when=Condition("event", "event", frozenset({"RECEIVE"}), negated=False)
        ),
        lambda table: changed(table, "Message", when=Condition("event", "event", frozenset({"SEND"}))),
        lambda table: changed(table, "Device Custom IPv6 Address 1", label="Source IPv6 Address"),
        lambda table: changed(table, "Device Custom IPv6 Address 3", label=""),
        lambda table: changed(table, "Message", ours="pretended to be ours"),
        lambda table: changed(table, "Source Address", field="Source Translated Address"),
        lambda table: replace(table, rows=(*table.rows, Row("Request URL", ("log-id",), str))),
        lambda table: replace(table, rows=(*table.rows, table.rows[0])),
    ],
)
def test_a_damaged_table_fails_the_comparison(damage: Callable[[Mapping], Mapping]) -> None:
    assert differences(transcription("arcsight-2016"), damage(ARCSIGHT_2016))


def test_a_row_of_ours_or_a_label_where_the_guide_prints_none_passes_the_comparison() -> None:
    more = (*ARCSIGHT_2016.rows, Row("Request URL", ("log-id",), str, ours="because"))
    table = changed(replace(ARCSIGHT_2016, rows=more), "Device Custom String 1", label="Another")
    assert differences(transcription("arcsight-2016"), table) == []


def test_the_arcsight_guide_profile_keeps_the_two_events_the_guide_names() -> None:
    with (HERE / "arcsight-profile.csv").open(encoding="utf-8") as lines:
        _, *named = lines.read().splitlines()
    profile = PROFILES["arcsight-guide"]
    assert profile.keeps[MESSAGE_TRACKING.name] == {name.upper() for name in named}
    assert not profile.keeps_unknown


@pytest.mark.parametrize("prefix", ["MSGTRK", "MSGTRKM", "MSGTRKMA", "MSGTRKMD", "MSGTRKMS"])
def test_a_file_of_every_prefix_matches_the_guides_wildcard_and_is_recognised(prefix: str) -> None:
    wildcard = dict(transcription("arcsight-wildcard"))["Log File Format"]
    for name in (f"{prefix}20091103-2.LOG", f"{prefix}2018112722-1.LOG"):
        assert fnmatchcase(name, wildcard)
        assert MESSAGE_TRACKING.recognize(Head(name)) is Confidence.NAME


# --- JSA -----------------------------------------------------------------------------------------


def jsa_fields(mapping: Mapping) -> list[str]:
    return [row.field for row in mapping.rows if not row.ours]


def test_the_jsa_table_in_code_has_the_guides_four_fields_in_the_guides_order() -> None:
    assert jsa_fields(JSA_MESSAGE_TRACKING) == [name for name, _ in transcription("jsa")]


def test_the_jsa_table_says_of_each_cell_that_the_guide_lost_it() -> None:
    shown = [(row.field, quote_guide(row)) for row in JSA_MESSAGE_TRACKING.rows if not row.ours]
    assert shown == [(name, cell or "(lost in print)") for name, cell in transcription("jsa")]


def test_a_jsa_table_that_lacks_a_field_of_the_guide_fails_the_comparison() -> None:
    names = [name for name, _ in transcription("jsa")]
    for number in range(len(JSA_MESSAGE_TRACKING.rows)):
        guides = not JSA_MESSAGE_TRACKING.rows[number].ours
        assert (jsa_fields(without_row(JSA_MESSAGE_TRACKING, number)) != names) is guides


def test_vendor_and_product_are_the_guides_manufacturer_and_dsm_name() -> None:
    specification = dict(transcription("jsa-specification"))
    constants = {
        row.field: origin.value
        for row in JSA_MESSAGE_TRACKING.rows
        for origin in row.origins
        if isinstance(origin, Constant)
    }
    assert constants == {
        "Vendor": specification["Manufacturer"],
        "Product": specification["DSM name"],
    }


def test_no_identity_attribute_is_written_as_the_guide_includes_none() -> None:
    assert dict(transcription("jsa-specification"))["Included identity?"] == "No"
    assert [row.field for row in JSA_MESSAGE_TRACKING.rows if row.field.startswith("ident")] == []


def test_the_word_for_this_log_is_one_of_the_guides_recorded_event_types() -> None:
    types = dict(transcription("jsa-specification"))["JSA recorded event types"]
    assert MESSAGE_TRACKING.agent_log_format in re.findall(r"\((\w+)\)", types)


def test_every_version_the_jsa_guide_supports_without_wincollect_has_a_schema() -> None:
    supported = dict(transcription("jsa-specification"))["Supported versions"]
    years = set(re.findall(r"\d{4}", supported)) - {"2003"}
    assert years == {"2007", "2010", "2013", "2016"}
    assert years <= {schema.name for schema in MESSAGE_TRACKING.schemas}


def payload() -> str:
    return (HERE / "jsa-sample.payload").read_text(encoding="utf-8").removesuffix("\n")


def test_the_guides_sample_has_the_columns_of_2016_in_file_order() -> None:
    names = [pair.partition("=")[0] for pair in payload().split("\t")]
    assert names[:4] == ["SourceIp", "AgentDevice", "AgentLogFile", "AgentLogFormat"]
    assert tuple(names[4:]) == MESSAGE_TRACKING.columns


def test_the_log_file_behind_the_guides_sample_gives_the_guides_sample_byte_for_byte() -> None:
    normalizer = Normalizer(taxonomy="jsa", format="wincollect", source_ip="10.91.5.110")
    payloads = list(normalizer.encode(SAMPLE_FILE.read_bytes(), normalizer.stream(str(SAMPLE_FILE))))
    assert payloads == [payload().encode()]


# --- the transcriptions against the guides' text -------------------------------------------------


def on_one_line(text: str) -> str:
    return " ".join(text.replace("|", " ").split())


def section(text: str, start: str, end: str) -> list[str]:
    """The lines of the guide's text between two headings, without blank ones."""
    between = text.partition(start)[2].partition(end)[0]
    return [on_one_line(line) for line in between.splitlines() if line.strip()]


@needs_the_guides_text
@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("arcsight-2016", "Microsoft Exchange Message Tracking Log 2007 and 2010 Mappings"),
        ("arcsight-2010", "Troubleshooting"),
    ],
)
def test_the_arcsight_transcription_is_the_guides_section_line_by_line(name: str, end: str) -> None:
    heading = dict(transcription("arcsight-headings"))[name]
    lines = section(ARCSIGHT_SEED.read_text(encoding="utf-8"), heading, end)
    rows = [line for line in lines if line != "ArcSight ESM Field Device-Specific Field"]
    assert [f"{left} {right}" for left, right in transcription(name)] == rows


@needs_the_guides_text
@pytest.mark.parametrize(
    ("seed", "name"),
    [
        (ARCSIGHT_SEED, "arcsight-2016"),
        (ARCSIGHT_SEED, "arcsight-2010"),
        (JSA_SEED, "jsa"),
        (JSA_SEED, "jsa-specification"),
    ],
)
def test_the_text_of_every_transcribed_row_stands_in_the_guide(seed: Path, name: str) -> None:
    text = on_one_line(seed.read_text(encoding="utf-8"))
    assert [row for row in transcription(name) if " ".join(row).strip() not in text] == []


@needs_the_guides_text
def test_the_jsa_table_of_the_guide_has_no_further_field() -> None:
    text = JSA_SEED.read_text(encoding="utf-8").partition("JSA field name |")[2]
    names = [line.removesuffix("|").strip() for line in text.splitlines() if re.match(r"\w.*\|", line)]
    assert names == ["Highlighted payload field name", *(name for name, _ in transcription("jsa"))]


@needs_the_guides_text
def test_the_profile_and_the_wildcard_stand_in_the_arcsight_guide() -> None:
    text = on_one_line(ARCSIGHT_SEED.read_text(encoding="utf-8"))
    ((parameter, default),) = transcription("arcsight-wildcard")
    assert "Include only Send and Receive eventIds." in text
    assert f"{parameter} The default value of {default} lets the connector locate" in text


@needs_the_guides_text
def test_the_sample_differs_from_the_guides_print_in_white_space_and_one_hyphen_only() -> None:
    printed = re.sub(r"\s", "", JSA_SEED.read_text(encoding="utf-8"))
    mended = re.sub(r"\s", "", payload()).replace("internal-message-id=", "internal-messageid=")
    assert mended in printed
