"""What only Gremlin stores have: requests counted, writers that die at any point of a turn, several replicas, strangers."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from backends import gremlin_commit, gremlin_places
from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, NodeFilter, Order, Page
from backends.errors import BackendError, Conflict, Misconfigured, Rejected, TimedOut
from backends.gremlin import GremlinBackend
from backends.gremlin_errors import ScriptFailed
from backends.ids import Kind, make_id
from backends.model import CONTEXT, FLOW, Direction, EdgeKey, EdgeKind, Traversal
from backends.registry import open_backend
from backends.testing.graphs import (
    CHAIN,
    ORDERS,
    arrows,
    column,
    dataset,
    described,
    operation,
    reads,
    shop,
    stated,
    withdrawn,
    writes,
)
from backends.testing.graphs import change as nodes_change
from backends.testing.reading import ask, epoch_of, listed, node_of, topology
from tests.backends.gremlin_support import PATIENT, WIPE, Counted, deadline, dying, run, slowly
from tests.backends.test_processes import ROOT, SOURCE, assert_log_is_the_topology, event, pair, run_of
from tests.servers.gremlin import JanusGraphServer, TinkerPopServer

__all__ = ["deadline"]
DOWN = Direction.DOWNSTREAM
SHORT = "&timeout=60&lease=6"
"""For replicas that do not wait long for one that is dead. Their own requests must take less than half of that."""


@pytest.fixture
async def url(janusgraph_server: JanusGraphServer) -> str:
    """Of an empty store."""
    await run(janusgraph_server.url, WIPE)
    return janusgraph_server.url


# Requests, counted


async def test_calls_take_as_few_requests_as_they_must(url: str) -> None:
    counted = Counted(f"{url}{PATIENT}")
    async with counted.store as store:
        await store.apply(event("w", 0))
        counted.count()
        await store.apply(event("w", 1))
        assert counted.count() == ["look", "write"], "what is needed is read; then the turn is one request"
        await store.apply(event("w", 1))
        assert counted.count() == ["look", "write"], "records count, so there is something to write"
        await store.apply(replace(event("w", 1), records=()))
        assert counted.count() == ["look"], "nothing new"
        await store.apply(withdrawn(pair("w", 1)))
        assert counted.count() == ["look", "write"]
        await store.traverse(Traversal({SOURCE: 0}, DOWN))
        assert counted.count() == ["walk"]
        await store.traverse(Traversal({SOURCE: 0, dataset("w.1"): 3}, Direction.BOTH, 3))
        assert counted.count() == ["walk"]
        await store.changes_since(await epoch_of(store))
        assert counted.count() == ["log", "log"]
        await store.get([SOURCE, run_of("w", 1), "unknown"], facets=True)
        assert counted.count() == ["look"]
        await store.find_nodes(NodeFilter(group="job:w"), Order.NEWEST, Page(10))
        assert counted.count() == ["ranges"]
        await store.find_nodes(NodeFilter(), Order.ID, Page(10))
        assert counted.count() == ["ranges", "look"]
        await store.find_nodes(NodeFilter(text="wordw1", tags=frozenset({"w"})), Order.RELEVANCE, Page(10, total=True))
        assert counted.count() == ["find", "look"]
        await store.scan_topology()
        assert counted.count() == ["look", "topology"]
        await store.ping()
        assert counted.count() == ["look"]


async def test_writes_that_wait_together_are_one_turn(url: str) -> None:
    counted = Counted(f"{url}{PATIENT}")
    async with counted.store as store:
        counted.count()
        changes = [stated(arrows(f"a-n{n}")) for n in range(40)]
        epochs = await asyncio.gather(*(store.apply(each) for each in changes))
        assert len(set(epochs)) == 40, "each has an epoch of its own"
        assert counted.count().count("write") <= 3
        assert len((await ask(store, "a", DOWN)).nodes) == 41


async def test_refused_write_leaves_its_neighbours_in_the_turn_alone(url: str) -> None:
    async with open_backend(f"{url}{PATIENT}") as store:
        asked = [
            stated(arrows("a-b")),
            Changes(1, nodes_change(described(ORDERS)).nodes, expect={ORDERS: 3}),
            Changes(1, edges=(EdgeChange(arrows("a-nowhere")[0], {"t": {}}),)),
            stated(arrows("b-c")),
        ]
        ended = await asyncio.gather(*(store.apply(each) for each in asked), return_exceptions=True)
        assert [type(one) for one in ended[1:3]] == [Conflict, Rejected]
        assert not any(isinstance(one, BaseException) for one in (ended[0], ended[3]))
        assert (await ask(store, "a", DOWN)).arrows == "a-b b-c"
        assert (await store.get([ORDERS])).nodes == (None,)


# Writers that die


HALF = """
def half = parse(change)
half.nodes = half.nodes.take(1)
half.edges = []
half.entries = half.entries.take(half.entries.size().intdiv(2))
perform(half, false)
commit()
"""
POINTS: dict[str, tuple[str, str, str]] = {
    "before it is announced": ("write", "if (!moved())", ""),
    "once it is announced": ("write", "begin()\ntry { perform(", ""),
    "with half of it done": ("write", "begin()\ntry { perform(", "begin()" + HALF),
    "before it is closed": ("write", "if (ask.parts == 1) close()", ""),
}


@pytest.fixture
async def two(url: str) -> AsyncIterator[tuple[LineageBackend, LineageBackend]]:
    """Two replicas of one store."""
    async with open_backend(f"{url}{SHORT}") as one, open_backend(f"{url}{SHORT}") as other:
        yield one, other


@pytest.mark.parametrize("point", POINTS)
async def test_what_a_dead_writer_left_is_done_whole_or_not_at_all(
    two: tuple[LineageBackend, LineageBackend], point: str
) -> None:
    dead, alive = two
    await dead.apply(event("w", 0))
    script, at, last = POINTS[point]
    with dying(dead, script, at, last), pytest.raises(ScriptFailed):
        await dead.apply(event("w", 1))
    announced = point != "before it is announced"
    page = await alive.changes_since(None)
    assert bool(page.open) == announced, "an open intent is told"
    assert page.epoch.seq == 5
    # Whoever asks next closes it, once the lease is over; and a write can follow.
    assert len((await ask(alive, SOURCE, DOWN)).edges) == (4 if announced else 2)
    await alive.apply(event("w", 2))
    assert not (await alive.changes_since(None)).open
    there = {0, 1, 2} if announced else {0, 2}
    assert (await ask(alive, SOURCE, DOWN)).edges == {key for number in there for key in pair("w", number)}
    runs = await listed(alive, NodeFilter(group="job:w"), Order.NEWEST)
    assert runs == [run_of("w", number) for number in sorted(there, reverse=True)]
    for number in there:
        node = await node_of(alive, dataset(f"w.{number}"), facets=True)
        assert node.attributes["facet:x"] == {"n": number}
        assert await listed(alive, NodeFilter(text=f"wordw{number}"), Order.RELEVANCE) == [node.id]
    assert all(edge and edge.evidence.runs == 1 for edge in (await alive.get([], pair("w", 2))).edges)
    await assert_log_is_the_topology(alive)
    # The one that was taken for dead and is not goes on, too.
    await dead.apply(event("w", 3))
    await assert_log_is_the_topology(alive)


@pytest.mark.parametrize("times", [1, 100])
async def test_turn_that_took_too_long_is_cancelled_and_never_acknowledged_unwritten(url: str, times: int) -> None:
    """The server stops a script in the middle of it; the turn is taken back and tried again, as long as there is time."""
    timeout = 60 if times == 1 else 5
    async with open_backend(f"{url}&timeout={timeout}&lease=6") as store, open_backend(f"{url}{PATIENT}") as other:
        await other.apply(event("w", 0))
        with slowly(store, times):
            if times == 1:
                await store.apply(event("w", 1))
            else:
                with pytest.raises(TimedOut):
                    await store.apply(event("w", 1))
        there = {0, 1} if times == 1 else {0}
        assert (await ask(other, SOURCE, DOWN)).edges == {key for number in there for key in pair("w", number)}
        assert not (await other.changes_since(None)).open
        await assert_log_is_the_topology(other)
        await other.apply(event("w", 2))
        assert len((await ask(other, SOURCE, DOWN)).edges) == 2 * len(there) + 2


async def test_large_change_whose_writer_dies_between_two_parts_is_done(url: str) -> None:
    """A change larger than a request is written in parts, all of them stashed before it is announced."""
    small = f"{url}{SHORT}&frame=40000"
    keys = [*arrows(" ".join(f"a-n{number}" for number in range(600)))]
    async with open_backend(small) as dead, open_backend(small) as alive:
        await dead.apply(stated(arrows("a-b")))
        with dying(dead, "step", "if (ask.last) close()"), pytest.raises(BackendError):
            await dead.apply(stated(keys))
        assert len((await ask(alive, "a", DOWN)).edges) == 601
        assert not (await alive.changes_since(None)).open
        await assert_log_is_the_topology(alive)
        left = await run(url, "g.V().has('headwater', 'head').outE('PLACED').values('place').toList()")
        assert left == ["change"], "no part is left over"


async def test_large_change_is_one_turn_for_all_who_read(url: str) -> None:
    keys = arrows(" ".join(f"a-n{number}" for number in range(600)))
    async with open_backend(f"{url}&timeout=60&lease=30&frame=40000") as one, open_backend(f"{url}{PATIENT}") as other:
        writing = asyncio.ensure_future(one.apply(stated(keys)))
        sizes = set()
        while not writing.done():
            sizes.add(len((await ask(other, "a", DOWN)).edges))
        assert sizes <= {0, 600}
        assert len((await ask(other, "a", DOWN)).edges) == 600
        await writing
        await assert_log_is_the_topology(other)


# Replicas


async def test_replicas_read_their_own_and_each_others_acknowledged_writes(url: str) -> None:
    """Two with an index in memory and two without; each writes in turn, and all answer with it at once."""
    async with AsyncExitStack() as stack:
        kinds = ("on", "off", "on", "off")
        replicas = [await stack.enter_async_context(open_backend(f"{url}{PATIENT}&index={index}")) for index in kinds]
        wanted: set[Any] = set()
        for turn in range(16):
            keys = pair("w", turn)
            epoch = await replicas[turn % 4].apply(event("w", turn))
            wanted |= {*keys}
            if turn % 3 == 2:
                epoch = await replicas[turn % 4].apply(withdrawn(keys[1:]))
                wanted -= {*keys[1:]}
            for replica in replicas:
                found = await ask(replica, SOURCE, DOWN)
                assert found.edges == wanted
                assert found.epoch == epoch
                assert await epoch_of(replica) == epoch
            assert len({str(await topology(replica)) for replica in replicas}) == 1


async def test_replicas_that_write_at_once_lose_nothing(url: str) -> None:
    async with AsyncExitStack() as stack:
        kinds = ("on", "off", "on")
        replicas = [await stack.enter_async_context(open_backend(f"{url}{PATIENT}&index={index}")) for index in kinds]

        async def write(place: int, replica: LineageBackend) -> None:
            for number in range(12):
                await replica.apply(event(f"r{place}x", number))

        await asyncio.gather(*(write(place, replica) for place, replica in enumerate(replicas)))
        for replica in replicas:
            assert len((await ask(replica, SOURCE, DOWN)).edges) == 72
            await assert_log_is_the_topology(replica)


# Strangers, and servers that are not as they should be


async def test_people_find_the_model_in_the_graph(url: str) -> None:
    """Labels and kinds as the model names them; what Headwater keeps beside is on shelves that no walk meets."""
    async with open_backend(f"{url}{PATIENT}") as store:
        await store.apply(stated(shop()))
        await store.apply(stated(arrows("a-b b-c")))
        await store.apply(withdrawn(arrows("a-b")))
        script = "g.V().has('id', new groovy.json.JsonSlurper().parseText(data).id)"
        walked = await run(url, script + ".emit().repeat(__.out()).dedup().values('id').toList()", id=ORDERS)
        assert set(walked) == {*(await ask(store, ORDERS, DOWN, kinds=FLOW | CONTEXT)).nodes}
        edges = "g.E().not(__.hasLabel('PLACED')).project('s', 'k', 't').by(__.outV().values('id')).by(T.label)"
        rows = await run(url, edges + ".by(__.inV().values('id')).map{ it.get().values().join(' ') }.toList()")
        shown = {f"{key.source} {key.kind} {key.target}" for key in (await topology(store)).edges}
        assert sorted(rows) == sorted(shown)


async def test_queries_in_the_document_give_what_headwater_gives(url: str) -> None:
    """Each block of docs/janusgraph.md, with the ids of the sample graph."""
    queries = re.findall(r"^```gremlin\n(.*?)^```$", (ROOT / "docs" / "janusgraph.md").read_text(), re.M | re.S)
    asked = {
        "model": make_id(Kind.MODEL, "shop", "churn", "1"),
        "dataset": dataset("raw.orders"),
        "prediction": make_id(Kind.PREDICTION, "shop", "p1"),
    }
    async with open_backend(f"{url}{PATIENT}") as store:
        trained = [
            reads(dataset("raw.orders"), operation("o")),
            writes(operation("o"), ORDERS),
            EdgeKey(ORDERS, EdgeKind.USED_IN_TRAINING, asked["model"]),
            EdgeKey(asked["model"], EdgeKind.GENERATED, asked["prediction"]),
        ]
        await store.apply(stated(trained))
        defined = "".join(f"def {name} = new groovy.json.JsonSlurper().parseText(data).{name}\n" for name in asked)
        answers = [await run(url, f"{defined}{query.strip()}.toList()", **asked) for query in queries]
        up = (await ask(store, asked["model"], Direction.UPSTREAM)).nodes
        assert set(answers[0]) == {node_id for node_id in up if node_id.startswith("dataset:")}
        assert answers[1] == [{ORDERS: 1}]
        assert answers[2] == [ORDERS]


async def test_wrong_dialect_or_source_is_a_mistake_in_the_settings(url: str, tinkerpop_server: TinkerPopServer) -> None:
    janusgraph = url.replace("dialect=janusgraph", "dialect=tinkerpop")
    tinkerpop = tinkerpop_server.url.replace("dialect=tinkerpop", "dialect=janusgraph")
    for wrong in (janusgraph, tinkerpop, url.replace("/g?", "/nosuch?")):
        with pytest.raises(Misconfigured):
            async with open_backend(f"{wrong}{PATIENT}"):
                pass


async def test_log_is_trimmed_and_what_it_lost_is_not_known(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gremlin_places, gremlin_commit):
        monkeypatch.setattr(module, "LOG_SHIFT", 5)
    async with open_backend(f"{url}{PATIENT}&keep=100") as store:
        start = await epoch_of(store)
        epochs = [await store.apply(stated(arrows(f"a-n{number}"))) for number in range(150)]
        assert not (await store.changes_since(start)).known
        assert not (await store.changes_since(epochs[20])).known
        page = await store.changes_since(epochs[-45])
        assert page.known
        assert len(page.rows) == 88
        shelves = await run(url, "g.V().hasLabel('Shelf').values('id').toList().findAll { it.startsWith('~log') }")
        assert len(shelves) <= 7


async def test_write_larger_than_a_request_may_be_is_refused(url: str) -> None:
    async with open_backend(f"{url}{PATIENT}&frame=20000") as store:
        with pytest.raises(Rejected):
            await store.apply(nodes_change(described(dataset("x"), text="".join(map(chr, range(256, 40_000))))))
        await store.apply(stated(arrows(CHAIN)))
        assert (await ask(store, column("a"), DOWN)).arrows == "a-b b-c c-d"
        assert isinstance(store, GremlinBackend)
