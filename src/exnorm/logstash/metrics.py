"""What the service has done so far, in the text form of Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exnorm.counts import Counts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class Traffic:
    """What came and went, beside what the pipeline counts."""

    events_in: int = 0
    events_out: int = 0
    in_flight: int = 0
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)  # by path and status
    next_hop_failures: Counter[str] = field(default_factory=Counter)  # by what it answered
    failed: int = 0  # events passed on as they came because normalizing them raised

    def count_request(self, path: str, status: str) -> None:
        """Count one answer."""
        self.requests[path, status] += 1


class Metrics(Collector):
    """Reads the numbers when somebody asks for them; nothing is done for each event."""

    def __init__(
        self,
        traffic: Traffic,
        counts: Callable[[], Counts],
        write_failures: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._traffic = traffic
        self._write_failures = write_failures
        self._counts = counts
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def render(self) -> bytes:
        """The page."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Every metric of the page."""
        traffic, counts = self._traffic, self._counts()
        yield _total("exnorm_events_in", "events received, those sent again too", traffic.events_in)
        yield _total("exnorm_events_out", "events the next hop took, or the asker got", traffic.events_out)
        yield _total("exnorm_header_lines", "header and blank lines swallowed", counts.header)
        yield _totals("exnorm_records", "rows read, by log type", "source", counts.records)
        yield _totals("exnorm_events_dropped", "rows the profile left out", "event", counts.dropped)
        yield _totals("exnorm_events_removed", "rows a plugin left out", "plugin", counts.removed)
        yield _totals("exnorm_lines_unparsed", "lines passed on as they came", "reason", counts.unparsed)
        yield _totals("exnorm_plugin_errors", "events a plugin raised on", "plugin", counts.plugin_errors)
        yield _total(
            "exnorm_events_failed", "events passed on as they came because of an error", traffic.failed
        )
        yield _totals("exnorm_state_evicted", "memory of a log given up", "source", counts.evicted)
        yield _totals(
            "exnorm_write_failures", "times a file beside the events could not be written", "file",
            self._write_failures(),
        )  # fmt: skip
        requests = CounterMetricFamily(
            "exnorm_requests", "requests answered, by status", labels=("path", "status")
        )
        for (path, status), number in sorted(traffic.requests.items()):
            requests.add_metric((path, status), number)
        yield requests
        yield GaugeMetricFamily(
            "exnorm_requests_in_flight", "requests being worked on", value=traffic.in_flight
        )
        yield _totals(
            "exnorm_next_hop_failures", "batches the next hop did not take", "reason",
            traffic.next_hop_failures,
        )  # fmt: skip


def _total(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _totals(name: str, text: str, label: str, tally: Mapping[str, int]) -> Metric:
    """One number for each name; a name comes from the input, so it may hold what UTF-8 cannot."""
    family = CounterMetricFamily(name, text, labels=(label,))
    for key, number in sorted(dict(tally).items()):  # a copy: another thread goes on counting
        family.add_metric((key.encode("utf-8", "replace").decode("utf-8"),), number)
    return family
