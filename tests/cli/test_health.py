"""How ``exnorm health`` is called; what services answer is in tests/hosts/test_service_operation.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Exnorm

EXPECTED = "expected host:port, unix:/path or a URL with a port"


def test_without_an_address_both_places_that_could_hold_one_are_named(exnorm: Exnorm) -> None:
    told = exnorm("health")
    assert (told.status, told.out) == (2, b"")
    said = f"missing argument 'ADDR', and EXNORM_HEALTH is not set; {EXPECTED}; see exnorm health --help"
    assert told.err == f"exnorm: {said}\n"


def test_the_environment_says_where_to_ask_unless_the_command_line_does(
    exnorm: Exnorm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXNORM_HEALTH", "nowhere")
    assert exnorm("health").err == f"exnorm: health: got 'nowhere'; {EXPECTED}\n"
    assert exnorm("health", "here").err == f"exnorm: health: got 'here'; {EXPECTED}\n"
