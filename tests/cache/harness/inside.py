"""Replicas, readers and writers in one event loop: quick, and the same each time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random

from backends.base import LineageBackend
from backends.memory import MemoryBackend
from backends.model import Epoch, Traversal
from cache.backend import CachedBackend, Limits
from tests.cache.harness.history import Read, Wrong, digest, judge
from tests.cache.harness.stores import Shared, Slow
from tests.cache.harness.world import Writing, first_graph, hot, questions

SMALL = Limits(ready=60_000, views=0, least=0)
"""So little memory that most answers have to come back from the byte store."""
AMPLE = Limits(least=0)


@dataclass(slots=True)
class Outcome:
    wrong: list[Wrong]
    had: Counter[str] = field(default_factory=Counter)
    torn: int = 0
    stored: int = 0
    foreign: int = 0


async def run(
    seed: int,
    around: Callable[[LineageBackend, Random], LineageBackend] = Slow,
    *,
    turns: int = 150,
    pause: int = 30,
    strangers: bool = False,
) -> Outcome:
    """Two replicas with a byte store between them, two writers, eight readers. With `strangers` replicas of another graph,
    which calls itself the same, use the byte store, too."""
    store = MemoryBackend()
    start = store.epochs[0]
    asked = questions()
    between = Shared(2**20)
    reads: list[Read] = []
    outcome = Outcome([])
    async with AsyncExitStack() as stack:
        rng = Random(seed)
        await store.apply(first_graph())
        replicas = [CachedBackend(around(store, Random(rng.random())), between, limits=each) for each in (AMPLE, SMALL)]
        for replica in replicas:
            await stack.enter_async_context(replica)
        acknowledged = [store.epochs[-1].seq]
        tasks = [asyncio.create_task(write(Slow(store, rng), rng, f"w{n}", acknowledged, turns, pause)) for n in range(2)]
        writing = list(tasks)
        if strangers:
            tasks.append(asyncio.create_task(disturb(stack, rng, between, asked, writing)))
        for n in range(8):
            tasks.append(asyncio.create_task(read(replicas[n % 2], store, rng, asked, acknowledged, reads, writing)))
        await asyncio.gather(*tasks)
        for replica in replicas:
            outcome.torn += replica.stats.torn
            outcome.stored += replica.stats.stored
            outcome.foreign += replica.stats.foreign
    outcome.wrong = judge(store.log, start, asked, reads)
    outcome.had = Counter(each.word for each in reads)
    return outcome


async def write(backend: LineageBackend, rng: Random, name: str, acknowledged: list[int], turns: int, pause: int) -> None:
    writing = Writing(rng, name)
    for _ in range(turns):
        epoch = await backend.apply(writing.next())
        acknowledged[0] = max(acknowledged[0], epoch.seq)
        for _ in range(rng.randint(0, pause)):
            await asyncio.sleep(0)


async def read(
    replica: LineageBackend,
    store: LineageBackend,
    rng: Random,
    asked: Sequence[Traversal],
    acknowledged: list[int],
    reads: list[Read],
    writing: Sequence[asyncio.Task[None]],
) -> None:
    while not all(task.done() for task in writing):
        number = hot(rng, asked)
        before = acknowledged[0]
        found = await replica.traverse(asked[number])
        after: Epoch = (await store.changes_since(None)).epoch
        reads.append(Read(number, before, after.seq, found.epoch, found.cache, digest(found)))
        await asyncio.sleep(0)


async def disturb(
    stack: AsyncExitStack, rng: Random, between: Shared, asked: Sequence[Traversal], writing: Sequence[asyncio.Task[None]]
) -> None:
    """Another graph with the same names, of about the same age, read and written by others."""
    store = MemoryBackend()
    await store.apply(first_graph())
    other = await stack.enter_async_context(CachedBackend(store, between, limits=SMALL))
    theirs = Writing(Random(99), "elsewhere")
    while not all(task.done() for task in writing):
        await store.apply(theirs.next())
        await other.traverse(asked[hot(rng, asked)])
        await asyncio.sleep(0)
