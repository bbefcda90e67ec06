"""Lineage in a Gremlin store: JanusGraph, or a plain TinkerPop server.

Scripts run on the server, so that each call is one or two requests whatever the graph (docs/decisions/gremlin.md).
Writes go through one writer a process, turn after turn (gremlin_commit.py). A read that overlaps a write is answered as
before it or as after it: it sees what is announced, and is read again where that touches it.
"""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from backends.base import LineageBackend
from backends.changes import Changes, Cursor, LogPage, NodeFilter, NodePage, Order, Page, ScanPage, TopologyPage
from backends.errors import Unsupported
from backends.gremlin_commit import Committer
from backends.gremlin_find import find_nodes
from backends.gremlin_log import changes_since
from backends.gremlin_read import get, look
from backends.gremlin_scan import scan, scan_topology
from backends.gremlin_settings import Settings
from backends.gremlin_store import Store
from backends.gremlin_traversals import asked, is_torn, subgraph
from backends.gremlin_wire import Hook
from backends.indexed import IndexedBackend
from backends.model import Capabilities, EdgeKey, Epoch, Records, Subgraph, Traversal


def open_gremlin(url: str) -> LineageBackend:
    """The store behind a `gremlin:` or `gremlins:` URL, with an index around it by `?index=on`. Raises `Misconfigured`."""
    settings = Settings.parse(url)
    store = GremlinBackend(settings)
    if not settings.index:
        return store
    snapshot = settings.snapshot
    return IndexedBackend(store, None if snapshot is None else snapshot / "gremlin-index")


class GremlinBackend(LineageBackend):
    """`hook` is called with the name and the seconds of each request."""

    def __init__(self, settings: Settings, hook: Hook | None = None) -> None:
        self._settings = settings
        self._store = Store(settings, hook)
        self._committer = Committer(self._store)
        self._seq = 0

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(name=self._settings.dialect.value)

    async def __aenter__(self) -> Self:
        try:
            await self._store.open()
        except BaseException:
            await self._store.close()
            raise
        self._committer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._committer.stop()
        await self._store.close()

    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        return await self._store.whole(lambda: get(self._store, ids, edges, facets=facets))

    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        return await self._store.whole(lambda: find_nodes(self._store, where, order, page))

    async def traverse(self, traversal: Traversal) -> Subgraph:
        if traversal.as_of is not None:
            raise Unsupported("this backend keeps no history")
        until = time.monotonic() + self._settings.timeout
        attempt = 0
        while True:
            question = asked(traversal, self._seq)
            reply = await self._store.read("walk", question, question["log"])
            self._seq = reply.after.known.epoch.seq
            if not is_torn(traversal.roots, reply):
                return subgraph(reply.before.known.epoch, reply.parts)
            await self._store.wait(reply.after, attempt, until)
            attempt += 1

    async def apply(self, changes: Changes) -> Epoch:
        return await self._committer.apply(changes)

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        return await changes_since(self._store, epoch)

    async def scan(self, after: Cursor | None = None) -> ScanPage:
        return await scan(self._store, after)

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        return await scan_topology(self._store, after)

    async def ping(self) -> None:
        await look(self._store)
