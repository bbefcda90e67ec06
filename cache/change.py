"""What rows of the log come to for one answer: which nodes and edges it gains and loses, in rows of its columns. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from backends.changes import LogOp
from backends.model import Direction
from cache.closure import Closure, Mask
from cache.log import Rows
from cache.validity import Touch, are_followed

ROWS: Final = 2_000
"""Rows of the log since the answer, past which it is computed again."""
FEW: Final = 32
"""The same of rows that touch it."""
NEW: Final = 512
"""The same of rows about nodes that came since."""

Edge: TypeAlias = tuple[int, int, int]
"""Number of the source, code of the kind, number of the target."""


@dataclass(frozen=True, slots=True)
class Arc:
    """An edge between rows; -1 for a node that stood before and was not reached."""

    source: int
    target: int
    code: int


@dataclass(frozen=True, slots=True)
class Change:
    """`born` are nodes that came and may be reached now: number -> (code of the kind, id), in the order of their rows, which
    follow those of the answer. `went` are edges of the answer; `came` begin or end, or both, in it or at one of `born`."""

    born: Mapping[int, tuple[int, str]]
    went: tuple[Arc, ...]
    came: tuple[Arc, ...]


def change_of(closure: Closure, rows: Rows, touch: Touch) -> Change | None:
    """What the rows do to the answer; None where it is more than a repair is worth."""
    if len(rows) > ROWS or np.count_nonzero(touch.edges) > FEW:
        return None
    new = _came_since(rows, touch)
    at = np.flatnonzero(_among(rows, new) & are_followed(closure, rows) | touch.edges if new else touch.edges)
    if len(at) > NEW:
        return None
    sources, targets = rows.sources[at].tolist(), rows.targets[at].tolist()
    first: dict[Edge, int] = {}
    last: dict[Edge, int] = {}
    for op, code, source, target in zip(rows.ops[at].tolist(), rows.codes[at].tolist(), sources, targets, strict=True):
        first.setdefault((source, code, target), op)
        last[source, code, target] = op
    ends = zip(sources + targets, touch.sources[at].tolist() + touch.targets[at].tolist(), strict=True)
    inside = {number: row for number, row in ends if row >= 0}
    went = [edge for edge, op in last.items() if op == LogOp.EDGE_WENT and first[edge] == LogOp.EDGE_WENT]
    came = [edge for edge, op in last.items() if op == LogOp.EDGE_CAME and first[edge] == LogOp.EDGE_CAME]
    born = _reached(came, inside, new, closure.question.direction)
    inside |= {number: len(closure) + place for place, number in enumerate(born)}
    return Change(
        born={number: new[number] for number in born},
        went=tuple(Arc(inside[s], inside[t], code) for s, code, t in went if s in inside and t in inside),
        came=tuple(Arc(inside.get(s, -1), inside.get(t, -1), code) for s, code, t in came if s in inside or t in inside),
    )


def _among(rows: Rows, numbers: Collection[int]) -> Mask:
    """Which rows begin or end at one of these nodes."""
    if len(rows) > 64:
        sought = np.fromiter(numbers, np.int64, len(numbers))
        return np.isin(rows.sources, sought) | np.isin(rows.targets, sought)
    pairs = zip(rows.sources.tolist(), rows.targets.tolist(), strict=True)
    return np.array([source in numbers or target in numbers for source, target in pairs], np.bool_)


def _came_since(rows: Rows, touch: Touch) -> dict[int, tuple[int, str]]:
    """The nodes that did not stand when the answer was made and came since: whatever edges they have, the rows tell. What
    of them is in the answer stood before."""
    inside = set(rows.sources[touch.sources >= 0].tolist())
    first = {row.source: row for row in reversed(rows.nodes) if row.source not in inside}
    return {n: (row.code, row.id) for n, row in first.items() if row.op == LogOp.NODE_CAME and row.id is not None}


def _reached(came: list[Edge], inside: Mapping[int, int], new: Mapping[int, object], direction: Direction) -> list[int]:
    """Which of the new nodes hang together with the answer along edges that came, in the direction asked."""
    found: dict[int, None] = {}
    grown = True
    while grown:
        grown = False
        for source, _, target in came:
            for near, far, way in ((source, target, Direction.UPSTREAM), (target, source, Direction.DOWNSTREAM)):
                if way is direction or far not in new or far in found:
                    continue
                if near in inside or near in found:
                    found[far] = None
                    grown = True
    return list(found)
