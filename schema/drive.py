"""Runs tasks that ask, and asks for all of them at once.

A task is a generator: it yields an `Ask` and is sent what was got. All tasks run until each waits; what they ask together
is one `get`, one call for each different traversal and each list, at the same time. Rows that are merely shown are noted
(`Reader.need`) and read in one `get` when no task is left. So the number of calls does not depend on how many entities,
levels or fields there are.
"""

import asyncio
from collections.abc import Coroutine, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backends.changes import LogOp, LogRow, NodeFilter, NodePage, Order, Page
from backends.errors import BackendError
from backends.ids import job_of
from backends.model import Direction, EdgeKey, EdgeKind, Epoch, Subgraph, Traversal
from schema.context import Context
from schema.errors import too_costly
from schema.pins import KeptView
from schema.seen import Store
from schema.selection import FieldKey
from schema.together import Wanted, traversals_for


@dataclass(slots=True)
class Ask:
    """Ids to read, parts of the graph to traverse, lists to read. `facets` for rows with their facets."""

    look: set[str] = field(default_factory=set)
    facets: bool = False
    wanted: list[Wanted] = field(default_factory=list)
    lists: list[tuple[NodeFilter, Order, Page]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.look or self.wanted or self.lists)


@dataclass(slots=True)
class Got:
    """What was asked for, in the order asked. Rows that were looked up are in the store."""

    subgraphs: list[Subgraph]
    pages: list[NodePage]


Task: TypeAlias = Generator[Ask, Got, None]


class Again(Exception):
    """What was read does not fit together, because the graph changed meanwhile: begin anew."""


class Reader:
    """Reads for one request. `values` has what each root field came to: its value, or the exception, `subgraphs` what was
    traversed for them. `is_last`: no further attempt follows, so what changed meanwhile is taken as it is."""

    def __init__(self, context: Context, *, watermark: bool, is_last: bool) -> None:
        self.costs = context.costs
        self.is_last = is_last
        self.store = Store(context.backend.capabilities.name)
        self.values: dict[FieldKey, Any] = {}
        self.shown = 0
        self._context = context
        self._backend = context.backend
        self._watermark = watermark
        self._rows: dict[str, bool] = {}
        self._edges: dict[EdgeKey, None] = {}
        self._folded = 0
        self._ready: list[tuple[FieldKey, Task, Got | BackendError | None]] = []
        self._afterwards: list[tuple[FieldKey, Task]] = []
        self.subgraphs: list[tuple[Traversal, Subgraph]] = []

    def spawn(self, root: FieldKey, task: Task) -> None:
        """Runs a task as a part of a root field."""
        self._ready.append((root, task, None))

    def afterwards(self, root: FieldKey, task: Task) -> None:
        """Runs a task once everything that is shown was read."""
        self._afterwards.append((root, task))

    def need(self, ids: Iterable[str], *, facets: bool = False) -> None:
        """These rows are shown: they are read at the end, unless they were already. With an operation comes its job, whose
        type is its own unless it has one, and the edge between them, which knows when it was seen."""
        for node_id in ids:
            self._rows[node_id] = self._rows.get(node_id, False) or facets
            if node_id.startswith("operation:") and (job := job_of(node_id)) is not None:
                self._rows.setdefault(job, False)
                self.need_edge(EdgeKey(job, EdgeKind.HAS_OPERATION, node_id))

    def need_edge(self, key: EdgeKey | None) -> None:
        """The evidence of this edge is shown."""
        if key is not None:
            self._edges[key] = None

    def views(self) -> Sequence[KeptView]:
        """The impact views there are. They come of no call of the backend, so the answer is not to be given again."""
        self._context.is_replayable = False
        return self._context.views.listed() if self._context.views is not None else ()

    def work(self, amount: int) -> None:
        """Counts nodes and edges that are looked at in memory. Raises TOO_COSTLY past the bound."""
        self._folded += amount
        if self._folded > self.costs.max_folded:
            raise too_costly("this query asks for the lineage of too many entities at once; ask lineage(...) for the graph")

    def show(self, amount: int) -> None:
        """Counts entities that the answer shows. Raises TOO_COSTLY past the bound."""
        self.shown += amount
        if self.shown > self.costs.max_shown:
            raise too_costly(f"this query shows more than {self.costs.max_shown:,} entities; ask for smaller pages")

    async def run(self) -> None:
        """Runs all tasks to their end and reads what is shown."""
        while True:
            waiting = self._advance()
            if waiting:
                got = await self._answer([(root, ask) for root, _, ask in waiting])
                self._ready = [(root, task, each) for (root, task, _), each in zip(waiting, got, strict=True)]
            elif self._unread(self._rows) or self._unread_edges():
                await self._look(self._unread(self._rows), self._unread_edges())
            elif self._afterwards:
                self._ready = [(root, task, None) for root, task in self._afterwards]
                self._afterwards = []
            else:
                break
        await self._agree()

    def _advance(self) -> list[tuple[FieldKey, Task, Ask]]:
        """Runs every task until it asks or ends. What one raises is the value of its root field."""
        waiting: list[tuple[FieldKey, Task, Ask]] = []
        while self._ready:
            root, task, got = self._ready.pop(0)
            if isinstance(got, BackendError):
                self.values[root] = got
            if isinstance(self.values.get(root), Exception):
                task.close()
                continue
            assert not isinstance(got, BackendError)
            try:
                ask = next(task) if got is None else task.send(got)
            except StopIteration:
                continue
            except Again:
                raise
            except Exception as error:
                self.values[root] = error
                continue
            waiting.append((root, task, ask))
        return waiting

    async def _answer(self, waiting: list[tuple[FieldKey, Ask]]) -> list[Got | BackendError]:
        """What each asked for; a call that fails fails those who asked for it."""
        if self._watermark:
            # read before any traversal begins: whatever was said until then is in the answer
            self._watermark = False
            self.store.watermark = (await self._backend.changes_since(None)).watermark
        traversals: dict[object, Traversal] = {}
        answers: dict[FieldKey, list[object]] = {}
        for root in dict.fromkeys(root for root, _ in waiting):
            # together within a root field: another field's answer is cut, cached and failed by itself
            wanted = [want for each, ask in waiting if each == root for want in ask.wanted]
            made, numbers = traversals_for(wanted, self.costs.max_nodes)
            traversals |= {_key(traversal): traversal for traversal in made}
            answers[root] = [_key(made[number]) for number in numbers]
        lists = [each for _, ask in waiting for each in ask.lists]
        looks = {node_id: False for _, ask in waiting for node_id in ask.look}
        looks |= {node_id: True for _, ask in waiting if ask.facets for node_id in ask.look}
        calls: list[Coroutine[Any, Any, Any]] = [self._backend.traverse(traversal) for traversal in traversals.values()]
        calls += [self._backend.find_nodes(*each) for each in lists]
        if unread := self._unread(looks):
            calls.append(self._look(unread, []))
        results = await _together(calls)
        subgraphs = dict(zip(traversals, results, strict=False))
        self.subgraphs += [
            (traversals[key], subgraph) for key, subgraph in subgraphs.items() if not isinstance(subgraph, BackendError)
        ]
        pages = iter(results[len(traversals) :])
        looked = results[-1] if unread else None
        keys = {root: iter(each) for root, each in answers.items()}
        got: list[Got | BackendError] = []
        for root, ask in waiting:
            found = [subgraphs[next(keys[root])] for _ in ask.wanted]
            listed = [next(pages) for _ in ask.lists]
            failed = [each for each in (*found, *listed, looked if ask.look else None) if isinstance(each, BackendError)]
            got.append(failed[0] if failed else Got(found, [self._kept(page) for page in listed]))
        return got

    def _kept(self, page: NodePage) -> NodePage:
        for node in page.nodes:
            if node.id not in self.store.nodes:
                self.store.keep(node.id, node, facets=False)
        return page

    def _unread(self, rows: dict[str, bool]) -> dict[str, bool]:
        nodes, faceted = self.store.nodes, self.store.faceted
        return {each: facets for each, facets in rows.items() if each not in (faceted if facets else nodes)}

    def _unread_edges(self) -> list[EdgeKey]:
        return [key for key in self._edges if key not in self.store.edges]

    async def _look(self, rows: dict[str, bool], edges: list[EdgeKey]) -> None:
        facets = any(rows.values())
        if facets and len(rows) > self.costs.max_faceted:
            raise too_costly(f"facets are wide: at most {self.costs.max_faceted:,} entities are read together with them")
        records = await self._backend.get(list(rows), edges, facets=facets)
        for node_id, node in zip(rows, records.nodes, strict=True):
            self.store.keep(node_id, node, facets=facets)
        self.store.edges.update(zip(edges, records.edges, strict=True))

    async def _agree(self) -> None:
        """All traversals are of one epoch, or nothing that changed between theirs and the last touches them. Where a
        traversal may see parts of what is written meanwhile, nothing may have touched it until now. Raises `Again`."""
        if not self.subgraphs:
            return
        last = max((subgraph.epoch for _, subgraph in self.subgraphs), key=lambda epoch: epoch.seq)
        self.store.epoch = last
        torn = not self._backend.capabilities.snapshot_reads
        asked: dict[Epoch, list[tuple[Traversal, Subgraph]]] = {}
        for traversal, subgraph in self.subgraphs:
            if torn or subgraph.epoch != last:
                asked.setdefault(subgraph.epoch, []).append((traversal, subgraph))
        for epoch, traversals in asked.items():
            page = await self._backend.changes_since(epoch)
            rows = [row for row in page.rows if torn or row.seq <= last.seq]
            if (
                not page.known
                or page.more
                or any(touches(rows, traversal, subgraph.numbers) for traversal, subgraph in traversals)
            ):
                raise Again


def _key(traversal: Traversal) -> object:
    return (frozenset(traversal.roots.items()), traversal.direction, traversal.max_depth, traversal.edge_kinds)


def touches(rows: Iterable[LogRow], traversal: Traversal, visited: NDArray[np.int64]) -> bool:
    """Whether any of these changes alters what the traversal reached: it begins (upstream: ends) at a node it visited."""
    return bool(np.isin(touching(rows, traversal.direction, traversal.edge_kinds), visited).any())


def touching(rows: Iterable[LogRow], direction: Direction, edge_kinds: frozenset[EdgeKind]) -> NDArray[np.int64]:
    """The numbers of the nodes where these changes alter what a traversal finds that follows these edges that way."""
    followed = {kind.code for kind in edge_kinds}
    ends: list[int] = []
    for row in rows:
        if row.op in (LogOp.NODE_CAME, LogOp.NODE_WENT):
            ends.append(row.source)
        elif row.code in followed:
            ends += [row.source] if direction is not Direction.UPSTREAM else []
            ends += [row.target] if direction is not Direction.DOWNSTREAM else []
    return np.array(ends, np.int64)


async def _together(calls: list[Coroutine[Any, Any, Any]]) -> list[Any]:
    """The results of all calls, made at the same time; in place of one that failed what the backend raised."""
    if not calls:
        await asyncio.sleep(0)  # a task that only wants others to have their turn
    if len(calls) > 1:
        results = await asyncio.gather(*calls, return_exceptions=True)
    else:
        results = [await _caught(call) for call in calls]
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, BackendError):
            raise result
    return list(results)


async def _caught(call: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await call
    except BackendError as error:
        return error
