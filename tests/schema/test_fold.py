"""Folding, on graphs one can draw."""

import numpy as np
import pytest

from backends.ids import KINDS, Kind
from backends.model import DOWN, FLOW, UP, Direction, EdgeKind
from schema import joins, regions
from schema.fold import HIDDEN_BY_DEFAULT, Folded, View, cut, hops_needed, kinds_met, show, show_rows
from schema.impact import summary
from tests.schema.graphs import EVERY, ask, chains, depths, edges_of, folded, node, short, ways

UPSTREAM, DOWNSTREAM, BOTH = Direction.UPSTREAM, Direction.DOWNSTREAM, Direction.BOTH
DIAMOND = chains("a *1 b *2 d", "a *3 c *4 d")
SHORTCUT = chains("a *1 b *2 c *3 d", "a *4 c")
SIBLINGS = chains("top *1 me *2 child", "top *3 sibling", "other *4 child")


def only(*kinds: Kind) -> frozenset[Kind]:
    return EVERY - frozenset(kinds)


def test_tables_lead_to_tables_with_the_operation_between() -> None:
    answer = folded(DIAMOND, "a")
    assert depths(answer) == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert edges_of(answer) == ["a > b via *1", "a > c via *3", "b > d via *2", "c > d via *4"]
    assert answer.via_counts.tolist() == [1, 1, 1, 1]
    assert answer.roots.tolist() == [True, False, False, False]


def test_a_shortcut_gives_the_least_depth_and_both_edges() -> None:
    assert depths(folded(SHORTCUT, "a", depth=2)) == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert edges_of(folded(SHORTCUT, "a")) == ["a > b via *1", "a > c via *4", "b > c via *2", "c > d via *3"]


@pytest.mark.parametrize("depth", range(5))
def test_depth_counts_shown_nodes_exactly(depth: int) -> None:
    answer = folded(chains("a *1 b *2 c *3 d *4 e"), "a", depth=depth)
    assert list(depths(answer).items()) == list(zip("abcde", range(5), strict=True))[: depth + 1]
    assert len(edges_of(answer)) == depth


def test_both_is_upstream_and_downstream_never_sideways() -> None:
    answer = folded(SIBLINGS, "me", BOTH)
    assert ways(answer) == {"me": UP | DOWN, "child": DOWN, "top": UP}
    assert edges_of(answer) == ["me > child via *2", "top > me via *1"]


def test_a_node_found_both_ways_has_both_bits_and_the_lesser_depth() -> None:
    ring = chains("me *1 b *2 c *3 me")
    assert ways(folded(ring, "me", BOTH)) == {"me": 3, "b": 3, "c": 3}
    assert depths(folded(ring, "me", BOTH)) == {"me": 0, "b": 1, "c": 1}


def test_a_bit_says_that_the_node_is_within_depth_that_way() -> None:
    ring = chains("me *1 b *2 c *3 d *4 me")
    assert ways(folded(ring, "me", BOTH, depth=1)) == {"me": 3, "b": DOWN, "d": UP}
    assert edges_of(folded(ring, "me", BOTH, depth=1)) == ["me > b via *1", "d > me via *4"]


def test_a_bit_says_so_also_where_the_backend_was_asked_farther() -> None:
    ring = ask(chains("me *1 b *2 c *3 d *4 me"), {node("me"): 0}, BOTH)
    shown = show(ring, roots={node("me"): 0}, hidden=HIDDEN_BY_DEFAULT, direction=BOTH, depth=1)
    assert ways(shown.first()) == {"me": 3, "b": DOWN, "d": UP}


def test_both_walks_each_way_on_its_own_when_the_depth_is_limited() -> None:
    """From me down to a and up again to b would be two steps; it is no lineage, and b is not found through a."""
    answer = folded(chains("me *1 a", "b *2 a", "a *3 c", "c *4 d"), "me", BOTH, depth=2)
    assert depths(answer) == {"me": 0, "a": 1, "c": 2}


def test_edges_among_the_last_level_lead_through_what_lies_beyond_it() -> None:
    graph = chains("a *1 b", "a *2 c", "b *3 c", "c *4 d")
    answer = folded(graph, "a", depth=1)
    assert depths(answer) == {"a": 0, "b": 1, "c": 1}
    assert edges_of(answer) == ["a > b via *1", "a > c via *2", "b > c via *3"]


def test_a_model_is_one_step_from_its_table_across_five_hops() -> None:
    graph = chains("a *1 b *2 c M1", "b *3 x")
    answer = folded(graph, "a", depth=1, hidden=only(Kind.MODEL))
    assert depths(answer) == {"a": 0, "M1": 1}
    assert edges_of(answer) == ["a > M1 via b c *1 *2"]  # *3 and x lead nowhere shown
    assert answer.total == 2


def test_upstream_of_a_model_through_hidden_rows() -> None:
    answer = folded(chains("A1 *1 b *2 c M1", "A2 *3 c"), "M1", UPSTREAM, hidden=only(Kind.ASSET))
    assert depths(answer) == {"M1": 0, "A1": 1, "A2": 1}
    assert edges_of(answer) == ["A1 > M1 via b c *1 *2", "A2 > M1 via c *3"]


def test_an_edge_that_is_there_keeps_its_kind_beside_a_folded_one() -> None:
    answer = folded(chains("a M1", "a *1 b M1"), "a", hidden=only(Kind.MODEL))
    assert edges_of(answer) == ["a > M1", "a > M1 via b *1"]
    assert answer.edge_kinds.tolist() == [EdgeKind.USED_IN_TRAINING.code, 255]


def test_with_every_kind_shown_nothing_is_folded() -> None:
    answer = folded(DIAMOND, "a", hidden=frozenset())
    assert depths(answer) == {"a": 0, "*1": 1, "*3": 1, "b": 2, "c": 2, "*2": 3, "*4": 3, "d": 4}
    assert len(edges_of(answer)) == 8
    assert not any(answer.via)


def test_paths_do_not_lead_through_shown_nodes_or_roots() -> None:
    graph = chains("a *1 b *2 c")
    assert edges_of(folded(graph, "a b", hidden=EVERY)) == ["a > b via *1"]
    assert edges_of(folded(graph, "a *1 c", hidden=EVERY)) == ["a > *1", "*1 > c via b *2"]


def test_a_root_is_shown_whatever_its_kind() -> None:
    answer = folded(chains("a *1 b *2 c", "a *3 x"), "*1", BOTH)
    assert depths(answer) == {"*1": 0, "a": 1, "b": 1, "c": 2}
    assert edges_of(answer) == ["*1 > b", "a > *1", "b > c via *2"]
    assert folded(chains("a *1 b"), "*1", depth=1).kinds.tolist() == [Kind.OPERATION.code, Kind.DATASET.code]


def test_roots_have_their_own_starting_depths() -> None:
    graph = chains("a *1 b *2 c *3 d", "x *4 d")
    assert depths(folded(graph, {"b": 1, "x": 5})) == {"b": 1, "c": 2, "d": 3, "x": 5}
    assert depths(folded(graph, {"a": 0, "c": 5})) == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert depths(folded(graph, {"b": 1, "x": 5}, depth=2)) == {"b": 1, "c": 2, "x": 5}


def test_a_root_that_starts_past_the_depth_is_shown_with_its_edges() -> None:
    answer = folded(chains("a *1 a", "a *2 b", "b *3 c"), {"a": 4, "b": 3}, depth=1)
    assert depths(answer) == {"b": 3, "a": 4}
    assert edges_of(answer) == ["a > b via *2", "a > a via *1"]


def test_a_root_that_is_not_there_is_absent() -> None:
    subgraph = ask(chains("a *1 b"), {node("a"): 0})
    roots = {node("a"): 0, node("nobody"): 0}
    shown = show(subgraph, roots=roots, hidden=HIDDEN_BY_DEFAULT, direction=DOWNSTREAM, depth=None)
    assert depths(shown.first()) == {"a": 0, "b": 1}
    nothing = show(subgraph, roots={}, hidden=HIDDEN_BY_DEFAULT, direction=BOTH, depth=None).first()
    assert len(nothing) == nothing.total == len(nothing.sources) == 0


def test_cycles_and_self_loops_end_and_are_shown() -> None:
    answer = folded(chains("a *1 a", "a *2 b *3 a"), "a", BOTH)
    assert depths(answer) == {"a": 0, "b": 1}
    assert edges_of(answer) == ["a > a via *1", "a > b via *2", "b > a via *3"]
    assert edges_of(folded(chains("t/x t/x"), "t/x")) == ["t/x > t/x"]


def test_a_cycle_of_hidden_rows_lies_between_as_a_whole() -> None:
    graph = chains("A1 *1 b *2 c *3 b", "c *4 A2")
    answer = folded(graph, "A1", hidden=only(Kind.ASSET))
    assert edges_of(answer) == ["A1 > A2 via b c *1 *2 *3 *4"]
    assert edges_of(folded(chains("A1 *1 b *2 A1"), "A1", hidden=only(Kind.ASSET))) == ["A1 > A1 via b *1 *2"]


def test_several_operations_between_two_tables_are_one_edge() -> None:
    answer = folded(chains("a *2 b", "a *1 b", "a *3 b"), "a")
    assert edges_of(answer) == ["a > b via *1 *2 *3"]


@pytest.mark.parametrize("hidden", [HIDDEN_BY_DEFAULT, only(Kind.ASSET), frozenset()])
def test_an_edge_is_the_same_from_either_end(hidden: frozenset[Kind]) -> None:
    graph = chains("A1 *1 b *2 A2 *3 A3", "b *4 A3", "A1 *5 A2", "x *6 A3", "A1 *6", "A2 M1")
    down, up = folded(graph, "A1", hidden=hidden), folded(graph, "A3", UPSTREAM, hidden=hidden)
    shared = set(depths(down)) & set(depths(up))
    assert {"A1", "A2", "A3"} <= shared

    def among(answer: Folded) -> set[str]:
        return {e for e in edges_of(answer) if {e.split()[0], e.split()[2]} <= shared}

    assert among(down) == among(up)


# Jobs


def test_a_job_is_shown_for_its_operations() -> None:
    answer = folded(chains("a *j.1 b", "a *j.2 c *k.1 d"), "a", jobs=True)
    assert depths(answer) == {"a": 0, "J:j": 1, "b": 2, "c": 2, "J:k": 3, "d": 4}
    assert edges_of(answer) == ["a > J:j", "J:j > b", "J:j > c", "c > J:k", "J:k > d"]
    assert {at: list(map(short, ids)) for at, ids in answer.members.items()} == {1: ["*j.1", "*j.2"], 4: ["*k.1"]}
    assert [KINDS[code] for code in answer.kinds[[1, 4]]] == [Kind.JOB, Kind.JOB]
    assert answer.namespaces.tolist() == [0] * 6


def test_a_shown_job_reaches_what_its_operations_reach_and_no_more() -> None:
    """Monday a to x, Tuesday b to y: a does not reach y."""
    graph = chains("a *j.1 x", "b *j.2 y")
    assert depths(folded(graph, "a", jobs=True)) == {"a": 0, "J:j": 1, "x": 2}
    assert edges_of(folded(graph, "a b", jobs=True)) == ["a > J:j", "b > J:j", "J:j > x", "J:j > y"]


def test_an_operation_without_a_job_is_passed_through_where_jobs_are_shown() -> None:
    answer = folded(chains("a *1 b *j.1 c"), "a", jobs=True)
    assert depths(answer) == {"a": 0, "b": 1, "J:j": 2, "c": 3}
    assert edges_of(answer) == ["a > b via *1", "b > J:j", "J:j > c"]


def test_jobs_alone_lead_to_jobs_through_tables() -> None:
    graph = chains("a *j.1 b *k.1 c *1 d *l.1 e", "b *j.2 b")
    answer = folded(graph, "a", hidden=only(Kind.JOB), jobs=True)
    assert depths(answer) == {"a": 0, "J:j": 1, "J:k": 2, "J:l": 3}
    assert edges_of(answer) == ["a > J:j", "J:j > J:j via b", "J:j > J:k via b", "J:k > J:l via c d *1"]


def test_a_job_has_the_least_depth_of_its_operations_and_both_their_ways() -> None:
    answer = folded(chains("a *j.1 me *1 x *j.2 y"), "me", BOTH, jobs=True)
    assert depths(answer) == {"me": 0, "J:j": 1, "x": 1, "a": 2, "y": 3}
    assert ways(answer)["J:j"] == UP | DOWN
    assert edges_of(answer) == ["me > x via *1", "x > J:j", "J:j > me", "J:j > y", "a > J:j"]


def test_a_job_as_root_stands_for_its_operations() -> None:
    graph = chains("a *j.1 b *k.1 c", "x *j.2 y", "z *2 b")
    stands_for = {"*j.1": "J:j", "*j.2": "J:j"}
    answer = folded(graph, "*j.1 *j.2", BOTH, depth=1, stands_for=stands_for)
    assert depths(answer) == {"J:j": 0, "a": 1, "b": 1, "x": 1, "y": 1}
    assert edges_of(answer) == ["J:j > b", "J:j > y", "a > J:j", "x > J:j"]
    assert answer.roots.tolist() == [True, False, False, False, False]
    late = folded(graph, {"*j.1": 2, "*j.2": 2}, stands_for=stands_for)
    assert depths(late) == {"J:j": 2, "b": 3, "y": 3, "c": 4}


def test_what_a_caller_says_stands_before_jobs() -> None:
    answer = folded(chains("a *j.1 b *j.2 c"), "*j.1", jobs=True, stands_for={"*j.1": "J:other"})
    assert depths(answer) == {"J:other": 0, "b": 1, "J:j": 2, "c": 3}


def test_an_operation_as_root_stays_itself_where_jobs_are_shown() -> None:
    answer = folded(chains("a *j.1 b *j.2 c"), "*j.1", jobs=True)
    assert depths(answer) == {"*j.1": 0, "b": 1, "J:j": 2, "c": 3}
    assert edges_of(answer) == ["*j.1 > b", "b > J:j", "J:j > c"]


def test_a_dataset_as_root_stands_for_its_columns() -> None:
    graph = chains("t/x u/x v/x", "t/y u/y", "t/x t/y", "s/x t/x")
    answer = folded(graph, "t/x t/y", BOTH, stands_for={"t/x": "t", "t/y": "t"})
    assert depths(answer) == {"t": 0, "s/x": 1, "u/x": 1, "u/y": 1, "v/x": 2}
    assert edges_of(answer) == ["t > t", "t > u/x", "t > u/y", "s/x > t", "u/x > v/x"]
    assert KINDS[answer.kinds[0]] is Kind.DATASET


def test_a_job_that_is_there_itself_and_its_operations_are_one_node() -> None:
    graph = chains("a *j.1 b", "J:j *j.1", "J:j *j.2")
    kinds = FLOW | {EdgeKind.HAS_OPERATION}
    answer = folded(graph, "b", UPSTREAM, jobs=True, hidden=HIDDEN_BY_DEFAULT - {Kind.JOB}, edge_kinds=kinds)
    assert depths(answer) == {"b": 0, "J:j": 1, "a": 2}
    assert edges_of(answer) == ["J:j > b", "a > J:j"]
    assert {short(i) for i in answer.members[1]} == {"J:j", "*j.1"}


# Cutting and counting

WIDE = chains(*(f"root *{i} t{i:02}" for i in range(30)), *(f"t{i:02} *x{i} u{i:02}" for i in range(30)), "t29 *l t00")


def test_a_cut_keeps_the_nearest_ties_by_id_and_totals_stay_exact() -> None:
    whole = folded(WIDE, "root")
    counts = summary(whole.shown)
    for most in (0, 1, 2, 7, 31, 32, 61, 1000):
        for part in (folded(WIDE, "root", max_nodes=most), cut(whole, most)):
            assert list(part.ids) == list(whole.ids)[:most]
            assert part.total == 61
            assert summary(part.shown) == counts
            assert edges_of(part) == [
                text
                for text, end in zip(edges_of(whole), np.maximum(whole.sources, whole.targets), strict=True)
                if end < most
            ]


def test_an_edge_between_kept_nodes_does_not_lead_through_one_that_was_cut() -> None:
    graph = chains("a *1 z *2 b", "a *3 m *4 b", "b *5 c")
    part = folded(graph, "a", max_nodes=2)
    assert edges_of(part) == ["a > m via *3"]
    assert edges_of(folded(chains("a *1 b *2 c", "c *3 d"), "a", max_nodes=3)) == ["a > b via *1", "b > c via *2"]


def test_pages_one_after_another_give_every_node_once_in_order() -> None:
    shown = folded(WIDE, "root").shown
    ids: list[str] = []
    after = None
    while len(page := shown.first(4, after=after, edges=False)):
        assert not len(page.sources)
        ids += page.ids
        after = int(page.depths[-1]), page.ids[-1]
    assert ids == list(shown.first().ids)
    assert [short(i) for i in shown.first(2, after=(1, node("t28x"))).ids] == ["t29", "u00"]


def test_any_nodes_can_be_picked_in_any_order() -> None:
    whole = folded(DIAMOND, "a")
    picked = whole.shown.pick(whole.positions[[3, 1]])
    assert [short(i) for i in picked.ids] == ["d", "b"]
    assert edges_of(picked) == ["b > d via *2"]


def test_via_stops_at_twenty_and_counts_all() -> None:
    answer = folded(chains(*(f"a *{i:02} b" for i in reversed(range(25)))), "a")
    assert answer.via == [tuple(node(f"*{i:02}") for i in range(20))]
    assert answer.via_counts.tolist() == [25]
    far = folded(chains(*(f"a *{i:02} x{i:02} M1" for i in range(25))), "a", hidden=only(Kind.MODEL))
    assert [short(i) for i in far.via[0]] == [f"x{i:02}" for i in range(20)]
    assert far.via_counts.tolist() == [50]


@pytest.mark.parametrize("block", [1, 1 << 28], ids=["in blocks", "at once"])
@pytest.mark.parametrize("between", ["*1", "*1 x *2"], ids=["one row", "a region"])
def test_folded_edges_stop_at_the_limit_and_say_so(between: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """150 sources and 150 targets through one operation: 22,500 edges, of which the first in order are given."""
    monkeypatch.setattr(joins, "_CHUNK", block)
    monkeypatch.setattr(regions, "_BITS", block)
    begins, ends = [f"A{i:03}" for i in range(150)], [f"A{i:03}" for i in range(150, 300)]
    graph = chains(*(f"{a} {between.split()[0]}" for a in begins), between, *(f"{between.split()[-1]} {b}" for b in ends))
    answer = folded(graph, " ".join(begins), hidden=only(Kind.ASSET))
    assert len(answer) == 300
    assert answer.edges_truncated
    assert answer.sources.tolist() == [i // 150 for i in range(20_000)]
    assert answer.targets.tolist() == [150 + i % 150 for i in range(20_000)]
    assert set(answer.via_counts.tolist()) == {len(between.split())}
    part = cut(answer, 200)
    assert (len(part.sources), part.edges_truncated) == (150 * 50, False)


def test_edges_that_are_there_are_not_limited() -> None:
    graph = chains(*(f"a{i:03} *1" for i in range(150)), *(f"*1 b{i:03}" for i in range(140)))
    roots = " ".join(f"a{i:03}" for i in range(150))
    answer = folded(graph, roots, hidden=frozenset())
    assert (len(answer.sources), answer.edges_truncated) == (290, False)


def test_wide_and_long_graphs() -> None:
    star = chains(*(f"hub *{i} t{i:04}" for i in range(600)))
    assert summary(folded(star, "hub", depth=1, max_nodes=0).shown).by_depth == ((0, 1), (1, 600))
    assert len(folded(star, "t0007", BOTH)) == 2
    long = folded(chains(" ".join(f"a{i} *{i}" for i in range(500)) + " end"), "a0", max_nodes=2)
    assert long.total == 501
    assert int(long.shown.depths.max()) == 500


# The step into a node


def test_the_last_step_is_the_edge_from_a_node_one_nearer() -> None:
    graph = chains("a *1 b *2 d", "a *3 c *4 d", "a *5 b", "d M1", "c *6 b")
    shown = folded(graph, "a").shown
    positions, ids = shown.nearest()
    steps = dict(zip(map(short, ids), shown.last_steps(positions, DOWNSTREAM), strict=True))
    assert steps["a"] is None
    assert steps["d"] is None  # from b and from c
    b, m = steps["b"], steps["M1"]
    assert b is not None
    assert m is not None
    assert (short(b.source), short(b.target), [short(v) for v in b.via], b.via_count) == ("a", "b", ["*1", "*5"], 2)
    assert (m.source, m.target, m.kind, m.via) == (node("d"), node("M1"), EdgeKind.USED_IN_TRAINING.code, ())


def test_the_last_step_upstream_is_told_in_the_direction_of_the_data() -> None:
    shown = folded(chains("a *1 b *2 c", "x *2"), "c", UPSTREAM).shown
    positions, _ = shown.nearest(2, after=(1, node("b")))
    (step, *_) = shown.last_steps(positions, UPSTREAM)
    assert step is not None
    assert (short(step.source), short(step.target), [short(v) for v in step.via]) == ("x", "c", ["*2"])
    a = shown.last_steps(positions, UPSTREAM)[1]
    assert a is not None
    assert (short(a.source), short(a.target)) == ("a", "b")


def test_a_last_step_is_not_told_where_the_limit_hides_others() -> None:
    """Seven roots feed each table; of the last table in the first 20,000 edges only one is known, and it is not told."""
    roots = [f"a{i}" for i in range(7)]
    graph = chains(*(f"{root} *1" for root in roots), *(f"*1 b{i:04}" for i in range(2_860)))
    shown = folded(graph, " ".join(roots)).shown
    positions, ids = shown.nearest(None, after=(0, "zzz"))
    steps = dict(zip(map(short, ids), shown.last_steps(positions, DOWNSTREAM), strict=True))
    assert list(steps.values()) == [None] * 2_860


# One view asked many times


def test_one_view_answers_for_many_parents() -> None:
    graph = chains("a *1 b *2 c *3 d", "b *4 e")
    subgraph = ask(graph, {node("a"): 0})
    view = View(subgraph, HIDDEN_BY_DEFAULT)
    row = {short(i): n for n, i in enumerate(subgraph.ids)}
    assert depths(show_rows(view, {row["b"]: 0}, DOWNSTREAM, 1).first()) == {"b": 0, "c": 1, "e": 1}
    assert depths(show_rows(view, {row["*1"]: 0}, DOWNSTREAM, 2).first()) == {"*1": 0, "b": 1, "c": 2, "e": 2}
    assert depths(show_rows(view, {row["a"]: 0}, DOWNSTREAM, None).first()) == {"a": 0, "b": 1, "c": 2, "e": 2, "d": 3}


def test_one_way_alone_of_a_subgraph_that_was_asked_both_ways() -> None:
    subgraph = ask(SIBLINGS, {node("me"): 0}, BOTH)
    for direction in (UPSTREAM, DOWNSTREAM):
        answer = show(subgraph, roots={node("me"): 0}, hidden=HIDDEN_BY_DEFAULT, direction=direction, depth=None).first()
        assert depths(answer) == depths(folded(SIBLINGS, "me", direction))
        assert edges_of(answer) == edges_of(folded(SIBLINGS, "me", direction))


# How far to ask


def test_hops_needed_is_one_hidden_run_a_step_and_one_after() -> None:
    assert hops_needed(3, HIDDEN_BY_DEFAULT) == 7
    assert hops_needed(0, HIDDEN_BY_DEFAULT) == 1
    assert hops_needed(3, frozenset()) == 3
    assert hops_needed(None, HIDDEN_BY_DEFAULT) is None
    assert hops_needed(1, HIDDEN_BY_DEFAULT, start=4) == 9
    assert hops_needed(2, frozenset({Kind.MODEL, Kind.PREDICTION})) == 8  # a model and its prediction
    assert hops_needed(1, HIDDEN_BY_DEFAULT, edge_kinds=FLOW | {EdgeKind.HAS_OPERATION}) == 5  # a job, then its operation


def test_hops_are_unlimited_where_hidden_kinds_can_alternate() -> None:
    assert hops_needed(1, frozenset({Kind.OPERATION, Kind.DATASET})) is None
    assert hops_needed(1, frozenset({Kind.OPERATION, Kind.ASSET})) is None
    assert hops_needed(1, frozenset({Kind.OPERATION, Kind.ASSET}), met=EVERY - {Kind.ASSET}) == 3
    assert hops_needed(1, only(Kind.DATASET, Kind.ASSET)) is None  # columns derive from columns
    tables = kinds_met(frozenset({Kind.DATASET}))
    assert hops_needed(1, only(Kind.DATASET, Kind.ASSET), met=tables) == 5  # a model and its prediction
    assert hops_needed(1, only(Kind.DATASET, Kind.MODEL, Kind.ASSET), met=tables) == 3
    assert kinds_met(frozenset({Kind.COLUMN})) == {Kind.COLUMN}
