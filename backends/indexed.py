"""A backend around a backend: the inner one keeps the rows, the whole topology is kept in memory and does the traversing.

Each traversal first reads the log up to an epoch read after it began, then walks at exactly that epoch. Rows are taken on
the event loop between two walks; a walk that is too long for the loop goes on in a thread over a pinned index, and the
next row goes to a copy of it. So neither waits for the other. Attributes are never asked of the index.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from backends import index_file
from backends.base import LineageBackend
from backends.changes import (
    Cursor,
    LogPage,
    Topology,
)
from backends.errors import Unavailable, Unsupported
from backends.index import Base, Ids, Index
from backends.index_build import compacted, from_scan
from backends.index_walk import Walk
from backends.model import Capabilities, Subgraph, Traversal
from backends.ticker import Ticker
from backends.wrapper import Wrapper

T = TypeVar("T")

INLINE: Final = 40_000
"""Nodes and edges a walk looks at on the event loop, some 3 ms of work; then a thread takes turns with the loop."""
ROWS: Final = 1_000
"""Log rows taken on the event loop at a time, some 3 ms of work; more go to a thread."""
STALE: Final = 20_000
SHARE: Final = 50
"""Compaction begins after so many log rows, or after one for each 50 edges, whichever is more."""
UNSAVED: Final = 2_000
"""Log rows that are worth a new snapshot when closing."""
PAUSE: Final = 30.0
"""Seconds after a compaction that failed."""
TICK: Final = 1.0
"""Seconds between two looks at the log when nobody asks, so that the first question does not pay for all writes before."""

log = logging.getLogger(__name__)


class IndexedBackend(Wrapper):
    """Traverses in memory. `snapshot` is where the index is kept between runs; None keeps it nowhere."""

    def __init__(self, inner: LineageBackend, snapshot: Path | None = None) -> None:
        super().__init__(inner)
        self._snapshot = snapshot
        self._index: Index | None = None
        self._lock = asyncio.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._ticker = Ticker(self._current, TICK, "index.behind")
        self._compaction: asyncio.Task[None] | None = None
        self._unsaved = 0
        self._not_before = 0.0

    @property
    def capabilities(self) -> Capabilities:
        return replace(self._inner.capabilities, max_depth=None, snapshot_reads=True, history=False)

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        try:
            self._pool = ThreadPoolExecutor(2, "index")
            base = await self._in_thread(index_file.load, self._snapshot) if self._snapshot is not None else None
            if base is not None and (await self._inner.changes_since(base.epoch)).known:
                self._index = Index(base)
            await self._current()
            self._ticker.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        try:
            await self._ticker.stop()
            if self._compaction is not None:
                await self._compaction
            if self._index is not None and self._snapshot is not None and self._unsaved >= UNSAVED:
                await self._compact()
        finally:
            self._index = self._compaction = None
            if self._pool is not None:
                pool, self._pool = self._pool, None
                await asyncio.to_thread(pool.shutdown)
            await self._inner.__aexit__(None, None, None)

    async def _in_thread(self, run: Callable[..., T], *args: object) -> T:
        if self._pool is None:
            raise Unavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, run, *args)

    # Traversing

    async def traverse(self, traversal: Traversal) -> Subgraph:
        if traversal.as_of is not None:
            raise Unsupported("this backend keeps no history")
        index = await self._current()
        # No await from here until the walk is done or the index pinned: this is what holds the epoch.
        walk = Walk(index, traversal)
        if walk.run(INLINE):
            return walk.subgraph()
        if self._pool is None:
            raise Unavailable("the store is closed")
        index.pins += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, _finish, walk)

        def unpin(done: asyncio.Future[Subgraph]) -> None:
            index.pins -= 1
            done.exception()  # looked at, since perhaps nobody waits any more

        future.add_done_callback(unpin)
        return await asyncio.shield(future)  # cancelled or not, the thread reads on and the pin must hold

    # Following the log

    async def _current(self) -> Index:
        """The index at an epoch read after the call."""
        async with self._lock:
            while True:
                index = self._index
                page = await self._inner.changes_since(None if index is None else index.epoch)
                if index is None or not page.known:
                    self._index = await self._rebuilt()
                    continue
                self._index = await self._with(index, page)
                if not page.more:
                    break
        self._begin_compaction()
        return self._index

    async def _with(self, index: Index, page: LogPage) -> Index:
        """The index with a page of the log. It is the same object, or a copy where someone else is reading it."""
        if not page.rows:
            return index
        self._unsaved += len(page.rows)
        if len(page.rows) > ROWS:
            # On a copy, so that a caller who is cancelled here leaves nothing half done.
            return await self._in_thread(_copy_with, index, page)
        if index.pins:
            index = index.fork()
        index.apply(page.rows, page.epoch)
        return index

    async def _rebuilt(self) -> Index:
        """From a scan. What is written meanwhile is in it or not; the log since the epoch before it says so again."""
        epoch = (await self._inner.changes_since(None)).epoch
        parts: list[Topology] = []
        after: Cursor | None = None
        while True:
            page = await self._inner.scan_topology(after)
            parts.append(page.topology)
            after = page.next
            if after is None:
                break
        base = await self._in_thread(from_scan, parts, epoch)
        self._unsaved = base.count + len(base.out.other)
        log.info("index.rebuilt", extra={"nodes": base.count, "edges": len(base.out.other)})
        return Index(base)

    # Compaction

    def _begin_compaction(self) -> None:
        index = self._index
        if index is None or (self._compaction is not None and not self._compaction.done()):
            return
        unsaved = self._snapshot is not None and index.ops == 0 and self._unsaved >= UNSAVED
        stale = index.ops >= max(STALE, len(index.base.out.other) // SHARE)
        if (unsaved or stale) and asyncio.get_running_loop().time() >= self._not_before:
            self._compaction = asyncio.create_task(self._compact())

    async def _compact(self) -> None:
        """In the background: what fails here is tried again later, and answers stay exact without it."""
        try:
            await self._swap_base()
        except Exception as error:
            self._not_before = asyncio.get_running_loop().time() + PAUSE
            log.warning("index.not_compacted", extra={"error": type(error).__name__})

    async def _swap_base(self) -> None:
        """A new base in a thread, the snapshot of it, and then the rows that came meanwhile."""
        index = self._index
        if index is None:
            return
        index.pins += 1
        try:
            base = await self._in_thread(compacted, index)
            saved = await self._in_thread(_saved, base, self._snapshot)
        finally:
            index.pins -= 1
        made = Index(saved or base)
        async with self._lock:
            more = True
            while more:
                page = await self._inner.changes_since(made.epoch)
                if not page.known:
                    return  # whoever asks next sees that too, and makes a new index
                made, more = await self._with(made, page), page.more
            self._index = made
            if saved is not None:
                self._unsaved = made.ops

    def names(self, numbers: NDArray[np.int64]) -> Sequence[str] | None:
        if self._index is None:
            return None
        found = Ids(self._index, numbers)
        return found if found.are_known else None


def _copy_with(index: Index, page: LogPage) -> Index:
    made = index.fork()
    made.apply(page.rows, page.epoch)
    return made


def _finish(walk: Walk) -> Subgraph:
    walk.run()
    return walk.subgraph()


def _saved(base: Base, path: Path | None) -> Base | None:
    """The base as it is mapped from its snapshot, which frees the memory it was made in; None where it is not kept."""
    if path is None:
        return None
    index_file.save(path, base)
    mapped = index_file.load(path)
    # Another process may have put its own snapshot there since.
    return mapped if mapped is not None and mapped.epoch == base.epoch else base
