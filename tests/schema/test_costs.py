"""What a query may cost: calls are counted, and what asks for too much is refused."""

from typing import Any

import pytest

from backends.model import Direction, EdgeKind, Traversal
from schema.context import Costs
from tests.schema.graphs import node
from tests.schema.world import World

TREE = ("a1 *1 b1", "a2 *1", "a3 *2 b1", "a4 *3 b2", "b1 *4 c", "b2 *5 c", "c *6 d1", "c *7 d2", "c M1", "t/x c/y", "U1 *4")


async def counts(world: World, query: str, **variables: Any) -> dict[str, int]:
    await world.ask(query, **variables)
    return world.backend.counts()


def traversals(world: World) -> list[Traversal]:
    return [given for name, given in world.backend.calls if name == "traverse"]


async def test_one_direction_is_one_traversal_however_many_levels() -> None:
    world = await World().lines(*TREE)
    query = """{ dataset(namespace: "n", name: "d1") { name upstream { nodes { name description
        upstream(depth: 2) { nodes { name tags upstream { nodes { name owners } } } } } } } }"""
    await world.ask(query)
    (made,) = traversals(world)
    assert (made.direction, made.max_depth, dict(made.roots)) == (Direction.UPSTREAM, 3 + 5 + 3, {node("d1"): 0})
    assert world.backend.counts() == {"get": 2, "traverse": 1}


async def test_nothing_is_read_that_an_id_tells() -> None:
    world = await World().lines(*TREE)
    query = (
        '{ dataset(namespace: "n", name: "d1") { upstream(depth: null) { nodes { id kind namespace name __typename } } } }'
    )
    assert await counts(world, query) == {"get": 1, "traverse": 1}


async def test_what_is_shown_is_one_get_with_the_evidence_of_edges() -> None:
    world = await World().lines(*TREE)
    query = """{ dataset(namespace: "n", name: "c") { upstream(depth: null) { edges { evidence { runs }
        node { description } }
        nodes { tags downstream { nodes { owners } } } } } }"""
    await world.ask(query)
    gets = [given for name, given in world.backend.calls if name == "get"]
    assert len(gets) == 2
    ids, edges, facets = gets[1]
    assert len(ids) == len(set(ids)) == 6
    assert {edge.kind for edge in edges} == {EdgeKind.PAIR}
    assert not facets
    assert world.backend.counts() == {"get": 2, "traverse": 2}


async def test_each_change_of_direction_is_one_traversal_with_all_parents_together() -> None:
    world = await World().lines(*TREE)
    query = """{ dataset(namespace: "n", name: "d1") { upstream(depth: 2) { nodes { id
        downstream { nodes { id upstream { nodes { id downstream { nodes { id } } } } } } } } } }"""
    await world.ask(query)
    made = traversals(world)
    assert [each.direction.name for each in made] == ["UPSTREAM", "DOWNSTREAM", "UPSTREAM", "DOWNSTREAM"]
    assert set(made[1].roots) == {node("c"), node("b1"), node("b2")}
    assert world.backend.counts() == {"get": 1, "traverse": 4}


async def test_up_and_down_from_the_same_place_are_one_traversal() -> None:
    world = await World().lines(*TREE)
    query = """{ dataset(namespace: "n", name: "c") { upstream(depth: 2) { nodes { id upstream { nodes { id } } } }
        downstream(depth: 2) { nodes { id } } } }"""
    await world.ask(query)
    (made,) = traversals(world)
    assert made.direction is Direction.BOTH
    query = """{ dataset(namespace: "n", name: "c") {
        upstream(depth: null) { nodes { id } } downstream(depth: null) { nodes { id } } } }"""
    world.backend.counts()
    assert await counts(world, query) == {"get": 1, "traverse": 1}


async def test_what_is_next_door_is_one_traversal_of_one_hop() -> None:
    world = await World().lines(*TREE)
    query = """{ dataset(namespace: "n", name: "c") { columns { nodes { id } } producedBy { nodes { id performedBy { id } } }
        consumedBy { nodes { id } } usedInTraining { nodes { id } } } }"""
    data = await world.ask(query)
    (made,) = traversals(world)
    assert (made.direction, made.max_depth) == (Direction.BOTH, 2)
    assert data["dataset"]["producedBy"]["nodes"] == [
        {"id": node("*4"), "performedBy": [{"id": node("U1")}]},
        {"id": node("*5"), "performedBy": []},
    ]


async def test_steps_next_door_go_on_in_their_direction() -> None:
    world = await World().lines(*TREE)
    query = """{ dataset(namespace: "n", name: "d1") { producedBy { nodes { id inputs { nodes { id
        producedBy { nodes { id inputs { nodes { id upstream { nodes { id } } } } } } } } } } } }"""
    await world.ask(query)
    (made,) = traversals(world)
    assert (made.direction, made.max_depth) == (Direction.UPSTREAM, 4 + 3)
    assert world.backend.counts() == {"get": 1, "traverse": 1}


async def test_the_number_of_calls_does_not_grow_with_the_answer() -> None:
    query = """query ($id: ID!) { node(id: $id) { ... on Dataset { description
        downstream(first: 1000) { nodes { description upstream { nodes { description } } ... on Dataset { consumedBy {
        nodes { description job { description } } } } } edges { evidence { lastRun { state } } } } } } }"""
    seen = []
    for width in (2, 40):
        world = await World().lines("a *j.0 z", *(f"a *j.{n} b{n} *k.{n} c{n}" for n in range(1, width)))
        await world.run("r1", node("J:j"), 1)
        seen.append(await counts(world, query, id=node("a")))
    assert seen[0] == seen[1]
    assert seen[0] == {"get": 3, "traverse": 2}


async def test_a_summary_alone_reads_no_rows() -> None:
    world = await World().lines(*TREE)
    query = '{ lineage(of: ["dataset:n#c"]) { summary { total byKind { kind count } } answer { complete total } } }'
    assert await counts(world, query) == {"get": 1, "traverse": 1}
    query = (
        '{ lineage(of: ["dataset:n#c"]) { nodes { entity { id kind namespace name } depth } edges { source target kind } } }'
    )
    assert await counts(world, query) == {"get": 1, "traverse": 1}
    query = '{ lineage(of: ["dataset:n#c"]) { nodes { entity { description } } edges { evidence { runs } } } }'
    assert await counts(world, query) == {"get": 2, "traverse": 1}


async def test_root_fields_share_their_calls() -> None:
    world = await World().lines(*TREE)
    query = """{ a: dataset(namespace: "n", name: "a1") { description }
        b: dataset(namespace: "n", name: "b1") { description }
        x: impact(of: ["dataset:n#a1"]) { summary { total } } y: lineage(of: ["dataset:n#a1"], direction: DOWNSTREAM) {
        summary { total } } nodes(ids: ["dataset:n#c", "dataset:n#nothing"]) { id } }"""
    assert await counts(world, query) == {"get": 1, "traverse": 1}


async def test_runs_of_several_jobs_are_listed_side_by_side_up_to_a_limit() -> None:
    world = await World(costs=Costs(max_listed=60)).lines("a *j.1 b", "a *k.1 c", "a *l.1 d")
    for job in ("j", "k", "l"):
        for number in range(5):
            await world.run(f"{job}{number}", node(f"J:{job}"), number)
    query = """query ($first: Int) { dataset(namespace: "n", name: "a") { consumedBy { nodes { job {
        runs(first: $first) { totalCount nodes { id state } } } } } } }"""
    data = await world.ask(query, first=2)
    runs = [each["job"]["runs"] for each in data["dataset"]["consumedBy"]["nodes"]]
    assert [[run["id"] for run in each["nodes"]] for each in runs] == [
        ["run:j4", "run:j3"],
        ["run:k4", "run:k3"],
        ["run:l4", "run:l3"],
    ]
    assert [each["totalCount"] for each in runs] == [5, 5, 5]
    assert world.backend.counts() == {"get": 1, "traverse": 1, "find_nodes": 3}
    assert await world.code(query, first=30) == "TOO_COSTLY"


async def test_too_many_turns_are_refused_before_anything_is_read() -> None:
    world = await World().lines(*TREE)
    query = """{ dataset(namespace: "n", name: "c") { upstream { nodes { downstream { nodes { upstream { nodes {
        downstream { nodes { upstream { nodes { id } } } } } } } } } } } }"""
    assert await world.code(query) == "TOO_COSTLY"
    assert world.backend.counts() == {}


async def test_too_many_entities_are_refused() -> None:
    world = await World(costs=Costs(max_shown=20)).lines("a *1 b", *(f"b *{n} c{n}" for n in range(2, 30)))
    query = 'query ($first: Int) { dataset(namespace: "n", name: "b") { downstream(first: $first) { nodes { id } } } }'
    await world.ask(query, first=10)
    assert await world.code(query, first=25) == "TOO_COSTLY"


async def test_what_an_answer_repeats_counts_as_often() -> None:
    """Ten levels of diamonds are few entities, and an answer of a thousand of them."""
    diamonds = [f"n{n} *{side}{n} n{n + 1}{side} *{side}x{n} n{n + 1}" for n in range(6) for side in "lr"]
    world = await World(costs=Costs(max_shown=100)).lines(*diamonds)
    query = "id"
    for _ in range(12):
        query = "id downstream { nodes { %s } }" % query  # noqa: UP031 - braces
    assert await world.code('{ dataset(namespace: "n", name: "n0") { %s } }' % query) == "TOO_COSTLY"  # noqa: UP031


async def test_too_much_work_in_memory_is_refused() -> None:
    world = await World(costs=Costs(max_folded=500)).lines("a *1 b", *(f"b *{n} c{n}" for n in range(2, 30)))
    query = '{ dataset(namespace: "n", name: "a") { downstream(depth: 2) { nodes { downstream { nodes { id } } } } } }'
    assert await world.code(query) == "TOO_COSTLY"


async def test_facets_of_too_many_entities_are_refused() -> None:
    world = await World(costs=Costs(max_faceted=10)).lines("a *1 b", *(f"b *{n} c{n}" for n in range(2, 30)))
    query = '{ dataset(namespace: "n", name: "%s") { downstream { nodes { facets } } } }'
    await world.ask(query.replace("%s", "a"))
    assert await world.code(query.replace("%s", "b")) == "TOO_COSTLY"


@pytest.mark.parametrize("depth", ["1", "null"])
async def test_a_turn_that_was_cut_is_not_gone_on_in(depth: str) -> None:
    """Past the service's bound the nearest stay, so a page deep in the tree is asked for anew, and is whole."""
    world = await World(costs=Costs(max_nodes=9)).lines(*(f"h *{n} a{n} *x{n} b{n}" for n in range(10, 30)))
    query = """{ dataset(namespace: "n", name: "h") { downstream(first: 1, depth: %s) { totalCount
        answer { complete incompleteCode truncated total }
        nodes { id downstream { totalCount answer { complete } nodes { id } } } } } }"""
    data = await world.ask(query.replace("%s", depth))
    first = data["dataset"]["downstream"]
    assert first["totalCount"] is None
    assert first["answer"] == {"complete": False, "incompleteCode": "SERVICE_BOUND", "truncated": True, "total": None}
    if first["nodes"]:
        assert first["nodes"][0]["downstream"]["answer"]["complete"]
        assert first["nodes"][0]["downstream"]["totalCount"] == 1


async def test_what_stands_for_jobs_is_looked_up_once_for_all_their_links() -> None:
    world = await World().lines("a *j.1 b *k.1 c", "a *j.2 d", "t/x u/y")
    await world.run("r1", node("J:j"), 1, inputs=[node("a")])
    query = """{ nodes(ids: ["job:n#j", "job:n#k", "dataset:n#u"]) { ... on Entity { upstream { nodes { id } }
        downstream { nodes { id } } ofColumns: upstream(kinds: [COLUMN]) { nodes { id } } }
        ... on Job { inputs { nodes { id } } runs { nodes { state inputs { nodes { id } } } } parent { id } } } }"""
    data = await world.ask(query)
    assert [len(each["upstream"]["nodes"]) for each in data["nodes"]] == [1, 1, 0]
    assert data["nodes"][2]["ofColumns"]["nodes"] == [{"id": node("t/x")}]
    assert next(given.edge_kinds for given in traversals(world)) == {EdgeKind.HAS_OPERATION, EdgeKind.HAS_COLUMN}
    counted = world.backend.counts()
    assert counted == {"get": 2, "find_nodes": 2, "traverse": 3}
