"""A traversal as one statement, and its one record as a subgraph. Pure.

`VarLengthExpand(Pruning,BFS)` finds each node once, at its least distance, as long as of a path nothing but the least
length is asked for. The answer is one record of lists: a row for each node costs four times as much. The hop bound is
part of the text, so it is a checked whole number. See docs/decisions/neo4j.md for the forms compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain as joined
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.errors import Unsupported
from backends.ids import KINDS, namespace_of
from backends.model import DOWN, UP, Direction, EdgeKind, Epoch, Subgraph, Traversal
from backends.neo4j_graph import KIND_BETWEEN, node_ids
from backends.neo4j_statement import Statement
from backends.neo4j_values import Foreign

Ints = NDArray[np.int64]
WIDE: Final = 1_000
"""Neighbours past which those of a node on the last level, most of which are not in the answer, are not sent."""
FAR: Final = 2**31 - 1
"""The most hops a pattern can be bound to; of more it takes the lower bits."""
MANY_ROOTS: Final = 16
"""Roots past which a walk level by level is cheaper: the statement expands from each root on its own."""
_PREFIXES: Final = {kind.lower(): kind.code for kind in KINDS}


def types(kinds: Iterable[EdgeKind]) -> str:
    """`:INPUT_TO|PRODUCES`, for between the brackets of a relationship."""
    return ":" + "|".join(sorted(kinds))


def step(direction: Direction, inside: str) -> str:
    """`-[...]->` or, upstream, `<-[...]-`."""
    return f"<-[{inside}]-" if direction is Direction.UPSTREAM else f"-[{inside}]->"


def compile_traversal(traversal: Traversal) -> Statement:
    """The statement for a few roots. Its record: `at`, and one map of lists for each direction asked for.

    Raises `Unsupported` for the past.
    """
    if traversal.as_of is not None:
        raise Unsupported("this backend keeps no history")
    parts = []
    for direction in _directions(traversal):
        name = "up" if direction is Direction.UPSTREAM else "down"
        parts.append(f"CALL () {{\n{_expansion(traversal, direction, name)}\n}}")
    names = ["up" if direction is Direction.UPSTREAM else "down" for direction in _directions(traversal)]
    text = "MATCH (e:_Epoch {id: 0})\nWITH e.at AS at\n" + "\n".join(parts) + f"\nRETURN at, {', '.join(names)}"
    roots = [[node_id, traversal.roots[node_id]] for node_id in node_ids(traversal.roots)]
    return Statement(text, {"roots": roots, "limit": traversal.max_nodes + 1})


def _directions(traversal: Traversal) -> tuple[Direction, ...]:
    if traversal.direction is Direction.BOTH:
        return Direction.DOWNSTREAM, Direction.UPSTREAM
    return (traversal.direction,)


def _expansion(traversal: Traversal, direction: Direction, name: str) -> str:
    kinds, depth = traversal.edge_kinds, traversal.max_depth
    # Without kinds to follow there is nothing but the roots; a pattern without types would follow all.
    bound = "0..0" if not kinds else "0.." if depth is None else f"0..{min(int(depth), FAR)}"
    path = step(direction, f"{types(kinds or {EdgeKind.INPUT_TO})}*{bound}")
    within = "" if depth is None else f"\n  WHERE hops = 0 OR start + hops <= {int(depth)}"
    return f"""\
  UNWIND $p.roots AS root
  MATCH (a:_Node {{id: root[0]}}) USING INDEX SEEK a:_Node(id)
  WHERE NOT a:_Hidden
  WITH a, root[1] AS start
  MATCH path = (a){path}(n)
  WITH a, start, n, min(length(path)) AS hops{within}
  WITH n, min(start + hops) AS depth
  ORDER BY depth, n.id LIMIT $p.limit
  RETURN {{
    numbers: collect(n._number), ids: collect(n.id), depths: collect(depth),
    near: collect({_near(traversal)})
  }} AS {name}"""


def _near(traversal: Traversal) -> str:
    """The numbers of the neighbours of `n`, or `[-1, id]` where there are too many that are not in the answer.

    Downstream those it feeds are all in the answer, unless it is on the last level. Of BOTH neither side is closed, so
    there an edge is found at its target: sources are fewer than targets as a rule.
    """
    if not traversal.edge_kinds:
        return "[]"
    inwards = traversal.direction is not Direction.DOWNSTREAM
    arrow = step(Direction.UPSTREAM if inwards else Direction.DOWNSTREAM, types(traversal.edge_kinds))
    listed = f"COLLECT {{ MATCH (n){arrow}(m) RETURN m._number }}"
    few = f"COUNT {{ (n){arrow}() }} <= {WIDE}"
    if traversal.direction is Direction.BOTH:
        return f"CASE WHEN {few} THEN {listed} ELSE [-1, id(n)] END"
    if traversal.max_depth is None:
        return listed
    return f"CASE WHEN depth < {int(traversal.max_depth)} OR {few} THEN {listed} ELSE [-1, id(n)] END"


def compile_wide(traversal: Traversal, found: "Found") -> Statement:
    """The edges between nodes of the answer that were left out, for having too many neighbours that are not in it."""
    inwards = traversal.direction is not Direction.DOWNSTREAM
    arrow = step(Direction.UPSTREAM if inwards else Direction.DOWNSTREAM, types(traversal.edge_kinds))
    text = f"""\
UNWIND $p.wide AS element
MATCH (n) WHERE id(n) = element
WITH n
MATCH (n){arrow}(m) WHERE m._number IN $p.numbers
RETURN collect(n._number) AS near, collect(m._number) AS far"""
    return Statement(text, {"wide": found.wide, "numbers": found.numbers.tolist()})


@dataclass(frozen=True, slots=True)
class Found:
    """A record, decoded: one row a node, nearest first, and edges as pairs of numbers (near end, far end).

    `cut` says that more were found than asked for. `wide` are Neo4j's own ids of nodes whose edges are still to be read.
    """

    at: Epoch
    ids: list[str]
    numbers: Ints
    depths: Ints
    reached: NDArray[np.uint8]
    near: Ints
    far: Ints
    cut: bool
    wide: list[int]

    def with_wide(self, record: Mapping[str, Any]) -> "Found":
        """With the edges that the record of `compile_wide` says."""
        near = np.concatenate((self.near, np.array(record["near"], np.int64)))
        return replace(self, near=near, far=np.concatenate((self.far, np.array(record["far"], np.int64))), wide=[])


class _Side(NamedTuple):
    """One direction of a record."""

    numbers: Ints
    depths: Ints
    ids: Sequence[str]
    near: Sequence[Sequence[int]]


def decode(record: Mapping[str, Any], traversal: Traversal) -> Found:
    """What the record of `compile_traversal` says. Raises `Foreign`."""
    at = Epoch(*record["at"])
    sides = [_side(record[name]) for name in ("down", "up") if name in record]
    most = traversal.max_nodes
    if len(sides) == 1:
        (side,) = sides
        bit = UP if traversal.direction is Direction.UPSTREAM else DOWN
        numbers, depths, ids = side.numbers, side.depths, list(side.ids)
        reached = np.full(len(numbers), bit, np.uint8)
        listed = side.near
        cut = len(numbers) > most
    else:
        numbers, depths, reached, ids, listed = _united(*sides)
        cut = len(numbers) > most or any(len(side.numbers) > most for side in sides)
    if cut:
        numbers, depths, reached = numbers[:most], depths[:most], reached[:most]
        ids, listed = ids[:most], listed[:most]
    roots = traversal.roots.keys()
    if len(roots) == 1:
        reached[depths == next(iter(traversal.roots.values()))] = UP | DOWN
    else:
        reached[[row for row, node_id in enumerate(ids) if node_id in roots]] = UP | DOWN
    wide = [near[1] for near in listed if near and near[0] < 0]
    if wide:
        listed = [() if near and near[0] < 0 else near for near in listed]
    sizes = np.fromiter(map(len, listed), np.int64, len(listed))
    far = np.fromiter(joined.from_iterable(listed), np.int64, int(sizes.sum()))
    return Found(at, ids, numbers, depths, reached, np.repeat(numbers, sizes), far, cut, wide)


def _side(said: Mapping[str, Any]) -> _Side:
    numbers, ids, depths, near = said["numbers"], said["ids"], said["depths"], said["near"]
    if not len(numbers) == len(ids) == len(near):
        raise Foreign
    return _Side(np.array(numbers, np.int64), np.array(depths, np.int64), ids, near)


def _united(down: _Side, up: _Side) -> tuple[Ints, Ints, NDArray[np.uint8], list[str], list[Sequence[int]]]:
    """Both directions as one list, nearest first, ties by id."""
    rows: dict[int, tuple[int, str, Sequence[int], int]] = {}
    for side, bit in ((down, DOWN), (up, UP)):
        for number, depth, node_id, near in zip(
            side.numbers.tolist(), side.depths.tolist(), side.ids, side.near, strict=True
        ):
            other = rows.get(number)
            least, bits = (depth, bit) if other is None else (min(depth, other[0]), bit | other[3])
            rows[number] = (least, node_id, near, bits)
    ordered = sorted(rows.items(), key=lambda row: row[1][:2])
    return (
        np.array([number for number, _ in ordered], np.int64),
        np.array([row[0] for _, row in ordered], np.int64),
        np.array([row[3] for _, row in ordered], np.uint8),
        [row[1] for _, row in ordered],
        [row[2] for _, row in ordered],
    )


def subgraph(found: Found, direction: Direction, epoch: Epoch) -> Subgraph:
    """The answer: edges whose other end was not reached, or was cut, are left out. Raises `Foreign`."""
    numbers, ids = found.numbers, found.ids
    order = np.argsort(numbers)
    sorted_numbers = numbers[order]
    place = np.searchsorted(sorted_numbers, found.far)
    place[place == len(numbers)] = 0
    inside = sorted_numbers[place] == found.far if len(numbers) else np.zeros(0, np.bool_)
    far = order[place[inside]]
    near = order[np.searchsorted(sorted_numbers, found.near[inside])]
    sources, targets = (near, far) if direction is Direction.DOWNSTREAM else (far, near)
    kinds, namespaces, names = _named(ids)
    edge_kinds = KIND_BETWEEN[kinds[sources], kinds[targets]]
    return Subgraph(
        epoch=epoch,
        numbers=numbers,
        kinds=kinds,
        depths=found.depths.astype(np.int32),
        reached=found.reached,
        namespaces=namespaces,
        namespace_names=names,
        ids=tuple(ids),
        sources=sources.astype(np.int32),
        targets=targets.astype(np.int32),
        edge_kinds=edge_kinds,
        truncated=found.cut,
    )


def _named(ids: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int32], tuple[str, ...]]:
    """Kinds and namespaces of ids, as codes and as places in a list of names."""
    parts = [node_id.partition(":") for node_id in ids]
    kinds = np.fromiter((_PREFIXES[part[0]] for part in parts), np.uint8, len(ids))
    raw: dict[str, int] = {}
    spaces = (part[2].partition("#") for part in parts)
    # An id without a second part has no namespace.
    places = np.fromiter((raw.setdefault(p[0] if p[1] else "", len(raw)) for p in spaces), np.int32, len(ids))
    return kinds, places, tuple(namespace_of(f"x:{name}#") for name in raw)
