"""The service as people run it: a process of its own on a free port."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0
"""Seconds until a process that says nothing counts as hanging; only a failing test waits that long."""


def environment(**variables: str) -> dict[str, str]:
    """The environment of a child: ours without what sets Headwater or an OpenLineage client, and these variables."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("HEADWATER_", "OPENLINEAGE_"))}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | variables


def headwater(
    *arguments: str, cwd: Path, stdin: str = "", variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "api", *arguments],
        cwd=cwd,
        env=environment(**(variables or {})),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Service:
    """A started service. `url` is where it is; `process` may be ended, and then `code` waits for its exit code."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
        self.process, self.url, self._log = process, url, log

    def code(self) -> int:
        return self.process.wait(PATIENCE)

    @property
    def folder(self) -> Path:
        """Where it runs, and where its store is."""
        return self._log.parent

    @property
    def log(self) -> str:
        """All it wrote so far, to either stream."""
        return self._log.read_text()


@contextmanager
def started(cwd: Path, *arguments: str, **variables: str) -> Iterator[Service]:
    """A service on a free port with `cwd` as its folder, once it says where it is. It is gone afterwards."""
    command = [sys.executable, "-m", "api", "serve", "--port", "0", *arguments]
    with started_by(command, cwd, environment(**variables)) as service:
        yield service


@contextmanager
def started_by(command: Sequence[str], cwd: Path, variables: Mapping[str, str]) -> Iterator[Service]:
    """The same by a command and an environment of one's own."""
    log = cwd / "service.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=cwd, env=variables, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield Service(process, _address(process, log), log)
    finally:
        process.kill()
        process.wait()


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """The address that the service prints once it takes connections."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if line.startswith("Headwater ") and " is at " in line:
                return line.split(" is at ")[1].split()[0]
        time.sleep(0.02)
    raise AssertionError(f"the service did not start: {log.read_text()}")


def get(url: str, **said: Any) -> httpx.Response:
    return httpx.get(url, timeout=PATIENCE, **said)


def post(url: str, **said: Any) -> httpx.Response:
    return httpx.post(url, timeout=PATIENCE, **said)


def ready(url: str) -> bool:
    return get(f"{url}/readyz").status_code == 200
