"""Folding: from a subgraph to what a caller wants to see.

What is not shown is passed through, does not count as depth, and comes back on the edge as `via`.

    subgraph = await backend.traverse(Traversal(roots, direction, hops_needed(depth, hidden), ...))
    shown = show(subgraph, roots=roots, hidden=hidden, direction=direction, depth=depth)   # columns, no text
    summary(shown)                                                                         # exact counts of everything
    folded = shown.first(1000)                                                             # sorted, cut, with edges
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.ids import Kind
from backends.model import FLOW, Direction, EdgeKind, Subgraph

HIDDEN_BY_DEFAULT = frozenset({Kind.OPERATION, Kind.JOB, Kind.RUN, Kind.PREDICTION})
MAX_FOLDED_EDGES = 20_000
MAX_VIA = 20
FOLDED = 255
"""The `edge_kinds` code of an edge that folding joined from several."""


def hops_needed(
    depth: int | None,
    hidden: frozenset[Kind],
    *,
    edge_kinds: frozenset[EdgeKind] = FLOW,
    met: frozenset[Kind] = frozenset(Kind),
) -> int | None:
    """How many hops a traversal needs so that `depth` shown steps can be told exactly; None is as far as it goes.

    `met` are the kinds the traversal can meet: leave out ASSET where there are none; see `kinds_met`.
    """
    raise NotImplementedError


def kinds_met(starts: frozenset[Kind], edge_kinds: frozenset[EdgeKind] = FLOW) -> frozenset[Kind]:
    """The kinds that following these edges, either way, can meet from nodes of these kinds."""
    raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """Shown nodes, nearest first, ties by id, and the edges among them; `total` counts them before the cut.

    Nodes, one row each: `rows` are rows of the subgraph (of the nearest member where a node stands for several),
    `reached` has the bits UP and DOWN, `members` the ids a node stands for where that is not itself alone (a job shown
    for its operations), by position.

    Edges, one row each, ordered by source, target, kind: `sources` and `targets` are positions in the node columns,
    `edge_kinds` is FOLDED where folding joined several edges; then `via` has the ids of what lies between, sorted, at
    most 20, and `via_counts` their number. `edges_truncated`: there are more folded edges than 20,000.
    """

    shown: "Shown"
    ids: Sequence[str]
    rows: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    depths: NDArray[np.int32]
    reached: NDArray[np.uint8]
    namespaces: NDArray[np.int32]
    namespace_names: Sequence[str]
    roots: NDArray[np.bool_]
    members: Mapping[int, tuple[str, ...]]
    sources: NDArray[np.int32]
    targets: NDArray[np.int32]
    edge_kinds: NDArray[np.uint8]
    via: list[tuple[str, ...]]
    via_counts: NDArray[np.int32]
    edges_truncated: bool
    total: int

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """All shown nodes of a folding as columns, in no promised order; counts come from them alone, without any text."""

    subgraph: Subgraph
    rows: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    depths: NDArray[np.int32]
    reached: NDArray[np.uint8]
    namespaces: NDArray[np.int32]
    namespace_names: Sequence[str]
    roots: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rows)

    def ids(self, positions: NDArray[np.integer]) -> list[str]:
        """The ids of these nodes (positions in the columns)."""
        raise NotImplementedError

    def first(self, max_nodes: int | None = None, *, after: tuple[int, str] | None = None, edges: bool = True) -> Folded:
        """The nearest `max_nodes`, ties by id, beginning after a (depth, id), and the edges among them."""
        raise NotImplementedError

    def pick(self, positions: NDArray[np.integer], *, edges: bool = True) -> Folded:
        """These nodes in this order, and the edges among them; for orders of the caller's own."""
        raise NotImplementedError


def show(
    subgraph: Subgraph,
    *,
    roots: Mapping[str, int],
    hidden: frozenset[Kind],
    direction: Direction,
    depth: int | None,
    jobs: bool = False,
    stands_for: Mapping[str, str] | None = None,
) -> Shown:
    """The nodes shown within `depth` shown steps of the roots. Roots are always shown; one not in the subgraph is absent.

    `jobs`: operations of a job become one node, their job; operations without one stay hidden if OPERATION is.
    `stands_for`: ids that appear as another node: the operations of a job that was asked for, the columns of a dataset.
    """
    raise NotImplementedError


def fold(
    subgraph: Subgraph,
    *,
    roots: Mapping[str, int],
    hidden: frozenset[Kind],
    direction: Direction,
    depth: int | None,
    jobs: bool = False,
    stands_for: Mapping[str, str] | None = None,
    edges: bool = True,
    max_nodes: int | None = None,
) -> Folded:
    """`show` and `Shown.first` in one."""
    raise NotImplementedError


def cut(folded: Folded, max_nodes: int) -> Folded:
    """The nearest `max_nodes` of a folded answer, ties by id; edges are those among them, totals stay."""
    raise NotImplementedError
