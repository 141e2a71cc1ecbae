"""The picture of README.md shows what exnorm makes of the sample today."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import event_picture
import pytest

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
DRAWN = (ROOT / "docs" / "event.svg").read_text("utf-8")


def test_the_picture_is_the_one_that_is_drawn_today() -> None:
    assert event_picture.draw(event_picture.read_story()) == DRAWN, "run tox -e generate"


@pytest.mark.parametrize(
    "pair",
    [  # read by hand from the sample's first row and the vendor guide's table
        ("date-time 2018-11-27T22:40:02.966Z", "rt 1543358402966"),
        ("client-ip 10.4.11.100", "dst 10.4.11.100"),
        ("server-ip 192.168.25.195", "dvc 192.168.25.195"),
        ("recipient-address admin3@qradar.domain.test", "duser admin3@qradar.domain.test"),
        ("total-bytes 7249", "out 7249"),
    ],
)
def test_a_column_stands_beside_the_field_of_the_guide(pair: tuple[str, str]) -> None:
    groups = ElementTree.fromstring(DRAWN).iter(f"{SVG}g")
    texts = [tuple("".join(text.itertext()) for text in group.iter(f"{SVG}text")) for group in groups]
    assert pair in texts


def test_text_of_a_log_stays_text() -> None:
    pair = event_picture.Pair("subject", "<script>&", "msg", "<script>&")
    drawn = event_picture.draw(event_picture.Story("<svg>", "<svg>", (pair,), 0))
    assert "<script" not in drawn
    assert "&lt;script&gt;&amp;" in drawn
