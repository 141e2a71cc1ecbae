"""Read YAML as plain values with their lines, so that messages can name them.

The safe loader is used: a file makes text, numbers, lists and maps, and nothing else. A map with a repeated
key and a value that contains itself are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exnorm.errors import SettingsError, quote

_KINDS = {"scalar": "a value", "list": "a list", "map": "a map"}

_MERGE = "tag:yaml.org,2002:merge"
_PLAIN_TAGS = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")


@dataclass(frozen=True)
class Node:
    """One value of a file: a scalar with its ``text``, a list of nodes, or a map of pairs of nodes.

    ``line`` counts from 1; it is 0 for a value given in Python.
    """

    kind: str
    line: int = 0
    value: Any = None
    text: str = ""
    items: tuple[Node, ...] = ()
    pairs: tuple[tuple[Node, Node], ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is written here."""
        return self.kind == "scalar" and self.value is None

    def plain(self) -> Any:
        """The value without its lines, as ``yaml.safe_load`` returns it."""
        return _strip(self, {})

    def describe(self) -> str:
        """Describe the value for the "got" part of a message."""
        if self.empty:
            return "nothing"
        return quote(self.text, 80) if self.kind == "scalar" else _KINDS[self.kind]


NOTHING = Node("scalar")
"""What an empty file holds."""


def read_yaml(text: str, name: str) -> Node:
    """Return the content of a YAML file; ``name`` is the file's name in messages. Raises
    ``SettingsError``.
    """
    import yaml  # imported only where a file is given, to start fast

    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        return NOTHING if root is None else _Converter(loader, name).convert(root)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        reason = " ".join(part for part in (error.context, error.problem) if part)
        hint = "; indent with blanks, not with TAB" if "'\\t'" in reason else ""
        raise SettingsError(f"{name}{line}: not YAML: {quote(reason)[1:-1]}{hint}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{name}: not YAML: {quote(' '.join(str(error).split()))[1:-1]}") from None
    except RecursionError:
        raise SettingsError(f"{name}: not YAML that can be read: nested too deeply") from None


def _strip(node: Node, done: dict[int, Any]) -> Any:
    """Return plain values; a node that is referred to many times gives one value, so a small file stays
    small.
    """
    if node.kind == "scalar":
        return node.value
    if id(node) not in done:
        if node.kind == "list":
            done[id(node)] = [_strip(item, done) for item in node.items]
        else:
            done[id(node)] = {key.value: _strip(value, done) for key, value in node.pairs}
    return done[id(node)]


class _Converter:
    """Converts the loader's nodes to ours; a node that is referred to again is converted once."""

    def __init__(self, loader: Any, name: str) -> None:
        self._loader = loader
        self._name = name
        self._done: dict[int, Node | None] = {}

    def convert(self, node: Any) -> Node:
        known = self._done.get(id(node), "")
        if isinstance(known, Node):
            return known
        line = node.start_mark.line + 1
        if known is None:
            raise SettingsError(f"{self._name}:{line}: holds itself")
        self._done[id(node)] = None
        done = self._done[id(node)] = self._make(node, line)
        return done

    def _make(self, node: Any, line: int) -> Node:
        if node.id != "scalar" and node.tag not in _PLAIN_TAGS:
            raise SettingsError(
                f"{self._name}:{line}: not YAML: could not determine a constructor for {quote(node.tag)}"
            )
        if node.id == "sequence":
            return Node("list", line, items=tuple(self.convert(item) for item in node.value))
        if node.id == "mapping":
            if any(key.tag == _MERGE for key, _ in node.value):
                raise SettingsError(f"{self._name}:{line}: merge keys (<<) are not read; write the keys out")
            pairs = tuple((self.convert(key), self.convert(value)) for key, value in node.value)
            self._check_keys(key for key, _ in pairs)
            return Node("map", line, pairs=pairs)
        return Node("scalar", line, self._loader.construct_object(node), node.value)

    def _check_keys(self, keys: Iterable[Node]) -> None:
        seen: dict[str, int] = {}
        for key in keys:
            if key.kind != "scalar":
                raise SettingsError(
                    f"{self._name}:{key.line}: got {key.describe()} for a key; expected a name"
                )
            if key.text in seen:
                first = f"first in line {seen[key.text]}"
                raise SettingsError(f"{self._name}:{key.line}: {quote(key.text)} is there twice, {first}")
            seen[key.text] = key.line


def make_node(value: Any) -> Node:
    """Return a value given in Python as a node without a line."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Mapping):
        return Node("map", pairs=tuple((make_node(key), make_node(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return Node("list", items=tuple(make_node(item) for item in value))
    return Node("scalar", value=value, text="" if value is None else str(value))


def texts(node: Node) -> Iterator[Node]:
    """Yield a list's members, or the single value given in place of a list."""
    yield from node.items if node.kind == "list" else (node,)
