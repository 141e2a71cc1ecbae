from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prometheus_client")

from exnorm.pipeline.counts import NAMES_LIMIT, Counts, Ledger, Tally
from exnorm.relay.figures import sum_up
from exnorm.relay.metrics import METRICS, VALUES_LIMIT, Metrics, render_table, undescribed

DOCS = Path(__file__).parents[2] / "docs"
SERVICES = ("fluentbit", "logstash")
NUMBERS: dict[str, Any] = {
    "exnorm_events_in": 5,
    "exnorm_next_hop_failures": Counter({"timeout": 2}),
    "exnorm_requests": Counter({("/", "200"): 3}),
}


def page(counts: Counts, service: str = "logstash", now: float = 0.0, **numbers: Any) -> dict[str, float]:
    made = Metrics(service, lambda: counts, lambda: {**NUMBERS, **numbers}, lambda: now).render().decode()
    pairs = [line.rpartition(" ") for line in made.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in pairs}


def test_every_tally_of_counts_has_a_name_on_the_page() -> None:
    described = {metric.tally for metric in METRICS if metric.tally}
    assert described == {*Counts.TALLIES, "lines", "header", "events"}
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_a_tally_nobody_described_appears_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counts, "TALLIES", (*Counts.TALLIES, "stolen_goods"))
    counts = Counts()
    counts.stolen_goods = Tally({"silver": 4})  # type: ignore[attr-defined]
    assert [metric.name for metric in undescribed()] == ["exnorm_stolen_goods"]
    assert page(counts)['exnorm_stolen_goods_total{name="silver"}'] == 4


def test_what_the_issue_asks_for_is_on_the_page_by_name() -> None:
    counts = Counts()
    counts.lines, counts.newest = 9, 1_700_000_000_000
    for what, name in (
        ("dropped", "DELIVER"), ("unparsed", "width"), ("cut", "message"), ("unknown_columns", "x-new"),
        ("unknown_events", "NEWEVENT"), ("plugin_errors", "privacy"),
    ):  # fmt: skip
        counts.note(what, name)
    found = page(counts, now=1_700_000_030.5, exnorm_events_out=4, exnorm_acknowledgements_pending=2)
    assert found["exnorm_events_in_total"] == 5
    assert found["exnorm_events_out_total"] == 4
    assert found['exnorm_events_dropped_total{event="DELIVER"}'] == 1
    assert found['exnorm_lines_unparsed_total{reason="width"}'] == 1
    assert found['exnorm_fields_cut_total{field="message"}'] == 1
    assert found['exnorm_unknown_columns_total{column="x-new"}'] == 1
    assert found['exnorm_unknown_events_total{event="NEWEVENT"}'] == 1
    assert found['exnorm_plugin_errors_total{plugin="privacy"}'] == 1
    assert found["exnorm_acknowledgements_pending"] == 2
    assert found["exnorm_lag_seconds"] == 30.5
    assert found["exnorm_newest_event_timestamp_seconds"] == 1_700_000_000
    assert found['exnorm_requests_total{path="/",status="200"}'] == 3
    assert found['exnorm_next_hop_failures_total{reason="timeout"}'] == 2
    assert found["process_resident_memory_bytes"] > 0


def test_before_the_first_event_there_is_no_lag() -> None:
    assert not [name for name in page(Counts()) if "lag" in name or "newest" in name]


def test_the_values_of_a_label_are_bounded_and_those_shown_first_stay() -> None:
    counts = Counts()
    for number in range(NAMES_LIMIT + 50):
        counts.dropped.add(f"EVENT{number}")
    found = {name: value for name, value in page(counts).items() if "events_dropped_total" in name}
    assert len(found) == VALUES_LIMIT + 1
    assert found['exnorm_events_dropped_total{event="EVENT0"}'] == 1
    assert found['exnorm_events_dropped_total{event="(other)"}'] == NAMES_LIMIT + 50 - VALUES_LIMIT
    assert sum(found.values()) == NAMES_LIMIT + 50


@pytest.mark.parametrize("text", ["Re: our offer", "b@example.com", 'A"B\\C\nD\ud800', "x" * 65, ""])
def test_text_of_the_input_that_is_no_name_stays_out_of_the_page(text: str) -> None:
    counts = Counts()
    for what in ("dropped", "unknown_columns", "unknown_events", "unencodable", "marked"):
        counts.note(what, text)
    made = Metrics("logstash", lambda: counts, lambda: NUMBERS).render().decode()
    assert made.count('="(other)"} 1.0\n') == 5
    assert not text or text not in made


def test_names_of_plugins_cannot_break_the_page() -> None:
    counts = Counts()
    counts.plugin_errors.add('A"B\\C\nD\ud800')
    made = Metrics("fluentbit", lambda: counts, lambda: NUMBERS).render().decode()
    assert 'exnorm_plugin_errors_total{plugin="A\\"B\\\\C\\nD?"} 1.0\n' in made


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_shows_only_what_is_its_own(service: str) -> None:
    numbers: dict[str, Any] = {metric.name: 1 for metric in METRICS if not metric.tally and not metric.labels}
    numbers["exnorm_write_failures"] = {"state": 1}
    counts = Counts()
    counts.newest = 1000
    for tally in Counts.TALLIES:
        counts.note(tally, "name")
    shown = {name.partition("{")[0] for name in page(counts, service, **numbers)}
    mine = {metric.shown_name for metric in METRICS if service in metric.services}
    assert {name for name in shown if name.startswith("exnorm_")} == mine


def test_counters_go_on_over_a_reload() -> None:
    first, second = Counts(), Counts()
    ledger = Ledger()
    ledger.follow(first)
    first.lines, first.newest = 3, 50
    first.dropped.add("SEND")
    ledger.follow(second)
    second.lines = 4
    second.dropped.add("SEND", 2)
    total = ledger.total()
    assert (total.lines, total.newest, total.dropped) == (7, 50, {"SEND": 3})


def test_the_line_for_the_log_holds_numbers_and_closed_names_only() -> None:
    counts = Counts()
    counts.lines, counts.newest = 2, 1_700_000_000_000
    for what in ("dropped", "unknown_columns", "unknown_events", "marked"):
        counts.note(what, "Re: our offer")
    counts.note("unparsed", "width")
    found = sum_up(counts, 1_700_000_002.0)
    assert found == {
        "lines": 2, "events": 0, "dropped": 1, "unknown_columns": 1, "unknown_events": 1,
        "unparsed": {"width": 1}, "lag_seconds": 2.0,
    }  # fmt: skip
    assert "offer" not in json.dumps(found)


@pytest.mark.parametrize("name", [metric.name for metric in METRICS])
def test_every_name_is_one_that_prometheus_takes(name: str) -> None:
    assert re.fullmatch(r"exnorm_[a-z]+(_[a-z]+)*", name)
    assert not name.endswith("_total")


def test_the_table_of_the_docs_is_what_the_code_says() -> None:
    text = (DOCS / "operation.md").read_text(encoding="utf-8")
    assert render_table() in text
    named = set(re.findall(r"exnorm_[a-z_]+", text))
    known = {name for metric in METRICS for name in (metric.name, metric.shown_name)}
    assert named <= known
