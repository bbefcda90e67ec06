"""Traversals on named graphs: each rule of `Traversal`, on the graph that catches its likeliest breach."""

from itertools import pairwise

import pytest

from backends.base import LineageBackend
from backends.changes import Changes, NodeChange
from backends.errors import Unsupported
from backends.ids import Kind, make_id
from backends.model import CONTEXT, DOWN, FLOW, UP, Direction, EdgeKey, EdgeKind, Traversal
from backends.testing.graphs import (
    AT,
    CHAIN,
    CROSSING,
    CYCLE,
    DIAMOND,
    DIAMONDS,
    FAN_OUT,
    NO_IDS,
    ODD_NAMES,
    SELF_LOOP,
    SHORTCUT,
    SIBLINGS,
    arrows,
    column,
    dataset,
    longest,
    operation,
    reads,
    shop,
    short,
    stated,
    withdrawn,
    writes,
)
from backends.testing.reading import BOTH, DOWNSTREAM, UPSTREAM, answer, ask, node_of


class TraversalContract:
    """What the roots reach."""

    async def test_chain_is_followed_downstream(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(CHAIN)))
        found = await ask(backend, "b", DOWNSTREAM)
        assert found.depths == {"b": 0, "c": 1, "d": 2}
        assert found.arrows == "b-c c-d"
        assert not found.truncated

    async def test_chain_is_followed_upstream_along_the_same_edges(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(CHAIN)))
        found = await ask(backend, "c", UPSTREAM)
        assert found.depths == {"c": 0, "b": 1, "a": 2}
        assert found.arrows == "a-b b-c"

    async def test_max_depth_counts_hops(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(CHAIN)))
        for depth in range(5):
            found = await ask(backend, "a", DOWNSTREAM, depth)
            assert found.depths == {name: hops for hops, name in enumerate("abcd") if hops <= depth}
            back = await ask(backend, "d", UPSTREAM, depth)
            assert back.depths == {name: hops for hops, name in enumerate("dcba") if hops <= depth}
            assert not found.truncated, "a depth that was asked for is no cut"

    async def test_diamond_has_each_node_once(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(DIAMOND)))
        found = await ask(backend, "a", DOWNSTREAM)
        assert found.depths == {"a": 0, "b": 1, "c": 1, "d": 2}
        assert found.arrows == "a-b a-c b-d c-d"

    async def test_shortcut_gives_the_least_depth_and_prunes_nothing(self, backend: LineageBackend) -> None:
        """Depth-first, c is met at 2 hops by way of b, marked as seen, and d falls behind the limit."""
        await backend.apply(stated(arrows(SHORTCUT)))
        found = await ask(backend, "a", DOWNSTREAM, 2)
        assert found.depths == {"a": 0, "b": 1, "c": 1, "d": 2}
        assert found.arrows == "a-b a-c b-c c-d"
        back = await ask(backend, "d", UPSTREAM, 2)
        assert back.depths == {"d": 0, "c": 1, "b": 2, "a": 2}

    async def test_cycle_ends_and_keeps_the_edge_that_closes_it(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(CYCLE)))
        found = await ask(backend, "a", DOWNSTREAM)
        assert found.depths == {"a": 0, "b": 1, "c": 2, "d": 3}
        assert found.arrows == "a-b b-c c-a c-d"
        back = await ask(backend, "a", UPSTREAM)
        assert back.depths == {"a": 0, "c": 1, "b": 2}
        assert (await ask(backend, "a", BOTH, 1)).depths == {"a": 0, "b": 1, "c": 1}

    async def test_dataset_that_an_operation_reads_and_writes(self, backend: LineageBackend) -> None:
        table, merge = dataset("ledger"), operation("merge")
        await backend.apply(stated([reads(table, merge), writes(merge, table)]))
        for direction in Direction:
            found = await ask(backend, table, direction)
            assert {node: depth for node, (depth, _) in found.nodes.items()} == {table: 0, merge: 1}
            assert found.edges == {reads(table, merge), writes(merge, table)}

    async def test_self_loop_ends_and_is_an_edge(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(SELF_LOOP)))
        assert (await ask(backend, "a", DOWNSTREAM)).arrows == "a-b b-b b-c"
        assert (await ask(backend, "b", UPSTREAM, 0)).arrows == "b-b"
        assert (await ask(backend, "b", BOTH)).depths == {"b": 0, "a": 1, "c": 1}

    async def test_siblings_are_no_lineage(self, backend: LineageBackend) -> None:
        """BOTH is not an undirected walk: y reads what x reads, and w is fed by y."""
        await backend.apply(stated(arrows(SIBLINGS)))
        found = await ask(backend, "x", BOTH)
        assert found.depths == {"x": 0, "t": 1, "u": 1, "v": 1}
        assert found.arrows == "t-x u-x x-v"

    async def test_both_has_the_edges_between_its_two_sides(self, backend: LineageBackend) -> None:
        """p is upstream of a, c is downstream of it, and p-c is an edge with both ends in the answer."""
        await backend.apply(stated(arrows(CROSSING)))
        found = await ask(backend, "a", BOTH, 2)
        assert found.depths == {"a": 0, "b": 1, "c": 2, "q": 1, "p": 2}
        assert found.arrows == "a-b b-c p-c p-q q-a q-b"

    async def test_reached_says_from_which_side(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows("u-r r-d d-k k-d2 d2-u2 c-r r-c")))
        sides = {short(node): reached for node, (_, reached) in (await ask(backend, "r", BOTH)).nodes.items()}
        assert sides == {"r": UP | DOWN, "u": UP, "c": UP | DOWN, "d": DOWN, "k": DOWN, "d2": DOWN, "u2": DOWN}
        for direction, bit in ((UPSTREAM, UP), (DOWNSTREAM, DOWN)):
            one = await ask(backend, "r", direction)
            assert {reached for node, (_, reached) in one.nodes.items() if short(node) != "r"} == {bit}
            assert one.nodes[column("r")] == (0, UP | DOWN), "a root has both bits"

    async def test_edges_among_the_last_level_are_in_the_answer(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows("a-b a-c b-c c-b b-d c-e d-e")))
        assert (await ask(backend, "a", DOWNSTREAM, 1)).arrows == "a-b a-c b-c c-b"
        assert (await ask(backend, "a", DOWNSTREAM, 2)).arrows == "a-b a-c b-c b-d c-b c-e d-e"

    async def test_edges_from_the_last_level_back_to_the_root_are_in_the_answer(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows("a-b b-c c-a")))
        assert (await ask(backend, "a", DOWNSTREAM, 2)).arrows == "a-b b-c c-a"
        assert (await ask(backend, "a", UPSTREAM, 2)).arrows == "a-b b-c c-a"

    async def test_sixteen_diamonds_are_49_nodes_and_not_262141_paths(self, backend: LineageBackend) -> None:
        if (backend.capabilities.max_depth or 32) < 32:
            pytest.skip("this backend does not go 32 hops")
        await backend.apply(stated(arrows(DIAMONDS)))
        found = await ask(backend, "n0", DOWNSTREAM, 32)
        assert (len(found.nodes), len(found.edges)) == (49, 64)
        assert found.depths["n16"] == 32
        assert (await ask(backend, "n16", UPSTREAM, 32)).edges == found.edges

    async def test_fan_out_is_whole(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(FAN_OUT)))
        found = await ask(backend, "a", DOWNSTREAM, 1)
        assert len(found.nodes) == 41
        assert found.arrows == FAN_OUT
        assert (await ask(backend, "f07", UPSTREAM)).depths == {"f07": 0, "a": 1}
        assert (await ask(backend, "f07", BOTH)).depths == {"f07": 0, "a": 1}

    async def test_same_answer_from_either_end(self, backend: LineageBackend) -> None:
        await backend.apply(stated(shop()))
        for key in shop():
            if key.kind in FLOW:
                down = await ask(backend, key.source, DOWNSTREAM, 1)
                up = await ask(backend, key.target, UPSTREAM, 1)
                assert key in down.edges & up.edges

    async def test_parallel_edges_are_told_apart_by_kind(self, backend: LineageBackend) -> None:
        """Between one pair of ends there may stand an edge of the flow and one that only says who named whom."""
        source, target = dataset("a"), operation("o")
        flow, mention = reads(source, target), EdgeKey(source, EdgeKind.MENTIONS, target)
        back = writes(target, source)
        await backend.apply(stated([flow, mention, back]))
        assert (await ask(backend, source, DOWNSTREAM)).edges == {flow, back}
        await backend.apply(withdrawn([flow]))
        assert (await ask(backend, source, DOWNSTREAM)).edges == frozenset()
        assert (await ask(backend, source, UPSTREAM)).edges == {back}

    async def test_hidden_kinds_are_not_traversed(self, backend: LineageBackend) -> None:
        a, b = dataset("a"), dataset("b")
        await backend.apply(stated([EdgeKey(a, EdgeKind.PAIR, b), EdgeKey(a, EdgeKind.MENTIONS, b)]))
        found = await ask(backend, a, BOTH, kinds=FLOW | CONTEXT)
        assert (set(found.nodes), found.edges) == ({a}, frozenset())

    async def test_edge_kinds_say_what_is_followed(self, backend: LineageBackend) -> None:
        await backend.apply(stated(shop()))
        orders, join, mart = dataset("raw.orders"), operation("join"), dataset("mart.customer_orders")
        model, prediction = make_id(Kind.MODEL, "ml", "churn", "3"), make_id(Kind.PREDICTION, "ml", "p1")
        flow = await ask(backend, orders, DOWNSTREAM)
        assert set(flow.nodes) == {orders, join, mart, model, prediction}
        assert {key.kind for key in flow.edges} == FLOW - {EdgeKind.DERIVES}
        assert set((await ask(backend, orders, DOWNSTREAM, kinds=FLOW - {EdgeKind.GENERATED})).nodes) == {
            orders,
            join,
            mart,
            model,
        }
        assert set((await ask(backend, orders, DOWNSTREAM, kinds=["PRODUCES"])).nodes) == {orders}
        assert len((await ask(backend, model, UPSTREAM, 1, kinds=FLOW | CONTEXT)).nodes) == 4
        assert len((await ask(backend, join, UPSTREAM, kinds=FLOW | CONTEXT)).nodes) == 6
        assert (await ask(backend, orders, BOTH, kinds=[])).said == ({orders: (0, UP | DOWN)}, set(), False)

    async def test_only_the_kinds_asked_for_are_among_the_edges(self, backend: LineageBackend) -> None:
        table, task = dataset("t"), operation("o")
        await backend.apply(stated([reads(table, task), writes(task, table)]))
        assert (await ask(backend, table, DOWNSTREAM, kinds=["INPUT_TO"])).edges == {reads(table, task)}

    async def test_several_roots_give_each_node_its_nearest(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(CHAIN + " z-c")))
        found = await ask(backend, ["a", "z"], DOWNSTREAM)
        assert found.depths == {"a": 0, "z": 0, "b": 1, "c": 1, "d": 2}
        assert (await ask(backend, ["z", "a"], DOWNSTREAM)).said == found.said

    async def test_root_within_reach_of_another_stays_at_its_own_depth(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(CHAIN)))
        found = await ask(backend, ["a", "c"], DOWNSTREAM)
        assert found.depths == {"a": 0, "c": 0, "b": 1, "d": 1}
        assert found.nodes[column("c")] == (0, UP | DOWN)

    async def test_roots_start_at_their_own_depth(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(CHAIN + " z-y y-x")))
        found = await ask(backend, {"a": 1, "z": 3}, DOWNSTREAM, 4)
        assert found.depths == {"a": 1, "b": 2, "c": 3, "d": 4, "z": 3, "y": 4}
        nearer = await ask(backend, {"a": 0, "c": 5}, DOWNSTREAM)
        assert nearer.depths == {"a": 0, "b": 1, "c": 2, "d": 3}

    async def test_root_beyond_the_depth_is_shown_and_not_followed(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(CHAIN)))
        found = await ask(backend, {"b": 4, "a": 2}, DOWNSTREAM, 2)
        assert found.depths == {"a": 2, "b": 4}
        assert found.arrows == "a-b"

    async def test_unknown_roots_are_absent(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(CHAIN)))
        assert (await ask(backend, "nowhere", BOTH)).said == ({}, set(), False)
        assert (await ask(backend, ["c", "nowhere"], DOWNSTREAM)).depths == {"c": 0, "d": 1}
        assert (await ask(backend, [], DOWNSTREAM)).said == ({}, set(), False)
        for text in NO_IDS:
            found = answer(await backend.traverse(Traversal({text: 0, column("d"): 0}, UPSTREAM, 0)))
            assert list(found.nodes) == [column("d")]

    async def test_node_without_edges_reaches_itself(self, backend: LineageBackend) -> None:
        await backend.apply(stated([], also=[column("alone")]))
        assert (await ask(backend, "alone", BOTH)).said == ({column("alone"): (0, UP | DOWN)}, set(), False)

    async def test_bounds_may_be_beyond_any_graph(self, backend: LineageBackend) -> None:
        """Beyond 32 bits too: a client's number, not an engine's."""
        await backend.apply(stated(arrows(CHAIN)))
        deep = 2**40 if backend.capabilities.max_depth is None else backend.capabilities.max_depth
        found = await ask(backend, {"a": 0, "d": 300}, BOTH, deep, most=2**40)
        assert found.depths == {"a": 0, "b": 1, "c": 2, "d": 3}

    async def test_long_chain_is_followed_to_its_end(self, backend: LineageBackend) -> None:
        """Past the depth of any stack."""
        if backend.capabilities.max_depth is not None:
            pytest.skip("this backend does not go so far")
        names = [f"n{place}" for place in range(1200)]
        await backend.apply(stated(arrows(" ".join(f"{a}-{b}" for a, b in pairwise(names)))))
        assert (await ask(backend, "n0", DOWNSTREAM)).depths.get("n1199") == 1199
        assert len((await ask(backend, "n1199", UPSTREAM, 700)).nodes) == 701

    async def test_many_roots_at_once(self, backend: LineageBackend) -> None:
        """More than a statement has room for parameters in some engines."""
        await backend.apply(stated(arrows("a-b c-d")))
        found = await ask(backend, [*(f"unknown{place}" for place in range(40_000)), "a", "c"], DOWNSTREAM)
        assert found.depths == {"a": 0, "b": 1, "c": 0, "d": 1}

    async def test_empty_store_answers(self, backend: LineageBackend) -> None:
        assert (await ask(backend, "a", BOTH)).said == ({}, set(), False)

    async def test_cut_keeps_the_nearest_and_says_so(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows("r-z z-b b-c r-y y-a")))
        found = await ask(backend, "r", DOWNSTREAM, most=4)
        assert found.depths == {"r": 0, "y": 1, "z": 1, "a": 2}
        assert found.arrows == "r-y r-z y-a"
        assert found.truncated

    async def test_cut_that_takes_nothing_is_none(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(CHAIN)))
        assert not (await ask(backend, "a", DOWNSTREAM, most=4)).truncated
        assert (await ask(backend, "a", DOWNSTREAM, most=3)).truncated
        assert not (await ask(backend, "a", DOWNSTREAM, 2, most=3)).truncated, "d is out of depth, not cut"

    async def test_cut_falls_within_a_level_by_the_bytes_of_ids(self, backend: LineageBackend) -> None:
        """UTF-16 puts plane 1 before U+FF61, a collation puts a before B, and a length puts z before aa."""
        names = ["z", "aa", "B", "a", "\uff61", "\U00010000", "\u00e9", "Z", "%", "~"]
        await backend.apply(stated(EdgeKey(column("r"), EdgeKind.DERIVES, column(name)) for name in names))
        ordered = sorted(names, key=lambda name: column(name).encode())
        for most in range(1, len(names) + 1):
            found = await ask(backend, "r", DOWNSTREAM, most=most)
            assert set(found.nodes) == {column("r"), *map(column, ordered[: most - 1])}
            assert found.truncated

    async def test_cut_takes_roots_by_their_starting_depth(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows("a-x b-y c-z")))
        found = await ask(backend, {"a": 2, "b": 0, "c": 1}, DOWNSTREAM, most=2)
        assert found.depths == {"b": 0, "c": 1}
        assert found.truncated
        assert (await ask(backend, ["c", "b", "a"], BOTH, most=2)).depths == {"a": 0, "b": 0}

    async def test_cut_of_both_counts_one_answer(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows("u2-u1 u1-r r-d1 d1-d2 u2-d1")))
        found = await ask(backend, "r", BOTH, most=3)
        assert found.depths == {"r": 0, "d1": 1, "u1": 1}
        assert (await ask(backend, "r", BOTH, most=4)).depths == {"r": 0, "d1": 1, "u1": 1, "d2": 2}

    async def test_odd_ids_are_ids(self, backend: LineageBackend) -> None:
        """Every one of them is a node of its own, reached from both ends, in a ring through all."""
        ids = [column(name) for name in ODD_NAMES] + [longest(Kind.COLUMN), longest(Kind.COLUMN, "\u00e9")]
        ring = [EdgeKey(a, EdgeKind.DERIVES, b) for a, b in zip(ids, ids[1:] + ids[:1], strict=True)]
        await backend.apply(stated(ring))
        for before, node_id, after in zip([ids[-1], *ids], ids, ids[1:] + ids[:1], strict=False):
            found = await ask(backend, node_id, BOTH, 1)
            assert found.nodes == {node_id: (0, UP | DOWN), before: (1, UP), after: (1, DOWN)}
        most = backend.capabilities.max_depth
        if most is None or most >= len(ids):
            assert (await ask(backend, ids[0], DOWNSTREAM)).edges == set(ring)

    async def test_odd_namespaces_are_named(self, backend: LineageBackend) -> None:
        """The columns of the answer name the namespace of every node; `answer` compares them with the id."""
        ids = [dataset(name, space) for name, space in zip(ODD_NAMES, reversed(ODD_NAMES), strict=True)]
        ids += [dataset("x", ""), dataset("", "shop"), longest(Kind.ASSET)]
        hub = operation("hub")
        await backend.apply(stated(reads(node_id, hub) for node_id in ids))
        assert set((await ask(backend, hub, UPSTREAM, 1)).nodes) == {hub, *ids}

    async def test_numbers_are_those_of_the_nodes(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(DIAMOND)))
        subgraph = await backend.traverse(Traversal({column("a"): 0}, DOWNSTREAM))
        for number, node_id in zip(subgraph.numbers.tolist(), subgraph.ids, strict=True):
            assert (await node_of(backend, node_id)).number == number

    async def test_node_that_does_not_stand_is_neither_shown_nor_passed(self, backend: LineageBackend) -> None:
        await backend.apply(stated(arrows(CHAIN)))
        await backend.apply(Changes(AT, nodes=(NodeChange(column("b"), withdrawn=True),)))
        assert (await ask(backend, "a", DOWNSTREAM)).depths == {"a": 0}
        assert (await ask(backend, "d", UPSTREAM)).depths == {"d": 0, "c": 1}
        assert (await ask(backend, "b", BOTH)).said == ({}, set(), False)
        assert (await ask(backend, ["a", "b", "c"], BOTH)).arrows == "c-d"

    async def test_the_past_is_answered_or_refused(self, backend: LineageBackend) -> None:
        """A store without history must not pass off the present as the past."""
        await backend.apply(stated(arrows(CHAIN)))
        if not backend.capabilities.history:
            with pytest.raises(Unsupported):
                await backend.traverse(Traversal({column("a"): 0}, DOWNSTREAM, as_of=1))
