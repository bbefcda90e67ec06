"""Answers that are given again as bytes are the answers that would be computed now, whatever was written in between."""

import re
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from backends.testing.random_cases import cases
from tests.api.service import service

QUERIES = (
    '{ impact(of: ["dataset:shop#t0"]) { summary { total byNamespace { namespace count } byDepth { depth count } } '
    "affected(first: 3) { edges { depth impactLevel node { id tags lastSeen } } } answer { epoch complete } } }",
    '{ impact(of: ["dataset:shop#t1"]) { summary { total byKind { kind count } } } }',
    '{ lineage(of: ["dataset:shop#t2"]) { nodes { entity { id tags owners } depth direction } '
    "edges { source target via evidence { runs lastSeen } } answer { total } } }",
    '{ lineage(of: ["dataset:shop#t3", "job:shop#j0"], kinds: [DATASET, JOB]) { nodes { entity { id } depth } } }',
    '{ dataset(namespace: "shop", name: "t0") { id tags firstSeen downstream(depth: 2) { nodes { id lastSeen } totalCount } '
    "consumedBy { nodes { id job { id } } } } }",
    '{ lineage(of: ["dataset:shop#t1"], direction: UPSTREAM) { summary { total } answer { watermark } } }',
    '{ search(text: "t1") { nodes { id tags } } t: impact(of: ["dataset:shop#t0"]) { summary { total } } }',
    '{ impact(of: ["dataset:shop#unknown"]) { summary { total } } }',
    '{ paths(from: "dataset:shop#t0", to: "dataset:shop#t3") { paths { length nodes { id } } } }',
)
FINISHED = re.compile(r"^headwater_cache_finished_total (\S+)$", re.M)


async def ask(client: httpx.AsyncClient, query: str, **headers: str) -> bytes:
    return (await client.post("/graphql", json={"query": query}, headers=headers)).content


async def write(client: httpx.AsyncClient, rng: Random) -> None:
    """Another run of a job, a new job, a tag, something withdrawn, something deleted."""
    tables = [f"dataset:shop#t{rng.randrange(5)}" for _ in range(2)]
    match rng.choice(["job", "job", "again", "tag", "retract", "delete", "elsewhere"]):
        case "job" | "again":
            number = rng.randrange(4)
            text = f'captureOperation(input: {{ name: "j{number}", namespace: "shop", runId: "{rng.randrange(10**9)}", '
            text += f'inputs: ["{tables[0]}"], outputs: ["{tables[1]}"] }}) {{ epoch }}'
        case "tag":
            entity = f'{{ id: "{tables[0]}", tags: ["v{rng.randrange(9)}"] }}'
            text = f"upsertEntities(input: {{ entities: [{entity}] }}) {{ epoch }}"
        case "retract":
            text = f'retractEdges(input: {{ edges: [{{ source: "{tables[0]}", target: "{tables[1]}" }}] }}) {{ epoch }}'
        case "delete":
            text = f'deleteEntity(input: {{ id: "{tables[0]}" }}) {{ epoch }}'
        case _:
            text = f'captureOperation(input: {{ name: "x{rng.randrange(99)}", inputs: ["a"], outputs: ["b"] }}) {{ epoch }}'
    said: Any = (await client.post("/graphql", json={"query": f"mutation {{ {text} }}"})).json()
    assert "errors" not in said, said


@pytest.mark.parametrize("seed", cases(0.1))
async def test_an_answer_given_again_is_the_one_of_now(seed: int, tmp_path: Path) -> None:
    rng = Random(seed)
    backend = rng.choice(["memory://", f"sqlite:///{tmp_path}/lineage.db"])
    async with service(backend=backend) as client:
        for _ in range(25):
            await write(client, rng)
            asked = rng.sample(QUERIES, 4)
            right = [await ask(client, query, **{"Cache-Control": "no-cache"}) for query in asked]
            for _ in range(3):
                assert [await ask(client, query) for query in asked] == right
        found = FINISHED.search((await client.get("/metrics")).text)
        assert found is not None
        assert float(found[1]) > 20, "else this proves nothing"


async def test_errors_mutations_and_what_is_not_hot_are_not_kept() -> None:
    async with service() as client:
        once = (
            'mutation { captureOperation(input: { name: "j", inputs: ["a"], outputs: ["b"] }) { operations { id } epoch } }'
        )
        for query in (once, QUERIES[-2], '{ dataset(name: "a") { id } }', "{ impactViews { pinned } }", "{ nonsense }"):
            for _ in range(4):
                await ask(client, query)
        found = FINISHED.search((await client.get("/metrics")).text)
        assert found is not None
        assert float(found[1]) == 0


META = "fragment F on Query { ...G __schema { queryType { name } } } fragment G on Query { ... { t: __typename } ...F2 } "
META += "fragment F2 on Query { __typename }"


@pytest.mark.parametrize(
    ("query", "times"),
    [
        *(("{ __typename }", 3), ("query Q { ...F } " + META, 3), ('{ __type(name: "Query") { name } }', 3)),
        *(
            ("{ __typename impactViews { pinned } }", 0),
            ("{ ...F } fragment F on Query { __typename ...G } fragment G on Query { impactViews { pinned } }", 0),
        ),
        ("subscription { __typename }", 0),
    ],
)
async def test_what_is_asked_of_the_schema_alone_is_kept_without_a_look_at_the_store(query: str, times: int) -> None:
    async with service() as client:
        first = await ask(client, query)
        for _ in range(3):
            assert await ask(client, query) == first
        other = await client.post("/graphql", json={"query": query, "variables": {"a": 1}})
        assert other.content == first
        found = FINISHED.search((await client.get("/metrics")).text)
        assert found is not None
        assert float(found[1]) == times


async def test_memory_is_bounded() -> None:
    async with service(cache_bytes=2**20) as client:
        await ask(client, 'mutation { captureOperation(input: { name: "j", inputs: ["a"], outputs: ["b"] }) { epoch } }')
        for number in range(300):
            query = f'{{ impact(of: ["a"]) {{ summary {{ x{number}: total }} }} }}' + " " * 2_000
            for _ in range(2):
                await ask(client, query)
        told = dict(
            re.findall(
                r"^(headwater_cache_finished_bytes|headwater_cache_bytes) (\S+)$", (await client.get("/metrics")).text, re.M
            )
        )
        assert 2**17 < float(told["headwater_cache_finished_bytes"]) <= 2**18
