from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from exnorm import Normalizer, SettingsError
from exnorm.testing import read_cef, read_leef

SAMPLE = (Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG").read_bytes()


def encode(**settings: Any) -> tuple[list[bytes], Normalizer]:
    normalizer = Normalizer(discover_plugins=False, **settings)
    return list(normalizer.encode(SAMPLE, normalizer.stream("MSGTRK2018112722-1.LOG"))), normalizer


@pytest.mark.parametrize("settings", [{"format": "cef"}, {"taxonomy": "jsa"}, {"format": "json"}])
@pytest.mark.parametrize("limit", [1024, 1500, 4000])
def test_no_payload_is_longer_than_the_limit_and_none_is_lost(settings: dict[str, Any], limit: int) -> None:
    payloads, _ = encode(max_payload=limit, **settings)
    assert len(payloads) == 4
    assert max(map(len, payloads)) <= limit


def test_the_longest_additional_data_goes_first_and_the_fields_stay() -> None:
    whole, shortened = encode()[0][0], encode(max_payload=1500)[0][0]
    before, after = read_cef(whole), read_cef(shortened)
    # By hand: message-info is 430 characters of the row, custom-data 450; nothing else is longer than 60.
    gone = {name for name in before.pairs if name not in after.pairs}
    assert gone <= {"ad.message-info", "ad.custom-data"}
    assert gone
    assert after.pairs["ad.exnormShortened"].split(", ")[0] in ("message-info", "custom-data")
    fields = {name: text for name, text in before.pairs.items() if not name.startswith("ad.")}
    assert {name: after.pairs[name] for name in fields} == fields


def test_a_long_text_is_cut_between_two_characters_and_named() -> None:
    subject = "é" * 3000
    row = SAMPLE.splitlines()[8].replace(b"Re: meeting", subject.encode())
    lines = [*SAMPLE.splitlines()[:5], row]
    normalizer = Normalizer(taxonomy="jsa", discover_plugins=False, max_payload=1000)
    (payload,) = normalizer.encode(lines, normalizer.stream("MSGTRK2018112722-1.LOG"))
    assert len(payload) <= 1000
    found = read_leef(payload)
    assert set(found.pairs["messageSubject"]) == {"é"}
    assert normalizer.counts.shortened["messageSubject"] == 1


def test_an_event_that_fits_is_left_as_it_is() -> None:
    assert encode(max_payload=100_000)[0] == encode()[0]


def test_the_event_says_in_json_too_what_was_left_out() -> None:
    payload = msgspec.json.decode(encode(format="json", max_payload=1900)[0][0])
    assert "custom-data" in payload["additionalData"]["exnormShortened"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_payload": 100}, "max_payload: got 100; expected at least 512 bytes, or 0 for no limit"),
        ({"max_payload": -1}, "max_payload: got -1; expected 0 to"),
        (
            {"max_payload": 2000, "taxonomy": "jsa", "format": "wincollect"},
            "max_payload: the native payload carries the row as it is, and is never cut",
        ),
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        encode(**settings)
    assert message in str(caught.value)
