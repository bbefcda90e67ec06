"""A traversal as one statement, and its one record as a subgraph. Pure.

`VarLengthExpand(Pruning,BFS)` finds each node once, at its least distance, as long as of a path nothing but the least
length is asked for. The answer is one record of lists: a row for each node costs four times as much. The hop bound is
part of the text, so it is a checked whole number. See docs/decisions/neo4j.md for the forms compared.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
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
SPAN: Final = 2**21
"""Between the least and the greatest of Neo4j's ids in an answer, up to which a table finds rows: ten times as fast."""
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
    names = ["up" if direction is Direction.UPSTREAM else "down" for direction in _directions(traversal)]
    parts = []
    for name, direction in zip(names, _directions(traversal), strict=True):
        parts.append(f"CALL () {{\n{_expansion(traversal, direction, name)}\n}}")
    text = "MATCH (e:_Epoch {id: 0})\nWITH e.at AS at\n" + "\n".join(parts) + f"\nRETURN at, {', '.join(names)}"
    roots = [[node_id, traversal.roots[node_id]] for node_id in node_ids(traversal.roots)]
    return Statement(text, {"roots": roots, "limit": traversal.max_nodes + 1})


def _directions(traversal: Traversal) -> tuple[Direction, ...]:
    if traversal.direction is Direction.BOTH:
        return Direction.DOWNSTREAM, Direction.UPSTREAM
    return (traversal.direction,)


def _expansion(traversal: Traversal, direction: Direction, name: str) -> str:
    """Each node is carried as itself: its properties are read once, at the end. What is past the limit is known only when
    all are found, and only then are they put in order."""
    return f"""\
  CALL () {{
{_reached(traversal, direction)}
    RETURN collect(n) AS every, collect(depth) AS depths
  }}
  WITH every, depths, CASE WHEN size(every) >= $p.limit THEN COLLECT {{
    UNWIND range(0, size(every) - 1) AS place
    WITH place, every[place] AS n, depths[place] AS depth
    ORDER BY depth, n.id LIMIT $p.limit
    RETURN place
  }} END AS kept
  WITH CASE WHEN kept IS NULL THEN every ELSE [place IN kept | every[place]] END AS nodes,
    CASE WHEN kept IS NULL THEN depths ELSE [place IN kept | depths[place]] END AS depths
{_edges(traversal)}
  RETURN {{
    elements: [n IN nodes | id(n)], numbers: [n IN nodes | n._number], ids: [n IN nodes | n.id], depths: depths,
    near: near, far: far, wide: wide
  }} AS {name}"""


def _reached(traversal: Traversal, direction: Direction) -> str:
    """Each node `n` with its least `depth`. Of one root at depth 0 the least length is the depth."""
    kinds, depth = traversal.edge_kinds, traversal.max_depth
    # Without kinds to follow there is nothing but the roots; a pattern without types would follow all.
    bound = "0..0" if not kinds else "0.." if depth is None else f"0..{min(int(depth), FAR)}"
    path = step(direction, f"{types(kinds or {EdgeKind.INPUT_TO})}*{bound}")
    if [*traversal.roots.values()] == [0]:
        return f"""\
    MATCH (a:_Node {{id: $p.roots[0][0]}}) USING INDEX SEEK a:_Node(id)
    WHERE NOT a:_Hidden
    MATCH path = (a){path}(n)
    WITH n, min(length(path)) AS depth"""
    within = "" if depth is None else f"\n    WHERE hops = 0 OR start + hops <= {int(depth)}"
    return f"""\
    UNWIND $p.roots AS root
    MATCH (a:_Node {{id: root[0]}}) USING INDEX SEEK a:_Node(id)
    WHERE NOT a:_Hidden
    WITH a, root[1] AS start
    MATCH path = (a){path}(n)
    WITH a, start, n, min(length(path)) AS hops{within}
    WITH n, min(start + hops) AS depth"""


def _edges(traversal: Traversal) -> str:
    """`near` and `far`, Neo4j's own ids of the ends of edges; `wide`, of nodes too many of whose neighbours are not in
    the answer.

    Downstream those a node feeds are all in the answer, unless it is on the last level. Of BOTH neither side is closed,
    so there an edge is found at its target: sources are fewer than targets as a rule.
    """
    if not traversal.edge_kinds:
        return "  WITH nodes, depths, [] AS near, [] AS far, [] AS wide"
    inwards = traversal.direction is not Direction.DOWNSTREAM
    arrow = step(Direction.UPSTREAM if inwards else Direction.DOWNSTREAM, types(traversal.edge_kinds))
    both = traversal.direction is Direction.BOTH
    if traversal.max_depth is None and not both:
        return f"""\
  CALL (nodes) {{
    UNWIND nodes AS n
    MATCH (n){arrow}(m)
    RETURN collect(id(n)) AS near, collect(id(m)) AS far
  }}
  WITH *, [] AS wide"""
    last = "" if both else f"depths[place] >= {traversal.max_depth} AND "
    return f"""\
  CALL (nodes, depths) {{
    UNWIND range(0, size(nodes) - 1) AS place
    WITH place, nodes[place] AS n
    WHERE {last}COUNT {{ (n){arrow}() }} > {WIDE}
    RETURN collect(id(n)) AS wide
  }}
  CALL (nodes, wide) {{
    UNWIND nodes AS n
    WITH n WHERE NOT id(n) IN wide
    MATCH (n){arrow}(m)
    RETURN collect(id(n)) AS near, collect(id(m)) AS far
  }}"""


def compile_wide(traversal: Traversal, found: "Found") -> Statement:
    """The edges between nodes of the answer that were left out, for having too many neighbours that are not in it."""
    inwards = traversal.direction is not Direction.DOWNSTREAM
    arrow = step(Direction.UPSTREAM if inwards else Direction.DOWNSTREAM, types(traversal.edge_kinds))
    text = f"""\
UNWIND $p.wide AS element
MATCH (n) WHERE id(n) = element
WITH n
MATCH (n){arrow}(m) WHERE id(m) IN $p.nodes
RETURN collect(id(n)) AS near, collect(id(m)) AS far"""
    return Statement(text, {"wide": found.wide, "nodes": found.elements.tolist()})


@dataclass(frozen=True, slots=True)
class Found:
    """A record, decoded: one row a node, and edges as pairs of `elements` (near end, far end), Neo4j's own ids.

    `cut` says that more were found than asked for; then the nearest are here. `wide` are elements whose edges are still
    to be read.
    """

    at: Epoch
    ids: Sequence[str]
    elements: Ints
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

    elements: Ints
    numbers: Ints
    depths: Ints
    ids: Sequence[str]
    near: Ints
    far: Ints
    wide: Sequence[int]


def decode(record: Mapping[str, Any], traversal: Traversal) -> Found:
    """What the record of `compile_traversal` says. Raises `Foreign`."""
    at = Epoch(*record["at"])
    sides = [_side(record[name]) for name in ("down", "up") if name in record]
    most = traversal.max_nodes
    cut = any(len(side.numbers) > most for side in sides)
    if len(sides) == 1:
        (side,) = sides
        bit = UP if traversal.direction is Direction.UPSTREAM else DOWN
        reached = np.full(len(side.numbers), bit, np.uint8)
    else:
        side, reached = _united(*sides)
        cut = cut or len(side.numbers) > most
    elements, numbers, depths, ids, near, far, wide = side
    if cut:
        elements, numbers, depths = elements[:most], numbers[:most], depths[:most]
        reached, ids = reached[:most], ids[:most]
    roots = traversal.roots.keys()
    if len(roots) == 1:
        reached[depths == next(iter(traversal.roots.values()))] = UP | DOWN
    else:
        reached[[row for row, node_id in enumerate(ids) if node_id in roots]] = UP | DOWN
    return Found(at, ids, elements, numbers, depths, reached, near, far, cut, list(wide))


def _side(said: Mapping[str, Any]) -> _Side:
    if None in said["ids"] or None in said["numbers"]:
        raise Foreign
    elements, numbers, depths, near, far = (
        np.array(said[name], np.int64) for name in ("elements", "numbers", "depths", "near", "far")
    )
    return _Side(elements, numbers, depths, said["ids"], near, far, said["wide"])


def _united(down: _Side, up: _Side) -> tuple[_Side, NDArray[np.uint8]]:
    """Both directions as one, and the directions in which each node was reached."""
    more = ~np.isin(up.elements, down.elements)
    beyond = ~np.isin(up.near, down.elements)
    of_down, of_up = np.full(len(down.elements), DOWN, np.uint8), np.full(len(up.elements), UP, np.uint8)
    order = np.argsort(down.elements)
    place = order[np.searchsorted(down.elements, up.elements[~more], sorter=order)]
    depths = down.depths.copy()
    depths[place] = np.minimum(depths[place], up.depths[~more])
    of_down[place] |= UP
    ids = [*down.ids, *(node_id for node_id, new in zip(up.ids, more.tolist(), strict=True) if new)]
    side = _Side(
        np.concatenate((down.elements, up.elements[more])),
        np.concatenate((down.numbers, up.numbers[more])),
        np.concatenate((depths, up.depths[more])),
        ids,
        np.concatenate((down.near, up.near[beyond])),
        np.concatenate((down.far, up.far[beyond])),
        [*dict.fromkeys((*down.wide, *up.wide))],
    )
    return side, np.concatenate((of_down, of_up[more]))


def subgraph(found: Found, direction: Direction, epoch: Epoch) -> Subgraph:
    """The answer: edges whose other end was not reached, or was cut, are left out."""
    elements, ids = found.elements, found.ids
    row_of = _rows(elements)
    near, far = row_of(found.near), row_of(found.far)
    inside = (near >= 0) & (far >= 0)
    near, far = near[inside], far[inside]
    sources, targets = (near, far) if direction is Direction.DOWNSTREAM else (far, near)
    kinds, namespaces, names = _named(ids)
    edge_kinds = KIND_BETWEEN[kinds[sources], kinds[targets]]
    return Subgraph(
        epoch=epoch,
        numbers=found.numbers,
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


def _rows(elements: Ints) -> Callable[[Ints], Ints]:
    """Finds the rows of elements, -1 for those that have none."""
    size = len(elements)
    if not size:
        return lambda ends: np.full(len(ends), -1)
    low = elements.min()
    span = int(elements.max() - low) + 1
    if span > SPAN:
        order = np.argsort(elements)
        ordered = elements[order]

        def search(ends: Ints) -> Ints:
            row = order[np.minimum(np.searchsorted(ordered, ends), size - 1)]
            return np.where(elements[row] == ends, row, -1)

        return search
    table = np.zeros(span, np.int64)
    table[elements - low] = np.arange(size)

    def look(ends: Ints) -> Ints:
        row = table[np.clip(ends - low, 0, span - 1)]
        return np.where(elements[row] == ends, row, -1)

    return look


def _named(ids: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int32], tuple[str, ...]]:
    """Kinds and namespaces of ids, as codes and as places in a list of names. What an id begins with, up to its second
    part, says both; few beginnings differ."""
    heads = [node_id[: node_id.find("#") + 1] for node_id in ids]
    if "" in heads:  # an id without a second part has no namespace
        heads = [head or f"{node_id.partition(':')[0]}:" for head, node_id in zip(heads, ids, strict=True)]
    seen = dict(zip(dict.fromkeys(heads), count()))
    names: dict[str, int] = {}
    said = []
    for head in seen:
        kind, _, name = head.partition(":")
        space = namespace_of(f"x:{name}") if name else ""
        said.append((_PREFIXES[kind], names.setdefault(space, len(names))))
    kinds, spaces = np.array(said, np.int32).reshape(-1, 2).T
    place = np.fromiter(map(seen.__getitem__, heads), np.int64, len(ids))
    return kinds.astype(np.uint8)[place], spaces[place], tuple(names)
