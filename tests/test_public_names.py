"""What ``import exnorm`` gives, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import exnorm


def test_every_public_name_is_there() -> None:
    assert [name for name in exnorm.__all__ if getattr(exnorm, name, None) is None] == []
    assert set(exnorm.__all__) <= set(dir(exnorm))


def test_every_public_name_has_one_home() -> None:
    homes = [name for names in exnorm._HOMES.values() for name in names]
    assert sorted(homes) == sorted(exnorm.__all__)


def test_an_unknown_name_is_an_attribute_error_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Normaliser'"):
        exnorm.Normaliser  # noqa: B018


def test_the_command_line_starts_without_the_pipeline() -> None:
    late = ("exnorm.pipeline.normalizer", "msgspec", "yaml")
    code = f"import sys, exnorm.cli; print([name for name in {late!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
