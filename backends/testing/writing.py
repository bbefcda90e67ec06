"""Writes of nodes and records: what merges, what hides, and what is kept."""

from itertools import permutations

import pytest

from backends.base import LineageBackend
from backends.changes import NodeChange, NodeFilter, Order
from backends.ids import Kind
from backends.model import EdgeKey, EdgeKind, Json, Stamped, canonical
from backends.testing.graphs import (
    NO_IDS,
    ODD_NAMES,
    ORDERS,
    PICTURE,
    RUN,
    STATE,
    TALLY,
    arrows,
    change,
    column,
    dataset,
    longest,
    record,
    stated,
    told,
)
from backends.testing.reading import DOWNSTREAM, ask, epoch_of, listed, node_of

ODD_VALUES: tuple[Json, ...] = (
    0,
    -1,
    1,
    1.0,
    True,
    False,
    0.1,
    1e300,
    -0.0,
    2**53 + 1,
    2**63 - 1,
    2**64 - 1,
    "",
    "\0 is text",
    'quoted "so"',
    "\U0001f986 \u2028 \u0301",
    [],
    {},
    [[], {}, None, [None]],
    {"": {"": ""}},
    {"b": 1, "a": {"$ref": "#/x", "a.b": [1, "1", 1.5, None, True]}},
    ["text", ["nested", {"deep": [1]}]],
)


class WritingContract:
    """Nodes and records."""

    async def test_unknown_is_none_in_the_order_asked(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(ORDERS), NodeChange(dataset("a"))))
        nodes = (await backend.get([dataset("b"), ORDERS, dataset("none"), dataset("a"), ORDERS])).nodes
        assert [node.id if node else None for node in nodes] == [None, ORDERS, None, dataset("a"), ORDERS]
        assert (await backend.get([])).nodes == ()
        assert (await backend.get(NO_IDS)).nodes == (None,) * len(NO_IDS)

    async def test_many_are_looked_up_at_once(self, backend: LineageBackend) -> None:
        """More than a statement has room for parameters in some engines."""
        await backend.apply(stated(arrows("a-b")))
        unknown = [dataset(f"{place}") for place in range(40_000)]
        keys = [EdgeKey(column("a"), EdgeKind.DERIVES, column(f"{place}")) for place in range(40_000)]
        found = await backend.get([*unknown, column("b")], [*keys, *arrows("a-b")])
        assert [node.id if node else None for node in found.nodes] == [None] * 40_000 + [column("b")]
        assert [edge.key if edge else None for edge in found.edges] == [None] * 40_000 + arrows("a-b")

    async def test_node_that_is_named_is_made(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(ORDERS)))
        node = await node_of(backend, ORDERS)
        assert (node.id, node.kind, node.standing, dict(node.attributes)) == (ORDERS, Kind.DATASET, True, {})
        assert (node.first_seen, node.last_seen, node.deleted_at, node.aliases) == (None, None, None, ())
        assert {name: dict(said) for name, said in node.members.items()} == {ORDERS: {}}
        assert node.version > 0, "0 is the version of what is unknown"

    async def test_attributes_merge_alike_in_any_order(self, backend: LineageBackend) -> None:
        """The latest wins; of two at one time the greater canonical JSON, so "b" beats "a" and [1] beats "b"."""
        said = [(3, "b"), (3, [1]), (1, "z"), (3, "a")]
        for order in permutations(range(4)):
            node_id = dataset(f"{order}")
            for place in order:
                await backend.apply(told(node_id, type=said[place], owners=(place, [place])))
            node = await node_of(backend, node_id)
            assert dict(node.attributes) == {"type": [1], "owners": [3]}
            assert node.members[node_id]["type"] == Stamped(3, [1])

    async def test_late_value_loses_and_says_nothing_new(self, backend: LineageBackend) -> None:
        await backend.apply(told(ORDERS, type=(5, "table")))
        before = await node_of(backend, ORDERS)
        await backend.apply(told(ORDERS, type=(4, "view")))
        after = await node_of(backend, ORDERS)
        assert after.attributes["type"] == "table"
        assert after.version == before.version

    @pytest.mark.parametrize("first", [0, 1])
    async def test_ties_do_not_take_one_for_true(self, backend: LineageBackend, first: int) -> None:
        """1, 1.0 and True are equal to Python; which of them is kept must not depend on which came first."""
        for pair in ([1, True], [1.0, 1], [{"a": 1}, {"a": True}], [[1], [1.0]]):
            node_id = dataset(canonical(pair))
            for value in (pair[first], pair[1 - first]):
                await backend.apply(told(node_id, type=(5, value)))
            kept = (await node_of(backend, node_id)).attributes["type"]
            assert canonical(kept) == max(canonical(pair[0]), canonical(pair[1]))

    async def test_none_withdraws_what_was_said_before_it(self, backend: LineageBackend) -> None:
        await backend.apply(told(ORDERS, type=(5, "table"), owners=(5, ["ana"])))
        await backend.apply(told(ORDERS, type=(6, None)))
        await backend.apply(told(ORDERS, type=(5, "view")))
        node = await node_of(backend, ORDERS)
        assert dict(node.attributes) == {"owners": ["ana"]}
        assert node.members[ORDERS]["type"] == Stamped(6, None), "what is withdrawn still beats what was said earlier"
        await backend.apply(told(ORDERS, type=(7, "view")))
        assert (await node_of(backend, ORDERS)).attributes["type"] == "view"

    async def test_each_attribute_has_its_own_time(self, backend: LineageBackend) -> None:
        await backend.apply(told(ORDERS, type=(5, "table"), location=(1, "here")))
        await backend.apply(told(ORDERS, type=(4, "view"), location=(2, "there"), owners=(1, [])))
        assert dict((await node_of(backend, ORDERS)).attributes) == {"type": "table", "location": "there", "owners": []}

    async def test_values_come_back_as_they_went(self, backend: LineageBackend) -> None:
        said = {f"key {place} '\"%": (1, value) for place, value in enumerate(ODD_VALUES)}
        await backend.apply(told(ORDERS, **said))
        await backend.apply(record(RUN, {key: value for key, (_, value) in said.items()}))
        wanted = {key: canonical(value) for key, (_, value) in said.items()}
        for node_id in (ORDERS, RUN):
            node = await node_of(backend, node_id)
            assert {key: canonical(value) for key, value in node.attributes.items()} == wanted

    async def test_facets_are_left_out_unless_asked_for(self, backend: LineageBackend) -> None:
        await backend.apply(told(ORDERS, type=(1, "table"), **{"facet:schema": (1, {"fields": []})}))
        without, whole = await node_of(backend, ORDERS), await node_of(backend, ORDERS, facets=True)
        assert set(without.attributes) == set(without.members[ORDERS]) == {"type"}
        assert whole.attributes["facet:schema"] == {"fields": []}
        assert whole.members[ORDERS]["facet:schema"] == Stamped(1, {"fields": []})

    async def test_seen_widens(self, backend: LineageBackend) -> None:
        for seen in ((5, 7), (9, 9), (6, 6), (3, 4)):
            await backend.apply(change(NodeChange(ORDERS, seen=seen)))
        node = await node_of(backend, ORDERS)
        assert (node.first_seen, node.last_seen) == (3, 9)

    async def test_times_may_lie_before_1970(self, backend: LineageBackend) -> None:
        await backend.apply(told(ORDERS, type=(-5, "old")))
        await backend.apply(told(ORDERS, type=(-9, "older")))
        await backend.apply(change(NodeChange(ORDERS, seen=(-9, -5), deleted_at=-6)))
        node = await node_of(backend, ORDERS)
        assert (node.attributes["type"], node.first_seen, node.last_seen, node.deleted_at) == ("old", -9, -5, -6)
        assert node.standing

    async def test_deleted_is_hidden_until_seen_later(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(ORDERS, seen=(5, 5))))
        number = (await node_of(backend, ORDERS)).number
        for said, standing in (
            (NodeChange(ORDERS, deleted_at=8), False),
            (NodeChange(ORDERS, seen=(8, 8)), False),
            (NodeChange(ORDERS, seen=(9, 9)), True),
            (NodeChange(ORDERS, deleted_at=8), True),
            (NodeChange(ORDERS, deleted_at=9), False),
            (NodeChange(ORDERS, deleted_at=4), False),
            (NodeChange(ORDERS, seen=(10, 10)), True),
        ):
            await backend.apply(change(said))
            node = await node_of(backend, ORDERS)
            assert node.standing is standing, said
            assert await listed(backend, NodeFilter()) == [ORDERS] * standing
            assert [*(await ask(backend, ORDERS, DOWNSTREAM)).nodes] == [ORDERS] * standing
            assert node.number == number, "seen again, it is the same node"
        assert (node.first_seen, node.last_seen, node.deleted_at) == (5, 10, 9)

    async def test_deleted_without_ever_being_seen_is_hidden(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(ORDERS, deleted_at=0)))
        assert not (await node_of(backend, ORDERS)).standing

    async def test_withdrawn_is_hidden_until_someone_says_otherwise(self, backend: LineageBackend) -> None:
        await backend.apply(change(NodeChange(ORDERS, withdrawn=True)))
        await backend.apply(change(NodeChange(ORDERS, seen=(10, 10), attributes={"type": Stamped(1, "table")})))
        hidden = await node_of(backend, ORDERS)
        assert not hidden.standing
        assert hidden.attributes["type"] == "table", "what was withdrawn is given too"
        await backend.apply(change(NodeChange(ORDERS, withdrawn=False)))
        assert (await node_of(backend, ORDERS)).standing

    async def test_statements_in_one_write_count_in_turn(self, backend: LineageBackend) -> None:
        hide, show = NodeChange(ORDERS, withdrawn=True), NodeChange(ORDERS, withdrawn=False)
        await backend.apply(change(hide, show, NodeChange(ORDERS, {"type": Stamped(1, "a"), "location": Stamped(1, "l")})))
        await backend.apply(change(NodeChange(ORDERS, {"type": Stamped(2, "b")}), NodeChange(ORDERS, seen=(1, 1)), hide))
        node = await node_of(backend, ORDERS)
        assert (dict(node.attributes), node.standing, node.last_seen) == ({"type": "b", "location": "l"}, False, 1)
        await backend.apply(change(show, hide))
        assert not (await node_of(backend, ORDERS)).standing

    async def test_version_counts_what_expect_is_for(self, backend: LineageBackend) -> None:
        """Attributes, names and standing; being seen again says nothing that a decision hangs on."""
        versions = [0]
        for said, counts in (
            (NodeChange(ORDERS), True),
            (NodeChange(ORDERS), False),
            (NodeChange(ORDERS, seen=(1, 1)), False),
            (NodeChange(ORDERS, {"type": Stamped(1, "a")}), True),
            (NodeChange(ORDERS, {"type": Stamped(1, "a")}), False),
            (NodeChange(ORDERS, withdrawn=True), True),
            (NodeChange(ORDERS, withdrawn=True), False),
            (NodeChange(ORDERS, withdrawn=False), True),
            (NodeChange(ORDERS, deleted_at=5), True),
            (NodeChange(ORDERS, seen=(6, 6)), True),
        ):
            await backend.apply(change(said))
            versions.append((await node_of(backend, ORDERS)).version)
            assert (versions[-1] > versions[-2]) is counts, said
            assert counts or versions[-1] == versions[-2], said

    async def test_odd_ids_are_kept_apart(self, backend: LineageBackend) -> None:
        ids = [dataset(name, space) for name in ODD_NAMES for space in ("s", "%#", "")]
        ids += [longest(), longest(letter="\u0301"), longest(Kind.ASSET, "\u00e9")]
        await backend.apply(change(*(NodeChange(i, {"location": Stamped(1, i)}) for i in ids)))
        nodes = (await backend.get(ids)).nodes
        assert [(node.id, node.attributes["location"]) if node else None for node in nodes] == [(i, i) for i in ids]
        assert len({node.number for node in nodes if node}) == len(ids)

    async def test_numbers_are_dense_and_never_used_again(self, backend: LineageBackend) -> None:
        made: dict[str, int] = {}
        for turn in range(6):
            ids = [dataset(f"t{turn}.{place}") for place in range(8)]
            await backend.apply(change(*map(NodeChange, ids)))
            await backend.apply(change(*(NodeChange(node_id, deleted_at=1) for node_id in ids[::2])))
            await backend.apply(change(*(NodeChange(node_id, withdrawn=True) for node_id in ids[1::2])))
            await backend.apply(change(*(NodeChange(node_id, seen=(9, 9)) for node_id in ids[::4])))
            for node_id in [*made, *ids]:
                assert made.setdefault(node_id, (await node_of(backend, node_id)).number) >= 0
                assert made[node_id] == (await node_of(backend, node_id)).number
        assert len(set(made.values())) == len(made)
        assert max(made.values()) < 2 * len(made) + 64, "arrays are as long as the greatest number"

    async def test_record_is_replaced_whole(self, backend: LineageBackend) -> None:
        for node_id in (RUN, STATE, PICTURE, TALLY):
            await backend.apply(record(node_id, {"a": 1, "b": [2]}))
            first = await node_of(backend, node_id)
            assert (first.id, dict(first.attributes), first.standing) == (node_id, {"a": 1, "b": [2]}, True)
            await backend.apply(record(node_id, {"c": 3}))
            second = await node_of(backend, node_id)
            assert dict(second.attributes) == {"c": 3}
            assert second.version > first.version > 0

    async def test_record_is_removed_by_none(self, backend: LineageBackend) -> None:
        await backend.apply(record(RUN, {"state": "RUNNING"}, "job:a#b"))
        await backend.apply(record(RUN, None))
        await backend.apply(record(STATE, None))
        assert (await backend.get([RUN, STATE])).nodes == (None, None)
        assert await listed(backend, NodeFilter(group="job:a#b"), Order.NEWEST) == []

    async def test_records_are_no_topology(self, backend: LineageBackend) -> None:
        before = await epoch_of(backend)
        assert await backend.apply(record(RUN, {"state": "RUNNING"}, "job:a#b")) == before
        assert (await ask(backend, RUN, DOWNSTREAM)).said == ({}, set(), False)
        assert await listed(backend, NodeFilter()) == []

    async def test_ping_answers(self, backend: LineageBackend) -> None:
        await backend.ping()
        assert backend.capabilities.name
