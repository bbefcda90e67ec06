"""GraphiQL as people have it: built, served by the real service with the demo, and used in Chromium."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from api.graphiql import BUILT
from tests.api.process import ROOT, get, started
from tests.conftest import require
from tests.outside.conftest import PATIENCE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
UNASKED = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"


@pytest.fixture(scope="module")
def built() -> Path:
    """The page, by the verb that people use."""
    require("node", shutil.which("npm"), "no Node and npm on this machine")
    made = subprocess.run(["make", "graphiql"], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    return BUILT


def test_what_is_built_is_served(built: Path, tmp_path: Path) -> None:
    with started(tmp_path, "--backend", "memory://") as service:
        given = get(f"{service.url}/graphql", headers={"accept": "text/html"})
        assert given.text == (built / "index.html").read_text()
        files = [path for path in (built / "assets").iterdir() if path.suffix != ".gz"]
        assert len(files) > 10
        for path in files:
            for accept in ("gzip", ""):
                found = get(f"{service.url}/graphiql/assets/{path.name}", headers={"accept-encoding": accept})
                assert (found.status_code, found.content == path.read_bytes()) == (200, True), path.name
                assert found.headers.get("content-encoding") == (accept or None)


def test_in_a_browser_it_loads_nothing_from_elsewhere_asks_for_the_key_and_answers(
    built: Path, node: Callable[..., str], tmp_path: Path
) -> None:
    require("chromium", CHROMIUM, "no Chromium on this machine")
    with started(tmp_path, HEADWATER_TOKEN="t0ken", HEADWATER_DEMO="1") as service:
        seen = json.loads(node("graphiql.js", str(CHROMIUM), f"{service.url}/graphql", "t0ken"))
    requests = [url for url in seen["requests"] if not url.startswith("data:")]
    assert [url for url in requests if not url.startswith(f"{service.url}/")] == []
    assert len([url for url in requests if ".worker-" in url]) >= 2, "the editor's workers were not seen"
    assert set(seen["complaints"]) <= {UNASKED}, "violations of the policy, exceptions"
    assert '"impact"' in seen["answer"]
    assert '"epoch"' in seen["followed"]
    assert not seen["asksAgain"]
