"""Depths over the edges of one answer, made anew or mended after some of them changed. Pure; numpy, level by level.

Edges are given as two columns of rows, `near` to `far` in the direction of the walk. `limit` is the depth from which on
nodes are not followed.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cache.closure import FAR, Ints, Mask, Places

Rows: TypeAlias = NDArray[Any]

MENDED: Final = 64
"""Looks at all edges that mending may take; then it costs as much as walking anew."""


def depths_from(size: int, near: Ints, far: Ints, starts: Mapping[int, int], limit: int) -> Ints:
    """The least depth of each row from the roots; FAR where it is not reached."""
    depths = np.full(size, FAR, np.int32)
    for row, depth in starts.items():
        depths[row] = depth
    spread(depths, near, far, starts, limit, FAR)
    return depths


def spread(depths: Ints, near: Ints, far: Ints, begin: Iterable[int], limit: int, most: int) -> bool:
    """Lowers the depths of whatever the rows `begin`, whose depths have been lowered, reach on a shorter way. False where
    more than `most` looks at the edges were not enough; the depths are then of no use."""
    marked = np.zeros(len(depths), np.bool_)
    waiting: dict[int, list[Rows]] = {}
    for row in begin:
        waiting.setdefault(int(depths[row]), []).append(np.array([row]))
    while waiting:
        depth = min(waiting)
        rows = np.concatenate(waiting.pop(depth))
        rows = rows[depths[rows] == depth]  # the others have been lowered further since
        if depth >= limit or not len(rows):
            continue
        if most <= 0:
            return False
        most -= 1
        heads = far[_at(near, rows, marked)]
        heads = np.unique(heads[depths[heads] > depth + 1])
        if len(heads):
            depths[heads] = depth + 1
            waiting.setdefault(depth + 1, []).append(heads)
    return True


def mended(
    depths: Ints,
    near: Ints,
    far: Ints,
    lost: Iterable[int],
    gained: Iterable[tuple[int, int]],
    starts: Mapping[int, int],
    limit: int,
) -> Ints | None:
    """The depths after edges went and came, `depths` itself where they are the same. `near` and `far` are the edges as
    they are now, `depths` as they were before (FAR for rows that are new); `lost` are the far ends of edges that went,
    `gained` the edges that came. None where too much changed.

    Even and Shiloach's two steps: rows that lost the last edge from a row one nearer have no depth any more, and so on
    from level to level; then those, and what the new edges bring nearer, get the least depth that is left."""
    unsupported = _unsupported(depths, near, far, lost, starts, limit)
    if unsupported is None:
        return None
    made = depths
    begin: list[int] = []
    if unsupported.any():
        made = depths.copy()
        made[unsupported] = FAR
        begin += _supported_again(made, near, far, unsupported, starts, limit)
    for source, target in gained:
        if made[source] < limit and made[target] > made[source] + 1:
            made = depths.copy() if made is depths else made
            made[target] = made[source] + 1
            begin.append(target)
    return made if not begin or spread(made, near, far, begin, limit, MENDED) else None


def _unsupported(
    depths: Ints, near: Ints, far: Ints, lost: Iterable[int], starts: Mapping[int, int], limit: int
) -> Mask | None:
    """The rows to which no way of their depth leads any more."""
    gone, marked = np.zeros(len(depths), np.bool_), np.zeros(len(depths), np.bool_)
    suspects: dict[int, list[Rows]] = {}
    for row in lost:
        suspects.setdefault(int(depths[row]), []).append(np.array([row]))
    for _ in range(MENDED):
        if not suspects:
            return gone
        depth = min(suspects)
        rows = np.unique(np.concatenate(suspects.pop(depth)))
        if depth == FAR:
            continue
        if depth <= limit:  # else it is a root beyond the depth, which nothing leads to
            into = _at(far, rows, marked)
            sources = near[into]
            held = far[into[(depths[sources] == depth - 1) & ~gone[sources]]]
            marked[held] = True
            rows = rows[~marked[rows]]
            marked[held] = False
        rows = rows[[starts.get(row) != depth for row in rows.tolist()]]
        if not len(rows):
            continue
        gone[rows] = True
        heads = far[_at(near, rows, marked)]
        heads = heads[(depths[heads] == depth + 1) & ~gone[heads]]
        if len(heads):
            suspects.setdefault(depth + 1, []).append(heads)
    return None


def _at(column: Ints, rows: Rows, marked: Mask) -> Places:
    """Where a column holds one of these rows. `marked` is all False, before and after."""
    if len(rows) <= 4:  # a comparison is several times faster than a gather
        found = [np.flatnonzero(column == row) for row in rows.tolist()]
        return found[0] if len(found) == 1 else np.concatenate(found)
    marked[rows] = True
    places = np.flatnonzero(marked.take(column, mode="clip"))  # clip: no look at the bounds first
    marked[rows] = False
    return places


def _supported_again(
    made: Ints, near: Ints, far: Ints, unsupported: Mask, starts: Mapping[int, int], limit: int
) -> list[int]:
    """Gives rows without a depth the least that rows with one lead to; says which got one."""
    into = np.flatnonzero(unsupported.take(far, mode="clip"))
    sources = made[near[into]]
    into = into[sources < limit]
    np.minimum.at(made, far[into], made[near[into]] + 1)
    for row, depth in starts.items():
        if unsupported[row]:
            made[row] = min(int(made[row]), depth)
    return np.flatnonzero(unsupported & (made < FAR)).tolist()
