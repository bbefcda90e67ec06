"""What remembered answers weigh: closures of some 3,800 nodes, ready in this process, packed in it, and in a real Redis.

    python -m benchmarks.cache_memory [closures] [--at DIRECTORY]     1,000 unless said; keeps or finds the store there

Bytes by our own count, by what the process grew, and by what Redis says it uses. The store has its index in memory, so
values in Redis hold numbers; `with ids` is what they weigh where it has none.
"""

import argparse
import asyncio
import gc
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import uvloop
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backends.base import LineageBackend
from backends.model import MAX_NODES, Direction, Subgraph, Traversal
from backends.registry import open_backend
from benchmarks.engine import load
from benchmarks.graphs import layered
from cache import shelf
from cache.answers import Answers
from cache.backend import roots_in
from cache.closure import Closure
from cache.codec import encode, key_of
from cache.memory import MemoryStore
from cache.redis import open_redis

NODES, SIZE = 100_000, 3_800
GIBI = 2**30


def resident() -> int:
    """Bytes of memory that this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def redis() -> AsyncIterator[str | None]:
    """The URL of a Redis of our own; None where there is none on this machine."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        server = subprocess.Popen(  # noqa: ASYNC220 (nothing else is done meanwhile)
            [program, "--port", str(port), "--save", "", "--dir", home], stdout=subprocess.DEVNULL
        )
        try:
            async with Redis(port=port) as client, asyncio.timeout(30):
                while True:
                    with suppress(RedisError):
                        await client.ping()
                        break
                    await asyncio.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0?socket_timeout=60"
        finally:
            server.kill()
            server.wait()


async def used(url: str) -> int:
    async with Redis.from_url(url) as client:
        return int((await client.info("memory"))["used_memory"])


async def some(backend: LineageBackend) -> list[Traversal]:
    """Questions whose answers have about SIZE nodes, all different."""
    found = []
    for node_id in layered(NODES).ids:
        if node_id.startswith("dataset:"):
            question = Traversal({node_id: 0}, Direction.DOWNSTREAM)
            if 0.85 * SIZE < len(await backend.traverse(question)) < 1.15 * SIZE:
                found.append(question)
            if len(found) == 50:
                break
    return found


def copied(subgraph: Subgraph) -> Subgraph:
    """With columns of its own, as if it had been computed."""
    names = ("numbers", "kinds", "depths", "reached", "namespaces", "sources", "targets", "edge_kinds")
    return replace(subgraph, ids=(), **{name: getattr(subgraph, name).copy() for name in names})


async def measure(backend: LineageBackend, count: int) -> None:
    answers = Answers(100 * GIBI, 0, lambda closure: None)
    packed = MemoryStore(100 * GIBI)
    asked = await some(backend)
    subgraphs = [await backend.traverse(question) for question in asked]
    before, nodes, named = resident(), 0, 0
    for number in range(count):
        # The same root with another bound is another question with the same answer.
        subgraph = subgraphs[number % len(asked)]
        question = replace(asked[number % len(asked)], max_nodes=MAX_NODES - number // len(asked))
        closure = Closure(question, subgraph.epoch, copied(subgraph), roots_in(subgraph, question))
        closure.rows_of(closure.graph.numbers[:1])
        answers.put(shelf.key_of(question), closure)
        nodes += len(closure)
    grown = resident() - before
    ours = answers.others.nbytes
    print(f"{count:,} closures of {nodes / count:,.0f} nodes, {sum(map(edges, subgraphs)) / len(asked):,.0f} edges")
    print(f"  ready:  {ours / 2**20:,.0f} MiB by our count, {grown / 2**20:,.0f} MiB by what the process grew:", end=" ")
    print(f"{grown / count / 1000:.0f} kB a closure, {grown / nodes:.1f} bytes a node")
    values: list[int] = []
    before = resident()
    for _, closure in answers:
        name = key_of("bench", closure.question, named=False)
        packed.keep(name, encode(name, closure, None))
        if len(values) < len(asked):
            values.append(len(encode(name, closure, subgraphs[len(values)].ids)))
            named += len(closure)
    grown = resident() - before
    print(f"  packed: {packed.nbytes / 2**20:,.0f} MiB by our count, {grown / 2**20:,.0f} MiB grown:", end=" ")
    print(f"{packed.nbytes / count / 1000:.1f} kB a closure, {packed.nbytes / nodes:.1f} bytes a node;", end=" ")
    print(f"with ids {sum(values) / named:.1f} bytes a node")
    async with redis() as url:
        if url is None:
            print("  redis:  none on this machine")
            return
        before = await used(url)
        async with open_redis(url) as store:
            for name, value in packed.items():
                await store.set(name, value)
        grown = await used(url) - before
        print(f"  redis:  {grown / 2**20:,.0f} MiB used:", end=" ")
        print(f"{grown / count / 1000:.1f} kB a closure, {grown / nodes:.1f} bytes a node")


def edges(subgraph: Subgraph) -> int:
    return len(subgraph.sources)


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("closures", nargs="?", type=int, default=1_000)
    arguments.add_argument("--at", type=Path)
    said = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = (said.at or Path(temporary)) / f"layered-{NODES}.db"
        if not path.exists():
            await load(path, lambda: layered(NODES))
        async with open_backend(f"sqlite:///{path}") as backend:
            await measure(backend, said.closures)


if __name__ == "__main__":
    uvloop.run(main())
