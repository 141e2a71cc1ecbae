from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from exnorm.relay.notify import READY, notify

if sys.platform == "win32":
    pytest.skip("systemd is not there", allow_module_level=True)


def test_the_service_manager_gets_one_datagram(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)
        notify(READY, {"NOTIFY_SOCKET": path})
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("value", ["", "relative", "/nowhere/at/all", "@nobody-listens-here"])
def test_without_a_manager_nothing_happens(value: str) -> None:
    notify(READY, {"NOTIFY_SOCKET": value} if value else {})
