"""Traversals over an `Index`.

A walk is answered in two parts, so that its caller can begin on the event loop and go on in a thread: `run` walks until
done or until it has looked at a number of nodes and edges, `subgraph` makes the answer.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.index import NUMBER, SHIFT, Ids, Index, Ints
from backends.index_reach import Reach
from backends.index_spans import NOTHING, Followed, Spans
from backends.model import DOWN, UP, Direction, Subgraph, Traversal


class Walk:
    """One traversal over an index that does not change meanwhile."""

    def __init__(self, index: Index, traversal: Traversal) -> None:
        self._index = index
        self._traversal = traversal
        self._followed = Followed(traversal.edge_kinds)
        ids = list(traversal.roots)
        self._roots: dict[int, int] = {}
        for node_id, number in zip(ids, index.numbers_of(ids), strict=True):
            if number >= 0:
                self._roots[number] = traversal.roots[node_id]
        both = traversal.direction is Direction.BOTH
        # A node that is near one way may be far the other, and `reached` says both: so BOTH goes to the end.
        most = None if both else traversal.max_nodes
        sides = {DOWN: index.out} if traversal.direction is not Direction.UPSTREAM else {}
        if traversal.direction is not Direction.DOWNSTREAM:
            sides[UP] = index.into
        self._found: Found | None = None
        self._reaches = {
            bit: Reach(index, live, self._roots, self._followed, traversal.max_depth, most) for bit, live in sides.items()
        }

    def run(self, budget: int | None = None) -> bool:
        """True once the answer can be made; False where more nodes and edges than the budget would have to be looked at for
        it. Call again without a budget, on another thread if need be."""
        if self._found is None:
            if not all(reach.run(budget) for reach in self._reaches.values()):
                return False
            self._found = self._find()
        return budget is None or self._found.spans.total <= budget

    def subgraph(self) -> Subgraph:
        """The answer, after `run` said True."""
        index, found = self._index, self._found
        assert found is not None
        scratch = index.scratch()
        scratch.row[found.numbers] = np.arange(len(found.numbers), dtype=np.int32)
        sources, targets, kinds = self._edges(found, scratch.row)
        scratch.row[found.numbers] = -1
        index.give_back(scratch)
        numbers = found.numbers.astype(np.int64)
        return Subgraph(
            epoch=index.epoch,
            numbers=numbers,
            kinds=index.kinds.take(numbers),
            depths=found.depths,
            reached=found.reached,
            namespaces=index.namespaces.take(numbers),
            namespace_names=index.namespace_names,
            ids=Ids(index, numbers),
            sources=sources,
            targets=targets,
            edge_kinds=kinds,
            truncated=found.truncated,
        )

    def _find(self) -> "Found":
        index, most = self._index, self._traversal.max_nodes
        numbers, depths, reached = self._united()
        truncated = len(numbers) > most
        if truncated:
            kept = self._nearest(numbers, depths)
            numbers, depths, reached = numbers[kept], depths[kept], reached[kept]
        # An edge is a slot of its source in one direction and of its target in the other: that is read which has fewer.
        out, into = Spans(index.out, self._followed, numbers), Spans(index.into, self._followed, numbers)
        return Found(numbers, depths, reached, truncated, out if out.total <= into.total else into)

    def _united(self) -> tuple[Ints, Ints, NDArray[np.uint8]]:
        """Ints, least depths and `reached` of all that was found in either direction."""
        for reach in self._reaches.values():
            reach.close()
        columns = [(bit, *_columns(reach)) for bit, reach in self._reaches.items()]
        bit, numbers, depths = columns[0]
        reached = np.full(len(numbers), bit, np.uint8)
        scratch = self._index.scratch()
        row = scratch.row
        row[numbers] = np.arange(len(numbers), dtype=np.int32)
        for bit, others, far in columns[1:]:
            at = row[others]
            again = at >= 0
            reached[at[again]] |= bit
            depths[at[again]] = np.minimum(depths[at[again]], far[again])
            row[numbers] = -1
            numbers = np.concatenate((numbers, others[~again]))
            depths = np.concatenate((depths, far[~again]))
            reached = np.concatenate((reached, np.full(int((~again).sum()), bit, np.uint8)))
            row[numbers] = np.arange(len(numbers), dtype=np.int32)
        roots = row[np.fromiter(self._roots, np.int32, len(self._roots))]
        reached[roots[roots >= 0]] = UP | DOWN
        row[numbers] = -1
        self._index.give_back(scratch)
        return numbers, depths, reached

    def _nearest(self, numbers: Ints, depths: Ints) -> Ints:
        """The rows to keep: the nearest, ties by id. Only of the last level shown are the ids compared."""
        most = self._traversal.max_nodes
        last = np.partition(depths, most - 1)[most - 1]
        nearer, tied = np.flatnonzero(depths < last), np.flatnonzero(depths == last)
        index = self._index
        ids = [index.id_of(number) for number in numbers[tied].tolist()]
        order = sorted(range(len(ids)), key=ids.__getitem__)[: most - len(nearer)]
        return np.concatenate((nearer, tied[order]))

    def _edges(self, found: "Found", row: Ints) -> tuple[Ints, Ints, NDArray[np.uint8]]:
        """All followed edges among the nodes, as rows."""
        spans = found.spans
        side = spans.live.side
        slots = spans.slots()
        owners = np.arange(len(found.numbers), dtype=np.int32) if spans.rows is None else spans.rows
        near = np.repeat(owners, spans.sizes)
        far = row.take(side.other[slots], mode="clip")
        kinds = side.kind[slots]
        inside = far >= 0
        stands = spans.stands(slots)
        if stands is not None:
            inside &= stands
        if not inside.all():
            near, far, kinds = near[inside], far[inside], kinds[inside]
        more = [(at, row[packed & NUMBER], packed >> SHIFT) for at, packed in spans.extra() if row[packed & NUMBER] >= 0]
        if more:
            some = np.array(more, np.int32)
            near, far = np.concatenate((near, some[:, 0])), np.concatenate((far, some[:, 1]))
            kinds = np.concatenate((kinds, some[:, 2].astype(np.uint8)))
        return (near, far, kinds) if spans.live is self._index.out else (far, near, kinds)


class Found(NamedTuple):
    """The nodes of an answer, and the direction in which to read the edges among them."""

    numbers: Ints
    depths: Ints
    reached: NDArray[np.uint8]
    truncated: bool
    spans: Spans


def _columns(reach: Reach) -> tuple[Ints, Ints]:
    if not reach.levels:
        return NOTHING, NOTHING.copy()
    sizes = [len(level) for level in reach.levels]
    return np.concatenate(reach.levels), np.repeat(np.array(reach.depths, np.int32), sizes)
