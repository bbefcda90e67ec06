"""The Dockerfile without an engine: its steps are done in an empty folder, and what they made is started as it says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.graphiql import BUILT
from tests.api.process import PATIENCE, get, started_by
from tests.conftest import require

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
STEPS = [line.partition(" ")[::2] for line in TEXT.splitlines() if line and not line.startswith("#")]
BEGINS = [number for number, (name, _) in enumerate(STEPS) if name == "FROM"]
BUILDING, STEPS = STEPS[: BEGINS[1]], STEPS[BEGINS[1] :]
"""What builds GraphiQL, with Node, and what serves."""


def said(instruction: str) -> list[str]:
    return [text for name, text in STEPS if name == instruction]


@pytest.mark.skipif(os.getuid() != 0, reason="a step gives a folder to another user, which root alone may do")
def test_its_steps_make_a_service_that_is_healthy(tmp_path: Path) -> None:
    """`/opt`, `/app` and `/data` are folders of this test; the rest is word by word."""
    places = {"/opt/headwater": tmp_path / "opt", "/data": tmp_path / "data", "/app": tmp_path / "app"}

    def here(text: str) -> str:
        for place, ours in places.items():
            text = text.replace(place, str(ours))
        return re.sub(r"^python ", f"{sys.executable} ", text)

    app = places["/app"]
    app.mkdir()
    for name, text in STEPS:
        if name == "COPY" and text.startswith("--from="):
            continue  # the test below makes that
        if name == "COPY":
            *sources, target = text.split()
            for source in sources:
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                copy(ROOT / source, app / target if target != "./" else app / source)
        elif name == "RUN":
            clean = {
                key: value for key, value in os.environ.items() if not key.startswith(("HEADWATER_", "PYTHON", "VIRTUAL"))
            }
            subprocess.run(["sh", "-euc", here(text)], cwd=app, env=clean, check=True, timeout=5 * PATIENCE)
    variables = dict(pair.split("=", 1) for line in said("ENV") for pair in here(line).split())
    variables["PATH"] = variables["PATH"].replace("$PATH", os.environ["PATH"])
    variables |= {"HEADWATER_TOKEN": "t0ken", "HEADWATER_PORT": "0"}
    command = json.loads(said("ENTRYPOINT")[0]) + json.loads(said("CMD")[0])
    python = tmp_path / "opt" / "bin" / "python"
    with started_by([str(python), *command[1:]], app, variables) as service:
        url = re.sub(r"//[^:]+", "//127.0.0.1", service.url)
        assert get(f"{url}/graphql", params={"query": "{ __typename }"}).status_code == 401
        check = json.loads(said("HEALTHCHECK")[0].partition("CMD ")[2])
        port = url.rpartition(":")[2]
        healthy = subprocess.run([str(python), *check[1:]], env={"HEADWATER_PORT": port}, check=False, timeout=PATIENCE)
        assert healthy.returncode == 0
        unhealthy = subprocess.run(
            [str(python), *check[1:]], env={"HEADWATER_PORT": "1"}, check=False, timeout=PATIENCE, capture_output=True
        )
        assert unhealthy.returncode != 0
    assert (tmp_path / "data" / "headwater.db").exists()


def test_graphiql_is_built_for_it_from_what_it_is_given(tmp_path: Path) -> None:
    require("node", shutil.which("npm"), "no Node and npm on this machine")
    ((_, source),) = (step for step in BUILDING if step[0] == "COPY")
    ((_, command),) = (step for step in BUILDING if step[0] == "RUN")
    assert source == "ui/graphiql ./"
    folder = tmp_path / "graphiql"
    shutil.copytree(ROOT / "ui" / "graphiql", folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    built = subprocess.run(
        ["sh", "-euc", command], cwd=folder, capture_output=True, text=True, timeout=5 * PATIENCE, check=False
    )
    assert built.returncode == 0, built.stderr[-2000:]
    assert (folder / "dist" / "index.html").exists()
    assert "--from=graphiql /graphiql/dist ./ui/graphiql/dist" in said("COPY")
    assert f"/app/{BUILT.relative_to(ROOT)}" == "/app/ui/graphiql/dist"


def test_it_is_slim_pinned_and_not_root() -> None:
    assert re.fullmatch(r"docker\.io/library/python:3\.11\.\d+-slim-\w+", said("FROM")[0])
    assert re.fullmatch(r"docker\.io/library/node:24\.\d+\.\d+-\w+-slim AS graphiql", BUILDING[0][1])
    assert said("USER") == ["10001:10001"]
    assert "--require-hashes" in " ".join(said("RUN"))
    copied = {source for text in said("COPY") for source in text.split()[:-1]}
    assert {"api", "backends", "cache", "demo", "ingest", "schema", "requirements.txt"} <= copied
    assert said("EXPOSE") == ["8000"]
