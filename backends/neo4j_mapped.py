"""Lineage in a graph that somebody else keeps in Neo4j, read by a mapping file and never written to.

The graph is read whole, by one statement a label and one a type of relationship, into an embedded store in a temporary
folder, which answers. A call that finds the last reading older than the mapping's `refresh` reads again first, and writes
what differs; so epochs, the log and cached answers are what they are everywhere. The watermark is the time the last
reading began: what was in the graph then, and was not changed while it was read, is in the answer.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from backends.base import LineageBackend
from backends.changes import Changes, Cursor, LogPage, NodeFilter, NodePage, Order, Page, ScanPage, TopologyPage
from backends.errors import Rejected, Unavailable
from backends.model import Capabilities, EdgeKey, Epoch, Records, Subgraph, Traversal
from backends.neo4j_driver import Bolt, Record
from backends.neo4j_mapped_read import Graph, Reading, compile_label, compile_relationship, difference
from backends.neo4j_mapping import GraphMapping
from backends.neo4j_settings import Settings
from backends.neo4j_statement import Statement
from backends.registry import open_backend
from backends.shared import Shared

ALIVE: Final = Statement("RETURN 1 AS alive")
PATIENCE: Final = 600
"""Seconds that the write of a first reading may take."""


class MappedBackend(LineageBackend):
    """A graph of others as lineage. `reads` counts the readings."""

    def __init__(self, settings: Settings, mapping: GraphMapping) -> None:
        self._mapping = mapping
        self.bolt = Bolt(settings)
        self.reads = 0
        self._folder: TemporaryDirectory[str] | None = None
        self._mirror: LineageBackend | None = None
        self._known = Graph()
        self._began = float("-inf")
        self._refresh = Shared(self._reread)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(name="neo4j (mapped)")

    async def __aenter__(self) -> Self:
        self.bolt.open()
        try:
            self._folder = TemporaryDirectory(prefix="headwater-mapped-", ignore_cleanup_errors=True)
            place = quote(str(Path(self._folder.name, "mirror.db")))
            self._mirror = await open_backend(f"sqlite:///{place}?timeout={PATIENCE}").__aenter__()
            await self._current()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        mirror, self._mirror = self._mirror, None
        folder, self._folder = self._folder, None
        try:
            if mirror is not None:
                await mirror.__aexit__(None, None, None)
            if folder is not None:
                await asyncio.to_thread(folder.cleanup)
        finally:
            await self.bolt.close()

    # Reading their graph

    async def _current(self) -> LineageBackend:
        """The mirror, of a reading that is young enough."""
        if not self._is_fresh(time.monotonic()):
            await self._refresh()
        if self._mirror is None:
            raise Unavailable("the store is closed")
        return self._mirror

    def _is_fresh(self, now: float) -> bool:
        return now - self._began < self._mapping.refresh

    async def _reread(self) -> None:
        began, at = time.monotonic(), time.time_ns() // 1000
        if self._mirror is None or self._is_fresh(began):
            return
        found = await self._read()
        await self._mirror.apply(difference(self._known, found, at))
        self._known, self._began = found, began
        self.reads += 1

    async def _read(self) -> Graph:
        reading = Reading(self._mapping)
        for label in self._mapping.labels:
            record = await self._record(compile_label(label, reading.left("nodes")))
            await asyncio.to_thread(reading.take_label, label, record["nodes"])
        for relationship in self._mapping.relationships:
            record = await self._record(compile_relationship(relationship, reading.left("edges")))
            await asyncio.to_thread(reading.take_relationship, relationship, record["edges"])
        return await asyncio.to_thread(reading.graph)

    async def _record(self, statement: Statement) -> Record:
        record = await self.bolt.run(statement)
        assert record is not None, "a statement that only collects has a record"
        return record

    # Answering

    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        return await (await self._current()).get(ids, edges, facets=facets)

    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        return await (await self._current()).find_nodes(where, order, page)

    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await (await self._current()).traverse(traversal)

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        return await (await self._current()).changes_since(epoch)

    async def scan(self, after: Cursor | None = None) -> ScanPage:
        return await (await self._current()).scan(after)

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        return await (await self._current()).scan_topology(after)

    def names(self, numbers: NDArray[np.int64]) -> Sequence[str] | None:
        return None if self._mirror is None else self._mirror.names(numbers)

    async def apply(self, changes: Changes) -> Epoch:
        raise Rejected("this graph is read through a mapping file; lineage cannot be written to it")

    async def ping(self) -> None:
        await self.bolt.run(ALIVE)


def open_mapped(settings: Settings, path: Path) -> MappedBackend:
    """Raises `Misconfigured` for a file that is no mapping."""
    return MappedBackend(settings, GraphMapping.read(path))
