"""Edges: who states them, when they stand, what their evidence adds up to."""

import pytest

from backends.base import LineageBackend
from backends.changes import Adjacent, Changes, EdgeChange, LogOp, NodeChange, NodeFilter, RecordChange
from backends.ids import Kind, make_id
from backends.model import CONTEXT, EDGE_KINDS, ENDS, FLOW, Direction, EdgeKey, EdgeKind, Evidence, Json
from backends.testing.following import Came, Follower
from backends.testing.graphs import AT, CHAIN, arrows, column, dataset, operation, reads, shop, stated, withdrawn, writes
from backends.testing.reading import BOTH, DOWNSTREAM, UPSTREAM, ask, edge_of, epoch_of, listed, topology

A, TASK, B = dataset("a"), operation("o"), dataset("b")
EDGE = reads(A, TASK)
MONDAY, TUESDAY = make_id(Kind.TALLY, "monday"), make_id(Kind.TALLY, "tuesday")


def put(key: EdgeKey, tally: str, *, at: int = AT, **facts: Json) -> Changes:
    """A tally states an edge between ends that are known."""
    return Changes(at, edges=(EdgeChange(key, {tally: facts}),))


def counted(tally: str, runs: int, first: int, last: int, last_run: str) -> RecordChange:
    return RecordChange(
        tally, {"runs": runs, "completed": runs, "first": first, "last": last, "last_run": last_run}, ("job:shop#o",), last
    )


class EdgeContract:
    """What stands, and why it is believed."""

    async def test_unknown_edges_are_none_in_the_order_asked(self, backend: LineageBackend) -> None:
        await backend.apply(stated([EDGE, writes(TASK, B)]))
        asked = [writes(TASK, A), EDGE, EdgeKey(A, EdgeKind.MENTIONS, TASK), writes(TASK, B), EDGE]
        edges = (await backend.get([], asked)).edges
        assert [edge.key if edge else None for edge in edges] == [None, EDGE, None, writes(TASK, B), EDGE]

    async def test_edge_of_every_kind_is_kept(self, backend: LineageBackend) -> None:
        every = [*shop(), EdgeKey(A, EdgeKind.PAIR, B), EdgeKey(A, EdgeKind.MENTIONS, make_id(Kind.JOB, "shop", "o"))]
        assert {key.kind for key in every} == set(EDGE_KINDS)
        await backend.apply(stated(every, also=[A, B], origin="client"))
        edges = (await backend.get([], every)).edges
        assert [edge.key if edge else None for edge in edges] == every
        assert (await topology(backend)).edges == set(shop())

    async def test_edge_between_all_kinds_that_may_be_joined(self, backend: LineageBackend) -> None:
        """An Asset may stand where a Dataset stands; every pair of the table can be stored, followed and scanned."""
        parts = {Kind.COLUMN: ("s", "d", "c"), Kind.MODEL: ("s", "m", "1"), Kind.OPERATION: ("s", "j", "0" * 16)}
        ids = {kind: make_id(kind, *parts.get(kind, ("s", "n"))) for kind in Kind if not kind.is_record}
        every = [
            EdgeKey(ids[source], kind, ids[target])
            for kind in (FLOW | CONTEXT)
            for source in ENDS[kind][0]
            for target in ENDS[kind][1]
        ]
        await backend.apply(stated(every))
        assert (await topology(backend)).edges == set(every)
        for key in every:
            assert key in (await ask(backend, key.target, UPSTREAM, 1, kinds=[key.kind])).edges

    async def test_edge_stands_while_anyone_states_it(self, backend: LineageBackend) -> None:
        follower = await Follower.of(backend)
        await backend.apply(stated([EDGE], tally="monday", at=1))
        await follower.follow(backend)
        for changes, rows, stands in (
            (put(EDGE, "tuesday"), [], True),
            (withdrawn([EDGE], tally="monday"), [], True),
            (withdrawn([EDGE], tally="monday"), [], True),
            (withdrawn([EDGE], tally="nobody"), [], True),
            (withdrawn([EDGE], tally="tuesday", at=77), [Came(LogOp.EDGE_WENT, EDGE)], False),
            (withdrawn([EDGE], tally="tuesday", at=88), [], False),
            (put(EDGE, "monday", at=99), [Came(LogOp.EDGE_CAME, EDGE)], True),
        ):
            await backend.apply(changes)
            assert await follower.follow(backend) == rows
            assert ((await ask(backend, A, DOWNSTREAM)).edges == {EDGE}) is stands
            assert ((await topology(backend)).edges == {EDGE}) is stands

    async def test_withdrawn_edge_is_kept_for_history(self, backend: LineageBackend) -> None:
        await backend.apply(stated([EDGE], tally="monday", origin="run event"))
        assert (await edge_of(backend, EDGE)).retracted_at is None
        await backend.apply(withdrawn([EDGE], tally="monday", at=77))
        edge = await edge_of(backend, EDGE)
        assert (dict(edge.tallies), edge.retracted_at, edge.evidence.runs, edge.transformations) == ({}, 77, 0, ())
        await backend.apply(withdrawn([EDGE], tally="monday", at=88))
        assert (await edge_of(backend, EDGE)).retracted_at == 77, "it was withdrawn once"
        await backend.apply(put(EDGE, "monday", at=99))
        assert (await edge_of(backend, EDGE)).retracted_at is None
        await backend.apply(withdrawn([EDGE], tally="monday", at=111))
        assert (await edge_of(backend, EDGE)).retracted_at == 111

    async def test_withdrawing_the_unknown_makes_nothing(self, backend: LineageBackend) -> None:
        await backend.apply(Changes(AT, nodes=(NodeChange(A), NodeChange(TASK))))
        await backend.apply(withdrawn([EDGE]))
        assert (await backend.get([], [EDGE])).edges == (None,)

    async def test_tallies_change_hands_in_one_write(self, backend: LineageBackend) -> None:
        """No reader sees the edge gone, and no log row says so: who states it changed, not that it stands."""
        epoch = await backend.apply(stated([EDGE], tally="monday"))
        handed = Changes(AT, edges=(EdgeChange(EDGE, {"tuesday": {"runs": 1}}, frozenset({"monday"})),))
        assert await backend.apply(handed) == epoch
        assert dict((await edge_of(backend, EDGE)).tallies) == {"tuesday": {"runs": 1}}
        both = Changes(AT, edges=(EdgeChange(EDGE, {"tuesday": {"runs": 2}}, frozenset({"tuesday"})),))
        assert await backend.apply(both) == epoch
        assert dict((await edge_of(backend, EDGE)).tallies) == {"tuesday": {"runs": 2}}, "put counts after drop"
        gone = Changes(AT, edges=(*withdrawn([EDGE], tally="tuesday").edges, EdgeChange(EDGE, {"x": {}})))
        assert await backend.apply(gone) == epoch

    @pytest.mark.parametrize("end", [A, TASK])
    @pytest.mark.parametrize("how", ["deleted", "withdrawn", "renamed"])
    async def test_edge_stands_only_between_standing_ends(self, backend: LineageBackend, end: str, how: str) -> None:
        follower = await Follower.of(backend)
        other = dataset("other") if end == A else operation("other")
        hide, show = {
            "deleted": (NodeChange(end, deleted_at=5), NodeChange(end, seen=(6, 6))),
            "withdrawn": (NodeChange(end, withdrawn=True), NodeChange(end, withdrawn=False)),
            "renamed": (NodeChange(end, alias_of=other), NodeChange(end, alias_of="")),
        }[how]
        await backend.apply(stated([EDGE, writes(TASK, B)], also=[other]))
        await follower.follow(backend)
        await backend.apply(Changes(AT, nodes=(hide,)))
        assert Came(LogOp.EDGE_WENT, EDGE) in await follower.follow(backend)
        assert EDGE not in (await topology(backend)).edges
        assert (await ask(backend, A, DOWNSTREAM)).edges == frozenset()
        assert EDGE not in (await ask(backend, [TASK, B], BOTH)).edges
        edge = await edge_of(backend, EDGE)
        assert (set(edge.tallies), edge.retracted_at) == ({"told"}, None), "it is stated all the same"
        await backend.apply(put(EDGE, "more"))
        assert await follower.follow(backend) == [], "stated again, it stands no more than before"
        await backend.apply(withdrawn([EDGE], tally="told"))
        assert await follower.follow(backend) == []
        await backend.apply(Changes(AT, nodes=(show,)))
        assert Came(LogOp.EDGE_CAME, EDGE) in await follower.follow(backend)
        assert (await ask(backend, A, DOWNSTREAM)).edges == {EDGE, writes(TASK, B)}

    async def test_edge_withdrawn_while_its_end_is_hidden_does_not_come_back(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows("a-b b-b b-c")))
        await backend.apply(Changes(AT, nodes=(NodeChange(column("b"), withdrawn=True),)))
        await backend.apply(withdrawn(arrows("a-b b-b"), at=50))
        await backend.apply(Changes(AT, nodes=(NodeChange(column("b"), withdrawn=False),)))
        assert (await ask(backend, ["a", "b"], DOWNSTREAM)).arrows == "b-c"
        assert (await edge_of(backend, arrows("b-b")[0])).retracted_at == 50

    async def test_hidden_kinds_are_kept_and_looked_up_but_never_logged(self, backend: LineageBackend) -> None:
        epoch = await backend.apply(Changes(AT, nodes=(NodeChange(A), NodeChange(B))))
        for kind in (EdgeKind.PAIR, EdgeKind.MENTIONS):
            key = EdgeKey(A, kind, B)
            down = NodeFilter(adjacent=Adjacent(A, kind, Direction.DOWNSTREAM))
            assert await backend.apply(put(key, "told", runs=3)) == epoch
            assert (await edge_of(backend, key)).evidence.runs == 3
            assert await listed(backend, down) == [B]
            assert await listed(backend, NodeFilter(adjacent=Adjacent(B, kind, Direction.UPSTREAM))) == [A]
            assert await backend.apply(withdrawn([key], at=9)) == epoch
            assert (await edge_of(backend, key)).retracted_at == 9
            assert await listed(backend, down) == []
        assert await epoch_of(backend) == epoch
        assert (await topology(backend)).edges == set()

    async def test_evidence_adds_up_over_tallies(self, backend: LineageBackend) -> None:
        await backend.apply(
            Changes(
                AT,
                nodes=(NodeChange(A), NodeChange(TASK)),
                edges=(
                    EdgeChange(
                        EDGE,
                        {
                            MONDAY: {"origin": "run event", "confidence": 0.8},
                            TUESDAY: {"origin": "job event", "confidence": 0.5},
                            "by hand": {"origin": "client", "runs": 1, "first": 4, "last": 4, "last_run": "run:x"},
                            "said": {},
                        },
                    ),
                ),
                records=(counted(MONDAY, 3, 10, 30, "run:m"), counted(TUESDAY, 4, 20, 40, "run:t")),
            )
        )
        evidence = (await edge_of(backend, EDGE)).evidence
        assert evidence == Evidence("job event", 1.0, 4, 40, 8, "run:t")
        await backend.apply(withdrawn([EDGE], tally="said"))
        await backend.apply(withdrawn([EDGE], tally="by hand"))
        assert (await edge_of(backend, EDGE)).evidence == Evidence("job event", 0.8, 10, 40, 7, "run:t")

    async def test_evidence_follows_the_records_behind_it(self, backend: LineageBackend) -> None:
        """An equal run costs two counters: the record moves, no edge is written."""
        await backend.apply(stated([EDGE], tally=MONDAY, origin="run event", runs=99, last=99))
        assert (await edge_of(backend, EDGE)).evidence.runs == 99, "there is no record yet"
        epoch = await backend.apply(Changes(AT, records=(counted(MONDAY, 1, 5, 5, "run:1"),)))
        assert (await edge_of(backend, EDGE)).evidence == Evidence("run event", 1.0, 5, 5, 1, "run:1")
        assert await backend.apply(Changes(AT, records=(counted(MONDAY, 2, 5, 9, "run:2"),))) == epoch
        assert (await edge_of(backend, EDGE)).evidence == Evidence("run event", 1.0, 5, 9, 2, "run:2")
        await backend.apply(Changes(AT, records=(RecordChange(MONDAY, None),)))
        assert (await edge_of(backend, EDGE)).evidence.runs == 99

    async def test_one_record_counts_for_many_edges(self, backend: LineageBackend) -> None:
        keys = [reads(A, TASK), reads(B, TASK), EdgeKey(A, EdgeKind.PAIR, B)]
        await backend.apply(stated(keys, tally=MONDAY))
        await backend.apply(Changes(AT, records=(counted(MONDAY, 6, 1, 2, "run:1"),)))
        assert [edge.evidence.runs for edge in (await backend.get([], keys)).edges if edge] == [6, 6, 6]

    async def test_facts_of_a_tally_are_replaced(self, backend: LineageBackend) -> None:
        await backend.apply(stated([EDGE], tally="hand", confidence=0.3, runs=1, origin="client"))
        await backend.apply(put(EDGE, "hand", runs=2, origin="inferred"))
        edge = await edge_of(backend, EDGE)
        assert dict(edge.tallies) == {"hand": {"runs": 2, "origin": "inferred"}}
        assert edge.evidence == Evidence("inferred", 1.0, None, None, 2, None)

    async def test_transformations_are_united(self, backend: LineageBackend) -> None:
        key = arrows("a-b")[0]
        direct = {"type": "DIRECT", "subtype": "IDENTITY", "masking": False}
        masked = {"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": True, "description": "sha \u00e9 #%"}
        await backend.apply(stated([key], tally="one", transformations=[masked, direct]))
        await backend.apply(put(key, "two", transformations=[direct]))
        assert (await edge_of(backend, key)).transformations == (masked, direct), "in the order of their canonical JSON"
        await backend.apply(withdrawn([key], tally="one"))
        assert (await edge_of(backend, key)).transformations == (direct,)

    async def test_odd_tallies_are_names_like_any(self, backend: LineageBackend) -> None:
        tallies = ["", "'", '"', "a,b", "tally:x#y", "%", "\U0001f986", "a b", "null", "0"]
        for tally in tallies:
            await backend.apply(stated([EDGE], tally=tally, runs=1))
        assert set((await edge_of(backend, EDGE)).tallies) == set(tallies)
        assert (await edge_of(backend, EDGE)).evidence.runs == len(tallies)
        for tally in tallies[1:]:
            await backend.apply(withdrawn([EDGE], tally=tally))
        assert set((await edge_of(backend, EDGE)).tallies) == {""}

    async def test_each_loss_of_a_chain_is_seen_alone(self, backend: LineageBackend) -> None:
        for lost in arrows(CHAIN):
            await backend.apply(stated(arrows(CHAIN)))
            await backend.apply(withdrawn([lost]))
            assert (await ask(backend, list("abcd"), DOWNSTREAM)).edges == {*arrows(CHAIN)} - {lost}
            assert (await topology(backend)).edges == {*arrows(CHAIN)} - {lost}
