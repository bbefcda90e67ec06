"""Lineage asked hop by hop: it says what the flat graph says, and what the definition says."""

import random
from typing import Any

import pytest

from backends.ids import Kind
from backends.model import Direction, EdgeKey
from schema.fold import HIDDEN_BY_DEFAULT
from tests.schema.graphs import chains, node, short
from tests.schema.oracle import expected
from tests.schema.world import World

NESTED = """query ($id: ID!, $d1: Int, $d2: Int, $kinds: [Kind!]) {
  node(id: $id) { ... on Entity { %s(depth: $d1, kinds: $kinds, first: 1000) { totalCount edges { depth node { id
    %s(depth: $d2, kinds: $kinds, first: 1000) { totalCount edges { depth node { id } } } } } } } } }"""
FLAT = """query ($id: ID!, $direction: Direction!, $depth: Int, $kinds: [Kind!]) {
  lineage(of: [$id], direction: $direction, depth: $depth, kinds: $kinds) { nodes { depth entity { id } } } }"""


def names(connection: Any) -> list[str]:
    return [short(each["id"]) for each in connection["nodes"]]


def random_lines(chance: random.Random) -> list[str]:
    """A graph of tables, operations and models, with cycles now and then."""
    tables = [f"t{number}" for number in range(chance.randint(3, 8))]
    lines = list(tables)
    for number in range(chance.randint(3, 9)):
        operation = f"*j{number % 3}.{number}"
        lines += [f"{table} {operation}" for table in chance.sample(tables, chance.randint(0, 2))]
        lines += [f"{operation} {table}" for table in chance.sample(tables, chance.randint(1, 2))]
    lines += [f"{chance.choice(tables)} M{number}" for number in range(chance.randint(0, 2))]
    return lines


def closure(
    keys: list[EdgeKey], start: str, hidden: frozenset[Kind], direction: Direction, depth: int | None
) -> dict[str, int]:
    """What the definition says is shown beside the start."""
    found = expected(keys, {start: 0}, hidden, direction, depth)
    return {node_id: at for node_id, (at, _) in found.nodes.items() if node_id != start}


@pytest.mark.parametrize("seed", range(25))
async def test_nested_equals_flat_equals_the_definition(seed: int) -> None:
    chance = random.Random(seed)
    lines = random_lines(chance)
    world = await World().lines(*lines)
    keys = chains(*lines)
    direction = chance.choice([Direction.UPSTREAM, Direction.DOWNSTREAM])
    second = chance.choice([direction, Direction.UPSTREAM, Direction.DOWNSTREAM])
    d1, d2 = chance.choice([1, 2, None]), chance.choice([0, 1, 2, None])
    kinds = chance.choice([None, ["DATASET"], ["DATASET", "OPERATION"], ["MODEL", "DATASET"]])
    hidden = HIDDEN_BY_DEFAULT if kinds is None else frozenset(Kind) - {Kind(kind) for kind in kinds}
    for start in ("t0", "t1"):
        variables = {"id": node(start), "d1": d1, "d2": d2, "kinds": kinds}
        data = await world.ask(NESTED % (direction.lower(), second.lower()), **variables)
        first = data["node"][direction.lower()]
        told = {edge["node"]["id"]: edge["depth"] for edge in first["edges"]}
        assert told == closure(keys, node(start), hidden, direction, d1)
        assert first["totalCount"] == len(told)
        for edge in first["edges"]:
            below = edge["node"][second.lower()]
            reached = {each["node"]["id"]: each["depth"] for each in below["edges"]}
            assert reached == closure(keys, edge["node"]["id"], hidden, second, d2)
            flat = await world.ask(FLAT, id=edge["node"]["id"], direction=second, depth=d2, kinds=kinds)
            rows = {each["entity"]["id"]: each["depth"] for each in flat["lineage"]["nodes"]}
            assert rows == {edge["node"]["id"]: 0, **reached}


async def test_defaults_show_tables_and_models_one_step_away() -> None:
    world = await World().lines("a *j.1 b *k.2 c M1 P1")
    data = await world.ask(
        '{ dataset(namespace: "n", name: "b") { upstream { nodes { id } } downstream { nodes { id } } } }'
    )
    assert names(data["dataset"]["upstream"]) == ["a"]
    assert names(data["dataset"]["downstream"]) == ["c"]
    data = await world.ask('{ dataset(namespace: "n", name: "a") { downstream(depth: null) { nodes { id } } } }')
    assert names(data["dataset"]["downstream"]) == ["b", "c", "M1"]


async def test_what_is_passed_through_comes_back_on_the_hop() -> None:
    world = await World().lines("a *j.1 b", "a *k.2 b")
    data = await world.ask(
        '{ dataset(namespace: "n", name: "b") { upstream { edges { depth via { id ...O } } } } }'
        " fragment O on Operation { job { name } }"
    )
    (hop,) = data["dataset"]["upstream"]["edges"]
    assert hop["depth"] == 1
    assert [(short(each["id"]), each["job"]["name"]) for each in hop["via"]] == [("*j.1", "j"), ("*k.2", "k")]


async def test_a_shortcut_under_a_depth_limit_is_not_pruned() -> None:
    world = await World().lines("a *1 b *2 c *3 d *4 e", "a *5 c")
    query = '{ dataset(namespace: "n", name: "a") { downstream(depth: 3) { edges { depth node { id } } } } }'
    data = await world.ask(query)
    hops = {short(each["node"]["id"]): each["depth"] for each in data["dataset"]["downstream"]["edges"]}
    assert hops == {"b": 1, "c": 1, "d": 2, "e": 3}


async def test_depth_counts_shown_steps_exactly() -> None:
    world = await World().lines("a *1 b *2 c *3 d")
    for depth, expected_names in ((0, []), (1, ["b"]), (2, ["b", "c"]), (3, ["b", "c", "d"]), (None, ["b", "c", "d"])):
        query = 'query ($d: Int) { dataset(namespace: "n", name: "a") { downstream(depth: $d) { nodes { id } } } }'
        assert names((await world.ask(query, d=depth))["dataset"]["downstream"]) == expected_names


async def test_models_alone_at_depth_one_across_many_hops() -> None:
    world = await World().lines("a *1 b *2 c *3 d *4 e M1", "M1 P1")
    query = (
        '{ dataset(namespace: "n", name: "a") { downstream(kinds: [MODEL]) { edges { depth node { id } via { id } } } } }'
    )
    (hop,) = (await world.ask(query))["dataset"]["downstream"]["edges"]
    assert (short(hop["node"]["id"]), hop["depth"], len(hop["via"])) == ("M1", 1, 8)


async def test_predictions_are_followed_only_where_they_are_shown_or_asked_about() -> None:
    world = await World().lines("a *1 b M1 P1", "M1 P2")
    query = '{ dataset(namespace: "n", name: "b") { downstream(depth: null%s) { nodes { id } } } }'
    assert names((await world.ask(query % ""))["dataset"]["downstream"]) == ["M1"]
    assert names((await world.ask(query % ", kinds: [PREDICTION]"))["dataset"]["downstream"]) == ["P1", "P2"]
    data = await world.ask('{ prediction(namespace: "n", name: "P1") { upstream(depth: null) { nodes { id } } } }')
    assert names(data["prediction"]["upstream"]) == ["M1", "b", "a"]
    data = await world.ask(
        '{ model(namespace: "n", name: "M1") { downstream(edgeKinds: [GENERATED_BY], kinds: [PREDICTION]) '
        "{ nodes { id } } predictions { totalCount nodes { id } } } }"
    )
    assert names(data["model"]["downstream"]) == ["P1", "P2"]
    assert names(data["model"]["predictions"]) == ["P1", "P2"]
    assert data["model"]["predictions"]["totalCount"] == 2


async def test_a_prediction_traces_to_its_source_tables_in_one_query() -> None:
    world = await World().lines("raw *j.1 clean *k.2 features M1 P1")
    query = """{ prediction(namespace: "n", name: "P1") { id upstream { nodes { id
        upstream { nodes { id upstream { nodes { id upstream { nodes { id upstream { nodes { id } } } } } } } } } } } }"""
    below = (await world.ask(query))["prediction"]
    found = []
    while below["upstream"]["nodes"]:
        (below,) = below["upstream"]["nodes"]
        found.append(short(below["id"]))
        if "upstream" not in below:
            break
    assert found == ["M1", "features", "clean", "raw"]
    assert world.backend.counts() == {"get": 1, "traverse": 1}


async def test_siblings_are_no_lineage() -> None:
    world = await World().lines("a *1 b", "a *2 c")
    query = '{ dataset(namespace: "n", name: "b") { upstream(depth: null) { nodes { id } } downstream { nodes { id } } } }'
    data = await world.ask(query)
    assert names(data["dataset"]["upstream"]) == ["a"]
    assert names(data["dataset"]["downstream"]) == []
    flat = await world.ask(FLAT, id=node("b"), direction="BOTH")
    assert {short(each["entity"]["id"]) for each in flat["lineage"]["nodes"]} == {"a", "b"}


async def test_a_column_has_a_lineage_of_its_own() -> None:
    world = await World().lines("t/a u/b v/c", "t/x v/c", "t *1 u *2 v")
    query = """{ column(namespace: "n", dataset: "v", name: "c") { dataset { id } upstream(depth: null) {
        edges { depth evidence { runs } node { id ... on Column { dataset { id } } } } } } }"""
    data = await world.ask(query)
    hops = {short(each["node"]["id"]): each["depth"] for each in data["column"]["upstream"]["edges"]}
    assert hops == {"t/x": 1, "u/b": 1, "t/a": 2}
    assert data["column"]["dataset"]["id"] == node("v")
    assert all(each["evidence"] == {"runs": 2} for each in data["column"]["upstream"]["edges"])


@pytest.mark.parametrize("layer", ["kinds: [COLUMN]", "edgeKinds: [DERIVES]", "kinds: [COLUMN], edgeKinds: [DERIVES]"])
async def test_a_dataset_stands_for_its_columns_where_columns_are_meant(layer: str) -> None:
    world = await World().lines("t/a u/b v/c", "t/x v/d", "t *1 u *2 v")
    query = '{ dataset(namespace: "n", name: "v") { upstream(depth: null, LAYER) { totalCount nodes { id } } } }'
    query = query.replace("LAYER", layer)
    data = await world.ask(query)
    assert names(data["dataset"]["upstream"]) == ["t/x", "u/b", "t/a"]
    assert data["dataset"]["upstream"]["totalCount"] == 3
    flat = await world.ask(
        '{ lineage(of: ["dataset:n#v"], direction: UPSTREAM, LAYER) { nodes { depth entity { id } } } }'.replace(
            "LAYER", layer
        )
    )
    found = {short(each["entity"]["id"]): each["depth"] for each in flat["lineage"]["nodes"]}
    assert found == {"v/c": 0, "v/d": 0, "t/x": 1, "u/b": 1, "t/a": 2}


async def test_from_tables_to_their_columns_is_another_layer() -> None:
    world = await World().lines("t/a u/b", "t *1 u")
    query = """{ dataset(namespace: "n", name: "t") { downstream { nodes { id
        upstream(kinds: [COLUMN]) { nodes { id } }
        ... on Dataset { columns { nodes { id downstream { nodes { id } } } } } } } } }"""
    (table,) = (await world.ask(query))["dataset"]["downstream"]["nodes"]
    assert names(table["upstream"]) == ["t/a"]
    assert names(table["columns"]) == ["u/b"]


async def test_context_is_followed_only_if_asked_for() -> None:
    world = await World().lines("a *j.1 b", "U1 *j.1")
    query = """query ($kinds: [EdgeKind!]) { dataset(namespace: "n", name: "b") {
        upstream(depth: null, edgeKinds: $kinds) { nodes { id } } } }"""
    assert names((await world.ask(query))["dataset"]["upstream"]) == ["a"]
    data = await world.ask(query, kinds=["PRODUCES", "PERFORMED"])
    assert names(data["dataset"]["upstream"]) == ["U1"]


async def test_a_job_that_is_shown_stands_for_all_its_operations_at_the_next_level() -> None:
    world = await World().lines("a *j.1 x", "b *j.2 y")
    query = """{ dataset(namespace: "n", name: "x") { upstream(kinds: [JOB, DATASET], depth: 1) { nodes { id
        upstream { nodes { id } } } } } }"""
    (job,) = (await world.ask(query))["dataset"]["upstream"]["nodes"]
    assert short(job["id"]) == "J:j"
    assert names(job["upstream"]) == ["a", "b"]


async def test_cycles_and_self_loops_end() -> None:
    world = await World().lines("a *1 b *2 a", "b *3 b")
    query = """{ dataset(namespace: "n", name: "a") {
        downstream(depth: null) { totalCount nodes { id downstream(depth: null) { nodes { id } } } } } }"""
    data = await world.ask(query)
    assert names(data["dataset"]["downstream"]) == ["b"]
    assert names(data["dataset"]["downstream"]["nodes"][0]["downstream"]) == ["a"]


async def test_one_field_under_two_aliases_with_different_selections() -> None:
    world = await World().lines("a *1 b *2 c")
    query = """{ x: dataset(namespace: "n", name: "a") { ...F } y: dataset(namespace: "n", name: "a") { name
        near: downstream { nodes { id } }
        far: downstream(depth: 2) { edges { node { name } } nodes { id downstream { nodes { id } } } } } }
        fragment F on Entity { downstream @include(if: true) { totalCount } upstream @skip(if: true) { totalCount } }"""
    data = await world.ask(query)
    assert data["x"] == {"downstream": {"totalCount": 1}}
    assert names(data["y"]["near"]) == ["b"]
    assert names(data["y"]["far"]) == ["b", "c"]
    assert names(data["y"]["far"]["nodes"][0]["downstream"]) == ["c"]


async def test_each_run_of_a_job_has_its_own_lineage() -> None:
    world = await World().lines("s *i.1 a *j.1 x *k.1 z", "b *j.2 y")
    await world.run("monday", node("J:j"), 1, inputs=[node("a")], outputs=[node("x")])
    await world.run("tuesday", node("J:j"), 2, inputs=[node("b")], outputs=[node("y")])
    await world.run("failed", node("J:j"), 3, inputs=[node("a"), node("b")])
    query = """{ job(namespace: "n", name: "j") { runs { nodes { name
        upstream(depth: null) { totalCount edges { depth node { id } } } downstream(depth: null) { nodes { id } }
        one: downstream { edges { evidence { runs } via { id } node { id } } } } } } }"""
    runs = {each["name"]: each for each in (await world.ask(query))["job"]["runs"]["nodes"]}
    told = {
        name: [(short(hop["node"]["id"]), hop["depth"]) for hop in each["upstream"]["edges"]] for name, each in runs.items()
    }
    assert told == {"monday": [("a", 1), ("s", 2)], "tuesday": [("b", 1)], "failed": [("a", 1), ("b", 1), ("s", 2)]}
    assert {name: names(each["downstream"]) for name, each in runs.items()} == {
        "monday": ["x", "z"],
        "tuesday": ["y"],
        "failed": [],
    }
    assert runs["monday"]["one"]["edges"] == [{"evidence": None, "via": [], "node": {"id": node("x")}}]
    assert world.backend.counts() == {"get": 2, "find_nodes": 1, "traverse": 2}


async def test_jobs_at_two_levels() -> None:
    world = await World().lines("a *j.1 b *k.1 c", "z *j.2 y")
    query = """{ job(namespace: "n", name: "k") { upstream(kinds: [JOB]) { nodes { id ... on Job { inputs { nodes { id } }
        outputs { nodes { id } } } downstream(kinds: [DATASET, JOB]) { edges { depth node { id } } } } } } }"""
    (job,) = (await world.ask(query))["job"]["upstream"]["nodes"]
    assert (short(job["id"]), names(job["inputs"]), names(job["outputs"])) == ("J:j", ["a", "z"], ["b", "y"])
    hops = [(short(each["node"]["id"]), each["depth"]) for each in job["downstream"]["edges"]]
    assert hops == [("b", 1), ("y", 1)]


async def test_a_hub_with_many_edges_gives_exact_counts_by_the_page() -> None:
    world = await World().lines(*(f"h *c.{n} d{n % 50}" for n in range(1000)))
    query = """{ dataset(namespace: "n", name: "h") { consumedBy(first: 3) { totalCount nodes { name } }
        downstream(first: 3) { totalCount edges { via { id } node { name } } } } }"""
    data = (await world.ask(query))["dataset"]
    assert (data["consumedBy"]["totalCount"], len(data["consumedBy"]["nodes"])) == (1000, 3)
    assert (data["downstream"]["totalCount"], [len(each["via"]) for each in data["downstream"]["edges"]]) == (
        50,
        [20, 20, 20],
    )
