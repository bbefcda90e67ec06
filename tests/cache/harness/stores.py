"""Stores that make races likely: slow ones, and one that reads committed data only."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

import numpy as np

from backends.base import LineageBackend
from backends.changes import Changes, Cursor, LogPage, NodeFilter, NodePage, Order, Page, ScanPage, TopologyPage
from backends.model import DOWN, MAX_NODES, UP, Capabilities, Direction, EdgeKey, Epoch, Records, Subgraph, Traversal
from cache.memory import MemoryStore

T = TypeVar("T")


class Slow(LineageBackend):
    """A backend whose calls take a few turns of the event loop, before they begin and after they are done."""

    def __init__(self, inner: LineageBackend, rng: Random, most: int = 6) -> None:
        self._inner, self._rng, self._most = inner, rng, most

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    async def _slowly(self, call: Callable[[], Awaitable[T]]) -> T:
        await self._pause()
        found = await call()
        await self._pause()
        return found

    async def _pause(self) -> None:
        for _ in range(self._rng.randint(0, self._most)):
            await asyncio.sleep(0)

    async def traverse(self, traversal: Traversal) -> Subgraph:
        found = await self._slowly(lambda: self._inner.traverse(traversal))
        for _ in range(4):  # to carry it over takes longer than to read an epoch
            await self._pause()
        return found

    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        return await self._slowly(lambda: self._inner.get(ids, edges, facets=facets))

    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        return await self._slowly(lambda: self._inner.find_nodes(where, order, page))

    async def apply(self, changes: Changes) -> Epoch:
        return await self._slowly(lambda: self._inner.apply(changes))

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        return await self._slowly(lambda: self._inner.changes_since(epoch))

    async def scan(self, after: Cursor | None = None) -> ScanPage:
        return await self._inner.scan(after)

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        return await self._inner.scan_topology(after)

    async def ping(self) -> None:
        await self._inner.ping()


class Torn(Slow):
    """A backend without snapshots: it walks level by level, each read of a later moment than the one before, and asks for
    the edges last."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(self._inner.capabilities, snapshot_reads=False)

    async def traverse(self, traversal: Traversal) -> Subgraph:
        sides: dict[int, dict[str, int]] = {}
        if traversal.direction is not Direction.UPSTREAM:
            sides[DOWN] = await self._walk(traversal, Direction.DOWNSTREAM)
        if traversal.direction is not Direction.DOWNSTREAM:
            sides[UP] = await self._walk(traversal, Direction.UPSTREAM)
        least: dict[str, int] = {}
        for depths in sides.values():
            for node_id, depth in depths.items():
                least[node_id] = min(depth, least.get(node_id, depth))
        kept = sorted(least, key=lambda node_id: (least[node_id], node_id))[: traversal.max_nodes]
        await self._pause()
        last = await self._inner.traverse(replace(traversal, roots=dict.fromkeys(kept, 0), max_depth=0, max_nodes=MAX_NODES))
        ids = list(last.ids)
        reached = [
            UP | DOWN if node_id in traversal.roots else sum(way for way, depths in sides.items() if node_id in depths)
            for node_id in ids
        ]
        return replace(
            last,
            depths=np.array([least[node_id] for node_id in ids], np.int32),
            reached=np.array(reached, np.uint8),
            truncated=len(kept) < len(least),
        )

    async def _walk(self, traversal: Traversal, direction: Direction) -> dict[str, int]:
        roots = await self._inner.traverse(replace(traversal, direction=direction, max_depth=0, max_nodes=MAX_NODES))
        found = dict(zip(roots.ids, roots.depths.tolist(), strict=True))
        depth = min(found.values(), default=0)
        while any(at >= depth for at in found.values()):
            if traversal.max_depth is not None and depth >= traversal.max_depth:
                break
            await self._pause()
            level = {node_id: depth for node_id, at in found.items() if at == depth}
            step = replace(traversal, roots=level, direction=direction, max_depth=depth + 1, max_nodes=MAX_NODES)
            subgraph = await self._inner.traverse(step)
            for node_id, at in zip(subgraph.ids, subgraph.depths.tolist(), strict=True):
                if found.get(node_id, at + 1) > at:
                    found[node_id] = at
            depth += 1
        return found


class Shared(MemoryStore):
    """A byte store that several replicas share, as they share Redis."""

    @property
    def is_shared(self) -> bool:
        return True
