"""Writes are whole or not at all, once or twice alike, and hang on what was read where they say so."""

from dataclasses import replace

import pytest

from backends.base import LineageBackend
from backends.changes import Changes, EdgeChange, NodeChange, NodeFilter, Order, RecordChange
from backends.errors import Conflict, Rejected
from backends.model import EdgeKey, EdgeKind, Epoch, Stamped
from backends.testing.following import Follower
from backends.testing.graphs import (
    AT,
    CHAIN,
    ORDERS,
    RUN,
    STATE,
    TALLY,
    arrows,
    change,
    column,
    dataset,
    operation,
    reads,
    record,
    stated,
    told,
)
from backends.testing.reading import DOWNSTREAM, ask, epoch_of, listed, node_of, node_view


class AtomicityContract:
    """`apply`, and what it refuses."""

    async def test_same_write_twice_is_once(self, backend: LineageBackend) -> None:
        follower = await Follower.of(backend)
        mention = EdgeKey(dataset("a"), EdgeKind.MENTIONS, ORDERS)
        for changes in (
            stated(arrows(CHAIN), origin="client", runs=2),
            told(ORDERS, type=(5, "table"), owners=(5, None)),
            change(NodeChange(ORDERS, seen=(3, 4), deleted_at=2, withdrawn=True)),
            change(NodeChange(ORDERS, withdrawn=False), NodeChange(dataset("a"), alias_of=ORDERS)),
            stated([mention], also=[ORDERS]),
            Changes(AT, edges=(EdgeChange(arrows("b-c")[0], {"more": {"runs": 3}}, frozenset({"told", "other"})),)),
            Changes(AT, edges=(EdgeChange(arrows("a-b")[0], drop=frozenset({"told"})),)),
        ):
            epoch = await backend.apply(changes)
            await follower.follow(backend)
            assert epoch == follower.epoch
            ids, keys = [ORDERS, dataset("a"), column("b")], [*arrows(CHAIN), mention]
            before = await backend.get(ids, keys)
            later = Changes(AT + 1, changes.nodes, changes.edges)
            assert await backend.apply(later) == epoch, "nothing new is no row in the log"
            assert (await backend.get(ids, keys)).edges == before.edges
            assert [node_view(node) for node in (await backend.get(ids)).nodes] == [node_view(n) for n in before.nodes]
            assert [n and n.version for n in (await backend.get(ids)).nodes] == [n and n.version for n in before.nodes]

    async def test_write_of_nothing_is_nothing(self, backend: LineageBackend) -> None:
        epoch = await backend.apply(stated(arrows(CHAIN)))
        assert await backend.apply(Changes(AT)) == epoch
        assert await epoch_of(backend) == epoch

    async def test_refused_write_leaves_nothing(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows("a-b"), runs=1))
        await backend.apply(record(TALLY, {"runs": 1}, "g"))
        refused = Changes(
            AT + 1,
            nodes=(
                NodeChange(ORDERS),
                NodeChange(column("a"), {"type": Stamped(1, "int")}, (1, 1)),
                NodeChange(column("b"), withdrawn=True),
            ),
            edges=(
                EdgeChange(arrows("a-b")[0], {"more": {}}, frozenset({"told"})),
                EdgeChange(arrows("a-nowhere")[0], {"told": {}}),
                EdgeChange(arrows("a-a")[0], {"told": {}}),
            ),
            records=(RecordChange(RUN, {}, ("g",)), RecordChange(TALLY, None)),
            watermark=99,
        )
        await self._nothing_comes_of(backend, refused, Rejected)

    async def test_conflicting_write_leaves_nothing(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows("a-b"), runs=1))
        await backend.apply(record(TALLY, {"runs": 1}, "g"))
        stale = Changes(
            AT + 1,
            nodes=(NodeChange(ORDERS), NodeChange(column("b"), withdrawn=True)),
            edges=(EdgeChange(arrows("a-b")[0], {"more": {}}, frozenset({"told"})),),
            records=(RecordChange(RUN, {}, ("g",)), RecordChange(TALLY, None)),
            expect={ORDERS: 7},
            watermark=99,
        )
        await self._nothing_comes_of(backend, stale, Conflict)

    async def _nothing_comes_of(self, backend: LineageBackend, changes: Changes, error: type[Exception]) -> None:
        ids, keys = [ORDERS, column("a"), column("b"), RUN, TALLY], arrows("a-b a-nowhere a-a")
        before, log = await backend.get(ids, keys), await backend.changes_since(None)
        with pytest.raises(error):
            await backend.apply(changes)
        after = await backend.get(ids, keys)
        assert [node_view(node) for node in after.nodes] == [node_view(node) for node in before.nodes]
        assert [node and node.version for node in after.nodes] == [node and node.version for node in before.nodes]
        assert after.edges == before.edges
        assert await backend.changes_since(None) == log, "neither epoch nor watermark nor revision moved"
        assert (await ask(backend, "a", DOWNSTREAM)).arrows == "a-b"
        assert await listed(backend, NodeFilter(group="g"), Order.NEWEST) == [TALLY]
        assert await listed(backend, NodeFilter()) == [column("a"), column("b")]

    async def test_edge_needs_ends_that_are_known(self, backend: LineageBackend) -> None:
        a, o = dataset("a"), operation("o")
        for known in ([], [a], [o]):
            with pytest.raises(Rejected):
                await backend.apply(
                    Changes(AT, nodes=tuple(map(NodeChange, known)), edges=(EdgeChange(reads(a, o), {"t": {}}),))
                )
            unmade = await backend.get([a, o], [reads(a, o)])
            assert (unmade.nodes, unmade.edges) == ((None, None), (None,))
        await backend.apply(Changes(AT, edges=(EdgeChange(reads(a, o), drop=frozenset({"t"})),)))
        await backend.apply(change(NodeChange(a), NodeChange(o, withdrawn=True)))
        await backend.apply(Changes(AT, edges=(EdgeChange(reads(a, o), {"t": {}}),)))
        assert (await backend.get([], [reads(a, o)])).edges[0] is not None, "an end that is hidden is known"

    async def test_expect_zero_is_for_what_is_unknown(self, backend: LineageBackend) -> None:
        for node_id, made in ((ORDERS, change(NodeChange(ORDERS))), (RUN, record(RUN, {}))):
            await backend.apply(replace(made, expect={node_id: 0}))
            with pytest.raises(Conflict):
                await backend.apply(replace(made, expect={node_id: 0}))

    async def test_expect_holds_until_the_version_moves(self, backend: LineageBackend) -> None:
        await backend.apply(told(ORDERS, type=(1, "a")))
        await backend.apply(record(STATE, {"n": 1}))
        read = {node_id: (await node_of(backend, node_id)).version for node_id in (ORDERS, STATE)}
        await backend.apply(Changes(AT, records=(RecordChange(RUN, {}),), expect=read))
        await backend.apply(Changes(AT, records=(RecordChange(STATE, {"n": 2}),), expect=read))
        with pytest.raises(Conflict):
            await backend.apply(Changes(AT, records=(RecordChange(STATE, {"n": 3}),), expect=read))
        assert (await node_of(backend, STATE)).attributes["n"] == 2
        await backend.apply(told(ORDERS, type=(2, "b")))
        with pytest.raises(Conflict):
            await backend.apply(Changes(AT, records=(RecordChange(RUN, {"n": 9}),), expect={ORDERS: read[ORDERS]}))
        with pytest.raises(Conflict):
            await backend.apply(Changes(AT, expect={ORDERS: 0}))
        assert dict((await node_of(backend, RUN)).attributes) == {}

    async def test_watermark_is_the_greatest_event_time(self, backend: LineageBackend) -> None:
        assert (await backend.changes_since(None)).watermark is None
        for said, wanted in ((5, 5), (None, 5), (3, 5), (9, 9), (None, 9)):
            await backend.apply(Changes(AT, nodes=(NodeChange(ORDERS),), watermark=said))
            assert (await backend.changes_since(None)).watermark == wanted
        assert (await backend.changes_since(await epoch_of(backend))).watermark == 9

    async def test_watermark_moves_without_a_topology_change(self, backend: LineageBackend) -> None:
        epoch = await backend.apply(Changes(AT, records=(RecordChange(RUN, {}),), watermark=5))
        assert await backend.apply(Changes(AT, records=(RecordChange(RUN, {"a": 1}),), watermark=7)) == epoch
        assert (await backend.changes_since(epoch)).watermark == 7

    async def test_every_write_draws_a_new_revision(self, backend: LineageBackend) -> None:
        if not backend.capabilities.atomic_writes:
            pytest.skip("this store cannot tell that nothing was written")
        first = await epoch_of(backend)
        said = [(await backend.changes_since(None)).revision]
        for write in (
            stated(arrows("a-b"), runs=1),
            told(column("a"), type=(1, "int")),
            change(NodeChange(column("a"), seen=(1, 9))),
            record(TALLY, {"runs": 1}, "g"),
            record(TALLY, {"runs": 2}, "g"),
            Changes(AT, records=(RecordChange(TALLY, None),)),
            Changes(AT, edges=(EdgeChange(arrows("a-b")[0], {"more": {}}),)),
        ):
            await backend.apply(write)
            at_end, since = await backend.changes_since(None), await backend.changes_since(first)
            unknown = await backend.changes_since(Epoch(first.seq, first.chain ^ 1))
            assert at_end.revision == since.revision == unknown.revision is not None
            assert (await backend.changes_since(at_end.epoch)).revision == at_end.revision, "reading is no write"
            said.append(at_end.revision)
        assert len({*said}) == len(said)
