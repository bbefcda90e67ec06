"""Writes gone wrong: merging, standing, names, versions, and what is whole."""

import unicodedata
from dataclasses import fields, replace

from backends.changes import Changes, NodeChange, RecordChange
from backends.errors import Conflict
from backends.memory import MemoryBackend
from backends.model import EdgeKey, Epoch, Node
from backends.rows import NodeRow, as_node
from tests.backends.broken import caught_by

PLAIN = "the random cases have too few values for it"


@caught_by("test_late_value_loses_and_says_nothing_new")
class LateAttributeWins(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        super()._apply_node(change)
        row = self.rows[change.id]
        self.rows[change.id] = replace(row, attributes={**row.attributes, **change.attributes})


@caught_by("test_attributes_merge_alike_in_any_order")
class TieByArrival(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        old = self.rows[change.id].attributes if change.id in self.rows else {}
        ties = {k: s for k, s in change.attributes.items() if k in old and old[k].time == s.time}
        super()._apply_node(change)
        row = self.rows[change.id]
        self.rows[change.id] = replace(row, attributes={**row.attributes, **ties})


@caught_by("test_ties_do_not_take_one_for_true")
class TieByPythonsEquality(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        old = self.rows[change.id].attributes if change.id in self.rows else {}
        new = {key: stamped for key, stamped in change.attributes.items() if old.get(key) != stamped}
        super()._apply_node(replace(change, attributes=new))


@caught_by("test_none_withdraws_what_was_said_before_it")
class NoneForgets(MemoryBackend):
    """Deletes what is withdrawn, so that something older may come back."""

    def _apply_node(self, change: NodeChange) -> None:
        super()._apply_node(change)
        row = self.rows[change.id]
        self.rows[change.id] = replace(row, attributes={k: s for k, s in row.attributes.items() if s.value is not None})


@caught_by("test_each_attribute_has_its_own_time")
class OneTimeForAllAttributes(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        row = self.rows.get(change.id)
        newest = max((s.time for s in row.attributes.values()), default=-1) if row else -1
        new = {key: stamped for key, stamped in change.attributes.items() if stamped.time >= newest}
        super()._apply_node(replace(change, attributes=new))


@caught_by("test_seen_widens")
class SeenReplaces(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        super()._apply_node(change)
        if change.seen is not None:
            self.rows[change.id] = replace(self.rows[change.id], last_seen=change.seen[1])


@caught_by("test_deleted_is_hidden_until_seen_later")
class DeletedForEver(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        row = self.rows.get(change.id)
        super()._apply_node(replace(change, seen=None) if row and row.deleted_at is not None else change)


class SeenThen(NodeRow):
    @property
    def standing(self) -> bool:
        seen = self.last_seen is not None and self.deleted_at is not None and self.last_seen >= self.deleted_at
        return not self.withdrawn and self.alias_of is None and (self.deleted_at is None or seen)


@caught_by("test_deleted_is_hidden_until_seen_later")
class SeenAtItsDeletionRevives(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        super()._apply_node(change)
        row = self.rows[change.id]
        self.rows[change.id] = SeenThen(**{f.name: getattr(row, f.name) for f in fields(NodeRow)})


@caught_by("test_withdrawn_is_hidden_until_someone_says_otherwise")
class SeenAgainIsNotWithdrawn(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        super()._apply_node(replace(change, withdrawn=False) if change.seen and change.withdrawn is None else change)


@caught_by("test_numbers_are_dense_and_never_used_again")
class NumbersUsedAgain(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        new = change.id not in self.rows
        free = len([row for row in self.rows.values() if row.standing])
        super()._apply_node(change)
        if new:
            self.rows[change.id] = replace(self.rows[change.id], number=free)


@caught_by("test_number_is_the_same_when_a_node_comes_again")
class NewNumberWhenItComesAgain(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        hidden = change.id in self.rows and not self.rows[change.id].standing
        super()._apply_node(change)
        if hidden and self.rows[change.id].standing:
            number = 1 + max(row.number for row in self.rows.values())
            self.rows[change.id] = replace(self.rows[change.id], number=number)


@caught_by("test_odd_ids_are_kept_apart", blind=PLAIN)
class IdsNormalised(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        super()._apply_node(replace(change, id=unicodedata.normalize("NFC", change.id)))


@caught_by("test_odd_ids_are_kept_apart")
class IdsWithoutCase(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        twin = {known.lower(): known for known in self.rows}.get(change.id.lower(), change.id)
        super()._apply_node(replace(change, id=twin))


@caught_by("test_other_name_gives_the_node")
class AliasNotResolved(MemoryBackend):
    def _row(self, name: str) -> NodeRow | None:
        return self.rows.get(name)


@caught_by("test_joining_and_parting_are_topology_changes")
class AliasStaysInTheTopology(MemoryBackend):
    def _topology(self) -> tuple[set[str], set[EdgeKey]]:
        nodes = {row.id for row in self.rows.values() if replace(row, alias_of=None).standing}
        edges = {k for k, e in self.edges.items() if e.tallies and not k.kind.is_hidden and {k.source, k.target} <= nodes}
        return nodes, edges


@caught_by("test_attributes_in_force_are_the_latest_of_all_names")
class OtherNamesSayNothing(MemoryBackend):
    def _node(self, node_id: str, *, facets: bool = False) -> Node | None:
        row = self._row(node_id)
        if row is None or node_id in self.records:
            return super()._node(node_id, facets=facets)
        return replace(as_node(row, facets=facets), aliases=tuple(i for i, r in self.rows.items() if r.alias_of == row.id))


@caught_by("test_joining_and_parting_are_topology_changes")
class NamesNeverPart(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        super()._apply_node(replace(change, alias_of=change.alias_of or None))


@caught_by("test_facets_are_left_out_unless_asked_for", blind="they always ask for facets")
class FacetsAlways(MemoryBackend):
    def _node(self, node_id: str, *, facets: bool = False) -> Node | None:
        return super()._node(node_id, facets=True)


@caught_by("test_expect_holds_until_the_version_moves")
class ExpectIgnored(MemoryBackend):
    def _check(self, changes: Changes) -> None:
        super()._check(replace(changes, expect={}))


@caught_by("test_expect_zero_is_for_what_is_unknown")
class ExpectZeroIgnored(MemoryBackend):
    def _check(self, changes: Changes) -> None:
        super()._check(replace(changes, expect={node_id: v for node_id, v in changes.expect.items() if v}))


@caught_by("test_expect_holds_until_the_version_moves")
class ExpectOfRecordsIgnored(MemoryBackend):
    def _check(self, changes: Changes) -> None:
        super()._check(replace(changes, expect={i: v for i, v in changes.expect.items() if i not in self.records}))


@caught_by("test_resolved_no_longer_holds")
class ResolvedIgnored(MemoryBackend):
    def _check(self, changes: Changes) -> None:
        super()._check(replace(changes, resolved={}))


@caught_by("test_resolved_no_longer_holds")
class ResolvedForgetsDeletion(MemoryBackend):
    def _check(self, changes: Changes) -> None:
        super()._check(replace(changes, resolved={}))
        for name, resolution in changes.resolved.items():
            row = self._row(name)
            if (row.id if row else name) != resolution.id:
                raise Conflict(name)


@caught_by("test_resolved_holds_for_what_get_gives")
class ResolvedOfTheNamesOwnRow(MemoryBackend):
    """Compares with a deletion that nobody can read once the name is joined."""

    def _check(self, changes: Changes) -> None:
        super()._check(replace(changes, resolved={}))
        for name, resolution in changes.resolved.items():
            if name in self.rows and self.rows[name].resolution != resolution:
                raise Conflict(name)


@caught_by("test_refused_write_leaves_nothing")
class NodesBeforeTheCheck(MemoryBackend):
    async def apply(self, changes: Changes) -> Epoch:
        before = self._topology()
        for node in changes.nodes:
            self._apply_node(node)
        self._append(before, self._topology())
        return await super().apply(changes)


@caught_by("test_conflicting_write_leaves_nothing", blind="a record written twice may count twice")
class RecordsBeforeTheCheck(MemoryBackend):
    async def apply(self, changes: Changes) -> Epoch:
        for record in changes.records:
            self._apply_record(record)
        return await super().apply(replace(changes, records=()))


@caught_by("test_refused_write_leaves_nothing")
class WatermarkBeforeTheCheck(MemoryBackend):
    async def apply(self, changes: Changes) -> Epoch:
        if changes.watermark is not None:
            self.watermark = max(changes.watermark, self.watermark or changes.watermark)
        return await super().apply(changes)


@caught_by("test_edge_needs_ends_that_are_known")
class EdgeWithoutEnds(MemoryBackend):
    def _check(self, changes: Changes) -> None:
        super()._check(replace(changes, edges=()))


@caught_by("test_version_counts_what_expect_is_for")
class VersionStandsStill(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        super()._apply_node(change)
        self.rows[change.id] = replace(self.rows[change.id], version=1)


@caught_by("test_version_counts_what_expect_is_for")
class VersionCountsWrites(MemoryBackend):
    def _apply_node(self, change: NodeChange) -> None:
        version = self.rows[change.id].version if change.id in self.rows else 0
        super()._apply_node(change)
        self.rows[change.id] = replace(self.rows[change.id], version=version + 1)


@caught_by("test_record_is_replaced_whole")
class RecordsMerge(MemoryBackend):
    def _apply_record(self, change: RecordChange) -> None:
        old = self.records.get(change.id)
        merged = None if change.value is None else {**(old.value if old else {}), **change.value}
        super()._apply_record(replace(change, value=merged))


@caught_by("test_record_is_removed_by_none")
class RecordsStay(MemoryBackend):
    def _apply_record(self, change: RecordChange) -> None:
        if change.value is not None:
            super()._apply_record(change)


@caught_by("test_record_moves_with_its_rank_and_groups")
class OldGroupsStay(MemoryBackend):
    def _apply_record(self, change: RecordChange) -> None:
        old = self.records.get(change.id)
        super()._apply_record(replace(change, groups=(*change.groups, *(old.groups if old else ()))))


@caught_by("test_record_moves_with_its_rank_and_groups")
class FirstRankStays(MemoryBackend):
    def _apply_record(self, change: RecordChange) -> None:
        old = self.records.get(change.id)
        super()._apply_record(replace(change, rank=old.rank if old else change.rank))


@caught_by("test_watermark_is_the_greatest_event_time")
class WatermarkOfTheLastWrite(MemoryBackend):
    async def apply(self, changes: Changes) -> Epoch:
        epoch = await super().apply(changes)
        if changes.watermark is not None:
            self.watermark = changes.watermark
        return epoch


@caught_by("test_watermark_moves_without_a_topology_change")
class WatermarkOnlyWithTheLog(MemoryBackend):
    async def apply(self, changes: Changes) -> Epoch:
        before = (self.watermark, self.epochs[-1])
        epoch = await super().apply(changes)
        if epoch == before[1]:
            self.watermark = before[0]
        return epoch


@caught_by("test_every_write_draws_a_new_revision", blind="they compare what is written, not whether")
class RevisionOnlyWithTheLog(MemoryBackend):
    async def apply(self, changes: Changes) -> Epoch:
        before = (self.revision, self.epochs[-1])
        epoch = await super().apply(changes)
        if epoch == before[1]:
            self.revision = before[0]
        return epoch


@caught_by("test_every_write_draws_a_new_revision", blind="they compare what is written, not whether")
class RevisionOfTheContent(MemoryBackend):
    async def apply(self, changes: Changes) -> Epoch:
        epoch = await super().apply(changes)
        self.revision = len(self.rows) + len(self.edges) + len(self.records)
        return epoch
