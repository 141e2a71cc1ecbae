"""Docstrings say what a thing does: a sentence of their own, not a riddle about "what"."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
FILES = sorted(SRC.rglob("*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
RIDDLES = ("What ", "The same")


def walk(node: ast.AST, name: str, is_public: bool) -> Iterator[tuple[str, str | None, bool]]:
    """Name, docstring and whether it needs one, of a module, class or function and of all inside it."""
    if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
        yield name, ast.get_docstring(node), is_public
        # Nobody outside can call a function inside a function.
        is_public = is_public and not isinstance(node, FUNCTIONS)
    for child in ast.iter_child_nodes(node):
        own = child.name if isinstance(child, (ast.ClassDef, *FUNCTIONS)) else ""
        below = is_public and not own.startswith("_")
        yield from walk(child, f"{name}.{own}" if own else name, below)


def documented(text: str) -> list[tuple[str, str | None, bool]]:
    return list(walk(ast.parse(text), "", is_public=True))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_every_public_module_class_and_function_says_what_it_does(path: Path) -> None:
    found = documented(path.read_text("utf-8"))
    assert [name for name, text, is_public in found if is_public and not text] == []
    assert [name for name, text, _ in found if text is not None and text.startswith(RIDDLES)] == []


def test_a_missing_docstring_and_a_riddle_are_found() -> None:
    found = documented('''
"""The same."""
class Thing:
    def act(self):
        """What acts."""
        def inner(): pass
    def _hidden(self): pass
def bare(): pass
''')
    assert [name for name, text, is_public in found if is_public and not text] == [".Thing", ".bare"]
    assert [name for name, text, _ in found if text and text.startswith(RIDDLES)] == ["", ".Thing.act"]
