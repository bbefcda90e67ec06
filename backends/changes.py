"""What is written, what is listed, and the topology log.

A write is a set of statements, not of commands: stamped attributes merge by time, edges stand while anyone states them,
so the same change twice equals once and most writers never meet. What must be decided from what was read is protected
by `expect` (versions) and `resolved` (names).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backends.errors import Rejected
from backends.ids import Kind, kind_of
from backends.model import Direction, EdgeKey, EdgeKind, Epoch, Json, Node, Stamped

Cursor: TypeAlias = tuple[int | str, ...]
"""Where a page ended; opaque to callers, printable as JSON."""


@dataclass(frozen=True, slots=True)
class NodeChange:
    """Something said of a node that is no record; the node is made if it is new.

    `attributes` replace what was said earlier under the same key (`Stamped.beats`). `seen` widens (first, last).
    `deleted_at` hides the node until it is seen later than that. `withdrawn` True hides it until someone says False.
    `alias_of` makes the id another name of that node, `""` makes it a node of its own again; None leaves each as it is.
    """

    id: str
    attributes: Mapping[str, Stamped] = field(default_factory=dict)
    seen: tuple[int, int] | None = None
    deleted_at: int | None = None
    withdrawn: bool | None = None
    alias_of: str | None = None

    def __post_init__(self) -> None:
        if kind_of(self.id).is_record:
            raise Rejected(f"{self.id} is a record, not a node")


@dataclass(frozen=True, slots=True)
class EdgeChange:
    """Who states an edge, and who no longer does. The edge stands while at least one tally does and both ends stand.

    A tally is the id of a TALLY record that counts the runs behind the statement, or any other text without one. `put`
    maps tallies to the facts they state, all optional: `origin`, `confidence`, `transformations` (a list), and where
    there is no record `runs`, `first`, `last`, `last_run`.
    """

    key: EdgeKey
    put: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.key.check()


@dataclass(frozen=True, slots=True)
class RecordChange:
    """The new content of a record, whole; None removes it. Records are listed by the `groups` they are in, greatest
    `rank` first. Tallies hold `runs`, `completed`, `first`, `last`, `last_run`."""

    id: str
    value: Mapping[str, Json] | None
    groups: tuple[str, ...] = ()
    rank: int = 0

    def __post_init__(self) -> None:
        if not kind_of(self.id).is_record:
            raise Rejected(f"{self.id} is a node, not a record")


class Resolution(NamedTuple):
    """What a name stood for when it was read."""

    id: str
    deleted_at: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """One atomic write: all of it or nothing. `at` is the wall clock, kept as the time of retractions.

    `expect` maps ids of nodes and records to the version they must still have (0: unknown so far); `resolved` maps names
    to what they must still stand for. Where one no longer holds, `apply` raises `Conflict` and nothing is written.
    `watermark` is the time of the event behind the write; the store keeps the greatest.
    """

    at: int
    nodes: tuple[NodeChange, ...] = ()
    edges: tuple[EdgeChange, ...] = ()
    records: tuple[RecordChange, ...] = ()
    expect: Mapping[str, int] = field(default_factory=dict)
    resolved: Mapping[str, Resolution] = field(default_factory=dict)
    watermark: int | None = None

    def __bool__(self) -> bool:
        return bool(self.nodes or self.edges or self.records)


class Order(StrEnum):
    """RELEVANCE: best match of `text` first. ID: by id. NEWEST: records by rank, greatest first, ties by id."""

    RELEVANCE = "RELEVANCE"
    ID = "ID"
    NEWEST = "NEWEST"


class Adjacent(NamedTuple):
    """Nodes one edge away: DOWNSTREAM are the targets of `id`'s edges of that kind, UPSTREAM the sources."""

    id: str
    edge_kind: EdgeKind
    direction: Direction


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """Which nodes to list: all conditions must hold. Without `group` standing nodes, with it records of that group.

    `text` matches as `backends.text.rank` says; `tags` must all be there.
    """

    text: str | None = None
    kinds: frozenset[Kind] | None = None
    namespace: str | None = None
    tags: frozenset[str] = frozenset()
    adjacent: Adjacent | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """`first` rows after a cursor. `total` asks for the number of all rows as well."""

    first: int
    after: Cursor | None = None
    total: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.first <= 1000:
            raise ValueError("a page has 1 to 1,000 rows")


@dataclass(frozen=True, slots=True)
class NodePage:
    """`cursors` has the cursor of each node; `more` says whether rows follow."""

    nodes: tuple[Node, ...]
    cursors: tuple[Cursor, ...]
    more: bool
    total: int | None = None


class LogOp(IntEnum):
    NODE_CAME = 1
    NODE_WENT = 2
    EDGE_CAME = 3
    EDGE_WENT = 4


class LogRow(NamedTuple):
    """One topology change. Of a node: `code` is its kind's, `source` its number, `id` its id. Of an edge: `code` is its
    kind's, `source` and `target` are node numbers."""

    seq: int
    op: LogOp
    code: int
    source: int
    target: int
    id: str | None = None


@dataclass(frozen=True, slots=True)
class LogPage:
    """The log after an epoch: `rows` in order, `epoch` where they end, `more` if others follow.

    `known` is False where the epoch is not of this history or older than the log reaches: start anew from a scan.
    `watermark` is the time of the newest event included. `open` are changes that were announced and are not known to be
    done, of a store without transactions across rows: an answer that visited an end of one is not to be kept.

    `revision` is drawn anew by each write that changed anything: where it is equal nothing at all was written in between,
    and a store that was restored and written to again never says what it said before. What is read after it is as new as
    it at least. None: the store cannot tell, or was never written to.
    """

    epoch: Epoch
    rows: tuple[LogRow, ...] = ()
    more: bool = False
    known: bool = True
    watermark: int | None = None
    open: tuple[LogRow, ...] = ()
    revision: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Topology:
    """A part of the topology as columns: standing nodes (number, kind code, id) and edges (source, kind code, target)."""

    numbers: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    ids: tuple[str, ...]
    sources: NDArray[np.int64]
    edge_kinds: NDArray[np.uint8]
    targets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ScanPage:
    """One page of everything. `changes` applied to an empty store, page by page, make the same graph. `next` None: done."""

    changes: Changes
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class TopologyPage:
    """One page of the topology alone; what an index is built from."""

    topology: Topology
    next: Cursor | None
