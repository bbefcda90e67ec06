"""`lineage`, `impact` and `paths` as they are asked."""

import asyncio
import gc
from itertools import pairwise
from typing import Any

import pytest

from schema.context import Costs
from schema.seen import Seen
from tests.schema.graphs import node, short
from tests.schema.world import World

GRAPH = """query ($of: [ID!]!, $direction: Direction!, $depth: Int, $kinds: [Kind!], $edgeKinds: [EdgeKind!], $most: Int) {
  lineage(of: $of, direction: $direction, depth: $depth, kinds: $kinds, edgeKinds: $edgeKinds, maxNodes: $most) {
    nodes { depth direction entity { id } } edges { id source target kind via viaCount }
    summary { total byKind { kind count } byDepth { depth count } byNamespace { namespace count } }
    answer { complete incompleteCode incompleteBecause truncated total asOf watermark sources cache } } }"""


async def graph(world: World, *of: str, direction: str = "BOTH", **more: Any) -> Any:
    ids = [each if ":" in each and "/" not in each and not each.startswith("J:") else node(each) for each in of]
    return (await world.ask(GRAPH, of=ids, direction=direction, **{"most": 1000, **more}))["lineage"]


def nodes(found: Any) -> dict[str, tuple[int, str]]:
    return {short(each["entity"]["id"]): (each["depth"], each["direction"]) for each in found["nodes"]}


def edges(found: Any) -> set[str]:
    return {
        f"{short(each['source'])} > {short(each['target'])} {each['kind'] or ' '.join(map(short, each['via']))}"
        for each in found["edges"]
    }


async def test_a_graph_with_depths_directions_and_edges() -> None:
    world = await World().lines("a *1 b *2 c M1", "b *3 d", "a *4 e")
    found = await graph(world, "b")
    assert nodes(found) == {
        "b": (0, "BOTH"),
        "a": (1, "UPSTREAM"),
        "c": (1, "DOWNSTREAM"),
        "d": (1, "DOWNSTREAM"),
        "M1": (2, "DOWNSTREAM"),
    }
    assert edges(found) == {"a > b *1", "b > c *2", "b > d *3", "c > M1 USED_IN_TRAINING"}
    assert found["summary"]["total"] == found["answer"]["total"] == 5
    assert found["summary"]["byKind"] == [{"kind": "DATASET", "count": 4}, {"kind": "MODEL", "count": 1}]
    assert found["summary"]["byDepth"] == [{"depth": 0, "count": 1}, {"depth": 1, "count": 3}, {"depth": 2, "count": 1}]
    assert found["summary"]["byNamespace"] == [{"namespace": "n", "count": 5}]
    assert found["answer"] == {
        "complete": True,
        "incompleteCode": None,
        "incompleteBecause": None,
        "truncated": False,
        "total": 5,
        "asOf": None,
        "watermark": "1970-01-03T00:00:00Z",
        "sources": ["memory"],
        "cache": "BYPASS",
    }


async def test_what_is_reached_both_ways_is_both_with_the_lesser_depth() -> None:
    world = await World().lines("a *1 b *2 c *3 a")
    assert nodes(await graph(world, "a")) == {"a": (0, "BOTH"), "b": (1, "BOTH"), "c": (1, "BOTH")}


async def test_edges_among_the_last_level_and_at_depth_zero() -> None:
    world = await World().lines("a *1 b *2 c", "a *3 c")
    assert edges(await graph(world, "a", direction="DOWNSTREAM", depth=1)) == {"a > b *1", "a > c *3", "b > c *2"}
    found = await graph(world, "a", "b", direction="DOWNSTREAM", depth=0)
    assert nodes(found) == {"a": (0, "BOTH"), "b": (0, "BOTH")}
    assert edges(found) == {"a > b *1"}


async def test_an_edge_is_the_same_from_either_end_and_has_the_same_id() -> None:
    world = await World().lines("a *1 b *2 c")
    up, down = await graph(world, "c", direction="UPSTREAM"), await graph(world, "a", direction="DOWNSTREAM")
    assert edges(up) == edges(down)
    assert {each["id"] for each in up["edges"]} == {each["id"] for each in down["edges"]}
    assert len({each["id"] for each in up["edges"]}) == 2
    shown = await graph(world, "c", direction="UPSTREAM", kinds=["DATASET", "OPERATION"])
    assert len({each["id"] for each in [*shown["edges"], *up["edges"]]}) == 6


async def test_operations_and_jobs_are_shown_where_they_are_asked_for() -> None:
    world = await World().lines("a *j.1 b", "c *j.2 d")
    found = await graph(world, "a", kinds=["DATASET", "OPERATION"], direction="DOWNSTREAM")
    assert nodes(found) == {"a": (0, "BOTH"), "*j.1": (1, "DOWNSTREAM"), "b": (2, "DOWNSTREAM")}
    found = await graph(world, "a", kinds=["DATASET", "JOB"], direction="DOWNSTREAM")
    assert nodes(found) == {"a": (0, "BOTH"), "J:j": (1, "DOWNSTREAM"), "b": (2, "DOWNSTREAM")}
    assert edges(found) == {"a > J:j INPUT_TO", "J:j > b PRODUCES"}


async def test_a_job_as_root_stands_for_its_operations_and_is_shown_as_itself() -> None:
    world = await World().lines("a *j.1 b *k.1 z", "c *j.2 d")
    found = await graph(world, "J:j")
    assert nodes(found) == {
        "J:j": (0, "BOTH"),
        "a": (1, "UPSTREAM"),
        "c": (1, "UPSTREAM"),
        "b": (1, "DOWNSTREAM"),
        "d": (1, "DOWNSTREAM"),
        "z": (2, "DOWNSTREAM"),
    }
    assert edges(found) == {
        "a > J:j INPUT_TO",
        "c > J:j INPUT_TO",
        "J:j > b PRODUCES",
        "J:j > d PRODUCES",
        "b > z *k.1",
    }
    world = await World().lines("J:idle", "a")
    assert nodes(await graph(world, "J:idle")) == {"J:idle": (0, "BOTH")}


async def test_a_run_as_root_has_its_own_inputs_and_outputs_one_step_away() -> None:
    world = await World().lines("s *i.1 a *j.1 x *k.1 z", "b *j.2 y")
    await world.run("r1", node("J:j"), 1, inputs=[node("a")], outputs=[node("x")])
    found = await graph(world, "run:r1")
    assert {each["entity"]["id"]: (each["depth"], each["direction"]) for each in found["nodes"]} == {
        "run:r1": (0, "BOTH"),
        node("a"): (1, "UPSTREAM"),
        node("s"): (2, "UPSTREAM"),
        node("x"): (1, "DOWNSTREAM"),
        node("z"): (2, "DOWNSTREAM"),
    }
    own = {(each["source"], each["target"]) for each in found["edges"] if each["kind"] is None and not each["viaCount"]}
    assert own == {(node("a"), "run:r1"), ("run:r1", node("x"))}
    up = await graph(world, "run:r1", direction="UPSTREAM", depth=1)
    assert {each["entity"]["id"] for each in up["nodes"]} == {"run:r1", node("a")}
    down = await graph(world, "run:r1", direction="DOWNSTREAM")
    assert {each["entity"]["id"] for each in down["nodes"]} == {"run:r1", node("x"), node("z")}
    assert found["summary"]["byNamespace"] == [{"namespace": "n", "count": 5}]


async def test_a_run_whose_datasets_are_named_otherwise_or_gone() -> None:
    world = await World().lines("a *j.1 b")
    await world.say(node("other"), alias_of=node("a"))
    await world.run("r1", node("J:j"), 1, inputs=[node("other"), node("gone")], outputs=None)
    found = await graph(world, "run:r1", direction="UPSTREAM")
    assert {each["entity"]["id"] for each in found["nodes"]} == {"run:r1", node("a")}


async def test_columns() -> None:
    world = await World().lines("t/a u/b v/c", "t *1 u *2 v")
    found = await graph(world, "u/b")
    assert nodes(found) == {"u/b": (0, "BOTH"), "t/a": (1, "UPSTREAM"), "v/c": (1, "DOWNSTREAM")}
    assert edges(found) == {"t/a > u/b DERIVES", "u/b > v/c DERIVES"}
    found = await graph(world, "u", edgeKinds=["DERIVES"])
    assert nodes(found) == {"u/b": (0, "BOTH"), "t/a": (1, "UPSTREAM"), "v/c": (1, "DOWNSTREAM")}
    found = await graph(world, "u", edgeKinds=["HAS_COLUMN", "DERIVES"], direction="DOWNSTREAM")
    assert nodes(found) == {"u": (0, "BOTH"), "u/b": (1, "DOWNSTREAM"), "v/c": (2, "DOWNSTREAM")}
    world = await World().lines("t *1 u")
    assert nodes(await graph(world, "t", kinds=["COLUMN"])) == {"t": (0, "BOTH")}


async def test_the_nearest_stay_and_the_answer_says_so() -> None:
    world = await World().lines(*(f"a *{n} b{n} *x{n} c{n}" for n in range(10)))
    found = await graph(world, "a", direction="DOWNSTREAM", most=4)
    assert nodes(found) == {
        "a": (0, "BOTH"),
        "b0": (1, "DOWNSTREAM"),
        "b1": (1, "DOWNSTREAM"),
        "b2": (1, "DOWNSTREAM"),
    }
    assert found["summary"]["total"] == found["answer"]["total"] == 21
    assert (found["answer"]["complete"], found["answer"]["incompleteCode"]) == (False, "MAX_NODES")
    assert found["answer"]["truncated"]
    world.costs = Costs(max_nodes=12)
    found = await graph(world, "a", direction="DOWNSTREAM", most=5)
    assert (found["answer"]["incompleteCode"], found["answer"]["total"], found["summary"]["total"]) == (
        "SERVICE_BOUND",
        None,
        None,
    )
    assert len(found["nodes"]) == 2  # a, ten operations, and the first table behind them


@pytest.mark.parametrize("most", [0, -1, 200_001])
async def test_max_nodes_is_checked(most: int) -> None:
    world = await World().lines("a *1 b")
    assert await world.code(GRAPH, of=[node("a")], direction="BOTH", most=most) == "BAD_INPUT"


async def test_more_folded_edges_than_an_answer_holds() -> None:
    world = await World().lines(*(f"a{n} *1" for n in range(150)), *(f"*1 b{n}" for n in range(150)))
    found = await graph(world, "a1", "b1", *(f"a{n}" for n in range(150)))
    assert (len(found["edges"]), found["answer"]["incompleteCode"]) == (20_000, "EDGES_CUT")


async def test_via_names_twenty_and_counts_all() -> None:
    world = await World().lines(*(f"a *{n} b" for n in range(30)))
    (edge,) = (await graph(world, "a"))["edges"]
    assert (len(edge["via"]), edge["viaCount"]) == (20, 30)


async def test_evidence_is_that_of_the_edge_or_of_the_pair() -> None:
    world = await World().lines("a *j.1 b M1", "A1 *k.1 b")
    await world.run("r1", node("J:j"), 1, state="FAIL", error="no")
    query = """query ($of: [ID!]!, $kinds: [Kind!]) { lineage(of: $of, kinds: $kinds) { edges { source target
        transformations { type } evidence { origin confidence firstSeen lastSeen runs
        lastRun { id state error job { name } } } } } }"""
    found = (await world.ask(query, of=[node("b")]))["lineage"]["edges"]
    evidence = {f"{short(each['source'])} > {short(each['target'])}": each["evidence"] for each in found}
    whole = {
        "origin": "run event",
        "confidence": 1.0,
        "firstSeen": "1970-01-02T00:00:00Z",
        "lastSeen": "1970-01-03T00:00:00Z",
        "runs": 2,
        "lastRun": {"id": "run:r1", "state": "FAIL", "error": "no", "job": {"name": "j"}},
    }
    assert evidence == {"a > b": whole, "b > M1": whole, "A1 > b": whole}
    found = (await world.ask(query, of=[node("b")], kinds=["JOB", "DATASET"]))["lineage"]["edges"]
    assert [each["evidence"] for each in found] == [whole] * 3
    found = (await world.ask(query, of=[node("a"), node("M1")], kinds=["MODEL"]))["lineage"]["edges"]
    assert [each["evidence"] for each in found] == [None]


IMPACT = """query ($of: [ID!]!, $depth: Int, $kinds: [Kind!], $first: Int, $after: String, $order: ImpactOrder) {
  impact(of: $of, depth: $depth, kinds: $kinds) { roots { id }
    summary { total byKind { kind count } byDepth { depth count } byNamespace { namespace count } } answer { complete total }
    affected(first: $first, after: $after, orderBy: $order) { totalCount pageInfo { hasNextPage hasPreviousPage endCursor }
      edges { depth impactLevel cursor node { id } } } } }"""


async def test_impact_counts_the_affected_and_not_the_roots() -> None:
    world = await World().lines("a *1 b *2 d", "a *3 c *4 d", "d M1", "x *5 a")
    found = (await world.ask(IMPACT, of=[node("a")]))["impact"]
    assert [each["id"] for each in found["roots"]] == [node("a")]
    assert found["summary"] == {
        "total": 4,
        "byKind": [{"kind": "DATASET", "count": 3}, {"kind": "MODEL", "count": 1}],
        "byDepth": [{"depth": 1, "count": 2}, {"depth": 2, "count": 1}, {"depth": 3, "count": 1}],
        "byNamespace": [{"namespace": "n", "count": 4}],
    }
    assert found["answer"] == {"complete": True, "total": 4}
    rows = [(short(each["node"]["id"]), each["depth"], each["impactLevel"]) for each in found["affected"]["edges"]]
    assert rows == [("b", 1, 1.0), ("c", 1, 1.0), ("d", 2, 2.0), ("M1", 3, 2.0)]
    assert found["affected"]["totalCount"] == 4


async def test_impact_of_several_a_job_and_a_column() -> None:
    world = await World().lines("a *j.1 b *2 c", "z *j.3 y", "t/a u/b")
    found = (await world.ask(IMPACT, of=[node("a"), node("b")]))["impact"]
    assert [(short(each["node"]["id"]), each["depth"]) for each in found["affected"]["edges"]] == [("c", 1)]
    assert found["affected"]["edges"][0]["impactLevel"] == 2.0
    found = (await world.ask(IMPACT, of=[node("J:j")]))["impact"]
    assert {short(each["node"]["id"]): each["depth"] for each in found["affected"]["edges"]} == {"b": 1, "y": 1, "c": 2}
    found = (await world.ask(IMPACT, of=[node("t")], kinds=["COLUMN"]))["impact"]
    assert [short(each["node"]["id"]) for each in found["affected"]["edges"]] == ["u/b"]


@pytest.mark.parametrize("order", ["DEPTH", "IMPACT_LEVEL", "NAME"])
async def test_impact_pages_in_any_order_are_the_whole(order: str) -> None:
    lines = [f"a *{n} b{n} *x{n} c{n % 3}" for n in range(9)] + ["b0 *y0 c1", "b1 *y1 c2", "b8 *z8 deep *z9 c0"]
    world = await World().lines(*lines)
    whole = (await world.ask(IMPACT, of=[node("a")], first=1000, order=order))["impact"]["affected"]["edges"]
    found: list[Any] = []
    after = None
    while True:
        page = (await world.ask(IMPACT, of=[node("a")], first=2, after=after, order=order))["impact"]["affected"]
        assert page["pageInfo"]["hasPreviousPage"] == bool(found)
        found += page["edges"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert found == whole
    key = {
        "DEPTH": lambda each: (each["depth"], each["node"]["id"]),
        "IMPACT_LEVEL": lambda each: (-each["impactLevel"], each["depth"], each["node"]["id"]),
        "NAME": lambda each: (short(each["node"]["id"]), each["node"]["id"]),
    }[order]
    assert whole == sorted(whole, key=key)
    assert len(whole) == 13


PATHS = """query ($from: ID!, $to: ID!, $kinds: [Kind!], $first: Int) {
  paths(from: $from, to: $to, kinds: $kinds, first: $first) { answer { complete incompleteCode total }
    paths { length nodes { id } edges { source target kind via evidence { runs } } } } }"""


async def paths(world: World, source: str, target: str, **more: Any) -> list[list[str]]:
    found = (await world.ask(PATHS, **{"from": source, "to": target, **more}))["paths"]["paths"]
    for path in found:
        assert path["length"] == len(path["edges"]) == len(path["nodes"]) - 1
        ends = [(each["source"], each["target"]) for each in path["edges"]]
        ids = [each["id"] for each in path["nodes"]]
        assert ends == list(pairwise(ids))
    return [[short(each["id"]) for each in path["nodes"]] for path in found]


async def test_the_shortest_routes_first() -> None:
    world = await World().lines("a *1 b *2 d", "a *3 c *4 e *5 d", "a *6 d M1")
    assert await paths(world, node("a"), node("M1"), first=2) == [["a", "d", "M1"], ["a", "b", "d", "M1"]]
    assert len(await paths(world, node("a"), node("M1"), first=10)) == 3
    assert await paths(world, node("M1"), node("a")) == []
    assert await paths(world, node("a"), node("a")) == [["a"]]
    assert await paths(world, node("a"), node("M1"), first=1, kinds=["MODEL"]) == [["a", "M1"]]


async def test_routes_of_jobs_columns_and_runs() -> None:
    world = await World().lines("a *j.1 b *k.1 c", "t/x u/y v/z", "a *j.2 e")
    assert await paths(world, node("J:j"), node("c")) == [["J:j", "b", "c"]]
    assert await paths(world, node("a"), node("J:k")) == [["a", "b", "J:k"]]
    assert await paths(world, node("t/x"), node("v/z")) == [["t/x", "u/y", "v/z"]]
    assert await paths(world, node("t"), node("v/z")) == [["t/x", "u/y", "v/z"]]
    await world.run("r1", node("J:j"), 1, inputs=[node("a")], outputs=[node("b")])
    await world.run("r2", node("J:k"), 1, inputs=[node("b")], outputs=[node("c")])
    found = (await world.ask(PATHS, **{"from": "run:r1", "to": "run:r2"}))["paths"]["paths"]
    assert [[each["id"] for each in path["nodes"]] for path in found] == [["run:r1", node("b"), "run:r2"]]


@pytest.mark.parametrize("first", [0, 101])
async def test_the_number_of_routes_is_checked(first: int) -> None:
    world = await World().lines("a *1 b")
    assert await world.code(PATHS, **{"from": node("a"), "to": node("b"), "first": first}) == "BAD_INPUT"


async def test_what_was_read_for_an_answer_goes_with_it() -> None:
    """And not only when the collector comes by: until then each answer would keep all its nodes."""
    world = await World().lines("a *1 b *2 c")

    def there() -> int:
        return sum(isinstance(each, Seen) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = there()  # of other tests, whatever still holds them
        for _ in range(3):
            await graph(world, "a")
        await asyncio.sleep(0)
        left = there() - before
    finally:
        gc.enable()
    assert left <= 3  # of the last answer alone, which the loop may hold still
