"""Traversals gone wrong."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from backends.changes import Changes
from backends.memory import MemoryBackend
from backends.model import CONTEXT, DOWN, FLOW, MAX_NODES, UP, Direction, EdgeKey, Epoch, Subgraph, Traversal
from backends.testing.reading import answer
from tests.backends.broken import caught_by


class Found(NamedTuple):
    """An answer to tamper with: id -> (depth, reached)."""

    nodes: Mapping[str, tuple[int, int]]
    edges: Iterable[EdgeKey]
    truncated: bool


class Tampered(MemoryBackend):
    """Answers right, then `tamper`s."""

    async def traverse(self, traversal: Traversal) -> Subgraph:
        found = answer(await self.first(traversal))
        nodes, edges, truncated = self.tamper(traversal, Found(found.nodes, found.edges, found.truncated))
        number = {
            node_id: self.rows[node_id].number if node_id in self.rows else 10**6 + n for n, node_id in enumerate(nodes)
        }
        rows = [(node_id, number[node_id], depth, reached) for node_id, (depth, reached) in nodes.items()]
        return Subgraph.build(found.epoch, rows, edges, truncated=truncated)

    async def first(self, traversal: Traversal) -> Subgraph:
        return await super().traverse(traversal)

    def tamper(self, traversal: Traversal, found: Found) -> Found:
        return found


@caught_by("test_max_depth_counts_hops")
class DepthIgnored(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await super().traverse(replace(traversal, max_depth=None))


@caught_by("test_max_depth_counts_hops")
class DepthOffByOne(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        deeper = None if traversal.max_depth is None else traversal.max_depth + 1
        return await super().traverse(replace(traversal, max_depth=deeper))


@caught_by("test_max_depth_counts_hops")
class DepthZeroIsNoLimit(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await super().traverse(
            replace(traversal, max_depth=(traversal.max_depth and max(1, traversal.max_depth)) or None)
        )


@caught_by("test_siblings_are_no_lineage")
class BothUndirected(Tampered):
    def tamper(self, traversal: Traversal, found: Found) -> Found:
        if traversal.direction is not Direction.BOTH:
            return found
        standing, edges = self._topology()
        near = defaultdict[str, set[str]](set)
        for key in edges:
            if key.kind in traversal.edge_kinds:
                near[key.source].add(key.target)
                near[key.target].add(key.source)
        depths = {root: depth for root, depth in traversal.roots.items() if root in standing}
        queue = sorted(depths, key=depths.__getitem__)
        for node_id in queue:
            for other in near[node_id]:
                if traversal.max_depth is None or depths[node_id] < traversal.max_depth:
                    if other not in depths:
                        queue.append(other)
                    depths[other] = min(depths.get(other, depths[node_id] + 1), depths[node_id] + 1)
        nodes = {n: (d, found.nodes.get(n, (0, UP | DOWN))[1]) for n, d in depths.items()}
        kept = dict(sorted(nodes.items(), key=lambda row: (row[1][0], row[0]))[: traversal.max_nodes])
        among = [k for k in edges if k.kind in traversal.edge_kinds and k.source in kept and k.target in kept]
        return Found(kept, among, len(kept) < len(nodes))


@caught_by("test_both_has_the_edges_between_its_two_sides")
class BothWithoutCrossEdges(Tampered):
    def tamper(self, traversal: Traversal, found: Found) -> Found:
        sides = {node_id: reached for node_id, (_, reached) in found.nodes.items()}
        return found._replace(edges=[key for key in found.edges if sides[key.source] & sides[key.target]])


@caught_by("test_cut_keeps_the_nearest_and_says_so")
class CapUnsaid(Tampered):
    def tamper(self, traversal: Traversal, found: Found) -> Found:
        return found._replace(truncated=False)


@caught_by("test_cut_that_takes_nothing_is_none")
class CapSaidOfAFullAnswer(Tampered):
    def tamper(self, traversal: Traversal, found: Found) -> Found:
        return found._replace(truncated=len(found.nodes) >= traversal.max_nodes)


class CutOtherwise(Tampered):
    """Cuts by an order of its own."""

    async def first(self, traversal: Traversal) -> Subgraph:
        return await MemoryBackend.traverse(self, replace(traversal, max_nodes=MAX_NODES))

    def order(self, node_id: str, depth: int) -> tuple[object, ...]:
        return (depth, node_id)

    def tamper(self, traversal: Traversal, found: Found) -> Found:
        rows = sorted(found.nodes.items(), key=lambda row: self.order(row[0], row[1][0]))
        kept = dict(rows[: traversal.max_nodes])
        edges = [key for key in found.edges if key.source in kept and key.target in kept]
        return Found(kept, edges, len(kept) < len(rows))


@caught_by("test_cut_keeps_the_nearest_and_says_so")
class CapKeepsNotTheNearest(CutOtherwise):
    def order(self, node_id: str, depth: int) -> tuple[object, ...]:
        return (depth > 0, node_id)


@caught_by("test_cut_falls_within_a_level_by_the_bytes_of_ids")
class CapTiesByUtf16(CutOtherwise):
    def order(self, node_id: str, depth: int) -> tuple[object, ...]:
        return (depth, node_id.encode("utf-16-be"))


@caught_by("test_cut_falls_within_a_level_by_the_bytes_of_ids")
class CapTiesByLength(CutOtherwise):
    def order(self, node_id: str, depth: int) -> tuple[object, ...]:
        return (depth, len(node_id), node_id)


@caught_by("test_cut_falls_within_a_level_by_the_bytes_of_ids")
class CapTiesWithoutCase(CutOtherwise):
    def order(self, node_id: str, depth: int) -> tuple[object, ...]:
        return (depth, node_id.lower(), node_id)


@caught_by("test_cut_keeps_the_nearest_and_says_so")
class CapTiesByArrival(CutOtherwise):
    def order(self, node_id: str, depth: int) -> tuple[object, ...]:
        return (depth, self.rows[node_id].number)


@caught_by("test_cut_of_both_counts_one_answer")
class CapForEachDirection(Tampered):
    async def first(self, traversal: Traversal) -> Subgraph:
        twice = traversal.max_nodes * 2 - 1 if traversal.direction is Direction.BOTH else traversal.max_nodes
        return await MemoryBackend.traverse(self, replace(traversal, max_nodes=twice))


@caught_by("test_edges_among_the_last_level_are_in_the_answer")
class LastLevelEdgeMissing(Tampered):
    def tamper(self, traversal: Traversal, found: Found) -> Found:
        deepest = {n for n, (depth, _) in found.nodes.items() if traversal.max_depth and depth >= traversal.max_depth}
        edges = [key for key in found.edges if not (key.source in deepest and key.target in deepest)]
        return found._replace(edges=edges)


@caught_by("test_edges_from_the_last_level_back_to_the_root_are_in_the_answer")
class EdgesOutOfTheLastLevelMissing(Tampered):
    """Only the edges out of nodes that were expanded."""

    def tamper(self, traversal: Traversal, found: Found) -> Found:
        near = {n for n, (depth, _) in found.nodes.items() if traversal.max_depth is None or depth < traversal.max_depth}
        if traversal.direction is Direction.UPSTREAM:
            return found._replace(edges=[key for key in found.edges if key.target in near])
        return found._replace(edges=[key for key in found.edges if key.source in near or key.target in near])


@caught_by("test_diamond_has_each_node_once")
class OnlyTheTree(Tampered):
    """One edge into each node: the one it was found by."""

    def tamper(self, traversal: Traversal, found: Found) -> Found:
        up = traversal.direction is Direction.UPSTREAM
        into = {(key.source if up else key.target): key for key in sorted(found.edges)}
        return found._replace(edges=list(into.values()))


@caught_by("test_self_loop_ends_and_is_an_edge")
class SelfLoopMissing(Tampered):
    def tamper(self, traversal: Traversal, found: Found) -> Found:
        return found._replace(edges=[key for key in found.edges if key.source != key.target])


@caught_by("test_cycle_ends_and_keeps_the_edge_that_closes_it")
class CycleLeftOpen(Tampered):
    def tamper(self, traversal: Traversal, found: Found) -> Found:
        edges = [key for key in found.edges if found.nodes[key.target][0] or key.source == key.target]
        return found._replace(edges=edges) if traversal.direction is Direction.DOWNSTREAM else found


@caught_by("test_shortcut_gives_the_least_depth_and_prunes_nothing")
class DepthFirst(Tampered):
    """Visits depth-first, marks what it has seen, and never comes back to it by a shorter way."""

    def tamper(self, traversal: Traversal, found: Found) -> Found:
        if traversal.direction is Direction.BOTH or traversal.max_nodes < MAX_NODES:
            return found
        near = defaultdict[str, list[str]](list)
        for key in sorted(self._topology()[1]):
            if key.kind in traversal.edge_kinds:
                ends = (key.source, key.target) if traversal.direction is Direction.DOWNSTREAM else (key.target, key.source)
                near[ends[0]].append(ends[1])
        depths: dict[str, int] = {}

        def visit(node_id: str, depth: int) -> None:
            if node_id in depths:
                return
            depths[node_id] = depth
            if traversal.max_depth is None or depth < traversal.max_depth:
                for other in near[node_id]:
                    visit(other, depth + 1)

        for root in found.nodes.keys() & traversal.roots.keys():
            visit(root, traversal.roots[root])
        nodes = {node_id: (depth, found.nodes[node_id][1]) for node_id, depth in depths.items() if node_id in found.nodes}
        return found._replace(nodes=nodes, edges=[k for k in found.edges if k.source in nodes and k.target in nodes])


@caught_by("test_unknown_roots_are_absent")
class UnknownRootAnswered(Tampered):
    def tamper(self, traversal: Traversal, found: Found) -> Found:
        if traversal.max_nodes < MAX_NODES:
            return found
        return found._replace(nodes={**dict.fromkeys(traversal.roots, (0, UP | DOWN)), **found.nodes})


@caught_by("test_roots_start_at_their_own_depth")
class StartingDepthIgnored(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await super().traverse(replace(traversal, roots=dict.fromkeys(traversal.roots, 0)))


@caught_by("test_root_beyond_the_depth_is_shown_and_not_followed")
class RootBeyondTheDepthDropped(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        depth = traversal.max_depth
        within = {root: start for root, start in traversal.roots.items() if depth is None or start <= depth}
        return await super().traverse(replace(traversal, roots=within))


@caught_by("test_root_within_reach_of_another_stays_at_its_own_depth")
class FirstRootWins(Tampered):
    """Each root alone; what two of them reach keeps the depth that came first."""

    def tamper(self, traversal: Traversal, found: Found) -> Found:
        depths: dict[str, int] = {}
        near = defaultdict[str, set[str]](set)
        for key in found.edges:
            up = traversal.direction is Direction.UPSTREAM
            near[key.target if up else key.source].add(key.source if up else key.target)
        if traversal.direction is Direction.BOTH or found.truncated:
            return found
        for root in (root for root in traversal.roots if root in found.nodes):
            own, queue = {root: traversal.roots[root]}, [root]
            for node_id in queue:
                for other in near[node_id] - own.keys():
                    own[other] = own[node_id] + 1
                    queue.append(other)
            depths = {**own, **depths}
        return found._replace(nodes={n: (depths.get(n, depth), reached) for n, (depth, reached) in found.nodes.items()})


@caught_by("test_edge_kinds_say_what_is_followed")
class EdgeKindsIgnored(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await super().traverse(replace(traversal, edge_kinds=FLOW))


@caught_by("test_edge_kinds_say_what_is_followed")
class ContextFollowedAlways(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await super().traverse(replace(traversal, edge_kinds=traversal.edge_kinds | CONTEXT))


@caught_by("test_only_the_kinds_asked_for_are_among_the_edges")
class AllKindsAmongTheEdges(Tampered):
    """Walks along the right kinds, then shows whatever joins what it found."""

    def tamper(self, traversal: Traversal, found: Found) -> Found:
        every = self._topology()[1]
        return found._replace(edges=[key for key in every if key.source in found.nodes and key.target in found.nodes])


@caught_by("test_reached_says_from_which_side")
class ReachedBySwappedSides(Tampered):
    def tamper(self, traversal: Traversal, found: Found) -> Found:
        swapped = {0: 0, UP: DOWN, DOWN: UP, UP | DOWN: UP | DOWN}
        return found._replace(nodes={n: (depth, swapped[reached]) for n, (depth, reached) in found.nodes.items()})


@caught_by("test_reached_says_from_which_side")
class NodeOnOneSideOnly(Tampered):
    def tamper(self, traversal: Traversal, found: Found) -> Found:
        sides = {n: (d, DOWN if d and reached == UP | DOWN else reached) for n, (d, reached) in found.nodes.items()}
        return found._replace(nodes=sides)


@caught_by("test_dataset_that_an_operation_reads_and_writes")
class UpstreamOfCyclesForgotten(Tampered):
    def tamper(self, traversal: Traversal, found: Found) -> Found:
        if traversal.direction is not Direction.UPSTREAM:
            return found
        return found._replace(
            edges=[k for k in found.edges if EdgeKey(k.target, k.kind, k.source) not in set(found.edges)][:1]
        )


@caught_by("test_odd_namespaces_are_named")
class NamespaceUndecoded(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        subgraph = await super().traverse(traversal)
        return replace(subgraph, namespace_names=[name.replace("%", "%25") for name in subgraph.namespace_names])


@caught_by("test_numbers_are_those_of_the_nodes", blind="numbers are the store's own")
class NumbersOfTheAnswer(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        subgraph = await super().traverse(traversal)
        return replace(subgraph, numbers=subgraph.numbers[::-1])


@caught_by("test_writes_are_read_at_once")
class LaggingIndex(MemoryBackend):
    """Answers from the graph as it was before the last write, and says so in the epoch."""

    behind: tuple[tuple[set[str], set[EdgeKey]], Epoch] | None = None

    async def apply(self, changes: Changes) -> Epoch:
        before = (self._topology(), self.epochs[-1])
        epoch = await super().apply(changes)
        if epoch != before[1]:
            self.behind = before
        return epoch

    async def traverse(self, traversal: Traversal) -> Subgraph:
        if self.behind is None:
            return await super().traverse(traversal)
        lagging = MemoryBackend()
        lagging.rows, lagging._topology = self.rows, lambda: self.behind[0]  # type: ignore[method-assign, index]
        return replace(await lagging.traverse(traversal), epoch=self.behind[1])


@caught_by("test_answers_carry_the_epoch_they_are_of")
class EpochOfTheAnswerIsOld(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        return replace(await super().traverse(traversal), epoch=self.epochs[max(0, len(self.epochs) - 2)])


@caught_by("test_the_past_is_answered_or_refused", blind="no random question asks for the past")
class PresentForThePast(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await super().traverse(replace(traversal, as_of=None))


@caught_by("test_long_chain_is_followed_to_its_end", blind="their graphs are shallow")
class BoundOfItsOwn(MemoryBackend):
    """No bound changes in silence."""

    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await super().traverse(replace(traversal, max_depth=min(traversal.max_depth or 1000, 1000)))


@caught_by("test_many_roots_at_once", blind="they ask from three roots at most")
class RootsOfOneStatement(MemoryBackend):
    async def traverse(self, traversal: Traversal) -> Subgraph:
        return await super().traverse(replace(traversal, roots=dict(list(traversal.roots.items())[:32_766])))
