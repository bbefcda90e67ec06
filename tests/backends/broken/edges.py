"""Edges gone wrong: when they stand, and what their evidence says."""

from dataclasses import replace

from backends.changes import EdgeChange, NodeChange
from backends.memory import MemoryBackend, StoredEdge, StoredRecord
from backends.model import Edge, EdgeKey
from tests.backends.broken import caught_by


@caught_by("test_edge_stands_while_anyone_states_it")
class RetractForgotten(MemoryBackend):
    """The edge stands after its last tally was dropped."""

    def _topology(self) -> tuple[set[str], set[EdgeKey]]:
        nodes, _ = super()._topology()
        return nodes, {k for k in self.edges if not k.kind.is_hidden and {k.source, k.target} <= nodes}


@caught_by("test_edge_stands_while_anyone_states_it")
class AnyDropIsTheEnd(MemoryBackend):
    def _apply_edge(self, change: EdgeChange, at: int) -> None:
        old = self.edges.get(change.key)
        gone = frozenset(old.tallies) if old and change.drop & old.tallies.keys() else change.drop
        super()._apply_edge(replace(change, drop=gone), at)


@caught_by("test_edge_stands_only_between_standing_ends")
class EdgeToAHiddenNodeStands(MemoryBackend):
    def _topology(self) -> tuple[set[str], set[EdgeKey]]:
        nodes, _ = super()._topology()
        edges = {key for key, edge in self.edges.items() if edge.tallies and not key.kind.is_hidden}
        return nodes | {end for key in edges for end in (key.source, key.target)}, edges


@caught_by("test_edge_withdrawn_while_its_end_is_hidden_does_not_come_back")
class WithdrawalOfAHiddenEdgeLost(MemoryBackend):
    def _apply_edge(self, change: EdgeChange, at: int) -> None:
        stands = all(end in self.rows and self.rows[end].standing for end in (change.key.source, change.key.target))
        super()._apply_edge(change if stands else replace(change, drop=frozenset()), at)


@caught_by("test_edge_stands_only_between_standing_ends")
class HidingANodeRetractsItsEdges(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        super()._apply_node(change)
        if not self.rows[change.id].standing:
            for key in [key for key in self.edges if change.id in (key.source, key.target)]:
                self.edges[key] = StoredEdge({}, 0)


@caught_by("test_withdrawn_edge_is_kept_for_history")
class RetractedAgainAndAgain(MemoryBackend):
    def _apply_edge(self, change: EdgeChange, at: int) -> None:
        super()._apply_edge(change, at)
        if change.key in self.edges and not self.edges[change.key].tallies:
            self.edges[change.key] = StoredEdge({}, at)


@caught_by("test_withdrawn_edge_is_kept_for_history")
class RetractedIsForgotten(MemoryBackend):
    def _apply_edge(self, change: EdgeChange, at: int) -> None:
        super()._apply_edge(change, at)
        if change.key in self.edges and not self.edges[change.key].tallies:
            del self.edges[change.key]


@caught_by("test_withdrawing_the_unknown_makes_nothing")
class DropMakesAnEdge(MemoryBackend):
    def _apply_edge(self, change: EdgeChange, at: int) -> None:
        self.edges.setdefault(change.key, StoredEdge({}, at))
        super()._apply_edge(change, at)


@caught_by("test_tallies_change_hands_in_one_write")
class DropAfterPut(MemoryBackend):
    def _apply_edge(self, change: EdgeChange, at: int) -> None:
        super()._apply_edge(replace(change, put={k: v for k, v in change.put.items() if k not in change.drop}), at)


@caught_by("test_facts_of_a_tally_are_replaced")
class FactsMerge(MemoryBackend):
    def _apply_edge(self, change: EdgeChange, at: int) -> None:
        old = self.edges[change.key].tallies if change.key in self.edges else {}
        put = {tally: {**old.get(tally, {}), **facts} for tally, facts in change.put.items()}
        super()._apply_edge(replace(change, put=put), at)


@caught_by("test_evidence_adds_up_over_tallies")
class RunsOfOneTallyOnly(MemoryBackend):
    def _edge(self, key: EdgeKey) -> Edge | None:
        edge = super()._edge(key)
        if edge is None:
            return None
        counts = [self.records.get(t, StoredRecord(f, 0, (), 0)).value.get("runs", 0) for t, f in edge.tallies.items()]
        return replace(edge, evidence=replace(edge.evidence, runs=max(counts, default=0)))


@caught_by("test_evidence_follows_the_records_behind_it")
class EvidenceFrozen(MemoryBackend):
    """What the tally stated when the edge was put, whatever its record says since."""

    def _edge(self, key: EdgeKey) -> Edge | None:
        records, self.records = self.records, {}
        try:
            return super()._edge(key)
        finally:
            self.records = records


@caught_by("test_transformations_are_united")
class TransformationsOfOneTally(MemoryBackend):
    def _edge(self, key: EdgeKey) -> Edge | None:
        edge = super()._edge(key)
        return edge and replace(edge, transformations=edge.transformations[:1])
