"""Certificates for servers that speak TLS, made by openssl."""

import shutil
import subprocess
from pathlib import Path

from tests.conftest import require
from tests.servers.process import HOST


def certificate(folder: Path, name: str, server: str) -> tuple[Path, Path]:
    """A key and a certificate of this machine that it signs itself. Skips where there is no openssl, and fails where
    HEADWATER_REQUIRE names the server that it is for."""
    require(server, shutil.which("openssl"), "no openssl to make a certificate with")
    key, made = folder / f"{name}.key.pem", folder / f"{name}.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -addext subjectAltName=IP:{HOST}"
    subprocess.run([*command.split(), "-keyout", key, "-out", made], check=True, capture_output=True)
    return key, made
