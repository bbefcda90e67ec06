"""How fast lineage is in Neo4j: through Headwater, plain and with its index, beside the bare driver running the best
statement known for the same question on the same graph. Run on a quiet machine; it starts a server of its own.

    python -m benchmarks.neo4j [nodes ...]          10k and 100k nodes unless said
    python -m benchmarks.neo4j --url URL [nodes]    on a server that runs already; its database is wiped

Times are milliseconds unless said: the least, the lower quartile, the median, p95. Ratios are of the least, since
what is beside on the machine only adds.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import neo4j
import numpy as np
import uvloop

from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, NodeChange, NodeFilter, Order, Page, RecordChange
from backends.ids import Kind, make_id
from backends.model import FLOW, Direction, EdgeKey, EdgeKind, Stamped, Traversal
from backends.neo4j_settings import Settings
from backends.registry import open_backend
from benchmarks.graphs import AT, Graph, layered, writes
from tests.backends.neo4j_store import wipe
from tests.servers.neo4j import Neo4jServer

SIZES = (100, 1_000, 10_000)
TYPES = "|".join(sorted(FLOW))
ROUNDS = {100: 200, 1_000: 120, 10_000: 40}

# The best known, as measured in docs/decisions/neo4j.md: one record of flat lists, exact depths, all edges.
CLOSURE = f"""
MATCH (a:Dataset {{id: $root}})
MATCH path = (a)-[:{TYPES}*0..]->(n) WITH n, min(length(path)) AS depth
WITH collect(n) AS nodes, collect(depth) AS depths
CALL (nodes) {{
  UNWIND nodes AS n
  MATCH (n)-[:{TYPES}]->(m)
  RETURN collect(id(n)) AS near, collect(id(m)) AS far
}}
RETURN [n IN nodes | n.id], [n IN nodes | id(n)], depths, near, far
"""
UPSERT = """
CALL () {
  UNWIND $datasets AS x MERGE (d:Dataset {id: x.id}) SET d += x
}
CALL () {
  UNWIND $operations AS x MERGE (o:Operation {id: x.id}) SET o += x
}
CALL () {
  UNWIND $reads AS x
  MATCH (d:Dataset {id: x[0]}) MATCH (o:Operation {id: x[1]}) MERGE (d)-[r:INPUT_TO]->(o) SET r.runs = 1
}
CALL () {
  UNWIND $writes AS x
  MATCH (o:Operation {id: x[0]}) MATCH (d:Dataset {id: x[1]}) MERGE (o)-[r:PRODUCES]->(d) SET r.runs = 1
}
"""
EXPORT = f"""
MATCH (n:_Node) WHERE $low <= n._number AND n._number < $low + 10000
MATCH (n)-[:{TYPES}]->(m) RETURN collect([n._number, m._number])
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nodes", nargs="*", type=int, default=[10_000, 100_000])
    arguments.add_argument("--url")
    said = arguments.parse_args()
    with server(said.url) as url:
        for nodes in said.nodes:
            print(f"\n{nodes:,} nodes", flush=True)
            uvloop.run(measure(url, layered(nodes)))


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """A server of our own, unless one is given."""
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = Neo4jServer(Path(folder, "home"))
        made.heap = "2g"
        made.flags = ()
        made.start()
        try:
            yield made.url
        finally:
            made.kill()


def show(what: str, seconds: Sequence[float]) -> float:
    """Prints a line; the least, in milliseconds."""
    least, quarter, p50, p95 = np.percentile(seconds, (0, 25, 50, 95)) * 1000
    print(f"  {what:<58} {least:9.3f} {quarter:9.3f} {p50:9.3f} {p95:9.3f}", flush=True)
    return float(least)


Call = Callable[[], Awaitable[Any]]


async def beside(calls: dict[str, Call], times: int, warm: int = 5) -> dict[str, list[float]]:
    """Each call in turn, again and again, so that all meet the same machine; the first few rounds are not counted."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(times + warm):
        for name, call in calls.items():
            began = time.perf_counter()
            await call()
            if turn >= warm:
                taken[name].append(time.perf_counter() - began)
    return taken


async def measure(url: str, graph: Graph) -> None:
    await wipe(url)
    settings = Settings.parse(url)
    login = (settings.user or "", settings.password or "")
    async with (
        neo4j.AsyncGraphDatabase.driver(settings.url, auth=login, notifications_min_severity="OFF") as driver,
        open_backend(url) as store,
        driver.session() as session,
    ):
        await load(store, graph)
        roots = await chosen(session, graph)
        await writing(session, store)
        await reading(store, graph)
        with tempfile.TemporaryDirectory() as folder:
            async with open_backend(f"{url}?index=on&snapshots={folder}") as indexed:
                for size, root in roots.items():
                    await closures(session, store, indexed, size, root)
        await exports(session, store, url, graph)


async def load(store: LineageBackend, graph: Graph) -> None:
    began = time.perf_counter()
    for changes in writes(graph, 5_000):
        await store.apply(changes)
    taken = time.perf_counter() - began
    print(
        f"  loaded {len(graph.sources):,} edges in {taken:.0f} s, {(len(graph) + len(graph.sources)) / taken:,.0f} a second"
    )


async def chosen(session: neo4j.AsyncSession, graph: Graph) -> dict[int, str]:
    """For each size the dataset whose closure is nearest to it."""
    text = f"MATCH (a:Dataset {{id: $root}}) MATCH p = (a)-[:{TYPES}*0..]->(n) WITH n, min(length(p)) AS d RETURN count(*)"
    degree = np.bincount(graph.sources, minlength=len(graph))
    some = np.random.default_rng(3).integers(0, len(graph), 250)
    found: dict[str, int] = {}
    for number in dict.fromkeys([*np.argsort(degree)[-250:].tolist(), *some.tolist()]):
        if graph.ids[number].startswith("dataset:"):
            record = await (await session.run(text, root=graph.ids[number])).single(strict=True)
            found[graph.ids[number]] = record[0]
    return {size: min(found, key=lambda node_id: abs(found[node_id] - size)) for size in SIZES}


async def closures(
    session: neo4j.AsyncSession, store: LineageBackend, indexed: LineageBackend, size: int, root: str
) -> None:
    question = Traversal({root: 0}, Direction.DOWNSTREAM)

    async def bare() -> Any:
        return await (await session.run(CLOSURE, root=root)).single(strict=True)

    found = await store.traverse(question)
    taken = await beside(
        {
            "bare driver": bare,
            "headwater": lambda: store.traverse(question),
            "headwater, index": lambda: indexed.traverse(question),
        },
        ROUNDS[size],
    )
    what = f"closure of {len(found):,} nodes, {len(found.sources):,} edges"
    took = {name: show(f"{what}: {name}", seconds) for name, seconds in taken.items()}
    print(
        f"  {'':<58} headwater / bare {took['headwater'] / took['bare driver']:.2f}, "
        f"bare / index {took['bare driver'] / took['headwater, index']:.1f}"
    )


def event(number: int) -> Changes:
    """One job that reads two tables and writes two: five nodes, four edges."""
    task = make_id(Kind.OPERATION, "bench", f"job{number}", f"{number:016x}")
    tables = [make_id(Kind.DATASET, "bench", f"table{number}_{place}") for place in range(4)]
    edges = [EdgeKey(table, EdgeKind.INPUT_TO, task) for table in tables[:2]]
    edges += [EdgeKey(task, EdgeKind.PRODUCES, table) for table in tables[2:]]
    said = {"type": Stamped(AT, "table"), "description": Stamped(AT, "written to measure")}
    return Changes(
        AT,
        nodes=tuple(NodeChange(node_id, said, (AT, AT)) for node_id in (task, *tables)),
        edges=tuple(EdgeChange(key, {"told": {"runs": 1}}) for key in edges),
    )


def together(events: Sequence[Changes]) -> Changes:
    return Changes(AT, tuple(n for e in events for n in e.nodes), tuple(k for e in events for k in e.edges))


def upsert(changes: Changes) -> dict[str, Any]:
    """The same event for the bare driver: ids, names and the plain attributes; no log, no epoch, no evidence."""
    parts: dict[str, list[Any]] = {"datasets": [], "operations": [], "reads": [], "writes": []}
    for node in changes.nodes:
        namespace, name = node.id.partition(":")[2].split("#")[:2]
        plain = {key: stamped.value for key, stamped in node.attributes.items()}
        kind = "datasets" if node.id.startswith("dataset:") else "operations"
        parts[kind].append({"id": node.id, "namespace": namespace, "name": name, **plain})
    for edge in changes.edges:
        parts["reads" if edge.key.kind is EdgeKind.INPUT_TO else "writes"].append([edge.key.source, edge.key.target])
    return parts


async def writing(session: neo4j.AsyncSession, store: LineageBackend) -> None:
    numbers = count(int(time.time()) % 10**6 * 1_000_000)
    run = make_id(Kind.RUN, "bench", "job", "1")

    async def bare(size: int) -> None:
        made = upsert(together([event(next(numbers)) for _ in range(size)]))
        await (await session.run(UPSERT, made)).consume()

    async def ours(size: int) -> None:
        await store.apply(together([event(next(numbers)) for _ in range(size)]))

    async def many(size: int) -> None:
        await asyncio.gather(*(store.apply(event(next(numbers))) for _ in range(size)))

    same = event(next(numbers))

    async def repeated() -> None:
        await store.apply(replace(same, records=(RecordChange(run, {"n": next(numbers)}),)))

    for size, times in ((1, 150), (100, 25)):
        taken = await beside({"bare driver": lambda s=size: bare(s), "headwater": lambda s=size: ours(s)}, times)  # type: ignore[misc]
        what = "an event of 5 nodes, 4 edges" if size == 1 else f"{size} such events in one write"
        took = {name: show(f"{what}: {name}", seconds) for name, seconds in taken.items()}
        print(f"  {'':<58} headwater / bare {took['headwater'] / took['bare driver']:.2f}")
    taken = await beside(
        {"100 events at once, a write each": lambda: many(100), "an event that says nothing new": repeated}, 25
    )
    for name, seconds in taken.items():
        show(name, seconds)


async def reading(store: LineageBackend, graph: Graph) -> None:
    random = np.random.default_rng(5)

    def some(size: int) -> list[str]:
        return [graph.ids[number] for number in random.integers(0, len(graph), size).tolist()]

    calls: dict[str, Call] = {
        "changes_since the current epoch": lambda: store.changes_since(None),
        "get of 1 node": lambda: store.get(some(1)),
        "get of 1,000 nodes": lambda: store.get(some(1_000)),
        "list of 100 datasets": lambda: store.find_nodes(NodeFilter(kinds=frozenset({Kind.DATASET})), Order.ID, Page(100)),
    }
    for text in ("orders", "core.stock_4711", "o", "team-7 orders"):
        where = NodeFilter(text=text)
        calls[f"search {text!r}"] = lambda where=where: store.find_nodes(where, Order.RELEVANCE, Page(20))  # type: ignore[misc]
    for name, seconds in (await beside(calls, 20)).items():
        show(name, seconds)


async def exports(session: neo4j.AsyncSession, store: LineageBackend, url: str, graph: Graph) -> None:
    highest = await (await session.run("MATCH (e:_Epoch) RETURN e.next")).single(strict=True)

    async def bare() -> int:
        edges = 0
        for low in range(0, highest[0], 10_000):
            edges += len((await (await session.run(EXPORT, low=low)).single(strict=True))[0])
        return edges

    async def ours() -> int:
        edges, after = 0, None
        while True:
            page = await store.scan_topology(after)
            edges, after = edges + len(page.topology.sources), page.next
            if after is None:
                return edges

    async def index() -> None:
        async with open_backend(f"{url}?index=on"):
            pass

    async def whole() -> None:
        after = None
        while True:
            page = await store.scan(after)
            after = page.next
            if after is None:
                return

    edges = await ours()
    for name, seconds in (
        await beside({"edges as pairs: bare driver": bare, "topology: headwater": ours, "index ready": index}, 5, 1)
    ).items():
        took = show(name, seconds)
        print(f"  {'':<58} {edges / took * 1000:,.0f} edges a second")
    show("scan of everything", (await beside({"": whole}, 1, 0))[""])


if __name__ == "__main__":
    main()
