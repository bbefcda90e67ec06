"""Pictures of lineage, and how two of them differ. A picture is what `lineage` answers to the same question, cut nowhere."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backends.base import LineageBackend
from backends.changes import LogRow
from backends.ids import Kind
from backends.model import Direction, EdgeKind, Epoch
from schema.adjacency import distinct
from schema.context import Context, Costs
from schema.drive import Reader, Task, touching
from schema.errors import ApiError, Code, bad_input, too_costly
from schema.flat import graph_of, standing_in, steps_of
from schema.gather import read_whole
from schema.joins import Step
from schema.plan import column_layer
from schema.roots import known

Ends: TypeAlias = tuple[str, str, int]
"""What an edge of a picture is known by: source, target, and the code of its kind, or FOLDED."""
_DRAWN: Final = ("drawn",)


class Unsettled(Exception):
    """The graph changed while it was read, again and again."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is followed: as the arguments of `lineage`, with the ids of nodes in place of names."""

    of: tuple[str, ...]
    direction: Direction = Direction.BOTH
    depth: int | None = None
    kinds: frozenset[Kind] | None = None
    edge_kinds: frozenset[EdgeKind] | None = None


class Visited(NamedTuple):
    """The nodes that a traversal visited, ascending by number, and which edges it followed."""

    direction: Direction
    edge_kinds: frozenset[EdgeKind]
    numbers: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """The answer at one epoch: its nodes, its edges with what lies between, what is shown for others, and what was visited
    to find it."""

    epoch: Epoch
    nodes: frozenset[str]
    edges: dict[Ends, tuple[tuple[str, ...], int]]
    members: dict[str, tuple[str, ...]]
    visited: tuple[Visited, ...]

    @property
    def size(self) -> int:
        """Nodes and edges."""
        return len(self.nodes) + len(self.edges)


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """What came and went until `epoch`. An edge that was there and lies through other things now went and came."""

    epoch: Epoch
    nodes_added: tuple[str, ...] = ()
    nodes_removed: tuple[str, ...] = ()
    edges_added: tuple[Step, ...] = ()
    edges_removed: tuple[Step, ...] = ()
    members: dict[str, tuple[str, ...]] | None = None
    """What nodes stand for at the epoch, where it is not themselves alone."""

    def at(self, epoch: Epoch) -> "Delta":
        """The same, where nothing more came or went until then."""
        return replace(self, epoch=epoch)

    @property
    def size(self) -> int:
        """Nodes and edges."""
        return len(self.nodes_added) + len(self.nodes_removed) + len(self.edges_added) + len(self.edges_removed)


def delta_of(before: Picture, after: Picture) -> Delta:
    """How one picture became the other; in order of ids."""
    return Delta(
        after.epoch,
        tuple(sorted(after.nodes - before.nodes)),
        tuple(sorted(before.nodes - after.nodes)),
        tuple(_steps_beyond(after, before)),
        tuple(_steps_beyond(before, after)),
        after.members,
    )


def _steps_beyond(one: Picture, other: Picture) -> Iterator[Step]:
    """The edges of one picture that the other has not, or not so."""
    for ends in sorted(ends for ends, through in one.edges.items() if other.edges.get(ends) != through):
        yield Step(*ends, *one.edges[ends])


class Changes:
    """Rows of the log, looked at for many pictures."""

    def __init__(self, rows: Iterable[LogRow]) -> None:
        self._rows = tuple(rows)
        self._ends: dict[object, NDArray[np.int64]] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def after(self, epoch: Epoch) -> "Changes":
        """Those that came after an epoch."""
        if not self._rows or self._rows[0].seq > epoch.seq:
            return self
        return Changes(row for row in self._rows if row.seq > epoch.seq)

    def touch(self, picture: Picture) -> bool:
        """Whether the picture may be another after them: they begin (upstream: end) at a node that was visited. What was
        asked about is always one of these."""
        return bool(self._rows) and any(self._meet(each) for each in picture.visited)

    def _meet(self, visited: Visited) -> bool:
        key = (visited.direction, visited.edge_kinds)
        ends = self._ends.get(key)
        if ends is None:
            ends = self._ends[key] = distinct(touching(self._rows, *key))
        numbers = visited.numbers
        if not len(ends) or not len(numbers):
            return False
        at = np.searchsorted(numbers, ends).clip(max=len(numbers) - 1)
        return bool((numbers[at] == ends).any())


async def drawn(backend: LineageBackend, costs: Costs, question: Question, most: int) -> Picture:
    """The picture of now, or of the moment that the backend speaks of. Raises NOT_FOUND where what was asked about is gone,
    TOO_COSTLY past `most` nodes and edges, `Unsettled`, `BackendError`, TimeoutError."""
    made: list[Picture] = []
    reader = await read_whole(
        Context(backend, costs=costs),
        lambda reader: reader.spawn(_DRAWN, _draw(reader, question, most, made)),
        watermark=False,
    )
    error = reader.values.get(_DRAWN)
    if isinstance(error, Exception):
        raise error
    if not made or reader.store.epochs_differ or reader.store.epoch is None:
        raise Unsettled
    picture = made[0]
    visited = (
        Visited(traversal.direction, traversal.edge_kinds, np.sort(subgraph.numbers))
        for traversal, subgraph in reader.subgraphs
    )
    return Picture(reader.store.epoch, picture.nodes, picture.edges, picture.members, tuple(visited))


def _draw(reader: Reader, question: Question, most: int, made: list[Picture]) -> Task:
    """What `lineage` does, but nothing is cut: where something would be, that is an error."""
    roots = yield from known(reader, question.of, "of")
    for node in roots:
        if node.kind is Kind.RUN:
            raise bad_input("runs are records and change without the graph: follow the job, or the datasets", field="of")
        if node.id not in question.of:
            raise ApiError(
                Code.GONE, f"what was asked about is another name of {node.id} now; read lineage anew", field="of"
            )
    direction, depth, kinds, edge_kinds = question.direction, question.depth, question.kinds, question.edge_kinds
    columns = column_layer(kinds, edge_kinds)
    graph = yield from graph_of(reader, roots, direction, depth, kinds, edge_kinds, columns=columns)
    if len(graph.begin) < len({start for node in roots for start in graph.starts.of[node.id]}):
        raise Unsettled  # what was asked about went while it was read
    shown = graph.shown(direction, depth)
    beyond = graph.subgraph.truncated or len(graph.subgraph) > most
    folded = shown.first(None) if not beyond else None
    if folded is None or folded.edges_truncated or len(folded) + len(folded.sources) > most:
        raise too_costly(f"more is within reach than one subscription follows, {most:,} nodes and edges; ask for less depth")
    steps = steps_of(folded)
    ends = zip(steps.sources, steps.targets, steps.kinds, strict=True)
    through = zip(steps.via, steps.via_counts, strict=True)
    made.append(
        Picture(
            Epoch(0, 0),
            frozenset(folded.ids),
            dict(zip(ends, through, strict=True)),
            standing_in(folded),
            (),
        )
    )
