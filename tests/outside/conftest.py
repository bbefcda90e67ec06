"""The packages of package-lock.json, installed once a run where Node is."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import require

HERE = Path(__file__).parent
PATIENCE = 600
"""Seconds."""


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs a script of this folder with arguments and gives what it prints. `code`: the one it should exit with."""
    npm, node = shutil.which("npm"), shutil.which("node")
    require("node", npm and node, "no Node and npm on this machine")
    folder = tmp_path_factory.mktemp("outside")
    for file in HERE.glob("*.js*"):
        shutil.copy(file, folder)
    command = [str(npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=5"]
    installed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    require("node", installed.returncode == 0, f"npm cannot install the suites: {installed.stderr[-300:]}")

    def run(*arguments: str, code: int = 0) -> str:
        command = [str(node), *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == code, (done.stdout + done.stderr)[-2000:]
        return done.stdout

    return run
