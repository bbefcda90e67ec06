"""Folding: from a subgraph to what a caller wants to see.

What is not shown is passed through, does not count as depth, and comes back on the edge as `via`.

    subgraph = await backend.traverse(Traversal(roots, direction, hops_needed(depth, hidden)))
    shown = show(subgraph, roots=roots, hidden=hidden, direction=direction, depth=depth)   # columns, no text
    counts = summary(shown)                                                                # exact, of everything
    folded = shown.first(1000)                                                             # sorted, cut, with edges
"""

from collections.abc import Mapping
from functools import cache

import numpy as np

from backends.ids import Kind
from backends.model import DOWN, ENDS, FLOW, UP, Direction, EdgeKind, Subgraph
from schema.adjacency import UNSEEN, search
from schema.joins import FOLDED, MAX_FOLDED_EDGES, MAX_VIA, Step
from schema.shown import Folded, Shown
from schema.view import View, rows_of

__all__ = [
    "FOLDED",
    "HIDDEN_BY_DEFAULT",
    "MAX_FOLDED_EDGES",
    "MAX_VIA",
    "Folded",
    "Shown",
    "Step",
    "View",
    "cut",
    "fold",
    "hops_needed",
    "kinds_met",
    "show",
    "show_rows",
]

HIDDEN_BY_DEFAULT = frozenset({Kind.OPERATION, Kind.JOB, Kind.RUN, Kind.PREDICTION})
_EVERY_KIND = frozenset(Kind)


@cache
def hops_needed(
    depth: int | None,
    hidden: frozenset[Kind],
    *,
    edge_kinds: frozenset[EdgeKind] = FLOW,
    met: frozenset[Kind] = _EVERY_KIND,
    start: int = 0,
) -> int | None:
    """How many hops a traversal needs so that `depth` shown steps can be told exactly; None is as far as it goes.

    With L the longest run of hidden kinds these edges allow: `depth * (L + 1) + L`, the last L for the folded edges among
    the last level. `met` are the kinds the traversal can meet: see `kinds_met`, and leave out ASSET where there are none.
    `start` is the greatest starting depth of a root: one that starts past `depth` is shown, and so are its edges.

    >>> hops_needed(2, HIDDEN_BY_DEFAULT), hops_needed(2, frozenset()), hops_needed(1, _EVERY_KIND - {Kind.MODEL})
    (5, 2, None)
    """
    if depth is None:
        return None
    passed = hidden & met
    runs = dict.fromkeys(passed, 1)
    for _ in passed:
        runs = {kind: 1 + max((runs[other] for other in passed & _targets(kind, edge_kinds)), default=0) for kind in passed}
    run = max(runs.values(), default=0)
    return None if run > len(passed) else max(depth, start) * (run + 1) + run


def kinds_met(starts: frozenset[Kind], edge_kinds: frozenset[EdgeKind] = FLOW) -> frozenset[Kind]:
    """The kinds that following these edges, either way, can meet from nodes of these kinds.

    >>> Kind.COLUMN in kinds_met(frozenset({Kind.DATASET}))
    False
    """
    met = starts
    for _ in Kind:
        for kind in edge_kinds:
            sources, targets = ENDS[kind]
            met |= (targets if met & sources else frozenset()) | (sources if met & targets else frozenset())
    return met


def _targets(source: Kind, edge_kinds: frozenset[EdgeKind]) -> frozenset[Kind]:
    return frozenset[Kind]().union(*(ENDS[kind][1] for kind in edge_kinds if source in ENDS[kind][0]))


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
    """The nodes shown within `depth` shown steps of the roots. Roots, given with their starting depths, are always shown,
    whatever their kind; one that is not in the subgraph is absent.

    `jobs`: operations of a job become one node, their job, after the search: its depth is the least of theirs, and what
    is within reach is what they reach. Operations without a job stay hidden if OPERATION is.
    `stands_for`: ids that appear as another node, always shown: the operations of a job or the columns of a dataset that
    was asked for. A root that only `jobs` would replace appears as itself.
    """
    view = View(subgraph, hidden, jobs=jobs, stands_for=stands_for)
    starts = {row: roots[node_id] for node_id, row in rows_of(subgraph, roots).items()}
    return show_rows(view, starts, direction, depth)


def show_rows(view: View, starts: Mapping[int, int], direction: Direction, depth: int | None) -> Shown:
    """`show` from rows with their starting depths; ask one view many times where a query has many parents."""
    rows = np.fromiter(starts, np.intp, len(starts))
    bit = {Direction.UPSTREAM: UP, Direction.DOWNSTREAM: DOWN, Direction.BOTH: UP | DOWN}[direction]
    seen, passed, labels = view.shown, view.passed, view.labels
    if not seen[rows].all():
        seen = seen.copy()
        seen[rows] = True
        passed = ~seen
    if labels is not None and (own := [row for row in starts if view.is_replaced(row)]):
        labels = labels.copy()
        labels[own] = -1
    depths = np.full(view.size, UNSEEN, np.int32)
    reached = np.zeros(view.size, np.uint8)
    for way, adjacency in ((UP, "up"), (DOWN, "down")):
        if bit & way:
            found = search(getattr(view, adjacency), starts, seen, depth=depth, allowed=view.reached(way))
            reached[found >= 0] |= way
            # as unsigned numbers the rows that were not reached are the greatest
            depths = np.minimum(depths.view(np.uint32), found.view(np.uint32)).view(np.int32)
    reached[rows] = UP | DOWN
    return Shown.of(view, labels, np.flatnonzero(seen & (depths >= 0)), depths, reached, rows, passed)


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
    """`show`, then the nearest `max_nodes` with the edges among them."""
    shown = show(subgraph, roots=roots, hidden=hidden, direction=direction, depth=depth, jobs=jobs, stands_for=stands_for)
    return shown.first(max_nodes, edges=edges)


def cut(folded: Folded, max_nodes: int) -> Folded:
    """The first `max_nodes` of a folded answer; edges are those among them, totals stay. To cut before the edges are
    found is cheaper: `Shown.first`, or `fold` with `max_nodes`."""
    return folded.shown.pick(folded.positions[:max_nodes], edges=folded.has_edges)
