"""Inputs that others wrote, with expected answers (../shared/data): in order, and shuffled and twice."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from backends.ids import Kind, column_id, make_id
from backends.memory import MemoryBackend
from ingest.decode import decode
from ingest.errors import BadEvent
from ingest.parse import parse_event
from tests.ingest.support import graph, seen, taken

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not beside this checkout")
SCENARIOS = sorted(path.name for path in (DATA / "openlineage").glob("*")) if DATA.exists() else []

KEPT = {
    "marquez_food_delivery": {("public.customers", "public.popular_orders_day_of_week")},
}
"""Pairs that are ours by choice: an input that no column lineage names may still break the job."""


def natural(path: Path) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def bodies(scenario: str) -> list[bytes]:
    folder = DATA / "openlineage" / scenario
    lines = folder / "events.ndjson"
    if lines.exists():
        return [line for line in lines.read_bytes().splitlines() if line.strip()]
    return [path.read_bytes() for path in sorted((folder / "events").iterdir(), key=natural)]


def expected(scenario: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / "expected" / f"{scenario}.json").read_text())
    return found


def home(backend: MemoryBackend, namespace: str, name: str) -> str:
    row = backend.rows.get(make_id(Kind.DATASET, namespace, name))
    assert row is not None, (namespace, name)
    return row.alias_of or row.id


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_edges_are_the_expected_ones(scenario: str) -> None:
    backend, wanted = await taken(map(decode, bodies(scenario))), expected(scenario)
    found = graph(backend)
    pairs = {(home(backend, *edge[:2]), home(backend, *edge[2:])) for edge in wanted["dataset_edges"]["spec_precedence"]}
    ours = {(a.rpartition("#")[2], x.rpartition("#")[2]) for a, x in found.pairs - pairs}
    assert found.pairs >= pairs
    assert ours == KEPT.get(scenario, set())
    assert found.columns == {
        (column_id(home(backend, *edge[:2]), edge[2]), column_id(home(backend, *edge[3:5]), edge[5]))
        for edge in wanted["column_edges"]
        if edge[2] is not None
    }


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_shuffled_and_twice_is_the_same(scenario: str) -> None:
    events = [decode(body) for body in bodies(scenario)]
    twice = events * 2
    random.Random(scenario).shuffle(twice)
    assert seen(await taken(events)) == seen(await taken(twice))


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_transformations_are_kept(scenario: str) -> None:
    backend, wanted = await taken(map(decode, bodies(scenario))), expected(scenario)
    for edge in wanted["column_edges"]:
        steps = [step for step in edge[6] if not step.startswith("old:")]
        if edge[2] is None or not steps:
            continue
        ends = (column_id(home(backend, *edge[:2]), edge[2]), column_id(home(backend, *edge[3:5]), edge[5]))
        key = next(key for key in backend.edges if (key.source, key.target) == ends and key.kind == "DERIVES")
        stored = backend._edge(key)
        assert stored is not None
        kept = {f"{s['type']}/{s.get('subtype')}" + "!masking" * s["masking"] for s in stored.transformations}
        assert set(steps) <= kept


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_what_is_refused_is_what_the_lenient_rule_refuses(scenario: str) -> None:
    pointers = []
    for body in bodies(scenario):
        try:
            parse_event(decode(body))
        except BadEvent as error:
            pointers.append(error.pointer)
    assert len(pointers) == expected(scenario)["counts"]["events_skipped"]
    assert all(pointers), "each says where"


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_parents_and_roots_of_runs(scenario: str) -> None:
    backend, wanted = await taken(map(decode, bodies(scenario))), expected(scenario)
    for child, parent in wanted["run_parents"]:
        record = next(r for i, r in backend.records.items() if i.endswith(child))
        assert record.value["parent"].endswith(parent)
