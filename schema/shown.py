"""What folding found: columns of all shown nodes, and the part of them that is given, in order and with its edges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from backends.ids import kind_of, namespace_of
from backends.model import Direction, ids_at
from schema.adjacency import Mask, NamesOf, Rows, distinct, order_by
from schema.joins import FOLDED, HIDDEN, NO_LINKS, OUT, Edges, Links, Step, links
from schema.view import View

_FEW = 1000
"""Nodes are few where there are more than so many edges to each; then it is cheaper to collect theirs than to test all."""


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """Shown nodes, nearest first, ties by id, and the edges among them; `total` counts the nodes before the cut.

    Nodes, one row each: `positions` are theirs in `shown`, `rows` those in the subgraph (of the nearest member where a node
    stands for several), `reached` has the bits UP and DOWN (both for a root), `members` the ids that a node stands for
    where it is not itself alone (a job shown for its operations), by row of these columns.

    Edges, one row each, ordered by source, target, kind: `sources` and `targets` are rows of the node columns. An edge that
    is there as it is has the code of its EdgeKind; one that folding joined from several has FOLDED, in `via` the ids of
    what lies between, sorted, at most 20, and in `via_counts` how many there are. `edges_truncated`: there are more than
    20,000 folded edges, the first are given.
    """

    shown: "Shown"
    positions: Rows
    ids: Sequence[str]
    rows: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    depths: NDArray[np.int32]
    reached: NDArray[np.uint8]
    namespaces: NDArray[np.int32]
    namespace_names: Sequence[str]
    roots: Mask
    members: Mapping[int, tuple[str, ...]]
    has_edges: bool
    sources: NDArray[np.int32]
    targets: NDArray[np.int32]
    edge_kinds: NDArray[np.uint8]
    via: list[tuple[str, ...]]
    via_counts: NDArray[np.int32]
    edges_truncated: bool
    total: int

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """All shown nodes as columns, in no promised order: counts come from these alone, without looking up any text.

    `labels` index the view's `label_ids` where a node is shown for others, else -1. `member_rows` are all rows of the
    subgraph that are shown and within reach, ascending, `member_of` the positions of the nodes that stand for them.
    `passed` are the hidden rows that edges may lead through.
    """

    view: View
    rows: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    depths: NDArray[np.int32]
    reached: NDArray[np.uint8]
    namespaces: NDArray[np.int32]
    namespace_names: Sequence[str]
    roots: Mask
    labels: NDArray[np.int32]
    member_rows: Rows
    member_of: Rows
    passed: Mask

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(
        cls,
        view: View,
        labels: NDArray[np.int32] | None,
        rows: Rows,
        depths: NDArray[np.int32],
        reached: NDArray[np.uint8],
        roots: Rows,
        passed: Mask,
    ) -> Self:
        """From columns by row of the subgraph, `rows` being those shown and within reach."""
        subgraph = view.subgraph
        is_root = np.zeros(view.size, np.bool_)
        is_root[roots] = True
        names = subgraph.namespace_names
        if labels is None or (labels[rows] < 0).all():
            own = np.full(len(rows), -1, np.int32)
            return cls(
                view,
                rows.astype(np.int32),
                subgraph.kinds[rows],
                depths[rows],
                reached[rows],
                subgraph.namespaces[rows],
                names,
                is_root[rows],
                own,
                rows,
                np.arange(len(rows)),
                passed,
            )
        label = labels[rows]
        keys = np.where(label >= 0, label, len(view.label_ids) + rows)
        nearest = np.argsort(depths[rows], kind="stable")
        _, first, node = np.unique(keys[nearest], return_index=True, return_inverse=True)
        member_of = np.empty(len(rows), np.intp)
        member_of[nearest] = node
        chosen = rows[nearest[first]]
        bits = np.zeros(len(chosen), np.uint8)
        np.bitwise_or.at(bits, member_of, reached[rows])
        root = np.zeros(len(chosen), np.bool_)
        np.logical_or.at(root, member_of, is_root[rows])
        kinds, namespaces, label = subgraph.kinds[chosen], subgraph.namespaces[chosen], label[nearest[first]]
        numbers = {name: number for number, name in enumerate(names)}
        for position in np.flatnonzero(label >= 0).tolist():
            node_id = view.label_ids[label[position]]
            kinds[position] = kind_of(node_id).code
            namespaces[position] = numbers.setdefault(namespace_of(node_id), len(numbers))
        return cls(
            view,
            chosen.astype(np.int32),
            kinds,
            depths[chosen],
            bits,
            namespaces,
            tuple(numbers),
            root,
            label,
            rows,
            member_of,
            passed,
        )

    def ids(self, positions: Rows) -> list[str]:
        """The ids of these nodes, given by their positions in the columns."""
        labels, names = self.labels[positions], self.view.label_ids
        found = ids_at(self.view.subgraph.ids, self.rows[positions])
        for at in np.flatnonzero(labels >= 0).tolist():
            found[at] = names[labels[at]]
        return found

    def first(
        self, max_nodes: int | None = None, *, after: tuple[int, str] | None = None, edges: bool = True, via: bool = True
    ) -> Folded:
        """The nearest `max_nodes`, ties by id, of those after a (depth, id), and the edges among them; without `via` it is
        not looked up what lies between."""
        positions, ids = self.nearest(max_nodes, after=after)
        return self._folded(positions, ids, edges=edges, via=via)

    def pick(self, positions: Rows, *, edges: bool = True) -> Folded:
        """These nodes in this order, and the edges among them: for orders other than nearest first."""
        return self._folded(positions, self.ids(positions), edges=edges)

    def nearest(self, most: int | None = None, *, after: tuple[int, str] | None = None) -> tuple[Rows, list[str]]:
        """The positions and ids of the nearest, ties by id. Text is looked up for the levels that are given, not for all."""
        order = order_by(self.depths, int(self.depths.max(initial=0)) + 1)
        if after is not None:
            order = order[np.searchsorted(self.depths[order], after[0]) :]
            level = order[: np.searchsorted(self.depths[order], after[0], side="right")]
            later = np.array([node_id > after[1] for node_id in self.ids(level)], np.bool_)
            order = np.concatenate([level[later], order[len(level) :]])
        if most is not None and most < len(order):
            last = self.depths[order[most - 1]] if most else -1
            order = order[: np.searchsorted(self.depths[order], last, side="right")]
        ids = self.ids(order)
        by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.intp)
        levels = self.depths[order[by_id]]
        place = by_id[order_by(levels, int(levels.max(initial=0)) + 1)][:most]
        return order[place], [ids[at] for at in place.tolist()]

    def _folded(self, positions: Rows, ids: list[str], *, edges: bool, via: bool = True) -> Folded:
        found = self._links(positions if edges else positions[:0], positions, via=via)
        return Folded(
            shown=self,
            positions=positions,
            ids=ids,
            rows=self.rows[positions],
            kinds=self.kinds[positions],
            depths=self.depths[positions],
            reached=self.reached[positions],
            namespaces=self.namespaces[positions],
            namespace_names=self.namespace_names,
            roots=self.roots[positions],
            members=self._members(positions),
            has_edges=edges,
            sources=found.sources,
            targets=found.targets,
            edge_kinds=found.kinds,
            via=found.via,
            via_counts=found.via_counts,
            edges_truncated=found.truncated,
            total=len(self),
        )

    def _links(self, begin: Rows, end: Rows, *, back: bool = False, via: bool = True) -> Links:
        """The edges from some nodes to some; `back`: told from target to source; `via` as in `first`."""
        if not len(begin):
            return NO_LINKS
        view = self.view
        edges = view.edges.reversed() if back else view.edges
        if len(begin) * _FEW > len(edges.sources):
            return links(edges, view.subgraph.ids, self._places(begin), self._places(end), via=via)
        # few: only what they lead to is looked at, whatever the size of the subgraph
        begins = np.zeros(len(self), np.bool_)
        begins[begin] = True
        rows = self.member_rows[begins[self.member_of]]
        at = (view.up if back else view.down).leaving(rows, self.passed)
        sources, targets = edges.sources[at], edges.targets[at]
        part, numbers = np.unique(np.concatenate([sources, targets]), return_inverse=True)
        ends: NDArray[np.int32] = numbers.astype(np.int32)
        edges = Edges(ends[: len(at)], ends[len(at) :], edges.kinds[at])
        names = NamesOf(view.subgraph.ids, part)
        return links(edges, names, self._places(begin, part), self._places(end, part), via=via)

    def _places(self, positions: Rows, part: Rows | None = None) -> NDArray[np.int32]:
        """By row of the subgraph, or of a part of it: which of `positions` stands for it, HIDDEN or OUT."""
        at = np.full(len(self), OUT, np.int32)
        at[positions] = np.arange(len(positions), dtype=np.int32)
        place = np.where(self.passed if part is None else self.passed[part], np.int32(HIDDEN), np.int32(OUT))
        if part is None:
            place[self.member_rows] = at[self.member_of]
        elif len(self):
            found = np.searchsorted(self.member_rows, part).clip(max=len(self.member_rows) - 1)
            shown = self.member_rows[found] == part
            place[shown] = at[self.member_of[found[shown]]]
        return place

    def _members(self, positions: Rows) -> dict[int, tuple[str, ...]]:
        labelled = np.flatnonzero(self.labels[positions] >= 0)
        if not len(labelled):
            return {}
        place, ids = self._places(positions[labelled]), self.view.subgraph.ids
        members: dict[int, list[str]] = {at: [] for at in labelled.tolist()}
        for row in np.flatnonzero(place >= 0).tolist():
            members[int(labelled[place[row]])].append(ids[row])
        return {at: tuple(sorted(names)) for at, names in members.items()}

    def last_steps(self, positions: Rows, direction: Direction) -> list[Step | None]:
        """For each of these nodes the one edge by which a shortest way from the roots enters it, going UPSTREAM or
        DOWNSTREAM; None for a root and where several such edges lead there."""
        depths = self.depths[positions]
        nearer = np.flatnonzero(np.isin(self.depths, distinct(depths) - 1))
        found = self._links(positions, nearer, back=direction is Direction.DOWNSTREAM)
        enters = (self.depths[nearer][found.targets] == depths[found.sources] - 1) & ~self.roots[positions][found.sources]
        times = np.bincount(found.sources[enters], minlength=len(positions))
        if found.truncated:
            times[found.sources[found.kinds == FOLDED][-1] :] = 0  # not all edges of these are known
        steps: list[Step | None] = [None] * len(positions)
        ids, ends = self.ids(positions), self.ids(nearer)
        for at in np.flatnonzero(enters & (times[found.sources] == 1)).tolist():
            node = int(found.sources[at])
            pair = (ids[node], ends[found.targets[at]])
            source, target = pair if direction is Direction.UPSTREAM else pair[::-1]
            steps[node] = Step(source, target, int(found.kinds[at]), found.via[at], int(found.via_counts[at]))
        return steps
