"""Reading the topology log as an index or a cache reads it: row by row, believing nothing."""

from typing import NamedTuple, Self

from backends.base import LineageBackend
from backends.changes import LogOp, LogPage, LogRow
from backends.ids import KINDS, kind_of
from backends.model import EDGE_KINDS, EdgeKey, Epoch
from backends.rows import chain
from backends.testing.reading import ENDLESS, Topology, epoch_of


class Came(NamedTuple):
    """A log row in ids instead of numbers, so that those of two stores can be compared."""

    op: LogOp
    what: str | EdgeKey


async def read_log(backend: LineageBackend, after: Epoch) -> list[LogPage]:
    """All pages of the log after an epoch."""
    pages: list[LogPage] = []
    for _ in range(ENDLESS):
        page = await backend.changes_since(after)
        assert page.known, f"{after} is of this history"
        assert page.rows or not page.more, "more rows are promised, but there is none to go on from"
        pages.append(page)
        if not page.more:
            return pages
        after = page.epoch
    raise AssertionError("the log does not end")


class Follower:
    """The topology as the log tells it. `take` raises AssertionError where a row cannot follow those before it:

    a node comes once until it goes, under one number for ever; an edge comes and goes between standing ends, so a node
    goes after its edges; seq grows by one and the chain hash covers every row.
    """

    def __init__(self, epoch: Epoch) -> None:
        self.epoch = epoch
        self.epochs = [epoch]
        self.ids: dict[int, str] = {}
        self.nodes: set[int] = set()
        self.edges: set[tuple[int, int, int]] = set()

    @classmethod
    async def of(cls, backend: LineageBackend) -> Self:
        """A follower that starts where the backend, still empty, is."""
        return cls(await epoch_of(backend))

    async def follow(self, backend: LineageBackend) -> list[Came]:
        """Takes all that is new in the log."""
        new: list[Came] = []
        for page in await read_log(backend, self.epoch):
            new += [self.take(row) for row in page.rows]
            assert page.epoch == self.epoch, "the epoch of a page is that of its last row"
        return new

    def take(self, row: LogRow) -> Came:
        """One more row."""
        assert row.seq == self.epoch.seq + 1, "no seq is left out or given twice"
        self.epoch = Epoch(row.seq, chain(self.epoch.chain, row[1:]))
        self.epochs.append(self.epoch)
        if row.op in (LogOp.NODE_CAME, LogOp.NODE_WENT):
            return self._node(row)
        return self._edge(row)

    def _node(self, row: LogRow) -> Came:
        assert row.id is not None, "a node's row says its id"
        assert KINDS[row.code] is kind_of(row.id)
        assert not KINDS[row.code].is_record, "records are no topology"
        assert self.ids.setdefault(row.source, row.id) == row.id, f"number {row.source} was {self.ids[row.source]}"
        if row.op is LogOp.NODE_CAME:
            assert row.source not in self.nodes, f"{row.id} came, and stands already"
            assert list(self.ids.values()).count(row.id) == 1, f"{row.id} came under a second number"
            self.nodes.add(row.source)
        else:
            assert row.source in self.nodes, f"{row.id} went, and does not stand"
            assert not any(row.source in (source, target) for source, _, target in self.edges), "its edges go first"
            self.nodes.remove(row.source)
        return Came(LogOp(row.op), row.id)

    def _edge(self, row: LogRow) -> Came:
        kind, edge = EDGE_KINDS[row.code], (row.source, row.code, row.target)
        assert not kind.is_hidden, f"{kind} is no topology"
        assert row.source in self.nodes, "the source of an edge comes first and stays"
        assert row.target in self.nodes, "the target of an edge comes first and stays"
        key = self._key(edge)
        if row.op is LogOp.EDGE_CAME:
            assert edge not in self.edges, f"{key} came, and stands already"
            self.edges.add(edge)
        else:
            assert edge in self.edges, f"{key} went, and does not stand"
            self.edges.remove(edge)
        return Came(LogOp(row.op), key)

    def _key(self, edge: tuple[int, int, int]) -> EdgeKey:
        source, kind, target = edge
        return EdgeKey(self.ids[source], EDGE_KINDS[kind], self.ids[target])

    @property
    def topology(self) -> Topology:
        """What stands at `epoch`."""
        return Topology({number: self.ids[number] for number in self.nodes}, {self._key(edge) for edge in self.edges})


def sorted_rows(rows: list[Came]) -> list[str]:
    """The rows without their order: within one write it is each backend's own."""
    return sorted(f"{row.op.name} {row.what}" for row in rows)
