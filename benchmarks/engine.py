"""How fast the embedded store is: loading, starting, traversing, reading, searching, writing. Run on a quiet machine.

    python -m benchmarks.engine [nodes ...]         10k, 100k and 1M nodes unless said
    python -m benchmarks.engine --at DIRECTORY      keeps the loaded stores there, and uses those it finds

Each part runs in a process of its own, so that memory and the start are those of a service and not of the generator.
Times are milliseconds, p50 and p95, unless said.
"""

import argparse
import asyncio
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import uvloop

from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, NodeChange, NodeFilter, Order, Page, RecordChange
from backends.ids import KINDS, Kind, make_id
from backends.model import EDGE_KINDS, Direction, EdgeKey, EdgeKind, Stamped, Subgraph, Traversal
from backends.registry import open_backend
from benchmarks.graphs import AT, Graph, catalogue, layered, writes

SHAPES: dict[str, Callable[[int], Graph]] = {"layered": layered, "catalogue": catalogue}
WANTED = (100, 1_000, 10_000, 100_000)
TEXTS = ("orders", "cust", "core.stock_4711", "postgres gold", "o", "team-7 orders", "nothing like this")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nodes", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    arguments.add_argument("--at", type=Path)
    arguments.add_argument("--shape", choices=SHAPES, default="layered", help="see benchmarks/graphs.py")
    arguments.add_argument("--part", choices=("load", "start", "read", "plain", "write"), help="in this process, one size")
    said = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place: Path = said.at or Path(temporary)
        for nodes in said.nodes:
            path = place / f"{said.shape}-{nodes}.db"
            if said.part:
                uvloop.run(PARTS[said.part](path, partial(SHAPES[said.shape], nodes)))
                continue
            print(f"\n{nodes:,} nodes, {said.shape}", flush=True)
            for part in PARTS if not path.exists() else [part for part in PARTS if part != "load"]:
                command = [sys.executable, "-m", "benchmarks.engine", str(nodes), "--part", part]
                command += ["--at", str(place), "--shape", said.shape]
                subprocess.run(command, check=True)


def show(what: str, seconds: Sequence[float], *more: str) -> None:
    p50, p95 = np.percentile(seconds, (50, 95)) * 1000
    print(f"  {what:<58} {p50:9.3f} {p95:9.3f}  {' '.join(more)}", flush=True)


async def timed(call: Callable[[], Awaitable[object]], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - began)
    return taken


async def load(path: Path, make: Callable[[], Graph]) -> None:
    """Loads through `apply`, twenty thousand nodes or edges a write."""
    graph = make()
    gc.disable()  # the writes are made of millions of small values that live until the end
    began = time.perf_counter()
    async with open_backend(f"sqlite:///{path}?index=off&timeout=600") as backend:
        for changes in writes(graph):
            await backend.apply(changes)
        taken = time.perf_counter() - began
        rate = (len(graph) + len(graph.sources)) / taken
        print(f"  loaded {len(graph.sources):,} edges in {taken:.0f} s, {rate:,.0f} nodes and edges a second")
    print(f"  {size_of(path)}")


async def start(path: Path, make: Callable[[], Graph]) -> None:
    """From a scan where there is no snapshot yet, then from the snapshot."""
    sidecar = path.with_name(path.name + "-index")
    sidecar.unlink(missing_ok=True)
    began = time.perf_counter()
    async with open_backend(f"sqlite:///{path}"):
        print(f"  index from a scan {time.perf_counter() - began:.2f} s")
    print(f"  {size_of(sidecar)}" if sidecar.exists() else "  too small for a snapshot")
    taken = []
    for _ in range(7):
        began = time.perf_counter()
        async with open_backend(f"sqlite:///{path}"):
            taken.append(time.perf_counter() - began)
    show("open from the snapshot, index ready", taken)


def size_of(path: Path) -> str:
    return f"{path.name} {path.stat().st_size / 1e6:,.0f} MB"


def resident() -> str:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return f"resident {int(fields['VmRSS'].split()[0]) / 1e3:,.0f} MB"


async def roots(backend: LineageBackend, graph: Graph) -> dict[int, list[str]]:
    """For each size of closure wanted the five datasets nearest to it, among the most read ones and some others."""
    degree = np.bincount(graph.sources, minlength=len(graph))
    some = np.random.default_rng(3).integers(0, len(graph), 400)
    sizes: dict[str, int] = {}
    for number in np.concatenate((np.argsort(degree)[-400:], some)).tolist():
        node_id = graph.ids[number]
        if node_id.startswith("dataset:"):
            sizes[node_id] = len(await backend.traverse(Traversal({node_id: 0}, Direction.DOWNSTREAM)))
    return {
        wanted: sorted(
            (node_id for node_id, size in sizes.items() if 0.7 * wanted < size < 1.4 * wanted),
            key=lambda node_id: abs(sizes[node_id] - wanted),
        )[:5]
        for wanted in WANTED
    }


def counts(subgraph: Subgraph) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Nodes by kind, depth and namespace, as an impact summary counts them."""
    np.bincount(subgraph.namespaces)
    return np.bincount(subgraph.depths.astype(np.int64) * len(KINDS) + subgraph.kinds)


async def read(path: Path, make: Callable[[], Graph]) -> None:
    async with open_backend(f"sqlite:///{path}") as backend:
        print(f"  opened: {resident()}")
        graph = make()
        for size, ids in (await roots(backend, graph)).items():
            await _traversals(backend, size, ids)
        ids = graph.ids
        random = Random(5)
        show("get of 1 node", await timed(lambda: backend.get([random.choice(ids)]), 2_000))
        show("get of 1,000 nodes", await timed(lambda: backend.get(random.sample(ids, 1_000)), 30))
        show("changes_since the current epoch", await timed(lambda: _at_epoch(backend), 2_000))
        for text in TEXTS:
            for kinds in (None, frozenset({Kind.DATASET})):
                where = NodeFilter(text=text, kinds=kinds)
                found = await backend.find_nodes(where, Order.RELEVANCE, Page(1, total=True))
                taken = await timed(lambda where=where: backend.find_nodes(where, Order.RELEVANCE, Page(20)), 15)  # type: ignore[misc]
                show(f"search {text!r}{' among datasets' if kinds else ''}", taken, f"{found.total:,} match")
        where = NodeFilter(kinds=frozenset({Kind.DATASET}))
        show("list of 100 datasets by id", await timed(lambda: backend.find_nodes(where, Order.ID, Page(100)), 50))


async def _at_epoch(backend: LineageBackend) -> None:
    await backend.changes_since((await backend.changes_since(None)).epoch)


async def _traversals(backend: LineageBackend, size: int, ids: Sequence[str]) -> None:
    if not ids:
        print(f"  no node reaches about {size:,}")
        return
    questions = [Traversal({node_id: 0}, Direction.DOWNSTREAM) for node_id in ids]
    numbers: list[float] = []
    text: list[float] = []
    nodes = edges = 0
    for question in questions * max(2, min(40, 200_000 // size // len(questions))):
        began = time.perf_counter()
        subgraph = await backend.traverse(question)
        counts(subgraph)
        numbers.append(time.perf_counter() - began)
        nodes, edges = nodes + len(subgraph), edges + len(subgraph.sources)
        began = time.perf_counter()
        subgraph = await backend.traverse(question)
        list(subgraph.ids)
        text.append(time.perf_counter() - began)
    show(
        f"traverse ~{size:,}: numbers, edges, counts",
        numbers,
        f"{nodes // len(numbers):,} nodes, {edges // len(numbers):,} edges",
    )
    show(f"traverse ~{size:,}: numbers, edges, text ids", text)


async def plain(path: Path, make: Callable[[], Graph]) -> None:
    """The same without the index."""
    async with open_backend(f"sqlite:///{path}") as indexed:
        chosen = await roots(indexed, make())
    async with open_backend(f"sqlite:///{path}?index=off&timeout=60") as backend:
        for size, ids in chosen.items():
            questions = [Traversal({node_id: 0}, Direction.DOWNSTREAM) for node_id in ids]
            taken = [t for question in questions for t in await timed(lambda q=question: backend.traverse(q), 2)]  # type: ignore[misc]
            if taken:
                show(f"without index: traverse ~{size:,}, text ids", taken)


async def write(path: Path, make: Callable[[], Graph]) -> None:
    """Durable writes as large as an event: 6 nodes, 8 edges, 2 records, into the loaded store."""
    async with open_backend(f"sqlite:///{path}") as backend:
        made = iter(range(int(time.time()) % 10**6 * 1000, 10**12))
        show("apply of a new event", await timed(lambda: backend.apply(event(next(made))), 300))
        same = event(next(made))
        await backend.apply(same)
        show("apply of an event that says nothing new", await timed(lambda: backend.apply(same), 300))
        taken: list[float] = []

        async def sender() -> None:
            taken.extend(await timed(lambda: backend.apply(event(next(made))), 40))

        began = time.perf_counter()
        await asyncio.gather(*(sender() for _ in range(32)))
        show("apply of a new event, 32 at once", taken, f"{len(taken) / (time.perf_counter() - began):,.0f} a second")

        async def write_and_read() -> None:
            number = next(made)
            await backend.apply(event(number))
            await backend.traverse(Traversal({table(number, 0): 0}, Direction.DOWNSTREAM))

        show("apply, then traverse what was written", await timed(write_and_read, 200))
        print(f"  after: {resident()}")


def table(number: int, place: int) -> str:
    return make_id(Kind.DATASET, f"bench{number % 7}", f"sales.table_{number}_{place}")


def event(number: int) -> Changes:
    job = make_id(Kind.JOB, "bench", f"job_{number}")
    operation = make_id(Kind.OPERATION, "bench", f"job_{number}", f"{number:016x}")
    tables = [table(number, place) for place in range(4)]
    tally = make_id(Kind.TALLY, "bench", f"job_{number}", "p")
    keys = [EdgeKey(source, EdgeKind.INPUT_TO, operation) for source in tables[:3]]
    keys.append(EdgeKey(operation, EdgeKind.PRODUCES, tables[3]))
    keys.append(EdgeKey(job, EdgeKind.HAS_OPERATION, operation))
    keys += [EdgeKey(source, EDGE_KINDS[EdgeKind.PAIR.code], tables[3]) for source in tables[:3]]
    said = {"type": Stamped(AT, "table"), "columns": Stamped(AT, ["id", "name", "amount"]), "owners": Stamped(AT, ["sales"])}
    counted = {"runs": 1, "completed": 1, "first": AT, "last": AT, "last_run": "run:1"}
    return Changes(
        AT,
        nodes=tuple(NodeChange(node_id, said, (AT, AT)) for node_id in (job, operation, *tables)),
        edges=tuple(EdgeChange(key, {tally: {"origin": "run event", "confidence": 1.0}}) for key in keys),
        records=(
            RecordChange(make_id(Kind.RUN, "bench", f"job_{number}", "r1"), {"state": "COMPLETE", "job": job}, (job,), AT),
            RecordChange(tally, counted),
        ),
        watermark=AT + number,
    )


PARTS: dict[str, Callable[[Path, Callable[[], Graph]], Coroutine[Any, Any, None]]] = {
    "load": load,
    "start": start,
    "read": read,
    "plain": plain,
    "write": write,
}

if __name__ == "__main__":
    main()
