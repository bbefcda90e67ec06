"""Our own schema, over a store with something to say about everything: both executors answer the same."""

import json
from typing import Any

import pytest

from api.demo import EVENTS, QUESTION, REQUESTS
from api.greeting import ANY_STORE
from schema.context import Costs
from schema.execute.reading import Reason
from schema.guards import Limits
from schema.service import LineageSchema
from tests.schema.test_any_query import Asker
from tests.schema.test_fields import IDS, rich, selection
from tests.schema.world import World

WIDE = Limits(aliases=2_000, depth=60, fields=20_000, tokens=50_000, bytes=1 << 20)


class Noted(LineageSchema):
    """Notes why graphql-core ran an operation."""

    def __init__(self) -> None:
        super().__init__(WIDE, compiled=True)
        self.reasons: list[Reason] = []

    def note_fallback(self, reason: Reason) -> None:
        self.reasons.append(reason)


OURS, CORE = Noted(), LineageSchema(WIDE, compiled=False)


async def same(world: World, query: str, /, **variables: Any) -> tuple[Any, list[Any]]:
    """The answer of both, which is the same; and no one but an error made ours give up."""
    answers = []
    OURS.reasons.clear()
    for schema in (CORE, OURS):
        world.schema = schema
        answers.append(await world.result(query, **variables))
    assert json.dumps(answers[0]) == json.dumps(answers[1]), query
    errors = answers[1][1]
    assert OURS.reasons == ([Reason.ERROR] if errors else []), query
    return answers[1]


@pytest.mark.parametrize("block", range(3))
async def test_made_up_queries(block: int) -> None:
    world = await rich()
    world.costs = Costs(max_turns=9)
    answered = 0
    for seed in range(1000 + block * 25, 1000 + block * 25 + 25):
        _, errors = await same(world, Asker(seed).query())
        answered += not errors
    assert answered >= 5


async def test_every_field_of_every_kind() -> None:
    world = await rich()
    for node_id in IDS.values():
        name = node_id.partition(":")[0].capitalize()
        below = selection(OURS._schema.type_map[name], 1)
        data, errors = await same(
            world, f"query ($id: ID!) {{ node(id: $id) {{ ... on {name} {{ {below} }} }} }}", id=node_id
        )
        assert not errors
        assert data["node"]["__typename"] == name


async def test_what_a_mutation_shows() -> None:
    """Each executor over a store of its own: what is there afterwards is the same, too."""
    capture = """mutation { captureOperation(input: {name: "j2", inputs: ["t"], outputs: ["u", "v"]}) {
        job { id inputs { nodes { id } } } operations { id kind outputs { totalCount } } errors { code } }
        deleteEntity(input: {id: "nothing"}) { id errors { code message field } } }"""
    answers = []
    for schema in (CORE, OURS):
        OURS.reasons.clear()
        world = await rich()
        world.schema = schema
        answers.append([await world.result(capture), await world.result('{ nodes(ids: ["u", "v"]) { id } }')])
    assert json.dumps(answers[0]) == json.dumps(answers[1])
    assert not answers[0][0][1]
    assert not OURS.reasons


async def test_the_demo() -> None:
    """What the demo sends, and what its reader is told to ask."""
    lines = (EVENTS / REQUESTS).read_bytes().splitlines()
    asked = [json.loads(line) for line in lines if line.strip()]
    asked += [{"query": query, "variables": {}} for query in (QUESTION, ANY_STORE)]
    OURS.reasons.clear()
    worlds = World(), World()
    for request in asked:
        answers = []
        for world, schema in zip(worlds, (CORE, OURS), strict=True):
            world.schema = schema
            answers.append(json.dumps(await world.result(request["query"], **request["variables"])))
        assert answers[0] == answers[1]
    assert not OURS.reasons
