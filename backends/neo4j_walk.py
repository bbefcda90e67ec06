"""A traversal level by level, one round trip a level: for many roots at once, and where BOTH found more than was asked for.

The one statement expands from each root on its own, so it costs the sum of what the roots reach; this costs what they
reach together. Frontiers are Neo4j's own ids, which need no index.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from backends.model import DOWN, UP, Direction, Epoch, Traversal
from backends.neo4j_driver import Record
from backends.neo4j_graph import node_ids
from backends.neo4j_statement import Statement
from backends.neo4j_traverse import Found, step, types
from backends.neo4j_values import Foreign

Run = Callable[[Statement], Awaitable[Record | None]]

ROOTS: Final = """\
MATCH (e:_Epoch {id: 0})
WITH e.at AS at
CALL () {
  UNWIND $p.roots AS root
  MATCH (a:_Node {id: root[0]}) USING INDEX SEEK a:_Node(id)
  WHERE NOT a:_Hidden
  RETURN collect([id(a), root[1]]) AS roots
}
RETURN at, roots"""

NAMES: Final = """\
UNWIND $p.nodes AS element
MATCH (n) WHERE id(n) = element
RETURN collect([element, n._number, n.id]) AS nodes"""


def compile_roots(traversal: Traversal) -> Statement:
    return Statement(ROOTS, {"roots": [[node_id, traversal.roots[node_id]] for node_id in node_ids(traversal.roots)]})


def compile_level(traversal: Traversal, direction: Direction, frontier: Sequence[int]) -> Statement:
    """The neighbours of a frontier."""
    text = f"""\
UNWIND $p.frontier AS element
MATCH (n) WHERE id(n) = element
WITH n
MATCH (n){step(direction, types(traversal.edge_kinds))}(m)
RETURN collect(DISTINCT id(m)) AS nodes"""
    return Statement(text, {"frontier": list(frontier)})


def compile_names(nodes: Sequence[int]) -> Statement:
    return Statement(NAMES, {"nodes": list(nodes)})


def compile_among(traversal: Traversal, nodes: Sequence[int]) -> Statement:
    """The edges between nodes, from the end that has fewer neighbours outside: see neo4j_traverse.py."""
    direction = Direction.DOWNSTREAM if traversal.direction is Direction.DOWNSTREAM else Direction.UPSTREAM
    text = f"""\
UNWIND $p.nodes AS element
MATCH (n) WHERE id(n) = element
WITH n
MATCH (n){step(direction, types(traversal.edge_kinds))}(m) WHERE id(m) IN $p.nodes
RETURN collect(id(n)) AS near, collect(id(m)) AS far"""
    return Statement(text, {"nodes": list(nodes)})


async def walk(traversal: Traversal, run: Run) -> tuple[Found, np.ndarray[Any, np.dtype[np.int64]]]:
    """What the traversal finds, and the numbers of all it visited. Raises `Foreign`, `BackendError`."""
    record = await _record(run, compile_roots(traversal))
    roots: dict[int, int] = dict(record["roots"])
    both = traversal.direction is Direction.BOTH
    most = None if both else traversal.max_nodes
    down = up = roots
    if traversal.direction is not Direction.UPSTREAM:
        down = await _levels(roots, traversal, Direction.DOWNSTREAM, most, run)
    if traversal.direction is not Direction.DOWNSTREAM:
        up = await _levels(roots, traversal, Direction.UPSTREAM, most, run)
    least = {n: min(d for d in (up.get(n), down.get(n)) if d is not None) for n in up.keys() | down.keys()}
    named = (await _record(run, compile_names(list(least))))["nodes"]
    if any(number is None or node_id is None for _, number, node_id in named):
        raise Foreign
    near = sorted((least[element], node_id, number, element) for element, number, node_id in named)
    kept = near[: traversal.max_nodes]
    pairs: Mapping[str, Any] = {"near": [], "far": []}
    if traversal.edge_kinds and kept:
        pairs = await _record(run, compile_among(traversal, [element for *_, element in kept]))
    found = Found(
        at=Epoch(*record["at"]),
        ids=[node_id for _, node_id, _, _ in kept],
        elements=np.array([element for *_, element in kept], np.int64),
        numbers=np.array([number for _, _, number, _ in kept], np.int64),
        depths=np.array([depth for depth, *_ in kept], np.int64),
        reached=np.array([UP * (element in up) | DOWN * (element in down) for *_, element in kept], np.uint8),
        near=np.array(pairs["near"], np.int64),
        far=np.array(pairs["far"], np.int64),
        cut=len(kept) < len(near),
        wide=[],
    )
    return found, np.array([number for _, number, _ in named], np.int64)


async def _record(run: Run, statement: Statement) -> Record:
    record = await run(statement)
    assert record is not None
    return record


async def _levels(
    roots: Mapping[int, int], traversal: Traversal, direction: Direction, most: int | None, run: Run
) -> dict[int, int]:
    """The least depth of everything within reach; of more than `most` nodes perhaps only the nearest, all of a level."""
    waiting: dict[int, list[int]] = {}
    for element, start in roots.items():
        waiting.setdefault(start, []).append(element)
    depths: dict[int, int] = {}
    frontier: list[int] = []
    depth = 0
    while True:
        for element in waiting.pop(depth, ()):
            if element not in depths:
                depths[element] = depth
                frontier.append(element)
        if most is not None and len(depths) > most:
            return depths
        if not traversal.edge_kinds or (traversal.max_depth is not None and depth >= traversal.max_depth):
            break
        if frontier:
            depth += 1
            reached = (await _record(run, compile_level(traversal, direction, frontier)))["nodes"]
            frontier = [element for element in reached if element not in depths]
            depths.update(dict.fromkeys(frontier, depth))
        elif waiting:
            depth = min(waiting)
        else:
            break
    for later in sorted(waiting):
        for element in waiting[later]:
            depths.setdefault(element, later)
    return depths
