"""`headwater resync`: what people drew and deleted by hand in Neo4j is the graph, and nobody remembers another."""

from collections.abc import AsyncIterator

import pytest

from backends.base import LineageBackend
from backends.changes import NodeChange, NodeFilter, Order
from backends.errors import Misconfigured, Unsupported
from backends.memory import MemoryBackend
from backends.model import Direction, Traversal
from backends.registry import open_backend
from backends.testing.graphs import change, dataset, operation, reads, stated, writes
from backends.testing.reading import edge_of, listed, node_of, topology
from tests.backends.neo4j_store import by_hand, empty
from tests.servers.neo4j import Neo4jServer

A, B, TASK = dataset("a"), dataset("b"), operation("task")
DRAWN = """
MATCH (o:Operation {id: $task})
CREATE (d:Dataset {id: $drawn, description: 'drawn', tags: ['x', 'y'], made: date()})-[:INPUT_TO]->(o)
"""


@pytest.fixture
def url(neo4j_server: Neo4jServer) -> str:
    return neo4j_server.url


@pytest.fixture
async def store(url: str) -> AsyncIterator[LineageBackend]:
    async with empty(url) as opened:
        await opened.apply(stated([reads(A, TASK), writes(TASK, B)]))
        yield opened


async def reached(store: LineageBackend, root: str) -> set[str]:
    return set((await store.traverse(Traversal({root: 0}, Direction.DOWNSTREAM))).ids)


async def test_what_was_drawn_by_hand_is_taken_in(url: str, store: LineageBackend) -> None:
    drawn = dataset("drawn")
    await by_hand(url, DRAWN, task=TASK, drawn=drawn)
    hasty = "MATCH (a {id: $a}), (o {id: $o}) CREATE (a)-[:INPUT_TO]->(o)"
    await by_hand(url, hasty, a=A, o=TASK)
    done = await store.resync()
    assert (done.nodes, done.edges, done.doubles, done.problems) == (1, 1, 1, ())
    node = await node_of(store, drawn, facets=True)
    assert node is not None
    assert dict(node.attributes) == {"description": "drawn", "tags": ["x", "y"]}
    assert await listed(store, NodeFilter(text="drawn"), Order.RELEVANCE) == [drawn]
    assert (await topology(store)).edges == {reads(A, TASK), reads(drawn, TASK), writes(TASK, B)}
    edge = await edge_of(store, reads(drawn, TASK))
    assert edge is not None
    assert edge.evidence.origin == "by hand"
    assert await reached(store, drawn) == {drawn, TASK, B}
    # From now on it is a node like any other.
    await store.apply(stated([writes(TASK, drawn)]))
    await store.apply(change(NodeChange(drawn, withdrawn=True)))
    assert await reached(store, A) == {A, TASK, B}


async def test_what_was_deleted_by_hand_is_gone_for_those_who_remember_it(url: str, store: LineageBackend) -> None:
    async with open_backend(f"{url}?index=on") as indexed:
        before = (await indexed.changes_since(None)).epoch
        assert await reached(indexed, A) == {A, TASK, B}
        await by_hand(url, "MATCH (:Operation {id: $task})-[r:PRODUCES]->() DELETE r", task=TASK)
        done = await store.resync()
        assert (done.nodes, done.edges, done.dropped) == (0, 0, 0)
        assert not (await store.changes_since(before)).known, "whoever remembers anything must read it anew"
        assert (await store.changes_since(done.epoch)).known
        assert await reached(indexed, A) == {A, TASK}
        await store.apply(stated([writes(TASK, B)]))
        assert await reached(indexed, A) == {A, TASK, B}


async def test_edges_kept_of_nodes_that_are_gone_go(url: str, store: LineageBackend) -> None:
    await store.apply(change(NodeChange(B, withdrawn=True)))
    await by_hand(url, "MATCH (n {id: $b}) DETACH DELETE n", b=B)
    assert (await store.resync()).dropped == 1
    await store.apply(change(NodeChange(B)))
    assert await reached(store, A) == {A, TASK}


async def test_no_answer_is_given_before_and_the_right_one_afterwards(url: str, store: LineageBackend) -> None:
    await by_hand(url, DRAWN.replace("-[:INPUT_TO]->", "<-[:PRODUCES]-"), task=TASK, drawn=dataset("drawn"))
    with pytest.raises(Misconfigured, match="resync"):
        await reached(store, A)
    await store.resync()
    assert await reached(store, A) == {A, TASK, B, dataset("drawn")}
    async with open_backend(f"{url}?index=on") as indexed:
        assert await reached(indexed, A) == {A, TASK, B, dataset("drawn")}


async def test_what_cannot_be_taken_in_is_named_and_left(url: str, store: LineageBackend) -> None:
    await store.apply(change(NodeChange(B, withdrawn=True)))
    await by_hand(url, "CREATE (:Dataset {name: 'no id'}), (:Model {id: $a}), (:Dataset {id: $b})", a=A, b=B)
    await by_hand(url, "MATCH (a:Dataset {id: $a}), (o:Operation {id: $o}) CREATE (o)-[:USED_IN_TRAINING]->(a)", a=A, o=TASK)
    await by_hand(url, "MATCH (a:Dataset {id: $a}) CREATE (a)<-[:LIKES]-(:Person)", a=A)
    done = await store.resync()
    assert (done.nodes, done.edges) == (0, 0)
    assert len(done.problems) == 5
    for part in (
        "label Dataset has no id",
        "label Model has no id",
        "a second node, or one that was withdrawn",
        "no edge of",
    ):
        assert any(part in problem for problem in done.problems), part
    strangers = done.problems[-1].partition("gone: ")[2]
    assert len(await by_hand(url, strangers)) == 1, "the statement that is told finds them"
    assert len(await by_hand(url, "MATCH (n) WHERE n:Person OR n.name = 'no id' RETURN n")) == 2


async def test_other_stores_say_that_they_cannot() -> None:
    with pytest.raises(Unsupported, match="memory"):
        await MemoryBackend().resync()
