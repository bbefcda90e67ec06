"""A store that does as it is told, and who follows lineage in it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, LogPage, LogRow
from backends.errors import Unavailable
from backends.model import Capabilities, Epoch, Subgraph, Traversal
from schema.context import Costs
from schema.live.hub import Bounds, Live
from tests.schema.graphs import chains, node
from tests.schema.live.client import LINEAGE, PATIENCE, Follower, Known
from tests.schema.live.test_random import Named
from tests.schema.world import DAY, World


class Moody(Named):
    """Fails, looks elsewhere or lags where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = 0
        self.looks = self.traversals = 0
        self.announced: tuple[LogRow, ...] = ()
        self.is_torn = False
        self.after: Callable[[], Awaitable[object]] | None = None
        """Called once, after the next traversal."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(name="moody", snapshot_reads=not self.is_torn, atomic_writes=not self.is_torn)

    def _fail(self) -> None:
        if self.fails:
            self.fails -= 1
            raise Unavailable("out")

    async def traverse(self, traversal: Traversal) -> Subgraph:
        self._fail()
        self.traversals += 1
        found = await super().traverse(traversal)
        after, self.after = self.after, None
        if after is not None:
            await after()
        return found

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        self._fail()
        self.looks += 1
        page = await super().changes_since(epoch)
        return LogPage(page.epoch, page.rows, known=page.known, watermark=page.watermark, open=self.announced)


@asynccontextmanager
async def following(
    *lines: str, backend: LineageBackend | None = None, **bounds: Any
) -> AsyncIterator[tuple[World, Live, Callable[..., Any]]]:
    """A world, who follows it, and what begins to follow lineage in it and waits until it is told where it begins."""
    world = await World(backend or Named()).lines(*lines)
    followers: list[Follower] = []
    async with Live(world.store, Costs(), Bounds(**{"pause": 0.01, **bounds})) as live:

        async def follow(*words: str, since: str | None = None, known: Known | None = None, **variables: Any) -> Follower:
            said = {"of": [node(word) for word in words], "direction": "BOTH", **variables}
            if known is None:
                data, errors = await world.result(LINEAGE, **said)
                known = Known() if errors else Known.of(data["lineage"])
            followers.append(Follower(world, live, said, known, since))
            await followers[-1].begun()
            return followers[-1]

        yield world, live, follow
        for each in followers:
            await each.end()


async def drop(world: World, *lines: str) -> None:
    """Nobody states these edges any more."""
    edges = tuple(EdgeChange(key, drop=frozenset({"t"})) for key in chains(*lines))
    await world.store.apply(Changes(DAY, edges=edges))


async def settled(live: Live) -> None:
    """Waits until what was written is looked at."""
    live.wake()
    await live._look()
    deadline = time.monotonic() + PATIENCE
    while any(watch.drawing is not None for watch in live._watches.values()):
        await asyncio.sleep(0.001)
        assert time.monotonic() < deadline
