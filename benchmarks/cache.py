"""What the cache costs and saves, on the embedded store. Run on a quiet machine.

    python -m benchmarks.cache [nodes] [--at DIRECTORY]     100,000 nodes unless said; keeps or finds the store there

In this process: a question computed, proved, repaired; memory; reads and writes mixed, with the cache off, on, and with one
that keeps everything for 60 seconds, as others do. The writes go to a copy of the store. Over HTTP: benchmarks.throughput.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import numpy as np
import uvloop

from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange
from backends.ids import Kind
from backends.model import Direction, EdgeKey, EdgeKind, Subgraph, Traversal
from backends.registry import open_backend
from backends.wrapper import Wrapper
from benchmarks.engine import load, roots
from benchmarks.graphs import layered
from cache.backend import CachedBackend, Limits
from cache.codec import encode
from cache.memory import MemoryStore

AMPLE = Limits(ready=2**30, views=2**30)
READS = 400


class ForAMinute(Wrapper):
    """What a cache does that knows nothing of changes."""

    def __init__(self, inner: LineageBackend) -> None:
        super().__init__(inner)
        self._kept: dict[str, tuple[float, Subgraph]] = {}

    async def traverse(self, traversal: Traversal) -> Subgraph:
        key, now = repr(traversal), time.monotonic()
        if key not in self._kept or now - self._kept[key][0] > 60:
            self._kept[key] = (now, await self._inner.traverse(traversal))
        return self._kept[key][1]


async def micros(call: Callable[[], Awaitable[object]], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken)) * 1e6


def flip(subgraph: Subgraph, rng: Random, number: int, *, stands: bool) -> Changes:
    """An edge inside an answer that comes, or goes again: what any of its tables feeds any of its operations."""
    ids = subgraph.ids
    tables = np.flatnonzero(subgraph.kinds == Kind.DATASET.code).tolist()
    tasks = np.flatnonzero(subgraph.kinds == Kind.OPERATION.code).tolist()
    key = EdgeKey(ids[rng.choice(tables)], EdgeKind.INPUT_TO, ids[rng.choice(tasks)])
    change = EdgeChange(key, {"bench": {"origin": "client"}}) if stands else EdgeChange(key, drop=frozenset({"bench"}))
    return Changes(number, edges=(change,))


async def single(backend: LineageBackend, plain: LineageBackend, chosen: dict[int, list[str]]) -> None:
    """One question at a time; `plain` is the same store without an index."""
    async with plain, CachedBackend(backend, MemoryStore(2**28), limits=AMPLE) as cached:
        for size, ids in chosen.items():
            if not ids:
                continue
            question = Traversal({ids[0]: 0}, Direction.DOWNSTREAM)
            found = await cached.traverse(question)
            computed = await micros(lambda q=question: backend.traverse(q), 60)  # type: ignore[misc]
            hit = await micros(lambda q=question: cached.traverse(q), 1_000)  # type: ignore[misc]
            taken: dict[str, list[float]] = {name: [] for name in ("repaired", "computed", "by the store alone")}
            for number in range(40):  # an edge comes, and the same goes again
                await backend.apply(flip(found, Random(number // 2), time.time_ns() // 1000, stands=number % 2 == 0))
                began = time.perf_counter()
                if (await cached.traverse(question)).cache == "REPAIRED":
                    taken["repaired"].append(time.perf_counter() - began)
                for name, other in (("computed", backend), ("by the store alone", plain)):
                    began = time.perf_counter()
                    await other.traverse(question)
                    taken[name].append(time.perf_counter() - began)
            after = {name: float(np.median(times or [np.nan])) * 1e6 for name, times in taken.items()}
            print(f"  ~{size:>7,}: computed {computed:9.0f} us, proved {hit:6.1f} us; after a change", end=" ")
            print(", ".join(f"{name} {time:8.0f} us" for name, time in after.items()))
        entries = [(closure, len(closure)) for _, closure in cached.answers if len(closure) >= 1_000]
        for closure, nodes in entries:
            packed = len(encode("key", closure, None))
            edges = len(closure.graph.sources)
            print(
                f"  {nodes:>8,} nodes, {edges:,} edges: {closure.nbytes / nodes:.0f} bytes a node ready, "
                f"{packed / nodes:.1f} packed"
            )


async def mixed(path: Path, chosen: dict[int, list[str]]) -> None:
    """Reads of fifteen hot roots with writes inside what they reach."""
    ids = [each for size in (1_000, 10_000) for each in chosen.get(size, [])]
    asked = [Traversal({each: 0}, Direction.DOWNSTREAM) for each in ids]
    for share in (0.02, 0.10, 0.50):
        for name in ("off", "on", "60 s"):
            rng, store = Random(f"{share} {name}"), open_backend(f"sqlite:///{path}")
            kept: dict[str, LineageBackend] = {
                "off": Wrapper(store),
                "60 s": ForAMinute(store),
                "on": CachedBackend(store, MemoryStore(2**28)),
            }
            backend = kept[name]
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(backend if name == "on" else store)
                subgraphs = [await backend.traverse(each) for each in asked]
                stale, taken = 0, 0.0
                for _ in range(READS):
                    if rng.random() < share:
                        await store.apply(flip(rng.choice(subgraphs), rng, time.time_ns() // 1000, stands=True))
                    question = rng.choice(asked)
                    began = time.perf_counter()
                    found = await backend.traverse(question)
                    taken += time.perf_counter() - began
                    if name == "60 s":
                        right = await store.traverse(question)
                        stale += len(right.sources) != len(found.sources) or len(right) != len(found)
                more = f", {100 * stale / READS:.0f} % of the answers stale" if name == "60 s" else ""
                print(f"  {share:.0%} writes, cache {name:<5} {taken / READS * 1e6:8.0f} us a read{more}")


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nodes", nargs="?", type=int, default=100_000)
    arguments.add_argument("--at", type=Path)
    said = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = (said.at or Path(temporary)) / f"layered-{said.nodes}.db"
        if not path.exists():
            await load(path, lambda: layered(said.nodes))
        mine = Path(temporary, "copy.db")
        shutil.copy(path, mine)
        async with open_backend(f"sqlite:///{mine}") as backend:
            chosen = await roots(backend, layered(said.nodes))
        await single(open_backend(f"sqlite:///{mine}"), open_backend(f"sqlite:///{mine}?index=off"), chosen)
        await mixed(mine, chosen)


if __name__ == "__main__":
    uvloop.run(main())
