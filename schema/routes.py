"""Routes through the folded graph in order, shortest first, without listing them all.

Every route not yet given belongs to one problem: "begin with this prefix, go on with none of these nodes". The problem whose
best route is least is solved first, and what is left of it is parted into problems again (Lawler's form of Yen's algorithm).
One search up from the target tells beforehand what any prefix needs to finish; only where the best way on runs back into the
prefix, which takes a cycle, is another search needed.
"""

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from schema.adjacency import Adjacency, reach, search
from schema.joins import FOLDED, MAX_VIA, Step
from schema.view import View

Name: TypeAlias = tuple[str, str]


class _Problem(NamedTuple):
    """`length` and `names` are those of the best route where `nodes` has it, else a bound that no route is less than."""

    length: int
    names: tuple[Name, ...]
    number: int
    prefix: tuple[int, ...]
    excluded: frozenset[int]
    nodes: tuple[int, ...] | None


class RouteFinder:
    """The part of the folded graph that lies on some route between rows of a view.

    A node is a row of that part; the first source row stands for all source rows, the first target row for all target
    rows. `rows` are the rows in the subgraph. `work` counts rows and edges looked at; past `max_work` no more is found.
    """

    def __init__(self, view: View, sources: Sequence[int], targets: Sequence[int], max_work: int) -> None:
        self.view, self.max_work, self.work, self._made = view, max_work, 0, 0
        size, edges = view.size, view.edges
        is_source, is_target = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        is_source[list(sources)], is_target[list(targets)] = True, True
        usable = ~is_source[edges.targets] & ~is_target[edges.sources]
        a, b, kinds = edges.sources[usable], edges.targets[usable], edges.kinds[usable]
        down = reach(Adjacency(size, a, b), sources)
        between = reach(Adjacency(size, b, a), targets, down)
        self.rows = np.flatnonzero(between)
        number = np.cumsum(between) - 1
        usable = between[a] & between[b]
        a, b, kinds = number[a[usable]], number[b[usable]], kinds[usable]
        self._sources: list[int] = number[np.flatnonzero(is_source & between)].tolist()
        self._targets: list[int] = number[np.flatnonzero(is_target & between)].tolist()
        self._shown = (view.shown | is_source | is_target)[self.rows]
        self._down, self._up = Adjacency(len(self.rows), a, b), Adjacency(len(self.rows), b, a)
        self._kinds = kinds[self._down.order]
        self._left = self._steps_left(())
        self._names: dict[int, Name] = {}
        self._nexts: dict[int, list[int]] = {}
        self._steps: dict[tuple[int, int], Step] = {}

    def routes(self) -> Iterator[tuple[int, ...]]:
        """Simple routes as nodes, fewest steps first, ties by names, until there are no more or the work is too much."""
        if not self._sources:
            return
        problems: list[_Problem] = []
        self._part(problems, (self._sources[0],), frozenset())
        while problems and self.work <= self.max_work:
            best = heapq.heappop(problems)
            if best.nodes is None:
                if nodes := self._solve(best.prefix, best.excluded):
                    self._push(problems, len(nodes) - 1, nodes, best.prefix, best.excluded, nodes)
                continue
            yield best.nodes
            for end in range(len(best.prefix), len(best.nodes)):
                excluded = (best.excluded if end == len(best.prefix) else frozenset[int]()) | {best.nodes[end]}
                if len(excluded) < len(self.onward(best.nodes[end - 1])):  # else nothing is left, as along a chain
                    self._part(problems, best.nodes[:end], excluded)

    def _part(self, problems: list[_Problem], prefix: tuple[int, ...], excluded: frozenset[int]) -> None:
        """Adds a problem with a bound on its best route, unless it plainly has none."""
        if nodes := self._open(prefix, excluded):
            node = self._nearest(nodes, self._left)
            self._push(problems, len(prefix) + self._left[node], (*prefix, node), prefix, excluded, None)

    def _push(
        self,
        problems: list[_Problem],
        length: int,
        named: tuple[int, ...],
        prefix: tuple[int, ...],
        excluded: frozenset[int],
        nodes: tuple[int, ...] | None,
    ) -> None:
        self._made += 1
        self.work += len(named)
        names = tuple(self.name(node) for node in named)
        heapq.heappush(problems, _Problem(length, names, self._made, prefix, excluded, nodes))

    def _solve(self, prefix: tuple[int, ...], excluded: frozenset[int]) -> tuple[int, ...] | None:
        """The best route that begins with the prefix and goes on with none of those excluded; None if there is none."""
        open_nodes = self._open(prefix, excluded)
        nodes = self._finish(open_nodes, self._left)
        if not set(prefix).isdisjoint(nodes):
            left = self._steps_left(prefix)
            nodes = self._finish([node for node in open_nodes if left[node] >= 0], left)
        return prefix + nodes if nodes else None

    def _open(self, prefix: tuple[int, ...], excluded: frozenset[int]) -> list[int]:
        """The nodes that a problem may go on with."""
        met = excluded.union(prefix)
        return [node for node in self.onward(prefix[-1]) if node not in met]

    def _finish(self, nodes: Sequence[int], left: Sequence[int]) -> tuple[int, ...]:
        """The best way to the target that begins with one of these nodes, by the steps left from each node."""
        way: list[int] = []
        while nodes:
            way.append(self._nearest(nodes, left))
            least = left[way[-1]]
            nodes = [node for node in self.onward(way[-1]) if left[node] == least - 1] if least else []
        return tuple(way)

    def _nearest(self, nodes: Sequence[int], left: Sequence[int]) -> int:
        """The node with the fewest steps left, of equals the least by name."""
        self.work += len(nodes)
        least = min(left[node] for node in nodes)
        return min((node for node in nodes if left[node] == least), key=self.name)

    def _steps_left(self, barred: Sequence[int]) -> list[int]:
        """The least number of steps from each node to the target, meeting none of these; negative where there is no way."""
        allowed = np.ones(len(self.rows), np.bool_)
        allowed[list(barred)] = False
        self.work += len(self.rows)
        left: list[int] = search(self._up, dict.fromkeys(self._targets, 0), self._shown, allowed=allowed).tolist()
        return left

    def name(self, node: int) -> Name:
        """What routes are ordered by: the id shown, and the node's own."""
        if node not in self._names:
            row = int(self.rows[node])
            self._names[node] = self.view.name(row), self.view.subgraph.ids[row]
        return self._names[node]

    def onward(self, node: int) -> list[int]:
        """The nodes one folded step on, in no order."""
        if node not in self._nexts:
            targets = set(self._targets)
            met = self._through(self._down, self._rows(node))
            self._nexts[node] = list({self._targets[0] if row in targets else row for row in met if self._shown[row]})
        return self._nexts[node]

    def step(self, source: int, target: int) -> Step:
        """The edge between two nodes: the direct one of the least kind, else the folded one."""
        if (source, target) not in self._steps:
            self._steps[source, target] = self._step(source, target)
        return self._steps[source, target]

    def _step(self, source: int, target: int) -> Step:
        pair = self.name(source)[0], self.name(target)[0]
        begins, ends = self._rows(source), self._rows(target)
        at = np.concatenate([np.arange(self._down.starts[row], self._down.starts[row + 1]) for row in begins])
        kinds = self._kinds[at[np.isin(self._down.others[at], ends)]]
        if len(kinds):
            return Step(*pair, int(kinds.min()), (), 0)
        between = self._through(self._down, begins) & self._through(self._up, ends)
        rows = self.rows[[row for row in between if not self._shown[row]]].tolist()
        ids = sorted(self.view.subgraph.ids[row] for row in rows)
        return Step(*pair, FOLDED, tuple(ids[:MAX_VIA]), len(ids))

    def _rows(self, node: int) -> list[int]:
        if node == self._sources[0]:
            return self._sources
        return self._targets if node == self._targets[0] else [node]

    def _through(self, adjacency: Adjacency, rows: Sequence[int]) -> set[int]:
        """The rows met from these along an adjacency without passing a shown one."""
        met: set[int] = set()
        stack = list(rows)
        while stack:
            near = adjacency.of(stack.pop())
            self.work += len(near)
            new = set(near) - met
            met |= new
            stack += [row for row in new if not self._shown[row]]
        return met
