"""A process of its own that reads through a cache, or writes:

    python -m tests.cache.harness.worker read URL CACHE FOLDER NAME SLOT [WEAKENED]
    python -m tests.cache.harness.worker write URL CACHE FOLDER NAME SLOT

It prints a line when it is ready and goes on until its standard input closes. What it read or what failed is in
FOLDER/NAME.json then.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import uvloop

from backends.errors import BackendError
from backends.model import Subgraph, Traversal
from backends.registry import open_backend
from cache.backend import CachedBackend
from cache.registry import open_store
from tests.cache.harness.history import Read, digest
from tests.cache.harness.inside import AMPLE, SMALL
from tests.cache.harness.stores import Slow
from tests.cache.harness.weakened import BY_NAME
from tests.cache.harness.world import Writing, hot, questions

SLOTS = 16
READERS = 4
GRAPH = "harness"


class Delayed(Slow):
    """One traversal in five takes its time to come back, so that it meets writes on the way."""

    async def traverse(self, traversal: Traversal) -> Subgraph:
        found = await self._inner.traverse(traversal)
        if self._rng.random() < 0.2:
            await asyncio.sleep(self._rng.random() * 0.03)
        return found


class Acknowledged:
    """The greatest seq that each writer was told, where all processes see it at once."""

    def __init__(self, folder: Path, slot: int) -> None:
        self._slots = np.memmap(folder / "acknowledged", np.int64, "r+", shape=(SLOTS,))
        self._slot = slot

    @staticmethod
    def begin(folder: Path) -> None:
        np.memmap(folder / "acknowledged", np.int64, "w+", shape=(SLOTS,)).flush()

    def put(self, seq: int) -> None:
        self._slots[self._slot] = seq

    @property
    def greatest(self) -> int:
        return int(self._slots.max())


async def reader(url: str, cache: str, rng: Random, acknowledged: Acknowledged, going: Callable[[], bool]) -> dict[str, Any]:
    store = open_store(cache, 2**20)
    assert store is not None
    asked = questions()
    reads: list[Read] = []
    errors: list[str] = []
    # More patient than a service is, or a machine that is busy with other tests would make Redis useless by itself.
    limits = replace(SMALL if rng.random() < 0.5 else AMPLE, wait=0.3, pause=0.2)
    async with (
        open_backend(url) as inner,
        CachedBackend(Delayed(inner, rng), store, graph=GRAPH, limits=limits) as backend,
    ):
        print("ready", flush=True)  # noqa: T201 (how the parent is told)

        async def read() -> None:
            while going():
                number = hot(rng, asked)
                before = acknowledged.greatest
                try:
                    found = await backend.traverse(asked[number])
                    after = (await backend.changes_since(None)).epoch.seq
                except BackendError as error:
                    errors.append(repr(error))
                    continue
                reads.append(Read(number, before, after, found.epoch, found.cache, digest(found)))
                await asyncio.sleep(0.001)

        await asyncio.gather(*(read() for _ in range(READERS)))
        counts = {"stored": backend.stats.stored, "foreign": backend.stats.foreign, "trips": backend.state.store_trips}
        return {"reads": reads, "errors": errors, "counts": counts}


async def writer(url: str, cache: str, rng: Random, acknowledged: Acknowledged, going: Callable[[], bool]) -> dict[str, Any]:
    writing = Writing(rng, f"w{rng.randrange(10**6)}")
    async with open_backend(url) as backend:
        print("ready", flush=True)  # noqa: T201
        while going():
            acknowledged.put((await backend.apply(writing.next())).seq)
            await asyncio.sleep(rng.random() * 0.02)
    return {"writes": writing.made}


ROLES: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {"read": reader, "write": writer}


async def main() -> None:
    role, url, cache, folder, name, slot, *weakened = sys.argv[1:]
    for rule in weakened:
        BY_NAME[rule](setattr)
    ended = asyncio.Event()

    async def watch() -> None:
        await asyncio.to_thread(sys.stdin.read)
        ended.set()

    async with AsyncExitStack() as stack:
        watching = asyncio.create_task(watch())
        stack.callback(watching.cancel)
        acknowledged = Acknowledged(Path(folder), int(slot))
        said = await ROLES[role](url, cache, Random(name), acknowledged, lambda: not ended.is_set())
    await asyncio.to_thread(Path(folder, f"{name}.json").write_text, json.dumps(said))


if __name__ == "__main__":
    uvloop.run(main())
