"""A backend around a backend, which adds to what the inner one does and is otherwise that one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backends.base import LineageBackend, Resynced
from backends.changes import Changes, Cursor, LogPage, NodeFilter, NodePage, Order, Page, ScanPage, TopologyPage
from backends.model import Capabilities, EdgeKey, Epoch, Records, Subgraph, Traversal


class Wrapper(LineageBackend):
    """Asks `inner` whatever it is asked."""

    def __init__(self, inner: LineageBackend) -> None:
        self._inner = inner

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    def names(self, numbers: NDArray[np.int64]) -> Sequence[str] | None:
        return self._inner.names(numbers)

    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        return await self._inner.get(ids, edges, facets=facets)

    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        return await self._inner.find_nodes(where, order, page)

    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await self._inner.traverse(traversal)

    async def apply(self, changes: Changes) -> Epoch:
        return await self._inner.apply(changes)

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        return await self._inner.changes_since(epoch)

    async def scan(self, after: Cursor | None = None) -> ScanPage:
        return await self._inner.scan(after)

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        return await self._inner.scan_topology(after)

    async def ping(self) -> None:
        await self._inner.ping()

    async def resync(self) -> Resynced:
        return await self._inner.resync()
