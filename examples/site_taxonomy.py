"""A taxonomy of one's own: three fields of our data lake, without touching exnorm.

Run it on a log: python site_taxonomy.py MSGTRK2018112722-1.LOG
"""

import sys
from collections.abc import Iterator

import exnorm
from exnorm.convert import upper, utc_ms

SITE = exnorm.Taxonomy(
    "site",
    "our data lake",
    fields=(
        exnorm.Field("when", "when", "when", "time"),
        exnorm.Field("who", "who", "who"),
        exnorm.Field("what", "what", "what"),
    ),
)


@exnorm.hookimpl
def register_taxonomies() -> Iterator[exnorm.Taxonomy]:
    """The vocabulary."""
    yield SITE


@exnorm.hookimpl
def register_mappings() -> Iterator[exnorm.Mapping]:
    """The table from message tracking."""
    yield exnorm.Mapping(
        "site-message-tracking",
        source="message_tracking",
        taxonomy="site",
        rows=(
            exnorm.row("when", "date-time", utc_ms),
            exnorm.row("who", "sender-address"),
            exnorm.row("what", "event-id", upper),
        ),
        rest="the lake keeps the other columns as they are",
    )


if __name__ == "__main__":
    normalizer = exnorm.Normalizer("site", plugins=[sys.modules[__name__]])
    with open(sys.argv[1], "rb") as log:
        for event in normalizer.normalize(log, normalizer.stream(sys.argv[1])):
            print(event["when"], event["who"], event["what"])
