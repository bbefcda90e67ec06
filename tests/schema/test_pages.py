"""Pages: their bounds, their cursors, and that they stay right while others write."""

import random
from typing import Any

import pytest

from backends.changes import Changes, EdgeChange, NodeChange
from backends.ids import Kind, make_id
from backends.model import EdgeKey, EdgeKind
from schema.cursors import ORDERS, read_cursor, write_cursor
from schema.errors import ApiError
from tests.schema.graphs import node
from tests.schema.world import DAY, World

CONNECTIONS = {
    "columns": ('dataset(namespace: "n", name: "h")', "columns"),
    "consumedBy": ('dataset(namespace: "n", name: "h")', "consumedBy"),
    "downstream": ('dataset(namespace: "n", name: "h")', "downstream"),
    "operations": ('job(namespace: "n", name: "j")', "operations"),
    "outputs": ('job(namespace: "n", name: "j")', "outputs"),
    "runs": ('job(namespace: "n", name: "j")', "runs"),
    "predictions": ('model(namespace: "n", name: "M1")', "predictions"),
    "run inputs": ('run(id: "big")', "inputs"),
}


async def hub(width: int = 25) -> World:
    world = await World().lines(
        *(f"h *j.{n:02} d{n:02}" for n in range(width)),
        *(f"h/c{n:02}" for n in range(width)),
        *(f"M1 P{n:02}" for n in range(width)),
    )
    for number in range(width):
        await world.run(f"r{number}", node("J:j"), number // 2)
    await world.run("big", node("J:k"), 1, inputs=[node(f"d{n:02}") for n in reversed(range(width))])
    return world


async def pages(world: World, where: str, first: int, between: Any = None) -> list[list[str]]:
    """The ids on each page until the last; `between` is awaited after each."""
    root, name = CONNECTIONS[where]
    query = f"query ($first: Int, $after: String) {{ found: {root} {{ {name}(first: $first, after: $after) {{ ...F }} }} }}"
    query = query.replace("...F", "totalCount nodes { id } edges { cursor node { id } } pageInfo { ...I }")
    query += " fragment I on PageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
    found: list[list[str]] = []
    after: str | None = None
    while True:
        page = (await world.ask(query, first=first, after=after))["found"][name]
        ids = [each["id"] for each in page["nodes"]]
        assert [each["node"]["id"] for each in page["edges"]] == ids
        info = page["pageInfo"]
        assert info["hasPreviousPage"] == (after is not None)
        assert (info["startCursor"], info["endCursor"]) == (page["edges"][0]["cursor"], page["edges"][-1]["cursor"])
        found.append(ids)
        if not info["hasNextPage"]:
            return found
        after = info["endCursor"]
        if between is not None:
            await between(len(found), ids)


@pytest.mark.parametrize("where", CONNECTIONS)
async def test_pages_together_are_the_whole_each_once(where: str) -> None:
    world = await hub()
    (whole,) = await pages(world, where, 1000)
    assert len(whole) == len(set(whole)) == 25
    found = await pages(world, where, 7)
    assert [len(page) for page in found] == [7, 7, 7, 4]
    assert [each for page in found for each in page] == whole


@pytest.mark.parametrize("where", ["columns", "downstream", "operations", "predictions"])
async def test_pages_stay_right_while_others_write(where: str) -> None:
    """Rows come and go on both sides of the cursor: what stays is given once, what comes later in the order is given."""
    world = await hub()
    (before,) = await pages(world, where, 1000)
    kind = {"columns": EdgeKind.HAS_COLUMN, "predictions": EdgeKind.GENERATED, "operations": EdgeKind.HAS_OPERATION}
    chance = random.Random(where)

    async def between(number: int, ids: list[str]) -> None:
        gone, early, late = ids[0], f"!early{number}", f"zlate{number}"
        changes = [NodeChange(gone, withdrawn=True)]
        edges = []
        for name in (early, late):
            if where == "downstream":
                operation = make_id(Kind.OPERATION, "n", "j", name)
                made = make_id(Kind.DATASET, "n", name)
                changes.append(NodeChange(operation, seen=(DAY, DAY)))
                edges += [EdgeKey(node("h"), EdgeKind.INPUT_TO, operation), EdgeKey(operation, EdgeKind.PRODUCES, made)]
            else:
                made = {
                    "columns": make_id(Kind.COLUMN, "n", "h", name),
                    "operations": make_id(Kind.OPERATION, "n", "j", name),
                    "predictions": make_id(Kind.PREDICTION, "n", name),
                }[where]
                source = {"columns": node("h"), "operations": node("J:j"), "predictions": node("M1")}[where]
                edges.append(EdgeKey(source, kind[where], made))
            changes.append(NodeChange(made, seen=(DAY, DAY)))
        chance.shuffle(edges)
        await world.store.apply(Changes(DAY, tuple(changes), tuple(EdgeChange(key, {"t": {}}) for key in edges)))

    found = [each for page in await pages(world, where, 5, between) for each in page]
    assert len(found) == len(set(found))
    assert [each for each in found if each in before] == before
    assert sum("zlate" in each for each in found) >= 3
    assert not any("!early" in each for each in found)


async def test_runs_stay_right_while_newer_ones_start() -> None:
    world = await hub()
    (before,) = await pages(world, "runs", 1000)
    assert before[:3] == ["run:r24", "run:r22", "run:r23"]

    async def between(number: int, ids: list[str]) -> None:
        await world.run(f"new{number}", node("J:j"), 100 + number)

    assert [each for page in await pages(world, "runs", 4, between) for each in page] == before


async def test_search_pages_stay_right_while_others_write() -> None:
    world = World()
    for number in range(20):
        await world.say(f"dataset:n#orders_{number:02}")
    query = """query ($after: String, $text: String) { search(text: $text, first: 6, after: $after) {
        nodes { id } pageInfo { hasNextPage endCursor } } }"""
    for text in ("orders", None):
        before = {f"dataset:n#orders_{number:02}" for number in range(20)}
        found: list[str] = []
        after: str | None = None
        while True:
            page = (await world.ask(query, after=after, text=text))["search"]
            found += [each["id"] for each in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
            await world.say(f"dataset:a#orders_{len(found)}")
        assert len(found) == len(set(found))
        assert before <= set(found)


@pytest.mark.parametrize("first", [0, -1, 1001, 1_000_000_000])
@pytest.mark.parametrize("where", [*CONNECTIONS, "search", "affected"])
async def test_a_page_has_1_to_1000_rows(where: str, first: int) -> None:
    world = await hub(2)
    if where == "search":
        query = "query ($first: Int) { search(first: $first) { totalCount } }"
    elif where == "affected":
        query = 'query ($first: Int) { impact(of: ["dataset:n#h"]) { affected(first: $first) { totalCount } } }'
    else:
        root, name = CONNECTIONS[where]
        query = f"query ($first: Int) {{ found: {root} {{ {name}(first: $first) {{ totalCount }} }} }}"
    world.backend.counts()
    _, (error,) = await world.result(query, first=first)
    assert error["extensions"]["code"] == "BAD_INPUT"
    assert "first is 1 to 1,000" in error["message"]


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "====", "bm9wZQ", "é", "W10", "WyJuZWFyIl0", "WyJuZWFyIiwiMSIsImEiXQ", "WyJuZWFyIiwxLCJhIiwxXQ"),
        *("a" * 5000, write_cursor("id", ("a",)), write_cursor("near", (2**70, "a")), write_cursor("near", (1, "a")) + "="),
    ],
)
async def test_a_cursor_that_is_none_of_ours_is_bad_input(cursor: str) -> None:
    world = await World().lines("a *1 b")
    query = 'query ($after: String) { dataset(namespace: "n", name: "a") { downstream(after: $after) { nodes { id } } } }'
    assert await world.code(query, after=cursor) == "BAD_INPUT"
    query = """query ($after: String) { impact(of: ["dataset:n#a"]) {
        affected(after: $after, orderBy: IMPACT_LEVEL) { nodes { id } } } }"""
    assert await world.code(query, after=cursor) == "BAD_INPUT"
    query = 'query ($after: String) { search(text: "a", after: $after) { nodes { id } } }'
    assert await world.code(query, after=cursor) == "BAD_INPUT"


PLACES = {
    "near": (3, "dataset:n#é"),
    "level": (-1e300, 2, "x"),
    "name": ("a", "b"),
    "id": ("\U0010ffff",),
    "newest": (-5, "run:x"),
    "match": (0, 4, "x"),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_cursor_says_the_place_again(order: str) -> None:
    assert read_cursor(order, write_cursor(order, PLACES[order])) == PLACES[order]
    assert read_cursor(order, None) is None
    for other in set(ORDERS) - {order}:
        with pytest.raises(ApiError, match="another list"):
            read_cursor(other, write_cursor(order, PLACES[order]))


def test_half_a_surrogate_in_a_cursor_is_refused() -> None:
    from base64 import urlsafe_b64encode

    with pytest.raises(ApiError):
        read_cursor("id", urlsafe_b64encode(b'["id","\\ud800"]').decode().rstrip("="))
