"""The fewest traversals that answer what many links ask at once, without going farther than any of them asks. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from backends.model import Direction, EdgeKind, Traversal
from schema.turns import Reach, Turn


class Wanted(NamedTuple):
    """What one link asks of the graph, from what stands for its parents."""

    starts: frozenset[str]
    turn: Turn
    reach: Reach


@dataclass(slots=True)
class _Group:
    """What goes together: for each start how many hops (None: as far as it goes), and who asked."""

    direction: Direction
    columns: bool
    hops: dict[str, int | None] = field(default_factory=dict)
    edge_kinds: set[EdgeKind] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)

    def take(self, number: int, want: Wanted) -> None:
        far = want.reach.hops
        for start in want.starts:
            before = self.hops.get(start, 0)
            self.hops[start] = None if far is None or before is None else max(far, before)
        self.edge_kinds |= want.reach.edge_kinds
        self.asked.append(number)

    @property
    def farthest(self) -> int | None:
        return max((hops for hops in self.hops.values() if hops is not None), default=None)

    def goes_with(self, other: "_Group") -> bool:
        """Whether both may be one traversal: where one is a part of the other, or both start alike and go about as far.
        Steps of a hop or two go together whatever their layer; what goes farther would bring the other layer along."""
        far, near = self.farthest, other.farthest
        if self.columns == other.columns and far is None and near is not None and self.direction is other.direction:
            return other.hops.keys() <= self.hops.keys()
        if self.hops.keys() != other.hops.keys():
            return False
        if far is None or near is None:
            return far is near and self.columns == other.columns
        return max(far, near) <= 2 if self.columns != other.columns else max(far, near) <= 2 * min(far, near) + 1

    def merge(self, other: "_Group") -> None:
        for start, hops in other.hops.items():
            own = self.hops[start]
            self.hops[start] = None if hops is None or own is None else max(hops, own)
        self.direction = self.direction if self.direction is other.direction else Direction.BOTH
        self.columns = self.columns and other.columns
        self.edge_kinds |= other.edge_kinds
        self.asked += other.asked

    def traversal(self, max_nodes: int) -> Traversal:
        """Those that go less far start deeper, so that each goes as far as it asked."""
        far = self.farthest
        roots = {start: 0 if far is None or hops is None else far - hops for start, hops in sorted(self.hops.items())}
        return Traversal(roots, self.direction, far, frozenset(self.edge_kinds), max_nodes)


def traversals_for(wanted: Sequence[Wanted], max_nodes: int) -> tuple[list[Traversal], list[int]]:
    """The traversals, and which of them answers each.

    Those of one direction and one layer go together, the bounded ones with the unbounded only where they start among its
    starts. Upstream and downstream become one traversal of BOTH where they start alike and go about as far.
    """
    alike: dict[object, _Group] = {}
    for number, want in enumerate(wanted):
        turn, bounded = want.turn, want.reach.hops is not None
        group = alike.setdefault((turn.direction, turn.columns, bounded), _Group(turn.direction, turn.columns))
        group.take(number, want)
    groups: list[_Group] = []
    for group in sorted(alike.values(), key=lambda each: each.farthest is not None):
        partner = next((other for other in groups if other.goes_with(group)), None)
        if partner is None:
            groups.append(group)
        else:
            partner.merge(group)
    answers = [0] * len(wanted)
    for place, group in enumerate(groups):
        for number in group.asked:
            answers[number] = place
    return [group.traversal(max_nodes) for group in groups], answers
