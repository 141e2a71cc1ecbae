"""The picture of docs/architecture.md is true: its rooms are those of src/exnorm, and imports go down."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import picture

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"


ROOMS = picture.find_rooms()
DRAWN = ElementTree.parse(ROOT / "docs" / "architecture.svg").getroot()


def floors() -> list[list[str]]:
    """The rooms of the picture, floor by floor from the top, as a reader sees them."""
    bands = [group for group in DRAWN.iter(f"{SVG}g") if group.get("class") == "band"]
    return [
        [str(text.text) for text in band.iter(f"{SVG}text") if text.get("class") == "name"] for band in bands
    ]


def test_the_picture_has_the_rooms_that_are_there_each_once() -> None:
    package = ROOT / "src" / "exnorm"
    there = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    drawn = [room for floor in floors() for room in floor]
    assert sorted(drawn) == sorted(there - {"__init__", "__main__"} | {"_kernel"}), "run tox -e generate"


def test_every_import_goes_down_or_stays_on_its_floor() -> None:
    floor = {room: number for number, rooms in enumerate(floors()) for room in rooms}
    up = [(room, name) for room, found in ROOMS.items() for name in found if floor[name] < floor[room]]
    assert up == []


def test_what_a_room_imports_stands_in_its_tooltip() -> None:
    told = {title.text for title in DRAWN.iter(f"{SVG}title")}
    assert {
        f"{room} imports {', '.join(sorted(found)) or 'nothing'}" for room, found in ROOMS.items()
    } <= told, "run tox -e generate"


def test_the_rooms_on_the_way_of_an_event_are_rooms_of_the_picture() -> None:
    on_the_way = {room for step in picture.STEPS[1::2] for room in step.split(" + ")}
    assert on_the_way <= set(ROOMS)


def test_imports_are_seen_where_they_are_and_those_for_types_are_not(tmp_path: Path) -> None:
    (tmp_path / "low").mkdir()
    (tmp_path / "low" / "__init__.py").write_text("import os\n")
    (tmp_path / "high.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import exnorm.late\n"
        "def run():\n    from exnorm.low.deep import thing\n"
    )
    (tmp_path / "late.py").write_text("from exnorm import high\n")
    rooms = picture.find_rooms(tmp_path)
    assert rooms == {"_kernel": set(), "high": {"low"}, "late": {"high"}, "low": set()}


def test_a_room_that_no_floor_names_lies_no_lower_than_what_it_imports() -> None:
    placed = picture.place(
        {"pipeline": set(), "tables": set(), "a": {"pipeline"}, "b": {"tables"}, "c": set()}
    )
    assert [sorted(names) for names in placed] == [["a"], ["pipeline"], [], [], ["b", "tables"], ["c"], []]
