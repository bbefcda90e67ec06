"""A topology log gone wrong, and calls that get in each other's way."""

import asyncio
from dataclasses import replace

from backends.changes import Changes, LogPage
from backends.memory import MemoryBackend
from backends.model import EdgeKey, Epoch, Subgraph, Traversal
from backends.rows import chain
from tests.backends.broken import caught_by

ALONE = "they make one call at a time"
Topology = tuple[set[str], set[EdgeKey]]


@caught_by("test_everything_that_came_or_went_has_its_row")
class RowOfAnEdgeThatWentMissing(MemoryBackend):
    def _append(self, before: Topology, after: Topology) -> None:
        super()._append((before[0], before[1] & after[1]), after)


@caught_by("test_everything_that_came_or_went_has_its_row")
class RowsOfEdgesThatGoWithTheirNodeMissing(MemoryBackend):
    def _append(self, before: Topology, after: Topology) -> None:
        gone = before[0] - after[0]
        super()._append((before[0], {k for k in before[1] if not {k.source, k.target} & gone}), after)


@caught_by("test_joining_and_parting_are_topology_changes")
class RowOfANodeThatWentMissing(MemoryBackend):
    def _append(self, before: Topology, after: Topology) -> None:
        super()._append((before[0] & after[0], before[1]), after)


@caught_by("test_what_says_nothing_new_of_the_topology_has_no_row")
class RowForNothingNew(MemoryBackend):
    def _append(self, before: Topology, after: Topology) -> None:
        if before == after and after[1]:
            before = (before[0], before[1] - {min(before[1])})
        super()._append(before, after)


@caught_by("test_edge_that_comes_and_goes_in_one_write_has_no_row")
class RowForEachStatement(MemoryBackend):
    """Logs edge by edge, so what comes and goes in one write is there twice."""

    async def apply(self, changes: Changes) -> Epoch:
        self._check(changes)
        first = await super().apply(replace(changes, edges=(), expect={}, resolved={}))
        for edge in changes.edges:
            first = await super().apply(Changes(changes.at, edges=(edge,)))
        return first


@caught_by("test_what_says_nothing_new_of_the_topology_has_no_row")
class HiddenKindsLogged(MemoryBackend):
    def _topology(self) -> Topology:
        nodes, _ = super()._topology()
        return nodes, {k for k, e in self.edges.items() if e.tallies and {k.source, k.target} <= nodes}


@caught_by("test_everything_that_came_or_went_has_its_row")
class EdgesBeforeTheirNodes(MemoryBackend):
    def _append(self, before: Topology, after: Topology) -> None:
        between = (before[0], after[1])
        super()._append(before, between)
        super()._append(between, after)


@caught_by("test_chain_covers_every_row")
class ChainCoversTheLastRowOfAWrite(MemoryBackend):
    def _append(self, before: Topology, after: Topology) -> None:
        known = len(self.epochs)
        super()._append(before, after)
        for seq in range(known, len(self.epochs)):
            self.epochs[seq] = Epoch(seq, chain(self.epochs[known - 1].chain, self.log[seq - 1][1:]))


@caught_by("test_chain_covers_every_row")
class ChainLeavesOutTheIds(MemoryBackend):
    def _append(self, before: Topology, after: Topology) -> None:
        known = len(self.epochs)
        super()._append(before, after)
        for seq in range(known, len(self.epochs)):
            self.epochs[seq] = Epoch(seq, chain(self.epochs[seq - 1].chain, self.log[seq - 1][1:5]))


@caught_by("test_another_history_is_recognised", blind="they read one history")
class AnyHistoryBelieved(MemoryBackend):
    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        known = None if epoch is None else self.epochs[max(0, min(epoch.seq, len(self.epochs) - 1))]
        return await super().changes_since(known)


@caught_by("test_any_earlier_epoch_gives_exactly_the_rest")
class LogFromTheSecondRow(MemoryBackend):
    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        page = await super().changes_since(epoch)
        return replace(page, rows=page.rows[1:])


@caught_by("test_any_earlier_epoch_gives_exactly_the_rest", blind="they read on from the end of a write")
class EpochsOfWholeWritesOnly(MemoryBackend):
    ends: frozenset[Epoch] = frozenset()

    async def apply(self, changes: Changes) -> Epoch:
        self.ends |= {self.epochs[0], await super().apply(changes)}
        return self.epochs[-1]

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        page = await super().changes_since(epoch)
        return page if epoch is None or epoch in {*self.ends, self.epochs[0]} else LogPage(page.epoch, known=False)


@caught_by("test_no_epoch_asks_for_the_current_one_alone", blind="they read the epoch alone")
class NoEpochGivesTheWholeLog(MemoryBackend):
    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        return await super().changes_since(self.epochs[0] if epoch is None else epoch)


@caught_by("test_long_log_is_read_in_pages", blind="their logs are short")
class LogCutWithoutSayingSo(MemoryBackend):
    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        page = await super().changes_since(epoch)
        rows = page.rows[:1000]
        return replace(page, rows=rows, epoch=self.epochs[rows[-1].seq] if rows else page.epoch)


@caught_by("test_everything_that_came_or_went_has_its_row")
class EpochBeforeTheWrite(MemoryBackend):
    async def apply(self, changes: Changes) -> Epoch:
        before = self.epochs[-1]
        await super().apply(changes)
        return before


@caught_by("test_expected_versions_lose_no_count", blind=ALONE)
class CheckedThenWritten(MemoryBackend):
    async def apply(self, changes: Changes) -> Epoch:
        self._check(changes)
        await asyncio.sleep(0)
        return await super().apply(replace(changes, expect={}, resolved={}))


@caught_by("test_every_answer_is_of_an_epoch_of_the_history", blind=ALONE)
class TornRead(MemoryBackend):
    """The nodes of one moment, the edges of another."""

    async def traverse(self, traversal: Traversal) -> Subgraph:
        torn = MemoryBackend()
        torn.rows, before = self.rows, self._topology()
        await asyncio.sleep(0)
        _, edges = self._topology()
        kept = {key for key in edges if {key.source, key.target} <= before[0]}
        torn._topology = lambda: (before[0], kept)  # type: ignore[method-assign]
        return replace(await torn.traverse(traversal), epoch=self.epochs[-1])


@caught_by("test_every_answer_is_of_an_epoch_of_the_history", blind=ALONE)
class WrittenInTwoParts(MemoryBackend):
    async def apply(self, changes: Changes) -> Epoch:
        self._check(changes)
        await super().apply(replace(changes, edges=()))
        await asyncio.sleep(0)
        return await super().apply(Changes(changes.at, edges=changes.edges))


@caught_by("test_call_that_is_given_up_harms_no_other", blind=ALONE)
class GivenUpHalfWay(MemoryBackend):
    async def apply(self, changes: Changes) -> Epoch:
        self._check(changes)
        epoch = await super().apply(replace(changes, edges=changes.edges[:1]))
        if len(changes.edges) > 1:
            await asyncio.sleep(0)
            epoch = await super().apply(Changes(changes.at, edges=changes.edges[1:]))
        return epoch


@caught_by("test_no_write_is_lost_among_many", blind=ALONE)
class LastWriterTakesAll(MemoryBackend):
    """Reads the whole, thinks, and writes the whole."""

    async def apply(self, changes: Changes) -> Epoch:
        edges = dict(self.edges)
        await asyncio.sleep(0)
        before = self._topology()
        self.edges = edges
        self._append(before, self._topology())
        return await super().apply(changes)
