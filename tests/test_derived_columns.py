"""A derived value may carry the whole text of one column, of several, or of none."""

from __future__ import annotations

from exnorm.model import Confidence, Field, Head, Mapping, Reader, Record, Schema, Source, Taxonomy
from exnorm.pipeline.counts import Counts
from exnorm.settings import Settings
from exnorm.tables.mapping import compile_mapping, row

COLUMNS = ("stem", "query", "other")
TAXONOMY = Taxonomy("t", "T", (Field("URL", "url", "url", max_bytes=8),))
MAPPING = Mapping("m", "s", "t", rows=(row("URL", "joined"),), unmapped={"other": "kept"})


def open_nothing(source: Source, head: Head, settings: Settings) -> Reader:
    return Reader()


SOURCE = Source(
    "s",
    "S",
    COLUMNS,
    recognize=lambda head: Confidence.NO,
    open=open_nothing,
    derived={"joined": ("stem", "query")},
)


def additional(stem: str, query: str) -> dict[str, str]:
    values = {"stem": stem, "query": query, "other": "o"}
    record = Record(SOURCE, Schema("", COLUMNS), values, derived={"joined": stem + query})
    return compile_mapping(MAPPING, SOURCE, TAXONOMY, Settings()).normalize(record, Counts()).additional


def test_columns_joined_in_a_derived_value_are_not_kept_a_second_time() -> None:
    assert additional("/a", "?b") == {"other": "o"}


def test_columns_joined_in_a_value_that_was_cut_are_both_kept_whole() -> None:
    assert additional("/abcd", "?efgh") == {"stem": "/abcd", "query": "?efgh", "other": "o"}


def test_a_source_says_which_columns_an_origin_carries() -> None:
    assert SOURCE.columns_of("joined") == ("stem", "query")
    assert SOURCE.columns_of("other") == ("other",)
