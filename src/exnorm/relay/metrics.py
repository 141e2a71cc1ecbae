"""Every metric of every service: its name and meaning, and the page in the text format of Prometheus."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exnorm.pipeline.counts import OTHER, Counts
from exnorm.relay.figures import measure_lag

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
VALUES_LIMIT = 100
"""Values of one label; those that came later are shown together as ``(other)``."""

_WORD = re.compile(r"[\w.:()/-]{1,64}", re.ASCII)
Numbers = Mapping[str, "int | float | Mapping[str | tuple[str, str], int]"]
"""By name: one number, or one for each value of the labels."""


@dataclass(frozen=True)
class Described:
    """A metric. ``tally`` is the attribute of ``Counts`` that has it, empty where a service counts it.

    ``text`` marks labels whose values come from the input: only plain words among them are shown.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    tally: str = ""
    services: tuple[str, ...] = ("fluentbit", "logstash", "otlp")
    text: bool = False

    @property
    def shown_name(self) -> str:
        """The name on the page."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


_ALL = ("fluentbit", "logstash", "otlp")
_FORWARD, _HTTP = ("fluentbit",), ("logstash", "otlp")


def _counter(name: str, help: str, *labels: str, services: tuple[str, ...] = _ALL) -> Described:
    return Described(name, "counter", help, labels, services=services)


def _gauge(name: str, help: str, services: tuple[str, ...] = _ALL) -> Described:
    return Described(name, "gauge", help, services=services)


def _of(tally: str, name: str, help: str, label: str = "") -> Described:
    """Return a counter that ``Counts`` has."""
    labels = (label,) if label else ()
    return Described(name, "counter", help, labels, tally, text=label in ("event", "column", "mark", "name"))


# fmt: off
METRICS: tuple[Described, ...] = (
    _counter("exnorm_events_in", "events received; those sent again count again"),
    _counter("exnorm_events_out", "events that the next hop acknowledged, or that were answered"),
    _gauge("exnorm_acknowledgements_pending", "chunks or requests taken and not answered yet"),
    _gauge("exnorm_lag_seconds", "now less the newest event's own time; not there before the first"),
    _gauge("exnorm_newest_event_timestamp_seconds", "the newest event's own time"),
    _counter("exnorm_events_failed", "events left as they came by an error in exnorm; should be 0"),
    _counter("exnorm_next_hop_failures", "deliveries the next hop did not take", "reason"),
    _of("lines", "exnorm_lines", "lines read, header lines too"),
    _of("header", "exnorm_header_lines", "header and blank lines swallowed"),
    _of("records", "exnorm_records", "rows read, by log type", "source"),
    _of("events", "exnorm_events_normalized", "events made of rows"),
    _of("dropped", "exnorm_events_dropped", "rows the profile left out", "event"),
    _of("filtered", "exnorm_events_filtered", "rows a filter of the settings left out", "rule"),
    _of("unparsed", "exnorm_lines_unparsed", "lines that did not parse and went on as they came", "reason"),
    _of("cut", "exnorm_fields_cut", "values longer than the vendor's field", "field"),
    _of("shortened", "exnorm_fields_shortened", "left out or cut to fit max_payload", "name"),
    _of("replaced", "exnorm_fields_replaced", "values holding what the format cannot carry", "field"),
    _of("refused", "exnorm_fields_refused", "values the format could not take at all", "field"),
    _of("unencodable", "exnorm_events_unencodable", "events a plugin left unfit for the format", "event"),
    _of("unknown_columns", "exnorm_unknown_columns", "rows with a column no table knows", "column"),
    _of("unknown_events", "exnorm_unknown_events", "rows with an event-id no table knows", "event"),
    _of("removed", "exnorm_events_removed", "rows a plugin left out", "plugin"),
    _of("marked", "exnorm_events_marked", "events a plugin marked", "mark"),
    _of("plugin_errors", "exnorm_plugin_errors", "events a plugin raised on", "plugin"),
    _of("evicted", "exnorm_state_evicted", "memory of a log given up to stay within bounds", "source"),
    _gauge("exnorm_connections", "connections that are open"),
    _counter("exnorm_connections_refused", "connections refused"),
    _counter("exnorm_write_failures", "times a file beside the events could not be written", "file"),
    _counter("exnorm_messages", "chunks carried and acknowledged", services=_FORWARD),
    _counter("exnorm_bytes_in", "bytes of those chunks", services=_FORWARD),
    _counter("exnorm_chunks_out", "chunks the next hop acknowledged", services=_FORWARD),
    _counter("exnorm_bytes_out", "bytes of those chunks", services=_FORWARD),
    _counter("exnorm_requests", "requests answered; aborted is a sender that left",
             "path", "status", services=_HTTP),
)
# fmt: on


class Metrics(Collector):
    """The page: the counts of the pipelines and of the service, read at each request."""

    def __init__(
        self,
        service: str,
        counts: Callable[[], Counts],
        numbers: Callable[[], Numbers],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._described = [metric for metric in METRICS if service in metric.services]
        self._counts = counts
        self._numbers = numbers
        self._now = now
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)  # memory, CPU, open files

    def render(self) -> bytes:
        """Return the page as it is now."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of the page except those of the process."""
        counts = self._counts()
        found = {**self._numbers(), **_describe_lag(counts, self._now())}
        for metric in (*self._described, *undescribed()):
            value = getattr(counts, metric.tally) if metric.tally else found.get(metric.name)
            if value is not None:
                yield _family(metric, value)


def _describe_lag(counts: Counts, now: float) -> dict[str, float]:
    lag = measure_lag(counts, now)
    if lag is None:
        return {}
    return {"exnorm_newest_event_timestamp_seconds": counts.newest / 1000, "exnorm_lag_seconds": lag}


def undescribed() -> list[Described]:
    """Return the tallies of ``Counts`` missing in the list above, described by their own names."""
    known = {metric.tally for metric in METRICS}
    names = [name for name in Counts.TALLIES if name not in known]
    return [_of(name, f"exnorm_{name}", name.replace("_", " "), "name") for name in names]


def _family(metric: Described, value: object) -> Metric:
    family: Metric
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    if not isinstance(value, Mapping):
        assert isinstance(value, (int, float))
        return make(metric.name, metric.help, value=value)
    family = make(metric.name, metric.help, labels=metric.labels)
    for labels, number in sorted(_bounded(metric, value).items()):
        family.add_metric(labels, number)
    return family


def _bounded(metric: Described, numbers: Mapping[str | tuple[str, str], int]) -> dict[tuple[str, ...], int]:
    """Return the first ``VALUES_LIMIT`` values and the sum of the rest, so that a value once shown stays."""
    bounded: dict[tuple[str, ...], int] = {}
    other = tuple(OTHER for _ in metric.labels)
    for key, number in dict(numbers).items():  # a copy: another thread goes on counting
        values: tuple[str, ...] = (key,) if isinstance(key, str) else key
        if metric.text and not all(map(_WORD.fullmatch, values)):
            values = other  # the input wrote it: text that is no name stays out of the page
        if values not in bounded and len(bounded) >= VALUES_LIMIT:
            values = other
        values = tuple(value.encode("utf-8", "replace").decode("utf-8") for value in values)
        bounded[values] = bounded.get(values, 0) + number
    return bounded


def render_table() -> str:
    """Return all metrics as Markdown, for docs/operation.md."""
    lines = ["| metric | kind | labels | service | meaning |", "|---|---|---|---|---|"]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        where = "all" if len(metric.services) == len(_ALL) else ", ".join(metric.services)
        lines.append(f"| `{metric.shown_name}` | {metric.kind} | {labels} | {where} | {metric.help} |")
    return "\n".join(lines) + "\n"
