"""Random graphs and random histories, applied side by side to a backend and to the reference: both must say the same.

A failing case names its seed; the same seed is the same case on every backend.
"""

import os
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING

from backends.base import LineageBackend
from backends.changes import Changes, NodeFilter, Order, Page, Resolution
from backends.errors import Conflict, Rejected
from backends.memory import MemoryBackend
from backends.model import FLOW, Direction, EdgeKey, Node, Traversal
from backends.testing.following import Follower, sorted_rows
from backends.testing.graphs import stated, withdrawn
from backends.testing.histories import (
    EDGES,
    GROUPS,
    IDS,
    RECORDS,
    UNKNOWN,
    History,
    Step,
    random_columns,
    random_traversal,
)
from backends.testing.reading import answer, copied, edge_view, epoch_of, listed, node_view, through_json, topology

if TYPE_CHECKING:
    import pytest

STEPS = 10
EVERYTHING = (*IDS, *RECORDS, *UNKNOWN)


def cases(factor: float) -> range:
    """The seeds of one random test: HEADWATER_CASES of them (30 unless set) times the factor, at least one, from
    HEADWATER_FIRST_CASE on. To see a failed case again: HEADWATER_CASES=1 HEADWATER_FIRST_CASE=<its seed>."""
    first, count = int(os.environ.get("HEADWATER_FIRST_CASE", "0")), int(os.environ.get("HEADWATER_CASES", "30"))
    return range(first, first + max(1, round(count * factor)))


class Side:
    """One of the two stores, and what its log told."""

    def __init__(self, backend: LineageBackend, follower: Follower) -> None:
        self.backend, self.follower = backend, follower

    async def play(self, step: Step) -> str:
        """Applies a step with this store's own versions; how it ended, for comparison. A failure must leave the epoch."""
        before = await epoch_of(self.backend)
        try:
            epoch = await self.backend.apply(await self._filled_in(step))
        except (Conflict, Rejected) as error:
            assert await epoch_of(self.backend) == before, "a write that failed is in the log"
            return type(error).__name__
        if step.twice:
            assert await self.backend.apply(step.changes) == epoch, "the same change twice is once"
        assert await epoch_of(self.backend) == epoch
        return "done"

    async def _filled_in(self, step: Step) -> Changes:
        versions, names = list(step.versions), list(step.names)
        expect, resolved = {}, {}
        for asked, node in zip(versions, (await self.backend.get(versions)).nodes, strict=True):
            # What is expected of another name is expected of the node it stands for, whose version was read.
            expect[node.id if node else asked] = (node.version if node else 0) + step.versions[asked]
        for name, node in zip(names, (await self.backend.get(names)).nodes, strict=True):
            true = Resolution(node.id, node.deleted_at) if node else Resolution(name, None)
            resolved[name] = true if step.names[name] else Resolution(true.id, -5)
        changes = step.changes
        return Changes(changes.at, changes.nodes, changes.edges, changes.records, expect, resolved, changes.watermark)

    async def nodes(self) -> tuple[Node | None, ...]:
        return (await self.backend.get(EVERYTHING, facets=True)).nodes


class Pair:
    """A backend and the reference."""

    def __init__(self, ours: Side, reference: MemoryBackend, theirs: Side) -> None:
        self.ours, self.theirs, self.reference = ours, theirs, reference
        self.versions: list[tuple[int, int]] = [(0, 0)] * len(EVERYTHING)

    @classmethod
    async def of(cls, backend: LineageBackend) -> "Pair":
        reference = MemoryBackend()
        return cls(Side(backend, await Follower.of(backend)), reference, Side(reference, await Follower.of(reference)))

    async def play(self, step: Step) -> None:
        """One step on both: it must end alike, log alike and leave alike."""
        assert await self.ours.play(step) == await self.theirs.play(step)
        ours, theirs = [await side.follower.follow(side.backend) for side in (self.ours, self.theirs)]
        assert sorted_rows(ours) == sorted_rows(theirs)
        await self.same_nodes(after=step)
        await self.same_edges()
        marks = [(await side.backend.changes_since(None)).watermark for side in (self.ours, self.theirs)]
        assert marks[0] == marks[1]

    async def same_nodes(self, after: Step) -> None:
        """Nodes and records are equal, numbers stay, and versions move on one side when they do on the other."""
        ours, theirs = await self.ours.nodes(), await self.theirs.nodes()
        assert [node_view(node) for node in ours] == [node_view(node) for node in theirs]
        numbers = {node.number: node.id for node in ours if node and not node.kind.is_record}
        told = {number: self.ours.follower.ids[number] for number in numbers if number in self.ours.follower.ids}
        assert {number: numbers[number] for number in told} == told, "a node has another number than the log says"
        versions = [(one.version, two.version) if one and two else (0, 0) for one, two in zip(ours, theirs, strict=True)]
        written = {record.id for record in after.changes.records}
        for asked, node, was, now in zip(EVERYTHING, ours, self.versions, versions, strict=True):
            # A record written again as it was may count or not: nothing was decided from what it said before.
            if node is not None and asked not in written and was[0]:
                assert (now[0] > was[0]) == (now[1] > was[1]), f"the version of {asked}"
        self.versions = versions

    async def same_edges(self) -> None:
        touched = [key for key in EDGES if key in self.reference.edges]
        keys = [*touched, *EDGES[:3]]
        ours, theirs = [(await side.backend.get([], keys)).edges for side in (self.ours, self.theirs)]
        assert [edge_view(edge) for edge in ours] == [edge_view(edge) for edge in theirs]

    async def same_traversals(self, questions: Iterable[Traversal]) -> None:
        for question in questions:
            ours = answer(await self.ours.backend.traverse(question))
            assert ours.said == answer(await self.reference.traverse(question)).said, question
            assert ours.epoch == self.ours.follower.epoch

    async def same_lists(self, rng: Random, questions: Iterable[tuple[NodeFilter, Order]]) -> None:
        for where, order in questions:
            size = rng.choice([1, 2, 5, 100])
            found, wanted = [await listed(side.backend, where, order, size) for side in (self.ours, self.theirs)]
            assert found == wanted, (where, order)
            page = await self.ours.backend.find_nodes(where, order, Page(size, total=True))
            assert page.total == len(wanted), (where, order)

    async def same_scans(self) -> None:
        """A scan, applied to an empty reference, is the same graph; the topology is what the log told."""
        found = await topology(self.ours.backend)
        assert found == self.ours.follower.topology
        copy = Side(await copied(self.ours.backend, MemoryBackend()), self.theirs.follower)
        assert [node_view(node) for node in await copy.nodes()] == [node_view(node) for node in await self.theirs.nodes()]
        stand = [key for key, edge in self.reference.edges.items() if edge.tallies]
        ours, theirs = (await copy.backend.get([], stand)).edges, (await self.reference.get([], stand)).edges
        assert [edge_view(edge) for edge in ours] == [edge_view(edge) for edge in theirs]
        assert (await topology(copy.backend)).edges == found.edges == (await topology(self.reference)).edges
        for group in (NodeFilter(group=name) for name in GROUPS):
            assert await listed(copy.backend, group, Order.NEWEST) == await listed(self.reference, group, Order.NEWEST)


class RandomContract:
    """Random cases. `case_factor` scales their number where a backend is slow, or quick."""

    case_factor = 1.0

    def pytest_generate_tests(self, metafunc: "pytest.Metafunc") -> None:
        if "seed" in metafunc.fixturenames:
            metafunc.parametrize("seed", cases(self.case_factor))

    async def test_random_history(self, backend: LineageBackend, seed: int) -> None:
        """Writes of every kind, some refused, some said twice; after each both stores must say the same of everything."""
        rng, pair = Random(f"history {seed}"), await Pair.of(backend)
        history = History(rng, pair.reference)
        for turn in range(STEPS):
            await pair.play(history.step())
            await pair.same_traversals(history.question(backend.capabilities.max_depth) for _ in range(4))
            await pair.same_lists(rng, [history.filter() for _ in range(3)])
            if turn in (STEPS // 2, STEPS - 1):
                await pair.same_scans()

    async def test_random_graph(self, backend: LineageBackend, seed: int) -> None:
        """Depths, directions, kinds, cuts and roots on larger graphs, then with edges taken away again."""
        rng, pair = Random(f"graph {seed}"), await Pair.of(backend)
        keys = random_columns(rng)
        ids = sorted({end for key in keys for end in (key.source, key.target)}) or list(IDS)
        losses = withdrawn(rng.sample(keys, len(keys) // 4), tally="by hand")
        for changes in (stated(keys, tally="by hand"), losses):
            await pair.play(Step(changes, twice=rng.random() < 0.5))
            deepest = backend.capabilities.max_depth
            await pair.same_traversals(random_traversal(rng, ids, deepest) for _ in range(10))
            await self._same_from_either_end(backend, rng.choices(keys, k=3) if keys else [])

    @staticmethod
    async def _same_from_either_end(backend: LineageBackend, keys: list[EdgeKey]) -> None:
        for key in keys:
            down = answer(await backend.traverse(Traversal({key.source: 0}, Direction.DOWNSTREAM, 1, FLOW)))
            up = answer(await backend.traverse(Traversal({key.target: 0}, Direction.UPSTREAM, 1, FLOW)))
            assert (key in down.edges) == (key in up.edges)

    async def test_random_paging(self, backend: LineageBackend, seed: int) -> None:
        """Lists read page by page while the store is written to: after every write the next page is the reference's."""
        rng, pair = Random(f"paging {seed}"), await Pair.of(backend)
        history = History(rng, pair.reference)
        for _ in range(3):
            await pair.play(history.step())
        for _ in range(4):
            (where, order), size = history.filter(), rng.choice([1, 2, 3])
            ours, theirs = None, None
            for _ in range(4):
                page = await backend.find_nodes(where, order, Page(size, ours, total=True))
                wanted = await pair.reference.find_nodes(where, order, Page(size, theirs, total=True))
                assert [node_view(node) for node in page.nodes] == [node_view(node) for node in wanted.nodes]
                assert (page.more, page.total) == (wanted.more, wanted.total)
                if not page.nodes:
                    break
                place = rng.randrange(len(page.nodes))
                ours, theirs = through_json(page.cursors[place]), wanted.cursors[place]
                await pair.play(history.step())
