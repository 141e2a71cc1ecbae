"""The native kernel: what it makes of a plan, what it refuses, and how it is switched off."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import pytest

from exnorm.cli import run
from exnorm.engine.kernel import Packer, describe_path, load_kernel, pack
from exnorm.engine.plan import (
    REMEMBERED,
    Cell,
    Choose,
    Fits,
    Gate,
    Guard,
    Join,
    Limit,
    Memo,
    Note,
    Number,
    Part,
    Plan,
    Sift,
    Slot,
    Unwrapped,
    Whole,
)
from exnorm.model import Wire

KERNEL: Any = load_kernel()
needs_kernel = pytest.mark.skipif(KERNEL is None, reason="the kernel is not built here")


def look_up(texts: Sequence[str]) -> tuple[str, ...] | None:
    return None if "unknown" in texts else (f"<{'|'.join(texts)}>",)


PARTS = (Part((("", Cell(0)),), "-"), Part((("", Slot(0, 0)),)), Part((("", Cell(2)),), cell=2))
FIND = Memo((1,), (), 1, look_up)


def make_plan(parts: Sequence[Part] = PARTS, steps: Sequence[Any] = (FIND,), **changed: Any) -> Plan:
    wire = Wire(
        start=lambda path, source: "",
        pair=lambda name, is_text: ("", ""),
        keys=lambda columns: [],
        separator=";",
        escapes=changed.pop("escapes", (("=", "\\="),)),
        nested=("[", "]"),
    )
    given: dict[str, Any] = {
        "name": "test", "columns": ("a", "b", "c"), "separator": ",", "times": 0, "cells": 3, "absent": "",
        "may_be_absent": frozenset(), "checks": (), "notes": (), "nested": (), "closing": (), "longest": 100,
        "count": print, **changed,
    }  # fmt: skip
    return Plan(parts=tuple(parts), steps=tuple(steps), wire=wire, **given)


def make(parts: Sequence[Part] = PARTS, steps: Sequence[Any] = (FIND,), **changed: Any) -> Any:
    return pack(make_plan(parts, steps, **changed), KERNEL)


def run_lines(machine: Any, *lines: bytes, seed: bytes = b"", begin: int = 0) -> tuple[bytes, int, int]:
    """The payloads of a block of lines, how many lines were run, and how many bytes."""
    block = b"".join(line + b"\n" for line in lines)
    at, rows, payloads = machine.run(block, begin, len(block), b"", seed)
    written = bytes(machine)
    assert written.count(b"\n") == payloads
    return written, rows, at


def show(*cells: int) -> tuple[Part, ...]:
    """Parts that write cells, each in brackets."""
    return tuple(Part((("(", Cell(cell)),), ")") for cell in cells)


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
def test_rows_may_be_cut_at_blanks_and_a_quote_is_then_as_any_other_character() -> None:
    machine = make(separator=" ", escapes=(("=", "\\="), ('"', "'")))
    assert run_lines(machine, b'"a=1 b, c,d', b"a  c", b"a b")[0] == b"'a\\=1-<b,>c,d\na-<>c\n"
    assert (
        run_lines(machine, b"a b ")[1] == run_lines(machine, b'a "b ')[1] == 0
    )  # the reader knows two cells


@needs_kernel
def test_a_cell_longer_than_its_field_is_left_alone_where_it_cannot_be_cut() -> None:
    assert run_lines(make(checks=(Limit(2, 3),)), b"a,b,ccc")[1] == 1
    assert run_lines(make(checks=(Limit(2, 3),)), b"a,b,cccc")[1] == 0


@needs_kernel
@pytest.mark.parametrize(
    ("text", "digits", "is_odd"),
    [(b"", 2, 0), (b"0", 2, 0), (b"10", 2, 0), (b"01", 2, 1), (b"100", 2, 1), (b"-1", 2, 1), (b"1x", 2, 1),
     (b"9" * 18, 18, 0), (b"9" * 19, 18, 1)],
)  # fmt: skip
def test_a_number_has_so_many_digits_and_is_written_again_as_it_was(
    text: bytes, digits: int, is_odd: int
) -> None:
    assert run_lines(make(checks=(Number(2, digits),)), b"a,b," + text)[1] == 1 - is_odd


@needs_kernel
@pytest.mark.parametrize(
    ("text", "is_odd"), [(b"o'brien@x", 0), (b"'a'", 1), (b"a;b'", 0), (b"a;'b'", 1), (b"'", 1), (b"", 0)]
)
def test_a_list_with_a_member_that_begins_with_an_apostrophe_is_odd(text: bytes, is_odd: int) -> None:
    assert run_lines(make(checks=(Unwrapped(2),)), b"a,b," + text)[1] == 1 - is_odd


@needs_kernel
@pytest.mark.parametrize(
    ("cell", "shown"),
    [(b"abcd", b"abcd"), (b"abcde", b"abcd"), (b"abc\xc3\xa9", b"abc"), (b"====", b"\\=\\=\\=\\="),
     (b"a=b=c", b"a\\=b\\="), (b"\xf0\x9f\x98\x80x", b"\xf0\x9f\x98\x80")],
)  # fmt: skip
def test_a_cell_is_cut_between_two_characters_and_the_cut_is_counted(cell: bytes, shown: bytes) -> None:
    counted: list[tuple[str, object]] = []
    parts = (
        Part((("", Cell(0)),), cell=0, limit=4, field="one"),
        Part((("|", Cell(0)),), cell=0, none_of=((Fits(0, 4),),)),
        Part(cell=0, limit=4, field="other"),
    )
    machine = make(parts, count=lambda *of: counted.append(of))
    whole = b"|" + cell.replace(b"=", b"\\=") if len(cell) > 4 else b""
    assert run_lines(machine, cell + b",b,c")[0] == shown + whole + b"\n"
    assert counted == ([("cut", "one"), ("cut", "other")] if whole else [])


@needs_kernel
def test_what_is_nested_is_there_only_with_something_in_it() -> None:
    machine = make((Part((("", Cell(0)),)),), nested=(Part(((";", Cell(2)),), cell=2),))
    assert run_lines(machine, b"a,b,c", b"a,b,")[0] == b"a;[c]\na\n"


@needs_kernel
def test_several_values_may_be_under_one_condition() -> None:
    parts = (Part((("", Slot(0, 0)), ("", Cell(2))), "!", cell=2), Part((("", Cell(0)),)))
    assert run_lines(make(parts), b"abc,b,c", b"a,b,")[0] == b"<b>c!abc\na\n"


# --- the row's time ------------------------------------------------------------------------------

TIME = (Part((("", Whole.MOMENT), (" ", Whole.SECOND), (".", Whole.FRACTION))),)


@needs_kernel
@pytest.mark.parametrize(
    ("text", "second"),
    [
        (b"1971-01-01T00:00:00", b"31536000"), (b"2000-02-29T23:59:59", b"951868799"),
        (b"2026-01-01T00:00:00", b"1767225600"), (b"9999-12-31T23:59:59", b"253402300799"),
        (b"2100-03-01T00:00:00", b"4107542400"),
        (b"1970-01-01T00:00:01", b""), (b"2100-02-29T00:00:00", b""), (b"2026-13-01T00:00:00", b""),
        (b"2026-01-01T24:00:00", b""), (b"2026-01-01T00:00:60", b""), (b"2026-01-01 00:00:00", b""),
        (b"", b""), (b"2026-01-0aT00:00:00", b""),
    ],
)  # fmt: skip
def test_the_second_of_a_usual_time_is_computed_and_a_row_with_any_other_is_odd(
    text: bytes, second: bytes
) -> None:
    written = run_lines(make(TIME, times=1), text + b".007Z,b,c")[0]
    assert written == (b"%b %b.007\n" % (text, second) if second else b"")
    if len(text) == 19 and text[10:11] == b"T":
        written = run_lines(make(TIME, times=2), text.replace(b"T", b",") + b",c")[0]
        assert written == (b"%b %b.000\n" % (text, second) if second else b"")


@needs_kernel
def test_a_fraction_has_three_digits_or_none() -> None:
    machine = make(TIME, times=1)
    for end, fraction in (
        (b".007Z", b"007"),
        (b"Z", b"000"),
        (b".7Z", b""),
        (b".0x7Z", b""),
        (b".1234Z", b""),
    ):
        written = run_lines(machine, b"2026-01-01T00:00:00%b,b,c" % end)[0]
        assert written == (b"2026-01-01T00:00:00 1767225600.%b\n" % fraction if fraction else b"")


# --- steps ---------------------------------------------------------------------------------------


@needs_kernel
def test_a_memo_of_several_cells_fills_others_and_is_asked_once_for_each_choice_of_texts() -> None:
    asked: list[tuple[str, ...]] = []

    def find(texts: Sequence[str]) -> tuple[str, ...]:
        asked.append(tuple(texts))
        return texts[0] + texts[1], "=", f"[{texts[0]}]"

    machine = make((*show(3, 4), Part((("", Slot(0, 0)),))), (Memo((0, 2), (3, 4), 1, find),), cells=5)
    written = run_lines(machine, b"a,1,b", b"ab,2,", b",3,ab", b"a,4,b", b"\xc3\xa9,5,=")[0]
    assert written.decode() == "(ab)(\\=)[a]\n(ab)(\\=)[ab]\n(ab)(\\=)[]\n(ab)(\\=)[a]\n(é\\=)(\\=)[é]\n"
    assert asked == [("a", "b"), ("ab", ""), ("", "ab"), ("é", "=")]


@needs_kernel
@pytest.mark.parametrize(("once", "joined"), [(False, b"p??q"), (True, b"p?q")])
def test_two_cells_are_joined_where_the_second_is_filled(once: bool, joined: bytes) -> None:
    machine = make(
        show(3), (Join(3, 0, 1, "?", once),), cells=4, absent="-", may_be_absent=frozenset((0, 1, 2))
    )
    lines = b"p,q,", b"p,,", b"p,-,", b"-,q,", b"p,?q,", b"a=b,c=d,"
    expected = b"(p?q)\n(p)\n(p)\n(?q)\n(%b)\n(a\\=b?c\\=d)\n" % joined
    assert run_lines(machine, *lines)[0] == expected


@needs_kernel
def test_a_gate_lets_a_cell_through_where_it_is_asked_for_or_holds_a_text() -> None:
    ask = Memo((0,), (), 1, lambda texts: ("1" if texts[0] == "ask" else "",))
    machine = make(show(3, 4), (ask, Gate(3, 1, Slot(0, 0)), Gate(4, 2, None, "Probe")), cells=5)
    lines = b"ask,q,x", b"no,q,xProbey", b"ask,,Prob", b"ask,=,ProPro=Probe"
    assert run_lines(machine, *lines)[0] == b"(q)()\n()(xProbey)\n()()\n(\\=)(ProPro\\=Probe)\n"


@needs_kernel
@pytest.mark.parametrize(
    ("text", "passes"),
    [("a=Token", True), ("TOKEN", True), ("toke", False), ("t", False), ("", False), ("xsid", True),
     ("to\u212aen", True), ("é", True), ("si d", False), ("sId=1;to", True)],
)  # fmt: skip
def test_a_sift_lets_a_text_through_that_may_hold_a_hint(text: str, passes: bool) -> None:
    machine = make(show(3), (Sift(3, 1, ("token", "sid")),), cells=4)
    assert run_lines(machine, b"a,%b,c" % text.encode())[0] == b"(%b)\n" % (text.encode() * passes).replace(
        b"=", b"\\="
    )


@needs_kernel
def test_a_gate_may_ask_how_long_another_cell_is() -> None:
    machine = make(show(3), (Gate(3, 1, measured=2, longer=3),), cells=4)
    assert run_lines(machine, b"a,b,ccc", b"a,b,cccc", b"a,,cccc")[0] == b"()\n(b)\n()\n"


@needs_kernel
def test_the_first_cell_that_is_filled_is_chosen() -> None:
    machine = make(show(3), (Choose(3, 2, (0, 1)),), cells=4, absent="-", may_be_absent=frozenset((0, 1, 2)))
    assert run_lines(machine, b",,c", b"a,,c", b",b,c", b"-,-,c", b",,-")[0] == b"(c)\n()\n()\n(c)\n()\n"


@needs_kernel
@pytest.mark.parametrize(
    ("text", "is_odd"),
    [("x", 0), ("ann@x.test", 1), ("<ANN@x.TEST>", 1), ("ann@x.tes", 0), ("bob", 1), ("", 0),
     ("Annx.test", 0), ("\u212aelvin", 1), ("\u0130stanbul", 1), ("é", 0)],
)  # fmt: skip
def test_a_guard_makes_a_row_odd_in_which_one_of_its_texts_stands_elsewhere(text: str, is_odd: int) -> None:
    hide = Memo((0,), (), 1, lambda texts: ("ann@x.test\nbob",))
    machine = make(show(1), (hide, Guard((1, 2), Slot(0, 0))))
    assert run_lines(machine, b"a,%b,c" % text.encode())[1] == 1 - is_odd
    assert run_lines(machine, b"a,c,%b" % text.encode())[1] == 1 - is_odd


@needs_kernel
def test_notes_are_counted_in_their_order_and_one_may_drop_the_row() -> None:
    counted: list[tuple[str, str]] = []
    say = Memo((0,), (), 3, lambda texts: tuple(one if one in texts[0] else "" for one in "udm"))
    notes = (Note(Slot(0, 0), "unknown"), Note(Slot(0, 1), "dropped", drops=True), Note(Slot(0, 2), "marked"))
    machine = make(show(1), (say,), notes=notes, count=lambda *of: counted.append(of))
    assert run_lines(machine, b"um,1,", b"udm,2,", b"x,3,", b"m,4,") == (b"(1)\n(3)\n(4)\n", 4, 23)
    assert counted == [("unknown", "u"), ("marked", "m"), ("unknown", "u"), ("dropped", "d"), ("marked", "m")]


@needs_kernel
def test_what_stands_for_every_ipv4_address_is_not_looked_up() -> None:
    find, part = Memo((1,), (), 1, look_up, (("src=",), (";",))), (Part((("", Slot(0, 0)),)),)
    usual = (b"1.2.3.4", b"255.255.255.255", b"0.0.0.0", b"10.0.200.99")
    other = (b"1.2.3.256", b"01.2.3.4", b"1.2.3", b"1.2.3.4.5", b"1.2.3.4 ", b"1..3.4", b"::1", b"",
             b"1.2.3.4567")  # fmt: skip
    expected = b"".join(b"src=%b;\n" % text for text in usual) + b"".join(b"<%b>\n" % text for text in other)
    assert run_lines(make(part, (find,)), *(b"a,%b,c" % one for one in (*usual, *other)))[0] == expected
    constant = make(part, (Memo((1,), (), 1, look_up, (("v4",), (None,))),))
    assert run_lines(constant, b"a,1.2.3.4,c", b"a,x,c", b"a,1.2.3.4,c")[0] == b"v4\n<x>\nv4\n"
    several = make(part, (Memo((1, 2), (), 1, look_up, (("v4",), (None,))),))
    assert (
        run_lines(several, b"a,1.2.3.4,", b"a,1.2.3.4,c", b"a,,1.2.3.4")[0]
        == b"v4\n<1.2.3.4|c>\n<|1.2.3.4>\n"
    )


@needs_kernel
@pytest.mark.parametrize("length", [0, 1, 119, 120, 121, 127, 128, 129, 247, 248, 249, 1000])
def test_the_identity_is_that_of_the_library(length: int) -> None:
    seed, row = b"seed\0\0", b"a," + b"x" * length + b","
    parts = (Part((("", Whole.IDENTITY), (" ", Whole.ROW))),)
    machine = make(parts, escapes=(("x", "yy"),), longest=2000)
    digest = blake2b(seed + row, digest_size=16).hexdigest().encode()
    expected = digest + b" a," + b"y" * 2 * length + b",\n"
    assert run_lines(machine, row, row + b"\r", seed=seed)[0] == expected * 2


def give(found: Any) -> Any:
    return lambda texts: found


@needs_kernel
def test_an_error_of_what_is_looked_up_comes_through() -> None:
    def fail(texts: Sequence[str]) -> Any:
        raise KeyError(texts)

    with pytest.raises(KeyError):
        run_lines(make(steps=(Memo((1,), (), 1, fail),)), b"a,b,c")
    for wrong in ((), ("a", "b")):
        with pytest.raises(TypeError, match="looked up"):
            run_lines(make(steps=(Memo((1,), (), 1, give(wrong)),)), b"a,b,c")


@needs_kernel
def test_it_can_neither_be_run_nor_looked_at_while_it_runs() -> None:
    machine: Any = None
    seen: list[type] = []

    def find(texts: Sequence[str]) -> tuple[str, ...]:
        for use in (lambda: machine.run(b"a,b,c\n", 0, 6, b"", b""), lambda: memoryview(machine)):
            try:
                use()
            except (ValueError, BufferError) as error:
                seen.append(type(error))
        return tuple(texts)

    machine = make(steps=(Memo((1,), (), 1, find),))
    assert run_lines(machine, b"a,b,c")[0] == b"a-bc\n"
    assert seen == [ValueError, BufferError]


@needs_kernel
def test_more_texts_than_are_remembered_are_all_looked_up_rightly() -> None:
    many = REMEMBERED + 800
    lines = tuple(b"a,%d,c" % (number % many) for number in range(20_000))
    payloads = run_lines(make(), *lines)[0].split(b"\n")[:-1]
    assert payloads == [b"a-<%d>c" % (number % many) for number in range(20_000)]


NAMES = (
    "columns", "cells", "separator", "times", "steps", "parts", "conditions", "groups", "checks", "notes",
    "escapes", "absent", "may_be_absent", "longest", "remembered", "longest_key", "count",
)  # fmt: skip


@needs_kernel
@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": 0},
        {"columns": 4},
        {"separator": ord("x")},
        {"times": 3},
        {"steps": (("MEMO", (), (3,), 1, 0, b"", print, None, None),)},
        {"steps": (("MEMO", (0,), (1,), 1, 0, b"", print, None, None),)},
        {"steps": (("MEMO", (), (1,), -1, 0, b"", print, None, None),)},
        {"steps": (("JOIN", (), (1,), 0, 0, b"", None, None, None),)},
        {"steps": (("GATE", (), (1,), 0, 0, b"", None, None, None),)},
        {"steps": (("GUARD", (), (1,), 0, 0, b"", None, None, None),)},
        {"steps": (("SIFT", (3,), (1,), 0, 0, b"t", None, None, None),), "cells": 4},
        {"steps": ((9, (), (1,), 0, 0, b"", None, None, None),)},
        {"parts": (("CELL", 3),)},
        {"parts": (("CELL", -1),)},
        {"parts": (("SLOT", 1, 0),)},
        {"parts": (("SLOT", 0, 1),)},
        {"parts": (("WHEN", 0, 0, b"", b"", -1, 0, "", 1),)},
        {"parts": (("NEST", 0, 0, b"", b";", -1, 2),)},
        {"parts": (("NEST", 0, 0, b"", b"", -1, 0, "", 1), ("NEST",))},
        {"parts": ((12,),)},
        {"parts": (("CELL", 0, 0, b"", b"", -1, -1),)},
        {"parts": (("CELL", 0, 0, b"", b"", 3),)},
        {"parts": (("CELL", 0, 0, b"", b"", -1, 0, "", 0, 0, 1),)},
        {"conditions": ((1, 0, 1, b""),)},
        {"conditions": ((3, 0, 1, b""),)},
        {"groups": ((0, 1),)},
        {"checks": ((0, 3, 1),)},
        {"checks": ((3, 0, 1),)},
        {"notes": ((0, 1, "x", 0),)},
        {"escapes": {44: b""}},
        {"escapes": dict.fromkeys((61, 62, 63, 64), b"")},
        {"may_be_absent": (3,)},
        {"remembered": 1 << 20},
    ],
    ids=str,
)
def test_a_program_that_is_not_well_formed_is_refused(wrong: dict[str, Any]) -> None:
    packed = dict(zip(NAMES, Packer(make_plan(), KERNEL).pack()))
    for name, value in wrong.items():
        if name in ("steps", "parts"):
            rest = (0, 0, b"", b"", -1, 0, "", 0, 0, 0, 0, 0) if name == "parts" else ()
            value = tuple(
                (getattr(KERNEL, str(kind), kind), *more, *rest[len(more) :]) for kind, *more in value
            )
        packed[name] = value
    with pytest.raises(ValueError, match="Machine: "):
        KERNEL.Machine(*packed.values())


@needs_kernel
@pytest.mark.parametrize(
    "use",
    [
        lambda machine: machine.run(b"a\n", 0, 2, b"", b""),
        lambda machine: machine.run_events((), (), b"", b"", b""),
        lambda machine: machine.run_chunk(((), (), (), b"x", True, True), b"\x90", 0, *[b""] * 4),
        memoryview,
    ],
)
def test_a_machine_that_was_not_made_from_a_program_is_refused(use: Any) -> None:
    for machine in (KERNEL.Machine.__new__(KERNEL.Machine), half_made()):
        with pytest.raises((ValueError, BufferError), match="it was not made from a program"):
            use(machine)


def half_made() -> Any:
    machine: Any = KERNEL.Machine.__new__(KERNEL.Machine)
    begin: Any = machine.__init__
    with pytest.raises((ValueError, TypeError)):
        begin(1, 1, ord(","), 0, (), (), (), ((5, 6),), (), (), {}, b"", (), 10, 1, 0, print)
    return machine
