from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exnorm import MappingError, NormalizerError, SettingsError, Unparsed
from exnorm.testing import events, normalizer, read_cef

SAMPLE = Path(__file__).parents[1] / "samples" / "message_tracking" / "MSGTRK2018112722-1.LOG"


@pytest.mark.parametrize(("taxonomy", "format"), [("arcsight", "cef"), ("jsa", "leef")])
def test_the_format_is_that_of_the_taxonomy_unless_another_is_asked_for(taxonomy: str, format: str) -> None:
    assert normalizer(taxonomy=taxonomy).settings.format == format
    assert normalizer(taxonomy=taxonomy, format="json").settings.format == "json"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"taxonomy": "arcsite"}, "taxonomy: got 'arcsite'; did you mean 'arcsight'?"),
        ({"taxonomy": "splunk"}, "taxonomy: got 'splunk'; expected one of arcsight, jsa"),
        ({"format": "lef"}, "format: got 'lef'; did you mean 'leef'?"),
        ({"format": "leef"}, "format: 'leef' cannot carry taxonomy arcsight; expected one of cef, json"),
        (
            {"format": "cef", "taxonomy": "jsa"},
            "format: 'cef' cannot carry taxonomy jsa; expected one of leef, wincollect, json",
        ),
        ({"mapping": "arcsight-2015"}, "mapping: got 'arcsight-2015' for taxonomy arcsight; did you mean"),
        ({"mapping": "arcsight-2016", "taxonomy": "jsa"}, "mapping: got 'arcsight-2016' for taxonomy jsa"),
        ({"source": "message_trackin"}, "source: got 'message_trackin'; did you mean 'message_tracking'?"),
        ({"schema": "2012"}, "schema: got '2012'; did you mean '201"),
        (
            {"fields": "ecs", "taxonomy": "jsa", "format": "json"},
            "fields: 'ecs' is not there for taxonomy jsa",
        ),
        ({"perrecipient": True}, "unknown setting 'perrecipient'; did you mean 'per_recipient'?"),
    ],
)
def test_a_wrong_name_is_refused_before_any_line_with_the_nearest_right_one(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        normalizer(**settings)
    assert str(refusal.value).startswith(message)
    assert issubclass(SettingsError, NormalizerError)
    assert not issubclass(SettingsError, MappingError)


def test_the_table_follows_the_schema_unless_one_is_pinned() -> None:
    # the two tables contradict each other about client-ip
    new = SAMPLE.read_bytes()
    assert b"10.4.11.100" in new
    auto = read_cef(next(normalizer().encode(new))).pairs
    pinned = read_cef(next(normalizer(mapping="arcsight-2010").encode(new))).pairs
    assert (auto["dst"], auto["src"]) == ("10.4.11.100", "10.4.11.7")
    assert pinned["src"] == "10.4.11.100"
    assert "dst" not in pinned
    assert pinned["ad.original-client-ip"] == "10.4.11.7"


def test_a_forced_source_reads_what_no_source_would_recognise() -> None:
    lines = ["#Fields: date-time,event-id", "2018-11-27T22:40:02.966Z,SEND"]
    assert [type(item) for item in events(lines)] == [Unparsed]
    (event,) = events(lines, source="message_tracking")
    assert event["name"] == "SEND"
