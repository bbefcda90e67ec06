"""What only the Neo4j store has: statements counted, plans looked at, Neo4j's own order of text, hubs, many roots, graphs
that somebody else wrote into."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import neo4j
import pytest

from backends import neo4j_commit, neo4j_effect, neo4j_read, neo4j_scan, neo4j_traverse, neo4j_write
from backends.base import LineageBackend
from backends.changes import Adjacent, Changes, EdgeChange, NodeChange, NodeFilter, Order, Page, RecordChange
from backends.errors import Misconfigured, Rejected
from backends.ids import Kind, make_id
from backends.memory import MemoryBackend
from backends.model import CONTEXT, FLOW, Direction, EdgeKey, EdgeKind, Traversal
from backends.neo4j_settings import Settings
from backends.neo4j_values import Foreign
from backends.testing.graphs import (
    AT,
    CHAIN,
    JOB,
    ODD_NAMES,
    ORDERS,
    RUN,
    TALLY,
    arrows,
    change,
    column,
    dataset,
    described,
    longest,
    operation,
    reads,
    shop,
    stated,
    withdrawn,
    writes,
)
from backends.testing.reading import answer, ask, copied, edge_of, epoch_of, listed, node_of, topology
from tests.backends.neo4j_store import Counted, by_hand, counted, empty, wipe
from tests.backends.test_neo4j_statements import STATEMENTS
from tests.servers.neo4j import Neo4jServer

DOWN, UP, BOTH = Direction.DOWNSTREAM, Direction.UPSTREAM, Direction.BOTH


@pytest.fixture
def url(neo4j_server: Neo4jServer) -> str:
    return neo4j_server.url


@pytest.fixture
async def store(url: str) -> AsyncIterator[LineageBackend]:
    async with empty(url) as backend:
        yield backend


@pytest.fixture
async def bolt(url: str) -> AsyncIterator[Counted]:
    await wipe(url)
    async with counted(url) as made:
        made.count()
        yield made


# Statements, counted


async def test_calls_take_as_many_round_trips_as_they_must(url: str, bolt: Counted) -> None:
    store = bolt.store
    event = Changes(
        AT,
        stated(shop()).nodes,
        stated(shop()).edges,
        (RecordChange(RUN, {"state": "COMPLETE"}, (JOB,), 1), RecordChange(TALLY, {"runs": 1})),
        watermark=5,
    )
    await store.apply(event)
    assert bolt.count() == 2, "what is needed is read; then all of it is written under the lock"
    await store.apply(event)
    assert bolt.count() == 2, "records count, so there is something to write"
    await store.apply(stated(shop()))
    assert bolt.count() == 1, "nothing new"
    await store.traverse(Traversal({ORDERS: 0}, DOWN))
    assert bolt.count() == 1, "nothing was committed meanwhile, which its bookmark says"
    await store.traverse(Traversal({dataset("raw.orders"): 0, JOB: 1}, BOTH, 3, FLOW | CONTEXT))
    assert bolt.count() == 1
    await by_hand(url, "CREATE (:Strange)")
    await store.traverse(Traversal({ORDERS: 0}, DOWN))
    assert bolt.count() == 2, "something was, so the log is read after it"
    await store.traverse(Traversal({ORDERS: 0}, DOWN))
    assert bolt.count() == 1
    await store.changes_since(await epoch_of(store))
    assert bolt.count() == 2
    await store.get([dataset("raw.orders"), RUN, "unknown"], shop(), facets=True)
    assert bolt.count() == 1
    for where in (NodeFilter(), NodeFilter(text="orders", tags=frozenset({"x"})), NodeFilter(group=JOB)):
        await store.find_nodes(where, Order.ID, Page(10, total=True))
        assert bolt.count() == 1
    for scan in (store.scan_topology, store.scan):
        page = await scan()
        assert bolt.count() == 2, "where it ends is read first, and waited for"
        await scan(page.next)
        assert bolt.count() == 1
    await store.ping()
    assert bolt.count() == 1


async def test_writes_that_wait_together_are_committed_together(bolt: Counted) -> None:
    store = bolt.store
    changes = [stated(arrows(f"a-n{n}")) for n in range(40)]
    epochs = await asyncio.gather(*(store.apply(each) for each in changes))
    assert len(set(epochs)) == 40, "each has an epoch of its own"
    assert bolt.count() <= 6
    assert len((await ask(store, "a", DOWN)).nodes) == 41


async def test_refused_write_leaves_its_neighbours_in_the_transaction_alone(
    bolt: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_effect, "plain", lambda attributes: attributes)  # a property that no name can be given
    store = bolt.store
    asked = [
        stated(arrows("a-b")),
        Changes(AT, (NodeChange(ORDERS),), expect={ORDERS: 3}),
        Changes(AT, edges=(EdgeChange(arrows("a-nowhere")[0], {"t": {}}),)),
        Changes(AT, (NodeChange(ORDERS, seen=(0, 2**63)),)),
        Changes(AT, (NodeChange("dataset:shop#half \ud83e"),)),
        Changes(AT, records=(RecordChange(RUN, {}, ("x" * 20_000,)),)),
        change(described(dataset("strange"), **{"\0": 1})),
        change(NodeChange(longest() + "x")),
        stated(arrows("b-c")),
        Changes(AT, watermark=7),
    ]
    outcomes = await asyncio.gather(*(store.apply(each) for each in asked), return_exceptions=True)
    kinds = [type(outcome).__name__ for outcome in outcomes]
    refused = ["Rejected"] * 4
    assert kinds == ["Epoch", "Conflict", *refused, "Refused", "Rejected", "Epoch", "Epoch"]
    assert isinstance(outcomes[6], Rejected)
    assert (await ask(store, "a", DOWN)).arrows == "a-b b-c"
    assert (await store.get([ORDERS, RUN])).nodes == (None, None)
    page = await store.changes_since(None)
    assert (page.epoch, page.watermark) == (outcomes[-1], 7)


# Plans


def operators(plan: dict[str, Any]) -> Iterable[tuple[str, str]]:
    yield plan["operatorType"].partition("@")[0], plan["args"].get("Details", "")
    for child in plan.get("children", ()):
        yield from operators(child)


async def explained(url: str, prefix: str, statement: str, parameters: Any) -> dict[str, Any]:
    said = Settings.parse(url)
    async with neo4j.AsyncGraphDatabase.driver(
        said.url, auth=(said.user or "", said.password or ""), notifications_min_severity="OFF"
    ) as driver:
        query = neo4j.Query(f"{prefix} {statement}")
        _, summary, _ = await driver.execute_query(query, {"p": dict(parameters)})
        plan = summary.profile if prefix == "PROFILE" else summary.plan
        assert plan is not None
        return dict(plan)


async def test_no_statement_looks_at_everything(url: str, store: LineageBackend) -> None:
    """On an empty graph and on a small one, where Neo4j is most tempted to: plans made there serve while it grows."""
    for changes in (Changes(AT), stated(shop())):
        await store.apply(changes)
        for name, statement in STATEMENTS.items():
            if not name.startswith("schema"):
                plan = await explained(url, "EXPLAIN CYPHER replan=force", statement.text, statement.parameters)
                scans = [found for found in operators(plan) if "Scan" in found[0]]
                assert not scans, name
                walks = [found[0] for found in operators(plan) if "VarLength" in found[0]]
                if name != "traverse-nothing":
                    assert set(walks) <= {"VarLengthExpand(Pruning,BFS,All)"}, f"{name} would list every path"


def hits(plan: dict[str, Any]) -> int:
    return int(plan.get("dbHits", 0)) + sum(hits(child) for child in plan.get("children", ()))


async def test_cost_follows_the_answer_and_not_the_store(url: str, store: LineageBackend) -> None:
    hub = operation("hub")
    await store.apply(stated(reads(dataset(f"leaf {n}"), hub) for n in range(3_000)))
    await store.apply(stated(arrows(CHAIN)))
    end = (await epoch_of(store)).seq
    a = column("a")
    for statement, most in (
        (neo4j_read.compile_log(end), 30),
        (neo4j_read.compile_log(end - 3), 60),
        (neo4j_read.compile_get([a], arrows("a-b"), facets=True), 60),
        (neo4j_traverse.compile_traversal(Traversal({a: 0}, DOWN)), 150),
        (neo4j_traverse.compile_traversal(Traversal({dataset("leaf 7"): 0}, DOWN, 1)), 80),
        (neo4j_scan.compile_scan(("nodes", 3_002, 3_005)), 200),
        (neo4j_scan.compile_topology(("edges", 3_002, 3_005)), 200),
        (STATEMENTS["group"], 40),
        (STATEMENTS["write-read"], 300),
        (neo4j_read.compile_get([], [reads(dataset("leaf 7"), hub)], facets=False), 60),
        (neo4j_write.compile_reading(neo4j_write.Reading((), edges=(reads(dataset("leaf 7"), hub),)), locked=False), 60),
    ):
        assert hits(await explained(url, "PROFILE", statement.text, statement.parameters)) <= most, statement.text


# Order


async def test_lists_go_on_in_the_order_of_bytes(store: LineageBackend) -> None:
    """Neo4j compares what is stored with a parameter as UTF-16; a cursor must not be."""
    names = ["x\uff61", "x\U00010000", "x\uffff", "x\U0010ffff", "x", "xy", "x\ud7ff"]
    task = operation("o")
    ids = sorted((dataset(name) for name in names), key=str.encode)
    await store.apply(stated([reads(node_id, task) for node_id in ids]))
    await store.apply(change(*(described(node_id, tags=["t"], description="tea") for node_id in ids)))
    for where in (
        NodeFilter(kinds=frozenset({Kind.DATASET})),
        NodeFilter(tags=frozenset({"t"})),
        NodeFilter(text="tea"),
        NodeFilter(adjacent=Adjacent(task, EdgeKind.INPUT_TO, UP)),
        NodeFilter(text="tea", adjacent=Adjacent(task, EdgeKind.INPUT_TO, UP)),
    ):
        for size in (1, 2, 100):
            assert await listed(store, where, Order.ID, size) == ids
    by_length = sorted(ids, key=lambda node_id: (len(node_id), node_id.encode()))
    for size in (1, 2, 100):
        assert await listed(store, NodeFilter(text="tea"), Order.RELEVANCE, size) == by_length
    found = await ask(store, task, UP, most=4)
    assert [*found.nodes] == [task, *ids[:3]], "cut at the same place"


async def test_words_too_long_for_the_index_are_compared_whole(store: LineageBackend) -> None:
    long, longer = "a" * 1_500, "a" * 1_500 + "b"
    await store.apply(change(described(dataset("x"), description=longer), described(dataset("y"), description=long)))
    assert await listed(store, NodeFilter(text=long)) == [dataset("x"), dataset("y")]
    assert await listed(store, NodeFilter(text=longer)) == [dataset("x")]
    assert await listed(store, NodeFilter(text=longer + "c")) == []
    many = " ".join(f"w{n}" for n in range(100))
    await store.apply(change(described(dataset("z"), description=many)))
    assert await listed(store, NodeFilter(text=many)) == [dataset("z")]
    assert await listed(store, NodeFilter(text=f"{many} w100")) == []


async def test_search_finds_what_was_written_just_before(store: LineageBackend) -> None:
    """The full-text index is kept in the background; whoever searches waits for it."""
    for turn in range(25):
        await store.apply(change(described(dataset(f"n{turn}"), description=f"word{turn}")))
        assert await listed(store, NodeFilter(text=f"word{turn}"), Order.RELEVANCE) == [dataset(f"n{turn}")]


# Traversals


async def test_many_roots_are_one_walk(bolt: Counted) -> None:
    """Level by level, since the statement would expand from each root on its own."""
    store, reference = bolt.store, MemoryBackend()
    names = [f"r{n}" for n in range(40)]
    graph = stated([*arrows(" ".join(f"{name}-m" for name in names)), *arrows("m-n n-o o-m n-p r1-r2")])
    for backend in (store, reference):
        await backend.apply(graph)
    bolt.count()
    for direction in (DOWN, UP, BOTH):
        for depth in (None, 0, 1, 3):
            for most in (200_000, 5, 41):
                starts = {column(name): place % 3 for place, name in enumerate([*names, "unknown"])}
                question = Traversal(starts, direction, depth, max_nodes=most)
                found = answer(await store.traverse(question))
                assert found.said == answer(await reference.traverse(question)).said
                assert bolt.count() <= 14


async def test_hub_on_the_last_level_sends_no_neighbours_that_are_not_shown(bolt: Counted) -> None:
    store = bolt.store
    task, hub, size = operation("o"), dataset("hub"), neo4j_traverse.WIDE + 50
    await store.apply(stated([writes(task, hub), reads(hub, task)]))
    await store.apply(stated(reads(hub, operation(f"r{n}")) for n in range(size)))
    bolt.count()
    for direction in (DOWN, BOTH):
        found = await ask(store, task, direction, 1)
        assert found.edges == {writes(task, hub), reads(hub, task)}
    assert max(len(statement.parameters) for statement in bolt.statements) == 2, "the numbers of an answer, and a cursor"
    assert bolt.count() == 3, "one statement more for the hub's edges downstream"
    assert len((await ask(store, task, DOWN, 2)).edges) == size + 2


async def test_scan_gives_a_hub_pages_of_its_own(store: LineageBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neo4j_scan, "TARGETS", 1_000)
    hubs = [dataset("hub one"), dataset("hub two")]
    keys = [reads(hub, operation(f"r{n}")) for hub in hubs for n in range(neo4j_scan.MANY + 100)]
    await store.apply(stated(keys))
    sizes: list[int] = []
    after = None
    while True:
        page = await store.scan(after)
        sizes.append(len(page.changes.edges))
        after = page.next
        if after is None:
            break
    assert sum(sizes) == len(keys)
    assert max(sizes) <= 1_000
    assert (await topology(await copied(store, MemoryBackend()))).edges == set(keys)


# What lies in the store


async def labels(url: str) -> dict[str, int]:
    rows = await by_hand(url, "MATCH (n) RETURN [l IN labels(n) WHERE l <> '_Node'] AS labels, count(*) AS count")
    return {"+".join(row["labels"]): row["count"] for row in rows}


async def test_only_what_stands_is_in_the_graph(url: str, store: LineageBackend) -> None:
    pair = EdgeKey(dataset("raw.orders"), EdgeKind.PAIR, dataset("mart.customer_orders"))
    await store.apply(stated([*shop(), pair], also=[dataset("other")]))
    hidden = [NodeChange(dataset("raw.customers"), withdrawn=True), NodeChange(dataset("other"), alias_of=ORDERS)]
    await store.apply(Changes(AT, (NodeChange(ORDERS), *hidden), records=(RecordChange(RUN, {}, (JOB,)),)))
    await store.apply(withdrawn([EdgeKey(make_id(Kind.SYSTEM, "hosts", "spark"), EdgeKind.HOSTED, operation("join"))]))
    assert await labels(url) == {
        "Dataset": 3, "Operation": 1, "Model": 1, "Prediction": 1, "Column": 2, "Hyperparameters": 1, "Metrics": 1,
        "User": 1, "System": 1, "Job": 1, "_Hidden": 2, "_Edge": 3, "_Record": 1, "_Listed": 1, "_Epoch": 1,
        "_Log": 3,
    }  # fmt: skip
    rows = await by_hand(url, "MATCH (s)-[r]->(t) RETURN s.id AS source, type(r) AS kind, t.id AS target")
    shown = {EdgeKey(row["source"], EdgeKind(row["kind"]), row["target"]) for row in rows}
    assert shown == (await topology(store)).edges
    assert len(shown) == len(shop()) - 2


async def test_people_can_read_properties(url: str, store: LineageBackend) -> None:
    said: dict[str, Any] = {
        "type": "table",
        "tags": ["pii", "eu"],
        "rows": 7,
        "share": 0.5,
        "live": True,
        "owners": None,
        "nested": {"a": 1},
        "mixed": ["a", 1],
        "big": 2**70,
        "half": "\ud83e",
        "id": "not mine",
        "_number": -1,
        "facet:schema": {"fields": []},
    }
    await store.apply(change(described(ORDERS, **said)))
    (row,) = await by_hand(url, "MATCH (d:Dataset) RETURN properties(d) AS d")
    plain = {key: value for key, value in row["d"].items() if not key.startswith("_")}
    assert plain == {
        "id": ORDERS, "name": "orders", "namespace": "shop", "type": "table", "tags": ["pii", "eu"], "rows": 7,
        "share": 0.5, "live": True,
    }  # fmt: skip
    await store.apply(change(described(ORDERS, type="view")))
    node = await node_of(store, ORDERS, facets=True)
    assert {key: node.attributes.get(key) for key in said} == {**said, "type": "view"}


async def test_odd_names_are_constrained_and_kept(url: str, store: LineageBackend) -> None:
    ids = [dataset(name) for name in ODD_NAMES] + [longest(), longest(Kind.ASSET, "\u00e9")]
    await store.apply(stated([EdgeKey(a, EdgeKind.PAIR, b) for a in ids[-2:] for b in ids], tally="t" * 3_000))
    await store.apply(stated([EdgeKey(a, EdgeKind.MENTIONS, b) for a in ids[-2:] for b in ids], tally="half \ud83e"))
    rows = await by_hand(url, "MATCH (n:Dataset|Asset) RETURN n.id AS id")
    assert sorted(row["id"] for row in rows) == sorted(ids)
    edge = await edge_of(store, EdgeKey(ids[-1], EdgeKind.MENTIONS, ids[0]))
    assert [*edge.tallies] == ["half \ud83e"]
    with pytest.raises(Exception, match="already exists"):
        await by_hand(url, "CREATE (:Dataset {id: $id})", id=ORDERS if ORDERS in ids else ids[0])


async def test_nodes_of_others_among_ours_are_an_error_and_no_wrong_answer(url: str, store: LineageBackend) -> None:
    await store.apply(stated([reads(ORDERS, operation("o"))]))
    await by_hand(url, "MATCH (d:Dataset) CREATE (d)-[:INPUT_TO]->(:Strange {name: 'not ours'})")
    with pytest.raises(Foreign):
        await ask(store, ORDERS, DOWN)
    with pytest.raises(Foreign):
        await ask(store, {ORDERS: 0, **{dataset(f"{n}"): 0 for n in range(20)}}, DOWN)
    assert isinstance(Foreign(), Misconfigured)


async def test_store_without_its_epoch_says_so(url: str, store: LineageBackend) -> None:
    await by_hand(url, "MATCH (e:_Epoch) DELETE e")
    for call in (store.ping, store.scan_topology, lambda: ask(store, "a", DOWN), lambda: store.apply(stated([]))):
        with pytest.raises(Exception, match="epoch"):
            await call()


async def test_log_is_trimmed_and_what_it_lost_is_not_known(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neo4j_commit, "TRIMMED", 50)
    async with empty(f"{url}?keep=100") as store:
        start = await epoch_of(store)
        epochs = [await store.apply(stated(arrows(f"a-n{n}"))) for n in range(200)]
        assert not (await store.changes_since(start)).known
        assert not (await store.changes_since(epochs[20])).known
        assert (await store.changes_since(epochs[-40])).known
        parts = await by_hand(url, "MATCH (l:_Log) RETURN l.rows AS rows")
        assert 100 <= sum(len(json.loads(part["rows"])) for part in parts) <= 200
