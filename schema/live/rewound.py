"""The graph as it was at an epoch: as it is now, with what the log says since taken back.

An edge that the log names since stood then if the first row about it says that it went, and did not if it came; all others
are as they were. So a traversal of then is found in a traversal of now from the same roots and from what could be reached
then and cannot be now, which are the far ends of edges that went; and the rest is a walk in memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backends.base import LineageBackend
from backends.changes import LogOp, LogPage, LogRow
from backends.ids import Kind, kind_of, make_id, namespace_of
from backends.model import DOWN, UP, Capabilities, Direction, Epoch, Subgraph, Traversal
from backends.wrapper import Wrapper
from schema.adjacency import Adjacency, search
from schema.errors import ApiError, Code
from schema.view import rows_of

Arc: TypeAlias = tuple[int, int, int]
"""Number of the source, code of the kind, number of the target."""
ROUNDS: Final = 32
"""Traversals for one: each may find that more was within reach then."""


def gone(why: str) -> ApiError:
    """It cannot be told what came and went since an epoch."""
    return ApiError(Code.GONE, f"{why}; read lineage anew and go on from its answer.epoch", field="since")


class Log:
    """What the log says since an epoch: of each edge and node that it names whether it stood then, and of nodes whether they
    stand now. At most `most` rows."""

    def __init__(self, backend: LineageBackend, since: Epoch, most: int) -> None:
        self._backend, self._most = backend, most
        self.since = self.at = since
        self.stood: dict[Arc, bool] = {}
        """Of edges: those announced and not known to be done count too, as they may be seen already or still."""
        self.nodes: dict[int, tuple[str, bool]] = {}
        """Of nodes by number: the id, and whether it stood then."""
        self.numbers: dict[str, int] = {}
        self.standing: dict[int, bool] = {}

    async def read_on(self) -> None:
        """To the end of the log. Raises GONE, `BackendError`."""
        while True:
            page = await self._backend.changes_since(self.at)
            if not page.known:
                raise gone("this epoch is none of this graph, or older than its log reaches")
            self._note(page.rows)
            self.at = page.epoch
            if self.at.seq - self.since.seq > self._most:
                raise gone(f"more than {self._most:,} changes came since")
            if not page.more:
                self._note(page.open, done=False)
                return

    def _note(self, rows: Iterable[LogRow], *, done: bool = True) -> None:
        for row in rows:
            went = row.op in (LogOp.NODE_WENT, LogOp.EDGE_WENT)
            if row.op >= LogOp.EDGE_CAME:
                self.stood.setdefault((row.source, row.code, row.target), went)
            elif row.id is not None:
                self.nodes.setdefault(row.source, (row.id, went))
                self.numbers[row.id] = row.source
                if done:
                    self.standing[row.source] = not went


class Rewound(Wrapper):
    """Traverses the graph as it was at `since`. Rows are looked up as they are now."""

    def __init__(self, inner: LineageBackend, since: Epoch, most: int) -> None:
        super().__init__(inner)
        self._log = Log(inner, since, most)

    @property
    def capabilities(self) -> Capabilities:
        return replace(self._inner.capabilities, snapshot_reads=True)

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        return LogPage(self._log.since)

    async def check(self, ids: Iterable[str]) -> None:
        """Raises GONE where one of these nodes, which stand now, did not then."""
        await self._log.read_on()
        for node_id in ids:
            number = self._log.numbers.get(node_id)
            if number is not None and not self._log.nodes[number][1]:
                raise gone(f"{node_id} is newer than that")

    async def traverse(self, traversal: Traversal) -> Subgraph:
        roots = dict(traversal.roots)
        for _ in range(ROUNDS):
            subgraph = await self._inner.traverse(replace(traversal, roots=roots))
            await self._log.read_on()  # after it, so that whatever it saw is in the log or announced
            if subgraph.truncated:
                raise gone("more was within reach than this service looks at in one traversal")
            then = _Then(subgraph, traversal, self._log)
            missing = {await self._name(number, then): depth for number, depth in then.left(roots).items()}
            if not missing:
                return then.subgraph()
            roots |= {node_id: min(depth, roots.get(node_id, depth)) for node_id, depth in missing.items()}
        raise gone("too much was within reach then that is not now")

    async def _name(self, number: int, then: "_Then") -> str:
        row = then.row_of[number]
        if row < len(then.ids):
            return then.ids[row]
        if number in self._log.nodes:
            return self._log.nodes[number][0]
        wanted = np.array([number], np.int64)
        names = self._inner.names(wanted)
        if names is None:
            # Where answers come from a cache, what has the names may be behind the log: a question that nobody has asked
            # makes it read on.
            nobody = make_id(Kind.ASSET, "headwater", f"nobody {self._log.at} {number}")
            await self._inner.traverse(Traversal({nobody: 0}, Direction.DOWNSTREAM, 0))
            names = self._inner.names(wanted)
        if names is None:
            raise gone("the names of what is no longer within reach are not at hand")
        return names[0]


class _Edges(NamedTuple):
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    codes: NDArray[np.uint8]


class _Then:
    """The edges of then among the rows of a traversal of now and the nodes that these edges name beside, and how far each
    row is from the roots."""

    def __init__(self, subgraph: Subgraph, traversal: Traversal, log: Log) -> None:
        self._now, self._traversal, self._log = subgraph, traversal, log
        self.ids: Sequence[str] = subgraph.ids
        self._numbers: list[int] = subgraph.numbers.tolist()
        self.row_of = {number: row for row, number in enumerate(self._numbers)}
        kept, added = self._edges_then()
        more = {number for arc in added for number in (arc[0], arc[2])} | self._roots_beside()
        for number in sorted(more - self.row_of.keys()):
            self.row_of[number] = len(self._numbers)
            self._numbers.append(number)
        self._added = added
        self._edges = _Edges(
            np.concatenate([subgraph.sources[kept], np.array([self.row_of[arc[0]] for arc in added], np.int64)]),
            np.concatenate([subgraph.targets[kept], np.array([self.row_of[arc[2]] for arc in added], np.int64)]),
            np.concatenate([subgraph.edge_kinds[kept], np.array([arc[1] for arc in added], np.uint8)]),
        )
        self._starts = self._begin()
        self._up = self._found(UP, Direction.DOWNSTREAM, self._edges.targets, self._edges.sources)
        self._down = self._found(DOWN, Direction.UPSTREAM, self._edges.sources, self._edges.targets)

    def _edges_then(self) -> tuple[NDArray[np.bool_], list[Arc]]:
        """Which edges of now stood then, and those of then that are not there now."""
        now, codes = self._now, {kind.code for kind in self._traversal.edge_kinds}
        named = {arc: stood for arc, stood in self._log.stood.items() if arc[1] in codes}
        ends = np.array([(arc[0], arc[2]) for arc in named], np.int64).reshape(-1, 2)
        sources, targets = now.numbers[now.sources], now.numbers[now.targets]
        kept = np.ones(len(sources), np.bool_)
        seen: set[Arc] = set()
        for at in np.flatnonzero(np.isin(sources, ends[:, 0]) & np.isin(targets, ends[:, 1])).tolist():
            arc = (int(sources[at]), int(now.edge_kinds[at]), int(targets[at]))
            seen.add(arc)
            kept[at] = named.get(arc, True)
        return kept, sorted(arc for arc, stood in named.items() if stood and arc not in seen)

    def _roots_beside(self) -> set[int]:
        """Roots that stood then and do not now."""
        here = rows_of(self._now, self._traversal.roots)
        numbers = {
            self._log.numbers[each] for each in self._traversal.roots if each not in here and each in self._log.numbers
        }
        return {number for number in numbers if self._log.nodes[number][1]}

    def _begin(self) -> dict[int, int]:
        """The rows of the roots that stood then, with their starting depths."""
        starts: dict[int, int] = {}
        here = rows_of(self._now, self._traversal.roots)
        for node_id, depth in self._traversal.roots.items():
            number = self._log.numbers.get(node_id)
            if number is not None and not self._log.nodes[number][1]:
                continue
            row = here.get(node_id, self.row_of.get(number) if number is not None else None)
            if row is not None:
                starts[row] = depth
        return starts

    def _found(self, way: int, unless: Direction, ends: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int32]:
        """The least depth of each row that way; negative where it was not reached."""
        size, traversal = len(self._numbers), self._traversal
        if traversal.direction is unless:
            depths = np.full(size, -1, np.int32)
            for row, depth in self._starts.items():
                depths[row] = depth
            return depths
        shown = np.ones(size, np.bool_)
        return search(Adjacency(size, ends, others), self._starts, shown, depth=traversal.max_depth)

    def left(self, roots: Mapping[str, int]) -> dict[int, int]:
        """What must be traversed from as well: number -> depth. Those are the far ends of edges that are gone, as far as
        they stand now and nothing was traversed from them so early."""
        found: dict[int, int] = {}
        for source, _, target in self._added:
            for depths, far in ((self._down, target), (self._up, source)):
                near = source if far == target else target
                depth = int(depths[self.row_of[far]])
                if depth < 0 or depths[self.row_of[near]] < 0 or not self._log.standing.get(far, True):
                    continue
                row = self.row_of[far]
                known = roots.get(self.ids[row]) if row < len(self.ids) else None
                if known is None or known > depth:
                    found[far] = min(depth, found.get(far, depth))
        return found

    def subgraph(self) -> Subgraph:
        """The traversal of then."""
        now, size = self._now, len(self._now)
        up, down = self._up >= 0, self._down >= 0
        rows = np.flatnonzero(up | down)
        place = np.full(len(self._numbers), -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        beside = [self._log.nodes[self._numbers[row]][0] for row in rows[rows >= size].tolist()]
        here = rows[rows < size]
        spaces = {name: number for number, name in enumerate(now.namespace_names)}
        others = [spaces.setdefault(namespace_of(each), len(spaces)) for each in beside]
        sources, targets = place[self._edges.sources], place[self._edges.targets]
        among = (sources >= 0) & (targets >= 0)
        depths = np.minimum(self._up.view(np.uint32), self._down.view(np.uint32)).view(np.int32)
        ids = list(self.ids)
        return Subgraph(
            epoch=self._log.since,
            numbers=np.array(self._numbers, np.int64)[rows],
            kinds=np.concatenate([now.kinds[here], np.array([kind_of(each).code for each in beside], np.uint8)]),
            depths=depths[rows],
            reached=(up[rows] * np.uint8(UP) | down[rows] * np.uint8(DOWN)).astype(np.uint8),
            namespaces=np.concatenate([now.namespaces[here], np.array(others, np.int32)]),
            namespace_names=tuple(spaces),
            ids=[ids[row] for row in here.tolist()] + beside,
            sources=sources[among],
            targets=targets[among],
            edge_kinds=self._edges.codes[among],
        )
