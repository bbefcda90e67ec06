"""The edges of many nodes at once: what a walk of an index reads when it uses vectors."""

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backends.index import FLOW_END, SHIFT, Ints, Live
from backends.model import EdgeKind

Flags: TypeAlias = NDArray[np.bool_]
NOTHING: Final = np.empty(0, np.int32)


class Followed:
    """Which kinds of edges are followed, in the forms the two ways of walking need."""

    def __init__(self, kinds: frozenset[EdgeKind]) -> None:
        codes = {kind.code for kind in kinds}
        self.flow_only = all(code < FLOW_END for code in codes)
        self.all = codes == set(range(FLOW_END))
        """All flow edges and no others: then the slots need no look at their kinds."""
        self.codes = codes
        self.mask = np.zeros(256, np.bool_)
        self.mask[list(codes)] = True

    def end(self, live: Live) -> Ints:
        """Where the slots of each node end that may be followed."""
        return live.side.flow if self.flow_only else live.side.start[1:]

    def end_view(self, live: Live) -> "memoryview[int]":
        return live.flow if self.flow_only else live.start[1:]


class Spans:
    """The edges of some nodes, as slots of one direction. Slots and numbers are 32 bits wide: half the memory to move, and
    it is memory that a walk waits for. `take(mode="clip")` is the gather that does not check bounds first."""

    def __init__(self, live: Live, followed: Followed, numbers: Ints) -> None:
        self.live = live
        self._followed = followed
        self._numbers = numbers
        end = followed.end(live)
        first = live.side.start
        self.rows: Ints | None = None
        """Which of the numbers have edges in the base; None: each is looked at."""
        if len(numbers) and int(numbers.max()) >= len(end):
            self.rows = np.flatnonzero(numbers < len(end)).astype(np.int32)
            numbers = numbers[self.rows]
        self._first = first.take(numbers, mode="clip")
        self.sizes = end.take(numbers, mode="clip") - self._first if len(end) else np.zeros(0, np.int32)
        self.total = int(self.sizes.sum())

    def slots(self) -> Ints:
        """Every slot, in the order of the numbers; those of other kinds and tombstones included."""
        if self.total == 0:
            return NOTHING
        some = np.flatnonzero(self.sizes)
        first, sizes = self._first[some], self.sizes[some]
        # Steps of one, and at each node's first slot the step from the last slot of the node before: their running sum.
        steps = np.ones(self.total, np.int32)
        steps[0] = first[0]
        steps[np.cumsum(sizes)[:-1]] = first[1:] - first[:-1] - sizes[:-1] + 1
        return np.cumsum(steps, dtype=np.int32)

    def stands(self, slots: Ints) -> Flags | None:
        """Which slots are edges to follow; None: all."""
        live, followed = self.live, self._followed
        stands = None if followed.all else followed.mask[live.side.kind.take(slots, mode="clip")]
        if live.dead is not None:
            alive = ~live.dead.take(slots, mode="clip")
            stands = alive if stands is None else stands & alive
        return stands

    def others(self) -> Ints:
        """The other ends of the base's edges, in no order, perhaps several times."""
        slots = self.slots()
        stands = self.stands(slots)
        if stands is not None:
            slots = slots[stands]
        return self.live.side.other[slots]

    def extra(self) -> Iterator[tuple[int, int]]:
        """Edges that came since: (row among the numbers, kind and other end packed)."""
        extra, codes = self.live.extra, self._followed.codes
        if not extra:
            return
        for row in np.flatnonzero(self.live.touched[self._numbers]).tolist():
            for packed in extra[int(self._numbers[row])]:
                if packed >> SHIFT in codes:
                    yield row, packed
