"""An answer as the cache keeps it: the columns of a subgraph by number, and what proving and repairing it look up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backends.model import Direction, Epoch, Subgraph, Traversal

Places: TypeAlias = NDArray[np.intp]
Ints: TypeAlias = NDArray[np.int32]
Mask: TypeAlias = NDArray[np.bool_]

NOTES: Final = 12_000
"""Bytes of what is noted of a large answer: its counts (`schema.impact`)."""
FAR: Final = 2**31 - 1
"""A depth that nothing has: not reached."""


@dataclass(slots=True, eq=False)
class Closure:
    """The answer to `question`, true at `epoch`. Where the log proves it true later, `epoch` moves on.

    `graph` has no ids: they are looked up by number when the answer is given, but for `fresh`, the ids of the last rows,
    which came from the log and may be new to the backend's memory. `starts` maps the rows of roots to their starting depths.
    Columns are shared with whoever got the answer, so nobody writes to them.
    """

    question: Traversal
    epoch: Epoch
    graph: Subgraph
    starts: Mapping[int, int]
    fresh: tuple[str, ...] = ()
    names: dict[int, str] | None = None
    """Ids by number, where the backend does not have them in memory."""
    answer: Subgraph | None = None
    """As it was given last, at `epoch`."""
    hits: int = 0
    repairs: int = 0
    made: float = 0.0
    """When it was computed, Unix time."""
    checked: float = 0.0
    """When it was proved or made last, Unix time."""
    stored: Epoch | None = None
    """The epoch with which the byte store has it."""
    _order: Places | None = field(default=None, repr=False)
    sides: "dict[int, Ints] | None" = field(default=None, repr=False)
    """Of BOTH: the depths each way, by DOWN and UP; computed when first needed."""

    def __len__(self) -> int:
        return len(self.graph.numbers)

    @property
    def nbytes(self) -> int:
        """Memory it takes, what is computed when first needed included."""
        wide = 8 + 1 + 4 + 1 + 4 + 8 + (8 if self.question.direction is Direction.BOTH else 0)
        other = 80 * len(self.fresh) + 120 * len(self.question.roots) + min(12 * len(self), NOTES) + 1500
        return wide * len(self) + 9 * len(self.graph.sources) + other

    @property
    def limit(self) -> int:
        """The depth from which on nodes are not followed any further."""
        most = self.question.max_depth
        return FAR if most is None else min(most, FAR)

    @property
    def is_open_ended(self) -> bool:
        """Whether the computation visited nodes that the answer does not have and cannot tell: BOTH, cut. A near node may
        be reached from the other side by way of nodes that were cut, and `reached` says so. One direction, cut, depends on
        nothing but what it kept: whatever is nearer than the last level is all there."""
        return self.graph.truncated and self.question.direction is Direction.BOTH

    def rows_of(self, numbers: NDArray[np.int64]) -> Places:
        """The row of each number, -1 where it is none of this answer."""
        have = self.graph.numbers
        if not len(have):
            return np.full(len(numbers), -1)
        if self._order is None:
            self._order = np.argsort(have)
        at = np.searchsorted(have, numbers, sorter=self._order)
        rows = self._order.take(at, mode="clip")
        rows[have[rows] != numbers] = -1
        return rows

    def expanded(self, rows: Places, way: int) -> Mask:
        """Of which of these rows the computation followed the edges that way (UP or DOWN), which the question goes, or may
        have."""
        kept = self.graph.depths[rows] < self.limit
        if self.question.direction is Direction.BOTH:
            kept &= (self.graph.reached[rows] & way) != 0
        return kept

    def order_with(self, numbers: Sequence[int]) -> Places | None:
        """The order in which `rows_of` searches, with more numbers in rows behind those there are; None: not known yet."""
        if self._order is None or not numbers:
            return self._order
        more = sorted((number, len(self) + place) for place, number in enumerate(numbers))
        places = np.searchsorted(self.graph.numbers, [number for number, _ in more], sorter=self._order)
        return np.insert(self._order, places, [row for _, row in more])

    def followed_by(
        self,
        graph: Subgraph,
        starts: Mapping[int, int],
        fresh: tuple[str, ...],
        order: Places | None,
        sides: dict[int, Ints] | None,
    ) -> "Closure":
        """What this answer became; it keeps its tallies."""
        made = Closure(self.question, self.epoch, graph, starts, fresh, self.names)
        made.hits, made.repairs, made.made = self.hits, self.repairs + 1, self.made
        made._order, made.sides = order, sides
        return made
