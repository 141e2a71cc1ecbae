"""A site's own vocabulary: three fields of message tracking as JSON, everything else beside them."""

from collections.abc import Iterable

from exnorm import Field, Mapping, Source, Taxonomy, hookimpl, row
from exnorm.convert import utc_ms
from exnorm.sources.message_tracking import MESSAGE_TRACKING

MAPPED = {"When": "date-time", "Who": "sender-address", "What": "event-id"}
SITE = Taxonomy(
    "site",
    "The site's own",
    fields=(
        Field("When", "when", "w", "time"),
        Field("Who", "who", "p"),
        Field("What", "what", "e", max_bytes=64),
    ),
)


@hookimpl
def register_taxonomies() -> Iterable[Taxonomy]:
    yield SITE


@hookimpl
def register_mappings() -> Iterable[Mapping]:
    source: Source = MESSAGE_TRACKING
    yield Mapping(
        "site-message-tracking",
        source=source.name,
        taxonomy=SITE.name,
        rows=(row("When", "date-time", utc_ms), row("Who", "sender-address"), row("What", "event-id")),
        unmapped={name: "beside" for name in source.columns if name not in MAPPED.values()},
    )
