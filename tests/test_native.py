"""The native kernel: what it refuses, and how it is switched off."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest

from exnorm.cli import run
from exnorm.native import CELL, CONSTANT, IDENTITY, NEST, ROW, SLOT, WHEN, describe_path, load_kernel

Machine: Any = load_kernel()
needs_kernel = pytest.mark.skipif(Machine is None, reason="the kernel is not built here")


def look_up(cell: bytes) -> tuple[bytes, ...] | None:
    return None if cell == b"unknown" else (b"<" + cell + b">",)


def part(kind: int, a: int = 0, b: int = 0, text: bytes = b"", close: bytes = b"", skip: int = 0) -> Any:
    return kind, a, b, text, close, skip, 0, 0, 0, 0


PARTS = (part(CELL, 0), part(CONSTANT, text=b"-"), part(SLOT, 0, 0), part(WHEN, 2, skip=1), part(CELL, 2))


def make(parts: Any = PARTS, find: Any = look_up, limits: Any = (), **changed: Any) -> Any:
    given = {"columns": 3, "cell": 1, "slots": 1, "conditions": (), "groups": (), "events": 0, **changed}
    caches = ((given["cell"], given["slots"], 0, -1, find),)
    return Machine(
        given["columns"], caches, parts, given["conditions"], given["groups"], limits, (), (),
        {ord("="): b"\\="}, b"", 100, given["events"], -1, -1, print,
    )  # fmt: skip


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("EXNORM_KERNEL", "0")
    assert load_kernel() is None
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.endswith(" (generated Python)\n")


def test_the_version_says_which_path_is_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.endswith(f" ({describe_path()})\n")


@needs_kernel
def test_rows_become_payloads_up_to_the_first_odd_one() -> None:
    lines = (b"a=b,x,", b'"c,d",y,z\r', b"e,f", b"g,h,i")
    assert make().run(lines, 0, b"", b"") == (b"a\\=b-<x>\nc,d-<y>z", 2, 2)
    assert make().run(lines, 3, b"", b"") == (b"g-<h>i", 4, 1)


@needs_kernel
@pytest.mark.parametrize(
    "line",
    [
        b"", b"a,b", b"a,b,c,d", b'"a,b,c', b'"a"b,c,d', b"a,\x01,c", b"a,\xff,c", b"a,\xed\xa0\x80,c",
        b"a,b,\xc3",
        b"a,unknown,c", b"a,b,\xf4\x90\x80\x80", b"a,b,\xe2\x82", b"x" * 101, b"a,b,c\r\r",
    ],
)  # fmt: skip
def test_an_odd_row_is_left_alone(line: bytes) -> None:
    assert make().run((line, b"a,b,c"), 0, b"", b"") == (b"", 0, 0)


@needs_kernel
def test_doubled_quotes_stand_for_one() -> None:
    assert make().run((b'"say ""hi""","""",""',), 0, b"", b"") == (b'say "hi"-<">', 1, 1)


@needs_kernel
def test_a_cell_longer_than_its_field_is_left_alone() -> None:
    assert make(limits=(2, 3)).run((b"a,b,ccc",), 0, b"", b"")[1] == 1
    assert make(limits=(2, 3)).run((b"a,b,cccc",), 0, b"", b"")[1] == 0


@needs_kernel
def test_what_is_nested_is_there_only_with_something_in_it() -> None:
    inside = (part(WHEN, 2, skip=2), part(CONSTANT, text=b";"), part(CELL, 2))
    parts = (part(CELL, 0), part(NEST, 1, text=b"[", close=b";]", skip=3), *inside)
    assert make(parts).run((b"a,b,c", b"a,b,"), 0, b"", b"")[0] == b"a;[c]\na"


@needs_kernel
@pytest.mark.parametrize("length", [0, 1, 119, 120, 121, 127, 128, 129, 247, 248, 249, 1000])
def test_the_identity_is_that_of_the_library(length: int) -> None:
    seed, row = b"seed\0\0", b"a," + b"x" * length + b","
    parts = (part(IDENTITY), part(CONSTANT, text=b" "), part(ROW))
    machine = Machine(
        3, ((1, 1, 0, -1, look_up),), parts, (), (), (), (), (),
        {ord("x"): b"yy"}, b"", 2000, 0, -1, -1, print,
    )  # fmt: skip
    digest = blake2b(seed + row, digest_size=16).hexdigest().encode()
    assert machine.run((row,), 0, b"", seed)[0] == digest + b" a," + b"y" * 2 * length + b","


@needs_kernel
def test_an_error_of_what_is_looked_up_comes_through() -> None:
    def fail(cell: bytes) -> Any:
        raise KeyError(cell)

    with pytest.raises(KeyError):
        make(find=fail).run((b"a,b,c",), 0, b"", b"")
    for wrong in ("text", (), (b"a", b"b"), ("a",)):
        with pytest.raises(TypeError, match="looked up"):
            make(find=lambda cell, wrong=wrong: wrong).run((b"a,b,c",), 0, b"", b"")


@needs_kernel
def test_more_texts_than_are_remembered_are_all_looked_up_rightly() -> None:
    machine = make()
    lines = tuple(b"a,%d,c" % (number % 9000) for number in range(20_000))
    payloads = machine.run(lines, 0, b"", b"")[0].split(b"\n")
    assert payloads == [b"a-<%d>c" % (number % 9000) for number in range(20_000)]


@needs_kernel
@pytest.mark.parametrize(
    "wrong",
    [
        {"parts": (part(CELL, 3),)},
        {"parts": (part(CELL, -1),)},
        {"parts": (part(SLOT, 1, 0),)},
        {"parts": (part(SLOT, 0, 1),)},
        {"parts": (part(WHEN, 0, skip=1),)},
        {"parts": (part(NEST, 2, close=b";", skip=0),)},
        {"parts": (part(NEST, 0, skip=1), part(NEST, 0))},
        {"parts": (part(9),)},
        {"columns": 0},
        {"cell": 3},
        {"slots": -1},
        {"events": 1},
        {"limits": (3, 1)},
        {"conditions": ((1, 0, 1, b""),)},
        {"groups": ((0, 1),)},
    ],
)
def test_a_program_that_is_not_well_formed_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Machine: "):
        make(**wrong)
