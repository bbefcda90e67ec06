"""Is this answer still the answer? The topology log says. All correctness of the cache is here; pure.

What a computation read: for each node that it followed (`Closure.expanded`) the list of that node's edges in that
direction, for each pair of nodes of the answer whether there is an edge between them, and for each root whether it
stands. By induction over the levels: while these are unchanged the same nodes are found at the same depths, a cut falls
alike, and the same edges are among them. So an answer true at one epoch is true at a later one if no row of the log
between them speaks of any of these: that is `touched_by`. Nothing else can change it. Rows of kinds that are not followed
are not looked at; that a node comes or goes matters of roots alone, since all others are found along edges, which come
after their ends and go before them, each with a row of its own.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from backends.changes import LogOp
from backends.model import DOWN, UP, Direction, EdgeKind
from cache.closure import Closure, Mask, Places
from cache.log import Rows


@dataclass(slots=True, eq=False)
class Touch:
    """Which rows of the log may alter an answer: `edges` of those about edges, `root` whether a root came or went. `sources`
    and `targets` are the ends of each as rows of the answer, -1 where an end is none of it."""

    edges: Mask
    root: bool
    sources: Places
    targets: Places

    def __bool__(self) -> bool:
        return self.root or bool(self.edges.any())


def touched_by(closure: Closure, rows: Rows) -> Touch:
    """What of the answer these changes touch; false where it is still the answer after them."""
    ends = closure.rows_of(np.concatenate((rows.sources, rows.targets)))
    sources, targets = ends[: len(rows)], ends[len(rows) :]
    edges = are_followed(closure, rows)
    if not closure.is_open_ended:
        edges &= are_read(closure, sources, targets)
    return Touch(edges, moves_a_root(closure, rows), sources, targets)


def moves_a_root(closure: Closure, rows: Rows) -> bool:
    """Whether a root came or went. By id: a root that is unknown has no number yet, and one may be cut from the answer."""
    roots = closure.question.roots
    return any(row.id in roots for row in rows.nodes)


def are_followed(closure: Closure, rows: Rows) -> Mask:
    """Which rows are about edges of kinds that the question follows."""
    return _followed(closure.question.edge_kinds)[rows.codes] & (rows.ops >= LogOp.EDGE_CAME)


def are_read(closure: Closure, sources: Places, targets: Places) -> Mask:
    """Between which rows the computation looked for edges: out of those followed downstream, into those followed upstream,
    and from any row of the answer to any other."""
    outside, beyond = sources < 0, targets < 0
    read = ~(outside | beyond)
    if not len(closure):
        return read
    if closure.question.direction is not Direction.UPSTREAM:
        read |= closure.expanded(sources, DOWN) & ~outside
    if closure.question.direction is not Direction.DOWNSTREAM:
        read |= closure.expanded(targets, UP) & ~beyond
    return read


@lru_cache(64)
def _followed(kinds: frozenset[EdgeKind]) -> Mask:
    """Indexed by the code of an edge's kind."""
    mask = np.zeros(256, np.bool_)
    mask[[kind.code for kind in kinds]] = True
    return mask
