from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fluent.sender", reason="fluent-logger is not installed")

from exnorm.errors import SettingsError
from exnorm.fluentbit.service import Service


@pytest.mark.parametrize(
    ("error", "reason"),
    [(SettingsError("format: got 'cfe'"), "format: got 'cfe'"), (RuntimeError("a subject"), "RuntimeError")],
)
def test_whatever_goes_wrong_in_a_reload_is_said_and_what_runs_goes_on(error: Exception, reason: str) -> None:
    said: list[dict[str, Any]] = []
    replaced: list[Any] = []
    service: Any = SimpleNamespace(
        _log=lambda level, event, **fields: said.append({"level": level, "event": event, **fields}),
        carrier=SimpleNamespace(replace_filter=replaced.append),
    )

    def load() -> Any:
        raise error

    Service._reload(service, load)
    assert replaced == []
    assert said == [
        {"level": "error", "event": "reload failed", "reason": reason, "kept": "the settings before"}
    ]
