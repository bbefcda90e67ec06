"""How fast lineage is in JanusGraph: through Headwater, plain and with its index, beside the bare driver running the best
scripts known for the same question on the same graph. Run on a quiet machine; it starts a server of its own, in memory.

    python -m benchmarks.gremlin [nodes ...]                 10k nodes unless said
    python -m benchmarks.gremlin --cassandra [nodes ...]     JanusGraph over a Cassandra of our own

Times are milliseconds: least, lower quartile, p50 and p95. Ratios are of the least.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from gremlin_python.driver.client import Client  # type: ignore[import-untyped]
from gremlin_python.driver.serializer import GraphBinarySerializersV1  # type: ignore[import-untyped]

from backends.base import LineageBackend
from backends.changes import Changes, NodeFilter, Order, Page
from backends.gremlin_settings import Settings
from backends.ids import Kind
from backends.model import FLOW, Direction, Traversal
from backends.registry import open_backend
from benchmarks.graphs import Graph, layered, writes
from benchmarks.neo4j import Call, beside, event, show, together
from tests.servers.cassandra import CassandraServer, JanusGraphOnCassandra
from tests.servers.gremlin import JanusGraphServer

SIZES = (100, 1_000, 10_000)
ROUNDS = {100: 60, 1_000: 30, 10_000: 8}
PATIENT = "&timeout=300&lease=300"

# Breadth first on the server: one request, exact depths, all edges (facts and alternatives in docs/decisions/gremlin.md).
CLOSURE = r"""
def depths = [(g.V().has('id', root).next().id()): 0]
def level = depths.keySet() as List
def edges = []
for (int depth = 1; level; depth++) {
  def next = []
  g.V(level as Object[]).group().by(T.id).by(__.out(*kinds).id().fold()).next().each { source, targets ->
    targets.each { target ->
      edges << source << target
      if (!depths.containsKey(target)) { depths[target] = depth; next << target }
    }
  }
  level = next
}
def names = g.V(depths.keySet() as Object[]).values('id').toList()
g.getGraph().tx().rollback()
[names, depths.values() as List, edges]
"""
UPSERT = r"""
def graph = g.getGraph()
def at = [:]
g.V().has('id', P.within(nodes.collect { it[1] })).each { at[it.value('id')] = it }
nodes.each { one ->
  def v = at[one[1]]
  if (v == null) v = at[one[1]] = graph.addVertex(T.label, one[0], 'id', one[1])
  v.property('name', one[2])
  v.property('namespace', one[3])
  v.property('said', one[4])
}
edges.each { one ->
  def (s, t) = [at[one[0]], at[one[2]]]
  if (!s.vertices(Direction.OUT, one[1]).any { it.id() == t.id() }) s.addEdge(one[1], t)
}
graph.tx().commit()
[true]
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nodes", nargs="*", type=int, default=[10_000])
    arguments.add_argument("--cassandra", action="store_true")
    said = arguments.parse_args()
    for nodes in said.nodes:
        print(f"\n{nodes:,} nodes", flush=True)
        with server(cassandra=said.cassandra) as url:
            bare = Client(Settings.parse(url).address, "g", message_serializer=GraphBinarySerializersV1())
            try:
                uvloop.run(measure(f"{url}{PATIENT}", bare, layered(nodes)))
            finally:
                bare.close()


@contextmanager
def server(*, cassandra: bool) -> Iterator[str]:
    """A server of our own, as one that runs for long: with all of the compiler."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        below = CassandraServer(Path(folder, "cassandra"))
        home = Path(folder, "janusgraph")
        made = JanusGraphOnCassandra(home, below) if cassandra else JanusGraphServer(home)
        try:
            if cassandra:
                below.start()
            made.flags = ("-Xmx2g",)
            made.start()
            yield made.url
        finally:
            made.kill()
            below.kill()


async def asked(bare: Client, script: str, **bindings: Any) -> list[Any]:
    """The driver is synchronous; it runs a loop of its own in threads of its own."""
    return await asyncio.to_thread(lambda: bare.submit(script, bindings).all().result())


async def measure(url: str, bare: Client, graph: Graph) -> None:
    async with open_backend(url) as store:
        began = time.perf_counter()
        for changes in writes(graph, 2_000):
            await store.apply(changes)
        taken = time.perf_counter() - began
        things = len(graph) + len(graph.sources)
        print(f"  loaded {len(graph.sources):,} edges in {taken:.0f} s, {things / taken:,.0f} a second", flush=True)
        await writing(store, bare)
        await reading(store, graph)
        began = time.perf_counter()
        async with open_backend(f"{url}&index=on") as indexed:
            taken = time.perf_counter() - began
            print(f"  index ready in {taken:.1f} s, {len(graph.sources) / taken:,.0f} edges a second", flush=True)
            for size, root in (await chosen(indexed, graph)).items():
                await closures(store, indexed, bare, size, root)


async def chosen(store: LineageBackend, graph: Graph) -> dict[int, str]:
    """For each size the dataset whose closure is nearest to it."""
    degree = np.bincount(graph.sources, minlength=len(graph))
    some = np.random.default_rng(3).integers(0, len(graph), 250)
    found: dict[str, int] = {}
    for number in dict.fromkeys([*np.argsort(degree)[-250:].tolist(), *some.tolist()]):
        if graph.ids[number].startswith("dataset:"):
            root = graph.ids[number]
            found[root] = len(await store.traverse(Traversal({root: 0}, Direction.DOWNSTREAM)))
    return {size: min(found, key=lambda node_id: abs(found[node_id] - size)) for size in SIZES}


async def closures(store: LineageBackend, indexed: LineageBackend, bare: Client, size: int, root: str) -> None:
    question = Traversal({root: 0}, Direction.DOWNSTREAM)
    found = await store.traverse(question)
    calls: dict[str, Call] = {
        "bare driver": lambda: asked(bare, CLOSURE, root=root, kinds=sorted(FLOW)),
        "headwater": lambda: store.traverse(question),
        "headwater, index": lambda: indexed.traverse(question),
    }
    p50 = {}
    for name, seconds in (await beside(calls, ROUNDS[size], 3)).items():
        p50[name] = show(f"closure of {len(found):,} nodes, {len(found.sources):,} edges: {name}", seconds)
    ratios = p50["headwater"] / p50["bare driver"], p50["bare driver"] / p50["headwater, index"]
    print(f"  {'':<58} headwater / bare {ratios[0]:.2f}, bare / index {ratios[1]:.0f}")


async def writing(store: LineageBackend, bare: Client) -> None:
    numbers = count(1)

    def made(size: int) -> Changes:
        return together([event(next(numbers)) for _ in range(size)])

    async def upsert(size: int) -> None:
        """The same event for the bare driver: ids, names and plain attributes; no log, no epoch, no evidence, no search."""
        changes = made(size)
        nodes = []
        for node in changes.nodes:
            kind, _, rest = node.id.partition(":")
            namespace, name = rest.split("#")[:2]
            nodes.append([kind.capitalize(), node.id, name, namespace, "written to measure"])
        edges = [[edge.key.source, edge.key.kind.value, edge.key.target] for edge in changes.edges]
        await asked(bare, UPSERT, nodes=nodes, edges=edges)

    async def ours(size: int) -> None:
        await store.apply(made(size))

    for size, times in ((1, 40), (100, 8)):
        calls: dict[str, Call] = {"bare driver": partial(upsert, size), "headwater": partial(ours, size)}
        what = "an event of 5 nodes, 4 edges" if size == 1 else f"{size} such events in one write"
        p50 = {name: show(f"{what}: {name}", seconds) for name, seconds in (await beside(calls, times, 3)).items()}
        print(f"  {'':<58} headwater / bare {p50['headwater'] / p50['bare driver']:.2f}")


async def reading(store: LineageBackend, graph: Graph) -> None:
    random = np.random.default_rng(5)

    def some(size: int) -> list[str]:
        return [graph.ids[number] for number in random.integers(0, len(graph), size).tolist()]

    datasets, text = NodeFilter(kinds=frozenset({Kind.DATASET})), NodeFilter(text="orders")
    calls: dict[str, Call] = {
        "changes_since the current epoch": lambda: store.changes_since(None),
        "get of 1 node": lambda: store.get(some(1)),
        "get of 1,000 nodes": lambda: store.get(some(1_000)),
        "list of 100 datasets": lambda: store.find_nodes(datasets, Order.ID, Page(100)),
        "search 'orders'": lambda: store.find_nodes(text, Order.RELEVANCE, Page(20)),
    }
    for name, seconds in (await beside(calls, 20, 3)).items():
        show(name, seconds)


if __name__ == "__main__":
    main()
