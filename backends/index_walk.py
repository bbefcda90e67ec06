"""Traversals over an `Index`: breadth first, with python sets while few nodes are seen, with vectors after.

A walk is answered in two parts, so that its caller can begin on the event loop and go on in a thread: `run` walks until
done or until it has looked at a number of nodes and edges, `subgraph` makes the answer.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backends.index import NUMBER, SHIFT, Ids, Index, Ints, Live, Scratch
from backends.index_spans import NOTHING, Followed, Spans
from backends.model import DOWN, UP, Direction, Subgraph, Traversal

SMALL: Final = 400
"""Nodes seen after which vectors are faster than sets."""
WIDE: Final = 200
"""Edges of one level after which they are, too."""


class Reach:
    """What is reached in one direction: `levels` are the numbers found, `depths` theirs, nearest first."""

    def __init__(
        self, index: Index, live: Live, roots: dict[int, int], followed: Followed, max_depth: int | None, most: int | None
    ) -> None:
        self._index = index
        self._live = live
        self._followed = followed
        self._max_depth = max_depth
        self._most = most
        self._waiting: dict[int, list[int]] = {}
        for number, depth in roots.items():
            self._waiting.setdefault(depth, []).append(number)
        self._depth = 0
        self._few: dict[int, int] | None = {}
        self._few_frontier: list[int] = []
        self._frontier = NOTHING
        self._scratch: Scratch | None = None
        self._done = False
        self.count = 0
        self.work = 0
        """Nodes seen and edges looked at."""
        self.levels: list[Ints] = []
        self.depths: list[int] = []

    def run(self, budget: int | None) -> bool:
        """True once all is found; False where `work` would pass the budget."""
        while not self._done:
            if self._few is not None:
                self._step_few()
            elif not self._step_many(budget):
                return False
            if budget is not None and self.work > budget and not self._done:
                return False
        return True

    def close(self) -> None:
        """Gives back what the walk worked with."""
        if self._scratch is not None:
            for level in self.levels:
                self._scratch.seen[level] = False
            self._index.give_back(self._scratch)
            self._scratch = None

    # A few nodes: sets

    def _step_few(self) -> None:
        few, frontier = self._few, self._few_frontier
        assert few is not None
        for number in self._waiting.pop(self._depth, ()):
            if number not in few:
                few[number] = self._depth
                frontier.append(number)
        self.count = len(few)
        if self._is_last(bool(frontier)):
            self._end_few()
            return
        if not frontier:
            self._depth = min(self._waiting)
            return
        start, end = self._live.start, self._followed.end_view(self._live)
        known = len(end)
        width = sum(end[number] - start[number] for number in frontier if number < known)
        if width > WIDE or len(few) > SMALL:
            self._to_many()
            return
        self.work += width + len(frontier)
        self._depth += 1
        found = []
        for number in frontier:
            for other in self._others(number):
                if other not in few:
                    few[other] = self._depth
                    found.append(other)
        self._few_frontier = found

    def _others(self, number: int) -> Iterable[int]:
        live, followed = self._live, self._followed
        others: list[int] = []
        end = followed.end_view(live)
        if number < len(end):
            first, last = live.start[number], end[number]
            if first < last:
                if followed.all and live.dead is None:
                    others = live.other[first:last].tolist()
                else:
                    kinds, dead = live.kind, live.dead
                    others = [
                        live.other[slot]
                        for slot in range(first, last)
                        if kinds[slot] in followed.codes and (dead is None or not dead[slot])
                    ]
        extra = live.extra.get(number)
        if extra:
            others.extend(packed & NUMBER for packed in extra if packed >> SHIFT in followed.codes)
        return others

    def _end_few(self) -> None:
        assert self._few is not None
        self._take_few()
        for depth in sorted(self._waiting):
            left = [number for number in self._waiting[depth] if number not in self._few]
            self._put(np.array(left, np.int32), depth)
        self._few = None
        self._done = True

    def _take_few(self) -> None:
        assert self._few is not None
        by_depth: dict[int, list[int]] = {}
        for number, depth in self._few.items():
            by_depth.setdefault(depth, []).append(number)
        self.count = 0
        for depth, numbers in by_depth.items():
            self._put(np.array(numbers, np.int32), depth)

    def _to_many(self) -> None:
        self._take_few()
        self._few = None
        self._scratch = self._index.scratch()
        for level in self.levels:
            self._scratch.seen[level] = True
        self._frontier = np.array(self._few_frontier, np.int32)

    def _put(self, numbers: Ints, depth: int) -> None:
        if len(numbers):
            self.levels.append(numbers)
            self.depths.append(depth)
            self.count += len(numbers)

    # Many: vectors

    def _step_many(self, budget: int | None) -> bool:
        """One level. False, with nothing done, where it would pass the budget."""
        assert self._scratch is not None
        seen = self._scratch.seen
        if self._depth in self._waiting:
            due = np.unique(np.array(self._waiting.pop(self._depth), np.int32))
            due = due[~seen[due]]
            seen[due] = True
            self._put(due, self._depth)
            self._frontier = np.concatenate((self._frontier, due))
        if self._is_last(len(self._frontier) > 0):
            for depth in sorted(self._waiting):
                left = np.unique(np.array(self._waiting[depth], np.int32))
                left = left[~seen[left]]
                seen[left] = True
                self._put(left, depth)
            self._done = True
            return True
        if not len(self._frontier):
            self._depth = min(self._waiting)
            return True
        spans = Spans(self._live, self._followed, self._frontier)
        if budget is not None and self.work + spans.total > budget:
            return False
        self.work += spans.total + len(self._frontier)
        found = spans.others()
        extra = [packed & NUMBER for _, packed in spans.extra()]
        if extra:
            found = np.concatenate((found, np.array(extra, np.int32)))
        found = found[~seen.take(found, mode="clip")]
        found = _distinct(found, self._scratch.row)
        seen[found] = True
        self._depth += 1
        self._put(found, self._depth)
        self._frontier = found
        return True

    def _is_last(self, going: bool) -> bool:
        """Whether nothing more is to be found from here: too many already, deep enough, or nowhere to go."""
        if self._most is not None and self.count > self._most:
            self._waiting.clear()
            return True
        if self._max_depth is not None and self._depth >= self._max_depth:
            return True
        return not going and not self._waiting


def _distinct(numbers: Ints, row: Ints) -> Ints:
    """The numbers once each. Each writes its place into `row`, and stays if it was the last to do so: no sorting."""
    places = np.arange(len(numbers), dtype=np.int32)
    row[numbers] = places
    once: Ints = numbers[row.take(numbers, mode="clip") == places]
    row[numbers] = -1
    return once


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
