"""An answer carried over the changes that touch it: what came or went is done to its columns, depths and edges exact.

The answer holds all edges among its nodes, so what a change does can be told from the answer and the log alone, with one
exception: a node that stood before and was not reached has edges that nobody read. Where such a node is reached now, or
one at the last level is to be followed now, there is no repair and the answer is computed again. A node that came since
is no exception: all its edges are in the log.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.ids import namespace_of
from backends.model import DOWN, UP, Direction, Subgraph
from cache.change import Arc, Change, change_of
from cache.closure import FAR, Closure, Ints
from cache.levels import depths_from, mended
from cache.log import Rows
from cache.validity import Touch

Edges = tuple[Ints, Ints, NDArray[np.uint8]]


def repaired(closure: Closure, rows: Rows, touch: Touch) -> Closure | None:
    """The answer after these changes, which touch it; None where it must be computed. The epoch is the caller's to set."""
    if closure.graph.truncated or touch.root:
        return None
    change = change_of(closure, rows, touch)
    if change is None:
        return None
    edges = _edges(closure.graph, change)
    if edges is None:
        return None
    sides: dict[int, Ints] = {}
    for way, before in depths_by_way(closure).items():
        after = _mended(closure, change, edges, way, before)
        if after is None:
            return None
        sides[way] = after
    return _assembled(closure, change, sides, edges)


def depths_by_way(closure: Closure) -> dict[int, Ints]:
    """The depths each way that the question goes, by DOWN and UP; FAR where a row was not reached that way."""
    graph = closure.graph
    match closure.question.direction:
        case Direction.DOWNSTREAM:
            return {DOWN: graph.depths}
        case Direction.UPSTREAM:
            return {UP: graph.depths}
    if closure.sides is None:
        size, starts, limit = len(closure), closure.starts, closure.limit
        closure.sides = {
            DOWN: depths_from(size, graph.sources, graph.targets, starts, limit),
            UP: depths_from(size, graph.targets, graph.sources, starts, limit),
        }
    return closure.sides


def _edges(graph: Subgraph, change: Change) -> Edges | None:
    """The edges among the rows after the change, in no order. None where the answer does not fit the log."""
    columns: Edges = (graph.sources, graph.targets, graph.edge_kinds)
    went: list[int] = []
    for arc in change.went:
        at = _place(columns, arc)
        if at is None:
            return None
        went.append(at)
    came = [arc for arc in change.came if arc.source >= 0 and arc.target >= 0]
    size = len(graph.numbers)
    if any(_place(columns, arc) is not None for arc in came if arc.source < size and arc.target < size):
        return None
    if not went and not came:
        return columns
    # What lies behind the part that stays long fills the holes in it.
    kept = len(graph.sources) - len(went)
    holes = sorted(at for at in went if at < kept)
    fillers = sorted({*range(kept, len(graph.sources))} - {*went}) if went else []

    def column(old: NDArray[Any], new: list[int]) -> NDArray[Any]:
        made = np.empty(kept + len(new), old.dtype)
        made[:kept] = old[:kept]
        if holes:
            made[holes] = old[fillers]
        made[kept:] = new
        return made

    return (
        column(columns[0], [arc.source for arc in came]),
        column(columns[1], [arc.target for arc in came]),
        column(columns[2], [arc.code for arc in came]),
    )


def _place(columns: Edges, arc: Arc) -> int | None:
    sources, targets, kinds = columns
    for at in np.flatnonzero(sources == arc.source).tolist():
        if targets[at] == arc.target and kinds[at] == arc.code:
            return int(at)
    return None


def _mended(closure: Closure, change: Change, edges: Edges, way: int, before: Ints) -> Ints | None:
    """The depths one way after the change. None where too much changed, or where edges that nobody read matter."""
    near, far = edges[:2] if way == DOWN else edges[1::-1]
    went, came = (_along(some, way) for some in (change.went, change.came))
    depths = np.concatenate((before, np.full(len(change.born), FAR, np.int32))) if change.born else before
    limit = closure.limit
    lost = [b for a, b in went if depths[a] < limit and depths[b] == depths[a] + 1]
    gained = [(a, b) for a, b in came if a >= 0 and b >= 0]
    after = mended(depths, near, far, lost, gained, closure.starts, limit)
    reached = [a for a, b in came if a >= 0 and b < 0]
    if after is None or is_unread(before, after, reached, limit):
        return None
    return after


def is_unread(before: Ints, after: Ints, beyond: Sequence[int], limit: int) -> bool:
    """Whether edges matter now that nobody read: of a node outside the answer, to which an edge leads from one of the rows
    `beyond`, or of one that was not followed before."""
    if any(after[row] < limit for row in beyond):
        return True
    return after is not before and bool(((after[: len(before)] < limit) & (before >= limit)).any())


def _along(arcs: tuple[Arc, ...], way: int) -> list[tuple[int, int]]:
    return [(arc.source, arc.target) if way == DOWN else (arc.target, arc.source) for arc in arcs]


def _assembled(closure: Closure, change: Change, sides: dict[int, Ints], edges: Edges) -> Closure | None:
    """The answer with these depths and edges, without the rows that nothing leads to any more."""
    graph = closure.graph
    old, born = len(graph.numbers), list(change.born.values())
    depths = next(iter(sides.values())) if len(sides) == 1 else np.minimum(*sides.values())
    stays = depths < FAR
    size = int(np.count_nonzero(stays))
    if size > closure.question.max_nodes:
        return None
    numbers, kinds, reached = graph.numbers, graph.kinds, graph.reached
    namespaces, names = graph.namespaces, graph.namespace_names
    if born:
        numbers = np.concatenate((numbers, np.array(list(change.born), np.int64)))
        kinds = np.concatenate((kinds, np.array([code for code, _ in born], np.uint8)))
        codes, names = _namespaces([node_id for _, node_id in born], names)
        namespaces = np.concatenate((namespaces, np.array(codes, np.int32)))
    if len(sides) == 2:
        reached = ((sides[DOWN] < FAR) * np.uint8(DOWN) | (sides[UP] < FAR) * np.uint8(UP)).astype(np.uint8)
    elif born:
        reached = np.concatenate((reached, np.full(len(born), next(iter(sides)), np.uint8)))
    fresh = closure.fresh + tuple(node_id for _, node_id in born)
    starts, order = closure.starts, closure.order_with(list(change.born))
    sources, targets, edge_kinds = edges
    if size < len(stays):
        row = np.cumsum(stays, dtype=np.int32) - 1
        inside = stays[sources] & stays[targets]
        sources, targets, edge_kinds = row[sources[inside]], row[targets[inside]], edge_kinds[inside]
        numbers, kinds, reached = numbers[stays], kinds[stays], reached[stays]
        namespaces, depths = namespaces[stays], depths[stays]
        sides = {way: side[stays] for way, side in sides.items()}
        starts = {int(row[at]): start for at, start in starts.items()}
        fresh = tuple(
            node_id for node_id, kept in zip(fresh, stays[old - len(closure.fresh) :].tolist(), strict=True) if kept
        )
        order = None if order is None else row[order[stays[order]]].astype(np.intp)
    made = replace(
        graph,
        numbers=numbers,
        kinds=kinds,
        depths=depths,
        reached=reached,
        namespaces=namespaces,
        namespace_names=names,
        sources=sources,
        targets=targets,
        edge_kinds=edge_kinds,
    )
    return closure.followed_by(made, starts, fresh, order, sides if len(sides) == 2 else None)


def _namespaces(ids: Sequence[str], names: Sequence[str]) -> tuple[list[int], Sequence[str]]:
    """Where the namespaces of these ids are among the names, and the names with those that are new."""
    codes: list[int] = []
    for namespace in map(namespace_of, ids):
        if namespace not in names:
            names = (*names, namespace)
        codes.append(names.index(namespace))
    return codes, names
