"""A cumulative update adds a column to message tracking: it goes to a field of its own."""

from collections.abc import Iterable

from exnorm import Mapping, hookimpl, row

COLUMN = "delivery-latency"


@hookimpl
def register_mappings() -> Iterable[Mapping]:
    yield Mapping(
        "delivery-latency",
        source="message_tracking",
        taxonomy="arcsight",
        extends="arcsight-2016",
        columns=(COLUMN,),
        rows=(row("Flex String 2", COLUMN, label="Delivery Latency", ours="the guide is older"),),
    )
