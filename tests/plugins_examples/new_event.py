"""A cumulative update writes an event that exnorm does not know: it gets a severity of its own."""

from collections.abc import Iterable

from exnorm import Mapping, hookimpl


@hookimpl
def register_mappings() -> Iterable[Mapping]:
    for name in ("arcsight-2016", "arcsight-2010"):
        yield Mapping(
            "quarantine-" + name,
            source="message_tracking",
            taxonomy="arcsight",
            extends=name,
            rows=(),
            events={"QUARANTINE": {"severity": 7}},
        )
