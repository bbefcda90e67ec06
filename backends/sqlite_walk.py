"""Traversals in SQL, for `?index=off`: level by level, one statement a level, so that no node comes back at each depth.

Bounds: a level costs its edges; one direction stops at the level that passes `max_nodes`. BOTH walks both ways to the end,
since a near node may also be found far away in the other direction, which `reached` must say.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import apsw
import numpy as np

from backends.errors import Unsupported
from backends.model import DOWN, EDGE_KINDS, UP, Direction, EdgeKind, Subgraph, Traversal
from backends.sqlite_rows import NODES_BY_ID, NODES_BY_NUMBER, epoch_now, rows_of_ids, rows_of_numbers, select


def traverse(connection: apsw.Connection, traversal: Traversal) -> Subgraph:
    """What `LineageBackend.traverse` says; the caller holds a read transaction, which makes it one moment."""
    if traversal.as_of is not None:
        raise Unsupported("this backend keeps no history")
    standing = rows_of_ids(connection, "n.number, n.id", f"{NODES_BY_ID} WHERE n.standing", traversal.roots)
    roots = {number: traversal.roots[node_id] for number, node_id in standing}
    most = None if traversal.direction is Direction.BOTH else traversal.max_nodes
    down = up = roots
    if traversal.direction is not Direction.UPSTREAM:
        down = _walk(roots, _step(connection, traversal.edge_kinds, "source", "target"), traversal.max_depth, most)
    if traversal.direction is not Direction.DOWNSTREAM:
        up = _walk(roots, _step(connection, traversal.edge_kinds, "target", "source"), traversal.max_depth, most)
    least = {n: min(d for d in (up.get(n), down.get(n)) if d is not None) for n in up.keys() | down.keys()}
    named = rows_of_numbers(connection, "n.number, n.id", NODES_BY_NUMBER, least)
    near = sorted((least[number], node_id, number) for number, node_id in named)
    near = near[: traversal.max_nodes]
    made = Subgraph.build(
        epoch_now(connection),
        [(node_id, number, depth, UP * (number in up) | DOWN * (number in down)) for depth, node_id, number in near],
        [],
        truncated=len(near) < len(least),
    )
    row_of = {number: row for row, (_, _, number) in enumerate(near)}
    edges = _edges_among(connection, traversal, row_of)
    return replace(
        made,
        sources=np.array([row_of[source] for source, _, _ in edges], np.int32),
        edge_kinds=np.array([kind for _, kind, _ in edges], np.uint8),
        targets=np.array([row_of[target] for _, _, target in edges], np.int32),
    )


def _followed(kinds: frozenset[EdgeKind]) -> str:
    """Kinds are codes in the text. They bound the key range; the `+` keeps SQLite from seeking once a kind."""
    codes = sorted(kind.code for kind in kinds)
    bounds = f"e.kind BETWEEN {codes[0]} AND {codes[-1]}" if codes else "0"
    return bounds if len(codes) == len(EDGE_KINDS) else f"{bounds} AND +e.kind IN ({', '.join(map(str, codes))})"


def _step(
    connection: apsw.Connection, kinds: frozenset[EdgeKind], near: str, far: str
) -> Callable[[Iterable[int]], Iterable[int]]:
    source = f"carray(?) a CROSS JOIN edges e ON e.{near} = a.value WHERE e.standing AND {_followed(kinds)}"
    return lambda frontier: (row[0] for row in rows_of_numbers(connection, f"e.{far}", source, frontier))


def _walk(
    roots: Mapping[int, int], step: Callable[[Iterable[int]], Iterable[int]], max_depth: int | None, most: int | None
) -> dict[int, int]:
    """The least depth of everything within reach; of more than `most` nodes perhaps only the nearest, all of a level."""
    waiting: dict[int, list[int]] = {}
    for number, depth in roots.items():
        waiting.setdefault(depth, []).append(number)
    depths: dict[int, int] = {}
    frontier: list[int] = []
    depth = 0
    while True:
        for number in waiting.pop(depth, ()):
            if number not in depths:
                depths[number] = depth
                frontier.append(number)
        if most is not None and len(depths) > most:
            return depths
        if max_depth is not None and depth >= max_depth:
            break
        if frontier:
            depth += 1
            frontier = [number for number in dict.fromkeys(step(frontier)) if number not in depths]
            depths.update(dict.fromkeys(frontier, depth))
        elif waiting:
            depth = min(waiting)
        else:
            break
    for later in sorted(waiting):
        for number in waiting[later]:
            depths.setdefault(number, later)
    return depths


def _edges_among(connection: apsw.Connection, traversal: Traversal, row_of: Mapping[int, int]) -> list[tuple[int, int, int]]:
    if not row_of or not traversal.edge_kinds:
        return []
    near, far = ("target", "source") if traversal.direction is Direction.UPSTREAM else ("source", "target")
    sql = f"""
        SELECT e.source, e.kind, e.target FROM carray(?1) a CROSS JOIN edges e ON e.{near} = a.value
        WHERE e.standing AND {_followed(traversal.edge_kinds)} AND e.{far} IN (SELECT value FROM carray(?1))
    """
    numbers = np.fromiter(row_of, np.int64)
    return [(source, kind, target) for source, kind, target in select(connection, sql, (apsw.carray(numbers),))]
