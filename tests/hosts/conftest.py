from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def make_certificate() -> Callable[[Path], Path]:
    """Makes a certificate for localhost, and its key, in one file of a folder."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there to make a certificate")

    def make(folder: Path) -> Path:
        key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ]
        command += ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=localhost"]
        command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run(command, check=True, capture_output=True)
        both.write_bytes(key.read_bytes() + cert.read_bytes())
        return both

    return make
