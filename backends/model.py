"""The graph as callers see it: nodes, edges with their evidence, traversals and what they reach.

Values are frozen and check themselves. Times are whole microseconds since 1970 in UTC, everywhere.
"""

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backends.errors import Rejected
from backends.ids import Kind, kind_of, namespace_of

Json: TypeAlias = Any
"""A JSON value: dict, list, str, int, float, bool or None."""

MAX_NODES = 200_000


def canonical(value: Json) -> str:
    """The one text of a JSON value: sorted keys, no spaces. Equal values have equal texts; ties are decided by it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Stamped(NamedTuple):
    """A value and when it was said. None as the value means: withdrawn then."""

    time: int
    value: Json

    def beats(self, other: "Stamped | None") -> bool:
        """The later one wins; of two at one time the greater canonical JSON. An equal one does not beat."""
        if other is None or self.time != other.time:
            return other is None or self.time > other.time
        # Not compared by ==: 1, 1.0 and True are equal to Python, and arrival would decide between them.
        return self.value is not other.value and canonical(self.value) > canonical(other.value)


class EdgeKind(StrEnum):
    """How two nodes are joined; always stored in the direction the data flows. PAIR and MENTIONS are ours, never shown:
    PAIR carries the evidence that data of one dataset reached another (a folded edge), MENTIONS joins a dataset to every
    column ever named of it."""

    INPUT_TO = "INPUT_TO"
    PRODUCES = "PRODUCES"
    USED_IN_TRAINING = "USED_IN_TRAINING"
    GENERATED = "GENERATED"
    DERIVES = "DERIVES"
    CONFIGURED_WITH = "CONFIGURED_WITH"
    EVALUATED_WITH = "EVALUATED_WITH"
    PERFORMED = "PERFORMED"
    HOSTED = "HOSTED"
    HAS_COLUMN = "HAS_COLUMN"
    HAS_OPERATION = "HAS_OPERATION"
    PAIR = "PAIR"
    MENTIONS = "MENTIONS"

    @property
    def code(self) -> int:
        """A small number for arrays and files; never renumbered."""
        return _EDGE_CODES[self]

    @property
    def is_hidden(self) -> bool:
        """Kept and looked up like an edge, but no part of the topology: not traversed, not logged."""
        return self in (EdgeKind.PAIR, EdgeKind.MENTIONS)


EDGE_KINDS: tuple[EdgeKind, ...] = tuple(EdgeKind)
_EDGE_CODES = {kind: code for code, kind in enumerate(EDGE_KINDS)}
FLOW = frozenset(EDGE_KINDS[:5])
CONTEXT = frozenset(EDGE_KINDS[5:11])

_DATA = frozenset({Kind.DATASET, Kind.ASSET})
_EVERY = frozenset(Kind)
ENDS: Mapping[EdgeKind, tuple[frozenset[Kind], frozenset[Kind]]] = {
    EdgeKind.INPUT_TO: (_DATA, frozenset({Kind.OPERATION})),
    EdgeKind.PRODUCES: (frozenset({Kind.OPERATION}), _DATA),
    EdgeKind.USED_IN_TRAINING: (_DATA, frozenset({Kind.MODEL})),
    EdgeKind.GENERATED: (frozenset({Kind.MODEL}), frozenset({Kind.PREDICTION})),
    EdgeKind.DERIVES: (frozenset({Kind.COLUMN}), frozenset({Kind.COLUMN})),
    EdgeKind.CONFIGURED_WITH: (frozenset({Kind.HYPERPARAMETERS}), frozenset({Kind.MODEL})),
    EdgeKind.EVALUATED_WITH: (frozenset({Kind.METRICS}), frozenset({Kind.MODEL})),
    EdgeKind.PERFORMED: (frozenset({Kind.USER}), frozenset({Kind.OPERATION})),
    EdgeKind.HOSTED: (frozenset({Kind.SYSTEM}), frozenset({Kind.OPERATION})),
    EdgeKind.HAS_COLUMN: (_DATA, frozenset({Kind.COLUMN})),
    EdgeKind.HAS_OPERATION: (frozenset({Kind.JOB}), frozenset({Kind.OPERATION})),
    EdgeKind.PAIR: (_DATA, _DATA),
    EdgeKind.MENTIONS: (_EVERY, _EVERY),
}
"""Which kinds an edge may join: (sources, targets). An Asset may stand where a Dataset stands, nothing else deviates."""


class EdgeKey(NamedTuple):
    """What an edge is known by; unique in a graph."""

    source: str
    kind: EdgeKind
    target: str

    def check(self) -> Self:
        """Raises `Rejected` where the kind may not join such ends."""
        sources, targets = ENDS[self.kind]
        for node_id, allowed, end in ((self.source, sources, "from"), (self.target, targets, "to")):
            kind = kind_of(node_id)
            if kind not in allowed or kind.is_record:
                wanted = " or ".join(sorted(k.value for k in allowed))
                raise Rejected(f"{self.kind} goes {end} {wanted}, not {end} {kind}")
        return self


class Direction(StrEnum):
    UPSTREAM = "UPSTREAM"
    DOWNSTREAM = "DOWNSTREAM"
    BOTH = "BOTH"


class Epoch(NamedTuple):
    """A position in the topology log and the chain hash there, so that another history is recognised."""

    seq: int
    chain: int

    def __str__(self) -> str:
        return f"{self.seq}-{self.chain:016x}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The epoch that `str` printed. Raises ValueError."""
        seq, _, chain = text.partition("-")
        if len(chain) != 16:
            raise ValueError("an epoch looks like 42-0123456789abcdef")
        return cls(int(seq), int(chain, 16))


@dataclass(frozen=True, slots=True)
class Traversal:
    """A question: what do these reach? `roots` maps ids to their starting depths; `max_depth` None is as far as it goes.

    1. Nodes: all within `max_depth` of a root, each with its least depth. A root that is unknown is absent.
    2. Edges: all of `edge_kinds` with both ends in the answer, those among the last level too.
    3. BOTH is upstream united with downstream, not an undirected walk.
    4. `edge_kinds` says which edges are followed.
    5. Past `max_nodes` the nearest stay, ties by id, and the answer says `truncated`.
    """

    roots: Mapping[str, int]
    direction: Direction
    max_depth: int | None = None
    edge_kinds: frozenset[EdgeKind] = FLOW
    max_nodes: int = MAX_NODES
    as_of: int | None = None

    def __post_init__(self) -> None:
        if self.max_depth is not None and self.max_depth < 0:
            raise ValueError("max_depth is 0 or more, or None")
        if self.max_nodes < 1:
            raise ValueError("max_nodes is 1 or more")
        if any(depth < 0 for depth in self.roots.values()):
            raise ValueError("a root starts at depth 0 or more")
        if any(kind.is_hidden for kind in self.edge_kinds):
            raise ValueError("PAIR and MENTIONS cannot be followed")


class ByRow(Protocol):
    """Ids by row, looked up one by one, or many at once by a method `at` that takes rows."""

    def __getitem__(self, row: int, /) -> str: ...


def ids_at(ids: ByRow, rows: NDArray[np.integer]) -> list[str]:
    """The ids of these rows (`Subgraph.ids`); many at once where they are decoded only when asked for."""
    at: Callable[[NDArray[np.integer]], list[str]] | None = getattr(ids, "at", None)
    return [ids[row] for row in rows.tolist()] if at is None else at(rows)


UP, DOWN = 1, 2
"""Bits of `Subgraph.reached`; a root has both."""


@dataclass(frozen=True, slots=True, eq=False)
class Subgraph:
    """What a traversal reached, as columns: one row a node, one row an edge, in no promised order.

    `numbers` are the backend's own dense node numbers, `kinds` and `edge_kinds` hold `code`s, `namespaces` index into
    `namespace_names`, `sources` and `targets` are rows of the node columns. `reached` has the bit UP where the node was
    found upstream of a root and DOWN where downstream. `cache` says how it was had: HIT, REPAIRED, MISS or BYPASS.
    """

    epoch: Epoch
    numbers: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    depths: NDArray[np.int32]
    reached: NDArray[np.uint8]
    namespaces: NDArray[np.int32]
    namespace_names: Sequence[str]
    ids: Sequence[str]
    sources: NDArray[np.int32]
    targets: NDArray[np.int32]
    edge_kinds: NDArray[np.uint8]
    truncated: bool = False
    cache: str = "BYPASS"
    notes: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)
    """What was told from these columns, for who is asked the same again. `dataclasses.replace` begins with none."""

    def __len__(self) -> int:
        return len(self.numbers)

    def retold(self, *, epoch: Epoch, ids: Sequence[str], cache: str) -> Self:
        """The same columns, and what was noted of them, as they are given at another time."""
        # Spelled out: `replace` takes three times as long, and this is a good part of what a hit costs.
        made = type(self)(
            epoch,
            self.numbers,
            self.kinds,
            self.depths,
            self.reached,
            self.namespaces,
            self.namespace_names,
            ids,
            self.sources,
            self.targets,
            self.edge_kinds,
            self.truncated,
            cache,
        )
        object.__setattr__(made, "notes", self.notes)
        return made

    @classmethod
    def build(
        cls,
        epoch: Epoch,
        nodes: Iterable[tuple[str, int, int, int]],
        edges: Iterable[EdgeKey],
        *,
        truncated: bool = False,
    ) -> Self:
        """From rows: nodes as (id, number, depth, reached) and edges among them; kinds and namespaces come from the ids."""
        rows = list(nodes)
        ids = tuple(row[0] for row in rows)
        row_of = {node_id: row for row, node_id in enumerate(ids)}
        names: dict[str, int] = {}
        namespaces = [names.setdefault(namespace_of(node_id), len(names)) for node_id in ids]
        keys = list(edges)
        return cls(
            epoch=epoch,
            numbers=np.array([row[1] for row in rows], np.int64),
            kinds=np.array([kind_of(node_id).code for node_id in ids], np.uint8),
            depths=np.array([row[2] for row in rows], np.int32),
            reached=np.array([row[3] for row in rows], np.uint8),
            namespaces=np.array(namespaces, np.int32),
            namespace_names=tuple(names),
            ids=ids,
            sources=np.array([row_of[key.source] for key in keys], np.int32),
            targets=np.array([row_of[key.target] for key in keys], np.int32),
            edge_kinds=np.array([key.kind.code for key in keys], np.uint8),
            truncated=truncated,
        )

    def edge_keys(self) -> list[EdgeKey]:
        """The edges in text; for tests and small answers."""
        ids = self.ids
        return [
            EdgeKey(ids[s], EDGE_KINDS[k], ids[t])
            for s, k, t in zip(self.sources, self.edge_kinds, self.targets, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why an edge is believed: who said it (`origin`: run event, job event, dataset event, client, inferred), how sure
    (1.0 where observed), when it was first and last seen, in how many runs, and which run was the last."""

    origin: str
    confidence: float
    first_seen: int | None
    last_seen: int | None
    runs: int
    last_run: str | None


@dataclass(frozen=True, slots=True)
class Node:
    """A node, or a record (run, state, picture, tally), as a backend returns it.

    `attributes` are the values in force: for a dataset with several names the latest of all names. `members` keeps them
    apart by name, with the time each was said; it has one entry unless names were joined. `version` counts the changes
    of a record, or of a node's attributes, names and standing: what `Changes.expect` refers to. A node that does not
    stand was withdrawn or deleted; it is kept for history and shown in no current answer. Facets (keys `facet:NAME`) are
    left out unless asked for.
    """

    id: str
    kind: Kind
    number: int
    version: int
    standing: bool
    attributes: Mapping[str, Json]
    first_seen: int | None = None
    last_seen: int | None = None
    deleted_at: int | None = None
    aliases: tuple[str, ...] = ()
    members: Mapping[str, Mapping[str, Stamped]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge as a backend returns it. `tallies` says who states it (see `EdgeChange`); without any it is withdrawn."""

    key: EdgeKey
    tallies: Mapping[str, Mapping[str, Json]]
    evidence: Evidence
    transformations: tuple[Mapping[str, Json], ...]
    retracted_at: int | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """The answer of `get`, in the order asked, None where unknown."""

    nodes: tuple[Node | None, ...]
    edges: tuple[Edge | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do. `name` is what an answer's `sources` say. `snapshot_reads`: a traversal sees one moment;
    without it the API checks again after."""

    name: str
    max_depth: int | None = None
    atomic_writes: bool = True
    snapshot_reads: bool = True
    history: bool = False
