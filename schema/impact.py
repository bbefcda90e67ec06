"""How much depends on something: counts from columns, and the number of paths by which each thing depends."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.ids import KINDS, Kind
from backends.model import Subgraph
from schema.adjacency import Adjacency, distinct
from schema.components import components
from schema.shown import Shown

MAX_LEVEL = 1e300
NOTED, COUNTS = 2, 128
"""Summaries noted of one subgraph, and counts that one of them may hold: what is kept of them is bounded."""
LARGE = 1_000
"""Nodes from which on folding and counting anew costs more than a summary weighs."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of nodes: by kind in the order of `Kind`, by depth ascending, by namespace most first, ties by name."""

    total: int
    by_kind: tuple[tuple[Kind, int], ...]
    by_depth: tuple[tuple[int, int], ...]
    by_namespace: tuple[tuple[str, int], ...]


def noted_summary(subgraph: Subgraph, how: Hashable, make: Callable[[], Summary]) -> Summary:
    """The summary that was noted of these columns, else the one that is made now. `how`: all that it depends on beside the
    subgraph; None: it is not to be noted. Of an answer that is kept it is so counted once, in the background where the root
    is pinned."""
    counts: Summary | None = subgraph.notes.get(how)
    if counts is None:
        counts = make()
        size = len(counts.by_kind) + len(counts.by_depth) + len(counts.by_namespace)
        if how is not None and len(subgraph) >= LARGE and size <= COUNTS:
            while len(subgraph.notes) >= NOTED:
                subgraph.notes.pop(next(iter(subgraph.notes)))
            subgraph.notes[how] = counts
    return counts


def summary(shown: Shown, *, roots: bool = True) -> Summary:
    """Counts from the columns alone; `roots=False` leaves the roots out, as impact does."""
    kinds, depths, namespaces = shown.kinds, shown.depths, shown.namespaces
    if not roots:
        affected = ~shown.roots
        kinds, depths, namespaces = kinds[affected], depths[affected], namespaces[affected]
    names = shown.namespace_names
    return Summary(
        total=len(kinds),
        by_kind=tuple((KINDS[code], count) for code, count in _counts(kinds)),
        by_depth=tuple(_counts(depths)),
        by_namespace=tuple(
            sorted(((names[number], count) for number, count in _counts(namespaces)), key=lambda c: (-c[1], c[0]))
        ),
    )


def _counts(column: NDArray[np.integer]) -> list[tuple[int, int]]:
    counts = np.bincount(column)
    values = np.flatnonzero(counts)
    return list(zip(values.tolist(), counts[values].tolist(), strict=True))


def impact_levels(subgraph: Subgraph, roots: Sequence[int]) -> NDArray[np.float64]:
    """The number of distinct paths from the roots (rows) to each row, downstream along unfolded edges of the subgraph.

    Each strongly connected set counts as one node: every row in it has the paths that lead to the set, and each edge out
    of it leads on from the set. Edges between two sets stay distinct. So without a cycle it is what the Cypher
    `MATCH (d)-[*]->(a) RETURN a, count(*)` counts, summed over the roots. In a root's own set the empty path counts, so
    the other rows there have 1 from it; for the root itself it does not. Exact up to 2^53, capped at 1e300.
    """
    size = len(subgraph)
    if not size:
        return np.zeros(0)
    adjacency = Adjacency(size, subgraph.sources, subgraph.targets)
    set_of = components(adjacency)
    a, b = set_of[subgraph.sources], set_of[subgraph.targets]
    between = a != b
    a, b = a[between], b[between]
    order = np.argsort(a, kind="stable")[::-1]  # edges go from greater numbers to lesser: sources before what they reach
    levels = np.bincount(set_of[np.asarray(roots, np.intp)], minlength=int(set_of.max()) + 1).astype(float).tolist()
    for source, target in zip(a[order].tolist(), b[order].tolist(), strict=True):
        if (paths := levels[source]) and (total := levels[target] + paths) <= MAX_LEVEL:
            levels[target] = total
        elif paths:
            levels[target] = MAX_LEVEL
    found = np.array(levels)[set_of]
    np.subtract.at(found, distinct(np.asarray(roots, np.intp)), 1.0)
    return found


def shown_levels(shown: Shown, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The levels of shown nodes, by position, from those of rows; a node that stands for several has their sum."""
    total = np.bincount(shown.member_of, weights=levels[shown.member_rows], minlength=len(shown))
    return np.minimum(total, MAX_LEVEL)
