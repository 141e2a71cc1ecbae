from __future__ import annotations

import pytest
import yaml

from exnorm.errors import SettingsError
from exnorm.text.yamlfile import Node, make_node, read_yaml, texts

TEXT = "a: 1\nb:\n  - x\n  - {c: 2018-11-27, d: ~, e: yes, f: '1'}\n"


def test_a_file_reads_as_the_safe_loader_reads_it() -> None:
    assert read_yaml(TEXT, "x.yaml").plain() == yaml.safe_load(TEXT)


def test_every_value_knows_its_line() -> None:
    (_, a), (key, b) = read_yaml(TEXT, "x.yaml").pairs
    assert (a.line, key.line, b.items[0].line, b.items[1].line) == (1, 2, 3, 4)


def test_a_value_keeps_the_text_it_was_written_as() -> None:
    (_, value), *_ = read_yaml("a: 1.10", "x.yaml").pairs
    assert (value.value, value.text) == (1.1, "1.10")


def test_what_is_referred_to_many_times_is_there_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]  # 9 ** 30 leaves
    plain = read_yaml("\n".join(lines), "x.yaml").plain()
    assert plain["a29"][0] is plain["a29"][8] is plain["a28"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "x.yaml:1: not YAML: "),
        ("a: b\n c: d", "x.yaml:2: not YAML: "),
        ("a:\n\tb: 1", "x.yaml:2: not YAML: while scanning for the next token found character"),
        ("a: \x00", "x.yaml: not YAML: "),
        ("a: 1\nb: 1\na: 2", "x.yaml:3: 'a' is there twice, first in line 1"),
        ("a: &a [*a]", "x.yaml:1: holds itself"),
        ("a: 1\nb: {<<: {c: 1}}", "x.yaml:2: merge keys (<<) are not read"),
        ("a: !!python/object:os.system {}", "x.yaml:1: not YAML: could not determine a constructor"),
        ("a: !!python/name:os.system x", "x.yaml:1: not YAML: could not determine a constructor"),
        ("a: 2018-13-99", "x.yaml: not YAML: "),
        ("[" * 5000, "x.yaml: not YAML that can be read: nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read_yaml(text, "x.yaml")
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_who_indents_with_tab_is_told() -> None:
    with pytest.raises(SettingsError, match=r"; indent with blanks, not with TAB$"):
        read_yaml("a:\n\tb: 1", "x.yaml")


def test_a_value_of_python_is_a_node_without_lines() -> None:
    given = {"a": [1, "x", None], "b": {"c": True}}
    node = make_node(given)
    assert node.plain() == given
    assert node.line == 0
    assert make_node(node) is node


def test_one_value_may_stand_where_a_list_could() -> None:
    assert [item.text for item in texts(make_node("x"))] == ["x"]
    assert [item.text for item in texts(make_node(["x", "y"]))] == ["x", "y"]


def test_nothing_is_empty_and_says_so() -> None:
    assert read_yaml("", "x.yaml") == Node("scalar")
    assert read_yaml("# nothing", "x.yaml").describe() == "nothing"
