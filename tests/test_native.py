"""The native kernel: what it refuses, and how it is switched off."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest

from exnorm.cli import run
from exnorm.native import (
    AS_IT_IS,
    CELL,
    FITS,
    FRACTION,
    HEAD,
    IDENTITY,
    NEST,
    NOTE,
    ROW,
    SECOND,
    SLOT,
    WHEN,
    Part,
    describe_path,
    load_kernel,
)

Machine: Any = load_kernel()
needs_kernel = pytest.mark.skipif(Machine is None, reason="the kernel is not built here")


def look_up(cell: bytes) -> tuple[bytes, ...] | None:
    return None if cell == b"unknown" else (b"<" + cell + b">",)


PARTS = (Part(CELL, 0, after=b"-"), Part(SLOT, 0, 0), Part(CELL, 2, when=2))


def make(parts: Any = PARTS, find: Any = look_up, limits: Any = (), **changed: Any) -> Any:
    given = {
        "columns": 3, "cell": 1, "slots": 1, "conditions": (), "groups": (), "events": 0, "longest": 100,
        "form": AS_IT_IS, "for_ipv4": (None, None), "count": print, "escapes": {ord("="): b"\\="}, **changed,
    }  # fmt: skip
    caches = ((given["cell"], given["slots"], 0, -1, given["form"], find, *given["for_ipv4"]),)
    parts = tuple(part.as_tuple() for part in parts)
    return Machine(
        given["columns"], caches, parts, given["conditions"], given["groups"], limits, (), (),
        given["escapes"], b"", given["longest"], given["events"], -1, -1, given["count"],
    )  # fmt: skip


def run_lines(machine: Any, *lines: bytes, seed: bytes = b"", begin: int = 0) -> tuple[bytes, int, int]:
    """The payloads of a block of lines, how many lines were run, and how many bytes."""
    block = b"".join(line + b"\n" for line in lines)
    at, rows, payloads = machine.run(block, begin, len(block), b"", seed)
    written = bytes(machine)
    assert written.count(b"\n") == payloads
    return written, rows, at


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
    assert run_lines(make(), *lines) == (b"a\\=b-<x>\nc,d-<y>z\n", 2, 18)
    assert run_lines(make(), *lines, begin=22) == (b"g-<h>i\n", 1, 28)


@needs_kernel
@pytest.mark.parametrize("before", [0, 1, 63, 64, 65, 300])
@pytest.mark.parametrize(
    "line",
    [
        b"", b"a,b", b"a,b,c,d", b'"a,b,c', b'"a"b,c,d', b"a,\x01,c", b"a,\xff,c", b"a,\xed\xa0\x80,c",
        b"a,b,\xc3", b'a,b,"', b'a,b,"c""', b'a,"b,"c",d"',
        b"a,unknown,c", b"a,b,\xf4\x90\x80\x80", b"a,b,\xe2\x82", b"x" * 101, b"a,b,c\r\r", b"\r", b"a\r,b,c",
    ],
)  # fmt: skip
def test_an_odd_row_is_left_alone_wherever_it_stands_in_a_block(line: bytes, before: int) -> None:
    plain = b"a,%b,c" % (b"b" * min(before, 90))
    lines = [plain] * (before // 90 + 1)
    payloads = b"a-<%b>c\n" % (b"b" * min(before, 90)) * len(lines)
    at = (len(plain) + 1) * len(lines)
    for behind in (0, 1, 40):
        assert run_lines(make(), *lines, line, *[b"a,b,c"] * behind) == (payloads, len(lines), at)


@needs_kernel
@pytest.mark.parametrize("length", [0, 1, 14, 15, 16, 30, 31, 32, 62, 63, 64, 126, 127, 128, 129, 5000])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r"])
def test_cells_of_any_length_come_out_whole_at_the_end_of_a_block_too(length: int, end: bytes) -> None:
    text = "x=éyz"[: length % 6].encode() + b"v" * max(length - 6, 0)
    escaped = text.replace(b"=", b"\\=")
    for quote, shown in ((b"", b""), (b'"', b""), (b'""', b'"')):
        cell = quote and b'"' + text + b'"' * (len(quote) - 1) * 2 + b'"'
        block = b"%b,%b,%b%b" % (text, text, cell or text, end)
        machine = make(longest=100_000)
        assert machine.run(block, 0, len(block), b"", b"") == (len(block), 1, 1)
        assert bytes(machine) == b"%b-<%b>%b%b\n" % (escaped, text, escaped, shown)


@needs_kernel
def test_lines_may_lie_anywhere_in_a_block() -> None:
    block = b"#,#,#\n" + b"a,b,c\n" * 50 + b"rest"
    machine = make()
    for begin in range(6, 306, 6):
        assert machine.run(block, begin, begin + 6, b">", b"") == (begin + 6, 1, 1)
        assert bytes(machine) == b"a-<b>c\n"
    assert machine.run(block, 306, 306, b"", b"") == (306, 0, 0)
    assert bytes(machine) == b""
    for begin, end in ((-1, 3), (4, 3), (0, len(block) + 1)):
        with pytest.raises(ValueError, match="within the block"):
            machine.run(block, begin, end, b"", b"")


@needs_kernel
def test_payloads_that_somebody_still_looks_at_are_not_written_over() -> None:
    machine = make()
    run_lines(machine, b"a,b,c")
    view = memoryview(machine)
    assert view.readonly
    assert run_lines(machine, b"d,e,f")[0] == b"d-<e>f\n"
    assert bytes(view) == b"a-<b>c\n"
    del machine
    assert bytes(view) == b"a-<b>c\n"


@needs_kernel
def test_doubled_quotes_stand_for_one() -> None:
    assert run_lines(make(), b'"say ""hi""","""",""')[0] == b'say "hi"-<">\n'
    assert run_lines(make(), b'a"b,c"",d')[0] == b'a"b-<c"">d\n'


@needs_kernel
def test_a_cell_longer_than_its_field_is_left_alone_where_it_cannot_be_cut() -> None:
    assert run_lines(make(limits=(2, 3)), b"a,b,ccc")[1] == 1
    assert run_lines(make(limits=(2, 3)), b"a,b,cccc")[1] == 0


@needs_kernel
@pytest.mark.parametrize(
    ("cell", "shown"),
    [(b"abcd", b"abcd"), (b"abcde", b"abcd"), (b"abc\xc3\xa9", b"abc"), (b"====", b"\\=\\=\\=\\="),
     (b"a=b=c", b"a\\=b\\="), (b"\xf0\x9f\x98\x80x", b"\xf0\x9f\x98\x80")],
)  # fmt: skip
def test_a_cell_is_cut_between_two_characters_and_the_cut_is_counted(cell: bytes, shown: bytes) -> None:
    counted: list[tuple[str, object]] = []
    parts = (
        Part(CELL, 0, limit=4, field="one"),
        Part(CELL, 0, before=b"|", when=0, none_of=(0, 1)),
        Part(NOTE, 0, limit=4, field="other"),
    )
    machine = make(
        parts, conditions=((FITS, 0, 4, b""),), groups=((0, 1),), count=lambda *of: counted.append(of)
    )
    whole = b"|" + cell.replace(b"=", b"\\=") if len(cell) > 4 else b""
    assert run_lines(machine, cell + b",b,c")[0] == shown + whole + b"\n"
    assert counted == ([("cut", "one"), ("cut", "other")] if whole else [])


@needs_kernel
def test_what_is_nested_is_there_only_with_something_in_it() -> None:
    nest = Part(NEST, before=b"[", after=b";]", limit=1, skip=1)
    parts = (Part(CELL, 0), nest, Part(CELL, 2, before=b";", when=2))
    assert run_lines(make(parts), b"a,b,c", b"a,b,")[0] == b"a;[c]\na\n"


@needs_kernel
def test_several_parts_may_be_under_one_condition() -> None:
    parts = (Part(WHEN, when=2, skip=2), Part(SLOT, 0, 0), Part(CELL, 2, after=b"!"), Part(HEAD, 0, 2))
    assert run_lines(make(parts), b"abc,b,c", b"a,b,")[0] == b"<b>c!ab\na\n"


@needs_kernel
@pytest.mark.parametrize(
    ("text", "second"),
    [
        (b"1971-01-01T00:00:00", b"31536000"), (b"2000-02-29T23:59:59", b"951868799"),
        (b"2026-01-01T00:00:00", b"1767225600"), (b"9999-12-31T23:59:59", b"253402300799"),
        (b"2100-03-01T00:00:00", b"4107542400"),
        (b"1970-01-01T00:00:01", b"looked up"), (b"2100-02-29T00:00:00", b"looked up"),
        (b"2026-13-01T00:00:00", b"looked up"), (b"2026-01-01T24:00:00", b"looked up"),
        (b"2026-01-01T00:00:60", b"looked up"), (b"2026-01-01 00:00:00", b"looked up"),
        (b"", b"looked up"), (b"2026-01-0aT00:00:00", b"looked up"),
    ],
)  # fmt: skip
def test_the_second_of_a_usual_time_is_computed_and_of_any_other_looked_up(
    text: bytes, second: bytes
) -> None:
    machine = make((Part(SLOT, 0, 0),), find=lambda cell: (b"looked up",), form=SECOND)
    assert run_lines(machine, b"a,%b,c" % text)[0] == second + b"\n"


@needs_kernel
def test_the_fraction_of_a_usual_time_is_computed_and_of_any_other_looked_up() -> None:
    machine = make((Part(SLOT, 0, 0),), form=FRACTION)
    lines = (b"a,.007Z,c", b"a,.7Z,c", b"a,Z,c", b"a,.1234Z,c", b"a,.0x7Z,c")
    assert run_lines(machine, *lines)[0] == b"007\n<.7Z>\n<Z>\n<.1234Z>\n<.0x7Z>\n"


@needs_kernel
def test_what_stands_for_every_ipv4_address_is_not_looked_up() -> None:
    machine = make((Part(SLOT, 0, 0),), for_ipv4=((b"src=",), (b";",)))
    usual = (b"1.2.3.4", b"255.255.255.255", b"0.0.0.0", b"10.0.200.99")
    other = (
        b"1.2.3.256",
        b"01.2.3.4",
        b"1.2.3",
        b"1.2.3.4.5",
        b"1.2.3.4 ",
        b"1..3.4",
        b"::1",
        b"",
        b"1.2.3.4567",
    )
    expected = b"".join(b"src=%b;\n" % text for text in usual) + b"".join(b"<%b>\n" % text for text in other)
    assert run_lines(machine, *(b"a,%b,c" % text for text in (*usual, *other)))[0] == expected
    constant = make((Part(SLOT, 0, 0),), for_ipv4=((b"v4",), (None,)))
    assert run_lines(constant, b"a,1.2.3.4,c", b"a,x,c", b"a,1.2.3.4,c")[0] == b"v4\n<x>\nv4\n"


@needs_kernel
@pytest.mark.parametrize("length", [0, 1, 119, 120, 121, 127, 128, 129, 247, 248, 249, 1000])
def test_the_identity_is_that_of_the_library(length: int) -> None:
    seed, row = b"seed\0\0", b"a," + b"x" * length + b","
    machine = make((Part(IDENTITY, after=b" "), Part(ROW)), escapes={ord("x"): b"yy"}, longest=2000)
    digest = blake2b(seed + row, digest_size=16).hexdigest().encode()
    expected = digest + b" a," + b"y" * 2 * length + b",\n"
    assert run_lines(machine, row, row + b"\r", seed=seed)[0] == expected * 2


@needs_kernel
def test_an_error_of_what_is_looked_up_comes_through() -> None:
    def fail(cell: bytes) -> Any:
        raise KeyError(cell)

    with pytest.raises(KeyError):
        run_lines(make(find=fail), b"a,b,c")
    for wrong in ("text", (), (b"a", b"b"), ("a",)):
        with pytest.raises(TypeError, match="looked up"):
            run_lines(make(find=lambda cell, wrong=wrong: wrong), b"a,b,c")


@needs_kernel
def test_it_can_neither_be_run_nor_looked_at_while_it_runs() -> None:
    machine: Any = None
    seen: list[type] = []

    def find(cell: bytes) -> tuple[bytes]:
        for use in (lambda: machine.run(b"a,b,c\n", 0, 6, b"", b""), lambda: memoryview(machine)):
            try:
                use()
            except (ValueError, BufferError) as error:
                seen.append(type(error))
        return (cell,)

    machine = make(find=find)
    assert run_lines(machine, b"a,b,c")[0] == b"a-bc\n"
    assert seen == [ValueError, BufferError]


@needs_kernel
def test_more_texts_than_are_remembered_are_all_looked_up_rightly() -> None:
    lines = tuple(b"a,%d,c" % (number % 9000) for number in range(20_000))
    payloads = run_lines(make(), *lines)[0].split(b"\n")[:-1]
    assert payloads == [b"a-<%d>c" % (number % 9000) for number in range(20_000)]


@needs_kernel
@pytest.mark.parametrize(
    "wrong",
    [
        {"parts": (Part(CELL, 3),)},
        {"parts": (Part(CELL, -1),)},
        {"parts": (Part(CELL, 0, limit=-1),)},
        {"parts": (Part(CELL, 0, when=3),)},
        {"parts": (Part(SLOT, 1, 0),)},
        {"parts": (Part(SLOT, 0, 1),)},
        {"parts": (Part(WHEN, skip=1),)},
        {"parts": (Part(NEST, after=b";", limit=2),)},
        {"parts": (Part(NEST, skip=1), Part(NEST))},
        {"parts": (Part(10),)},
        {"parts": (Part(CELL, all_of=(0, 1)),)},
        {"columns": 0},
        {"cell": 3},
        {"slots": -1},
        {"form": 3},
        {"form": SECOND, "slots": 2},
        {"events": 1},
        {"limits": (3, 1)},
        {"conditions": ((1, 0, 1, b""),)},
        {"conditions": ((3, 0, 1, b""),)},
        {"groups": ((0, 1),)},
        {"escapes": {44: b""}},
        {"escapes": dict.fromkeys((61, 62, 63, 64), b"")},
    ],
)
def test_a_program_that_is_not_well_formed_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Machine: "):
        make(**wrong)
