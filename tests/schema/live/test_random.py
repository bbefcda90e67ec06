"""What defines a subscription: who has the lineage of one epoch and takes the deltas since has that of each later epoch.

Random histories over every kind of store that is served, live and gone on with from every epoch before."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.base import LineageBackend
from backends.indexed import IndexedBackend
from backends.memory import MemoryBackend
from backends.registry import open_backend
from cache.backend import CachedBackend
from cache.memory import MemoryStore
from schema.context import Costs
from schema.live.hub import Bounds, Live
from tests.schema.live.client import LINEAGE, Follower, Known
from tests.schema.live.histories import History
from tests.schema.world import World

FIRST = int(os.environ.get("HEADWATER_FIRST_CASE", "0"))
CASES = int(os.environ.get("HEADWATER_CASES", "0")) // 50 or 6
STEPS = 24


class Named(MemoryBackend):
    """The reference, which knows its names by number."""

    def names(self, numbers: NDArray[np.int64]) -> list[str] | None:
        ids = list(self.rows)
        return [ids[number] for number in numbers.tolist()]


def memory(folder: Path) -> LineageBackend:
    return Named()


def indexed(folder: Path) -> LineageBackend:
    return IndexedBackend(MemoryBackend())


def cached(folder: Path) -> LineageBackend:
    return CachedBackend(IndexedBackend(MemoryBackend()), MemoryStore(1 << 20))


def remembering(folder: Path) -> LineageBackend:
    """Without an index: it knows the names that it was asked about."""
    return CachedBackend(MemoryBackend(), MemoryStore(1 << 20))


def sqlite(folder: Path) -> LineageBackend:
    return CachedBackend(open_backend(f"sqlite:///{folder}/random.db"), MemoryStore(1 << 20))


STORES = [memory, indexed, cached, remembering, sqlite]


@asynccontextmanager
async def opened(backend: LineageBackend) -> AsyncIterator[tuple[World, Live]]:
    async with backend:
        world = World(backend)
        async with Live(backend, Costs(), Bounds(pause=0.02)) as live:
            yield world, live


async def lineage(world: World, question: dict[str, Any]) -> Known | str:
    """What lineage answers now, or the code of why not."""
    data, errors = await world.result(LINEAGE, **question)
    return str(errors[0]["extensions"]["code"]) if errors else Known.of(data["lineage"])


async def resume(world: World, live: Live, question: dict[str, Any], then: Known, now: Known) -> str:
    """Goes on from `then`; the code of the error, if it cannot."""
    known = then.copy()
    follower = Follower(world, live, question, known, since=then.epoch)
    await follower.begun()
    await follower.end()
    assert follower.error or known.same(now)
    return follower.error


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("case", range(FIRST, FIRST + CASES))
async def test_deltas_lead_from_each_lineage_to_each_later_one(
    store: Callable[[Path], LineageBackend], case: int, tmp_path: Path
) -> None:
    assert await led(store(tmp_path), case, STEPS) > 10


async def led(backend: LineageBackend, case: int, steps: int) -> int:
    """Lives through a history with followers of some questions; how often someone went on from an epoch before."""
    history = History(Random(case))
    questions = [history.question() for _ in range(4)]
    past: list[list[tuple[Known, list[bool]]]] = [[] for _ in questions]
    followers: list[Follower | None] = [None] * len(questions)
    checked = 0
    async with AsyncExitStack() as stack:
        world, live = await stack.enter_async_context(opened(backend))
        for step in range(steps):
            changes = history.next() if step else history.first()
            await history.mirror.apply(changes)
            await world.store.apply(changes)
            live.wake()
            for number, question in enumerate(questions):
                now, follower = await lineage(world, question), followers[number]
                standing = [history.stands(each) for each in question["of"]]
                if isinstance(now, str) or not all(standing):
                    # what was asked about is gone, or is another name now: who follows it is told
                    if follower is not None:
                        await follower.until(lambda it: it.error in ("NOT_FOUND", "GONE"))
                        followers[number] = None
                    continue
                if follower is None or follower.error:
                    follower = followers[number] = Follower(world, live, question, now.copy(), since=now.epoch)
                    await follower.begun()
                expected = now
                await follower.until(lambda it, expected=expected: it.known.same(expected))  # type: ignore[misc]
                for then, stood in history.random.sample(past[number], min(3, len(past[number]))):
                    error = await resume(world, live, question, then, now)
                    assert not error or (error == "GONE" and not all(stood)), (step, question, then.epoch)
                    checked += not error
                past[number].append((now, standing))
        for follower in followers:
            if follower is not None:
                await follower.end()
        assert (live.subscriptions, live.followed) == (0, 0)
    return checked
