"""The store finds the same messages as ``join`` does in memory, from rows in any order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.journey.rows import HUB1, HUB2, MBX1, MBX2, read, row
from tests.messages.generated import plan

from exnorm.journey.joining import find_key, join
from exnorm.journey.steps import Step
from exnorm.messages import rows as rows_module
from exnorm.messages.rows import RowStore


def stored(steps: list[Step], path: Path) -> list[list[Step]]:
    store = RowStore(str(path / "rows.sqlite"))
    try:
        for step in steps:
            key = find_key(step)
            if key:
                store.add(step, key)
        return [sorted(set(found)) for found, _ in store.messages()]
    finally:
        store.close()


def hard() -> list[str]:
    """Rows of every kind of join, and of every kind that must not be joined."""
    lines = [*MBX1, *HUB1, *HUB2, *MBX2]
    chance = random.Random(5)
    networks = [f"{number:08}-0000-4000-8000-000000000001" for number in range(6)] + [""]
    for number in range(300):
        lines.append(
            row(
                f"09:00:{number % 60:02}.{number:03}",
                chance.choice(("RECEIVE", "TRANSFER", "RESUBMIT", "DSN", "DELIVER", "LOAD")),
                chance.choice("AB"),
                network_message_id=chance.choice(networks),
                message_id=chance.choice(("", "<1@x>", "<2@x>", "<3@x>", "<4@x>")),
                internal_message_id=chance.choice(("", "11", "12", "13", "14", "15")),
                reference=chance.choice(("", "", "11", "12", "<1@x>", "<4@x>")),
            )
        )
    return lines


@pytest.mark.parametrize("seed", range(5))
def test_the_store_finds_what_joining_in_memory_finds(tmp_path: Path, seed: int) -> None:
    lines = [line for number in range(60) for part in plan(number, seed).rows.values() for line in part]
    steps = read([*lines, *hard()])
    random.Random(seed).shuffle(steps)
    found = stored(steps, tmp_path)
    assert sorted(found) == sorted(join(steps))
    firsts = [group[0].time for group in found]
    assert firsts == sorted(firsts)


@pytest.mark.parametrize("size", range(2, 9))
def test_few_rows_that_ask_for_each_other_are_joined_alike(tmp_path: Path, size: int) -> None:
    for seed in range(40):
        steps = read(random.Random(seed).sample(hard(), size))
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert sorted(stored(steps, folder)) == sorted(join(steps)), seed


def test_one_message_with_very_many_rows_is_told_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "MOST_ROWS", 10)
    lines = [row(f"09:00:00.{number:03}", "RECEIVE", "A") for number in range(25)]
    assert [len(group) for group in stored(read(lines), tmp_path)] == [10, 10, 5]


def test_a_notice_is_found_for_the_message_that_it_is_about(tmp_path: Path) -> None:
    store = RowStore(str(tmp_path / "rows.sqlite"))
    for step in read([*MBX1, *MBX2]):
        store.add(step, find_key(step))
    assert [notices for _, notices in store.messages()] == [["<dsn1@contoso.test>"], []]
    store.close()
