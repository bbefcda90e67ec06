"""The durable store of the embedded default: one SQLite file, no server.

Several processes may open one file: one writes at a time, all read what is committed. An acknowledged write is on disk.
Inside `IndexedBackend`, which traverses in memory, it is what `sqlite:///headwater.db` opens; alone with `?index=off`.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, local
from types import TracebackType
from typing import Concatenate, Final, ParamSpec, Self, TypeVar

import apsw

from backends import sqlite_find, sqlite_read, sqlite_walk
from backends.base import LineageBackend
from backends.changes import Changes, Cursor, LogPage, NodeFilter, NodePage, Order, Page, ScanPage, TopologyPage
from backends.errors import TimedOut, Unavailable
from backends.indexed import IndexedBackend
from backends.model import Capabilities, EdgeKey, Epoch, Records, Subgraph, Traversal
from backends.sqlite_commit import Committer
from backends.sqlite_rows import epoch_now
from backends.sqlite_schema import connect, prepare, translated
from backends.sqlite_settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
Reading = Callable[Concatenate[apsw.Connection, P], T]

READERS: Final = 4
"""Threads that read, each with a connection of its own."""
SMALL: Final = 64
"""Ids and edges read on the event loop: past this a read may take more than a millisecond or two."""
BEHIND: Final = 256
"""Log rows read on the event loop."""
CACHE_MIB: Final = 16
"""Page cache of a reading connection, beside that of the operating system."""


def open_sqlite(url: str) -> LineageBackend:
    """The store behind a `sqlite:` URL with its index, or without by `?index=off`. Raises `Misconfigured`."""
    settings = Settings.parse(url)
    store = SqliteBackend(settings)
    if not settings.index:
        return store
    return IndexedBackend(store, settings.path.with_name(settings.path.name + "-index"))


class SqliteBackend(LineageBackend):
    """Lineage in one SQLite file. Small reads run on the event loop, others in threads, writes in one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._committer = Committer(settings)
        self._near: apsw.Connection | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._threads = local()
        self._connections: list[apsw.Connection] = []

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(name="sqlite")

    async def __aenter__(self) -> Self:
        path, timeout = self._settings.path, self._settings.timeout
        try:
            await asyncio.to_thread(prepare, path, timeout=timeout)
            await self._committer.start()
            # The event loop does not wait for a lock: what would have to goes to a thread (see _read_near).
            self._near = self._connect(0)
            self._pool = ThreadPoolExecutor(READERS, "sqlite-reader")
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        pool, self._pool, self._near = self._pool, None, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown)
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        await self._committer.stop()  # last, so that its connection folds the log of writes into the file

    def _connect(self, timeout: float) -> apsw.Connection:
        with translated(self._settings.path):
            connection = connect(self._settings.path, timeout=timeout, cache_mib=CACHE_MIB)
            connection.pragma("query_only", 1)
        self._connections.append(connection)
        return connection

    # Where a read runs

    def _run(self, connection: apsw.Connection, read: Reading[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """At one moment of the store."""
        connection.execute("BEGIN")
        try:
            return read(connection, *args, **kwargs)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    async def _glance(self, read: Reading[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """For one small statement, which sees one moment by itself."""
        if self._near is None:
            raise Unavailable("the store is closed")
        try:
            with translated(self._settings.path):
                return read(self._near, *args, **kwargs)
        except TimedOut:
            return await self._read(read, *args, **kwargs)

    async def _read_near(self, read: Reading[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """For reads of a millisecond or less: here and now, without the cost of a thread."""
        if self._near is None:
            raise Unavailable("the store is closed")
        try:
            with translated(self._settings.path):
                return self._run(self._near, read, *args, **kwargs)
        except TimedOut:
            return await self._read(read, *args, **kwargs)

    async def _read(self, read: Reading[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """In a thread. A read that takes too long, or that nobody waits for any more, is stopped."""
        if self._pool is None:
            raise Unavailable("the store is closed")
        loop = asyncio.get_running_loop()
        reading: list[apsw.Connection] = []
        stopping = Lock()  # so that never the next read of the same thread is stopped

        def run() -> T:
            with translated(self._settings.path):
                connection = self._own()
                reading.append(connection)
                try:
                    return self._run(connection, read, *args, **kwargs)
                finally:
                    with stopping:
                        reading.clear()

        def stop() -> None:
            with stopping:
                for connection in reading:
                    connection.interrupt()
            if not submitted.done():  # it may have been between two statements, where an interrupt is lost
                loop.call_later(0.05, stop)

        submitted = self._pool.submit(run)
        future = asyncio.wrap_future(submitted)
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await asyncio.shield(future)
        except (TimeoutError, asyncio.CancelledError) as error:
            future.cancel()
            stop()
            if isinstance(error, TimeoutError):
                raise TimedOut("the read took too long and was stopped") from error
            raise

    def _own(self) -> apsw.Connection:
        """The connection of this thread."""
        connection: apsw.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = self._threads.connection = self._connect(self._settings.timeout)
        return connection

    # The contract

    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        small = len(ids) + len(edges) <= (SMALL // 8 if facets else SMALL)
        read = self._read_near if small else self._read
        return await read(sqlite_read.get, ids, edges, facets=facets)

    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        small = where.group is not None and page.first <= SMALL // 4 and not page.total and order is not Order.ID
        read = self._read_near if small else self._read
        return await read(sqlite_find.find_nodes, where, order, page)

    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await self._read(sqlite_walk.traverse, traversal)

    async def apply(self, changes: Changes) -> Epoch:
        return await self._committer.apply(changes)

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        end = await self._glance(sqlite_read.end_of_log)
        if epoch is None or epoch == end.epoch:
            return end
        if end.epoch.seq - epoch.seq > BEHIND:
            return await self._read(sqlite_read.log_since, epoch, end)
        return await self._glance(sqlite_read.log_since, epoch, end)

    async def scan(self, after: Cursor | None = None) -> ScanPage:
        return await self._read(sqlite_read.scan, after)

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        return await self._read(sqlite_read.scan_topology, after)

    async def ping(self) -> None:
        await self._glance(epoch_now)
