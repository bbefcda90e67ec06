"""Lineage in a Neo4j database, as a person expects to find it there; see neo4j_graph.py for how it lies.

Neo4j reads committed data only, and while a commit is applied a statement may see a part of it. `traverse` still answers
as of one moment (`snapshot_reads`). Where the bookmark after its statement is the one before it, nothing was committed
meanwhile, and nothing more is asked (neo4j_driver.py). Else the log is asked what came since the newest epoch that was known
to be applied whole before it began. Where a row touches a node that was visited, the statement runs again; under a storm
of writes it runs with the write lock held. A change has its row at a node that was visited, or the answer does not depend on
it (facts: nodes kept are nearer than nodes cut, so those cut hang on those kept).
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from backends import neo4j_schema as schema
from backends.base import LineageBackend, Resynced
from backends.changes import (
    Changes,
    Cursor,
    LogOp,
    LogPage,
    LogRow,
    NodeFilter,
    NodePage,
    Order,
    Page,
    ScanPage,
    TopologyPage,
)
from backends.errors import Misconfigured, Unavailable, Unsupported
from backends.indexed import IndexedBackend
from backends.model import Capabilities, Direction, EdgeKey, Epoch, Records, Subgraph, Traversal
from backends.neo4j_commit import Committer
from backends.neo4j_driver import Bolt, Record, Refused, Watch
from backends.neo4j_find import compile_find, decode_find
from backends.neo4j_mapped import open_mapped
from backends.neo4j_read import EPOCH, LOCK, Got, compile_get, compile_log, decode_log
from backends.neo4j_resync import resync
from backends.neo4j_scan import BOUND, compile_scan, compile_topology, decode_scan, decode_topology, first_page
from backends.neo4j_settings import Settings
from backends.neo4j_statement import Statement
from backends.neo4j_traverse import MANY_ROOTS, Found, compile_traversal, compile_wide, decode, subgraph
from backends.neo4j_walk import walk

ATTEMPTS: Final = 4
"""How often a traversal runs beside writes that touch it, before it takes the write lock; how often rules are made."""
REREAD: Final = 8
"""How often the log is read again where rows are missing that its epoch counts."""
Run = Callable[[Statement], Awaitable[Record | None]]


def open_neo4j(url: str) -> LineageBackend:
    """The store behind a `neo4j:` or `bolt:` URL, with an index in memory by `?index=on`; or, by `?mapping=`,
    a graph of others (neo4j_mapped.py). Raises `Misconfigured`."""
    settings = Settings.parse(url)
    if settings.mapping is not None:
        return open_mapped(settings, settings.mapping)
    store = Neo4jBackend(settings)
    if not settings.index:
        return store
    if settings.snapshots is None:
        return IndexedBackend(store)
    if not settings.snapshots.is_dir():
        raise Misconfigured("snapshots is no folder")
    place = blake2b(f"{settings.url} {settings.database}".encode(), digest_size=8).hexdigest()
    return IndexedBackend(store, settings.snapshots / f"neo4j-{place}-index")


class Neo4jBackend(LineageBackend):
    """Lineage in one Neo4j database, 5.26 or later, any edition."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.bolt = Bolt(settings)
        self._committer: Committer | None = None
        self._applied = schema.GENESIS
        """The newest epoch that is known to be applied whole: nobody reads a part of what led to it any more."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(name="neo4j")

    async def __aenter__(self) -> Self:
        self.bolt.open()
        try:
            await self._prepare()
            self._applied = (await self.changes_since(None)).epoch
            said = self._settings
            self._committer = Committer(self.bolt, self._settle, queue=said.queue, timeout=said.timeout, keep=said.keep)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        committer, self._committer = self._committer, None
        try:
            if committer is not None:
                await committer.close()
        finally:
            await self.bolt.close()

    async def _prepare(self) -> None:
        """Constraints and indexes where they are missing, and the epoch node."""
        for _ in range(ATTEMPTS):
            made = schema.missing((await self._record(schema.list_rules()))["names"])
            if not made:
                break
            for statement in made:
                with suppress(Refused):  # of services that start together one is the first, whatever IF NOT EXISTS says
                    await self.bolt.run(statement)
            await self.bolt.run(schema.await_rules())
        else:
            raise Misconfigured("Neo4j refuses a constraint or an index that is needed: see docs/neo4j.md for the rights")
        if (await self._record(schema.begin()))["format"] != schema.FORMAT:
            raise Misconfigured("the Neo4j database was written by another version of Headwater; this one cannot read it")

    async def _record(self, statement: Statement, run: Run | None = None) -> Record:
        record = await (run or self.bolt.run)(statement)
        if record is None:
            raise Unavailable("the Neo4j store has lost its epoch: see docs/neo4j.md, `headwater resync`")
        return record

    # Epochs

    def _settle(self, epoch: Epoch) -> None:
        if epoch.seq > self._applied.seq:
            self._applied = epoch

    async def _await_applied(self, epoch: Epoch) -> None:
        """Returns once all that led to an epoch is applied: any statement after the one that read it waits for that."""
        if epoch.seq > self._applied.seq:
            await self._record(EPOCH)
            self._settle(epoch)

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        if epoch is None:
            record = await self._record(EPOCH)
            page = LogPage(Epoch(*record["at"]), watermark=record["watermark"], revision=record["revision"])
        else:
            page = await self._page(epoch)
        await self._await_applied(page.epoch)
        return page

    async def _page(self, epoch: Epoch) -> LogPage:
        for _ in range(REREAD):
            record = await self._record(compile_log(epoch.seq))
            page = decode_log(record, epoch)
            if page is not None:
                return page
        # rows were deleted by hand
        at, watermark, revision = Epoch(*record["at"]), record["watermark"], record["revision"]
        return LogPage(at, known=False, watermark=watermark, revision=revision)

    # Reading

    async def ping(self) -> None:
        await self._record(EPOCH)

    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        got = Got(await self._record(compile_get(ids, edges, facets=facets)), edges, facets=facets)
        if meant := {node_id for node_id in got.meant.values() if node_id not in got.nodes}:
            more = Got(await self._record(compile_get(sorted(meant), (), facets=facets)), (), facets=facets)
            got.nodes |= more.nodes
        nodes = (got.nodes.get(got.meant.get(name, name)) for name in ids)
        return Records(tuple(nodes), tuple(got.edges.get(place) for place in range(len(edges))))

    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        return decode_find(await self._record(compile_find(where, order, page)), where, order, page)

    async def scan(self, after: Cursor | None = None) -> ScanPage:
        after = await self._after(after)
        return decode_scan(await self._record(compile_scan(after)), after)

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        after = await self._after(after)
        return decode_topology(await self._record(compile_topology(after)), after)

    async def _after(self, after: Cursor | None) -> Cursor:
        """Where a page of a scan begins. One read by the same statement as its end may lack nodes of before that end."""
        return first_page(await self._record(BOUND)) if after is None else after

    # Traversing

    async def traverse(self, traversal: Traversal) -> Subgraph:
        if traversal.as_of is not None:
            raise Unsupported("this backend keeps no history")
        for _ in range(ATTEMPTS):
            watch, applied = Watch(self.bolt), self._applied
            found, visited = await self._found(traversal, watch.run)
            if watch.is_one_moment:
                self._settle(found.at)
                return subgraph(found, traversal.direction, found.at)
            since = min(applied, found.at)
            page = await self._page(since)
            if not page.known:  # another history: a backup was put in place of the store
                self._applied = page.epoch
                continue
            self._settle(found.at)
            if not page.more and not _disturbed(page.rows, visited, traversal):
                return subgraph(found, traversal.direction, found.at)
        async with self.bolt.transaction() as run:
            await run(LOCK)
            found, _ = await self._found(traversal, run)
        return subgraph(found, traversal.direction, found.at)

    async def _found(self, traversal: Traversal, run: Run) -> tuple[Found, np.ndarray[Any, np.dtype[np.int64]]]:
        """What the traversal finds, and the numbers of the nodes it depends on."""
        if len(traversal.roots) <= MANY_ROOTS:
            found = decode(await self._record(compile_traversal(traversal), run), traversal)
            if not (found.cut and traversal.direction is Direction.BOTH):
                if found.wide:
                    found = found.with_wide(await self._record(compile_wide(traversal, found), run))
                return found, found.numbers
        return await walk(traversal, run)

    # Writing

    async def apply(self, changes: Changes) -> Epoch:
        if self._committer is None:
            raise Unavailable("the store is closed")
        return await self._committer.apply(changes)

    async def resync(self) -> Resynced:
        async with self.bolt.transaction() as run:
            return await resync(run)


def _disturbed(rows: Iterable[LogRow], visited: np.ndarray[Any, np.dtype[np.int64]], traversal: Traversal) -> bool:
    """Whether a change touches what a traversal visited, or one of its roots."""
    rows = list(rows)
    if not rows:
        return False
    numbers = set(visited.tolist())
    followed = {kind.code for kind in traversal.edge_kinds}
    for row in rows:
        if row.op in (LogOp.NODE_CAME, LogOp.NODE_WENT):
            if row.id in traversal.roots or row.source in numbers:
                return True
        elif row.code in followed and (row.source in numbers or row.target in numbers):
            return True
    return False
