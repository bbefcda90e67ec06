"""Counts, and the number of paths by which each thing depends on the roots."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.ids import Kind
from backends.model import Direction, EdgeKey, EdgeKind, Subgraph
from schema import impact
from schema.fold import HIDDEN_BY_DEFAULT, show
from schema.impact import MAX_LEVEL, Summary, impact_levels, noted_summary, shown_levels, summary
from tests.schema.graphs import EVERY, ask, chains, node, short
from tests.schema.test_fold_random import GRAPHS, NODES


def levels(graph: list[EdgeKey], roots: str) -> dict[str, float]:
    ids = [node(word) for word in roots.split()]
    subgraph = ask(graph, dict.fromkeys(ids, 0))
    found = impact_levels(subgraph, [subgraph.ids.index(i) for i in ids])
    return {short(i): level for i, level in zip(subgraph.ids, found.tolist(), strict=True)}


def test_a_level_is_the_number_of_paths() -> None:
    assert levels(chains("a *1 b *2 d", "a *3 c *4 d", "d *5 e"), "a") == {
        "a": 0, "*1": 1, "*3": 1, "b": 1, "c": 1, "*2": 1, "*4": 1, "d": 2, "*5": 2, "e": 2,
    }  # fmt: skip


def test_several_roots_add_up() -> None:
    graph = chains("a *1 c", "b *1", "a *2 b")
    assert levels(graph, "a b") == {"a": 0, "b": 1, "*1": 3, "*2": 1, "c": 3}


def test_a_strongly_connected_set_is_one_node() -> None:
    ring = chains("a *1 b *2 c *3 b", "c *4 d", "b *5 d")
    assert levels(ring, "a") == {"a": 0, "*1": 1, "b": 1, "*2": 1, "c": 1, "*3": 1, "*4": 1, "*5": 1, "d": 2}


def test_in_the_own_set_of_a_root_the_empty_path_counts_for_all_but_the_root() -> None:
    ring = chains("a *1 b *2 a", "b *3 c")
    assert levels(ring, "a") == {"a": 0, "*1": 1, "b": 1, "*2": 1, "*3": 1, "c": 1}
    assert levels(ring, "a b") == {"a": 1, "*1": 2, "b": 1, "*2": 2, "*3": 2, "c": 2}
    assert levels(chains("t/x t/x", "t/x u/x"), "t/x") == {"t/x": 0, "u/x": 1}


def test_levels_are_exact_to_two_to_the_53_and_capped() -> None:
    ladder = chains(*(f"t/d{i} t/{side}{i} t/d{i + 1}" for i in range(1000) for side in "ab"))
    found = levels(ladder, "t/d0")
    assert [found[f"t/d{i}"] for i in range(1, 54)] == [2**i for i in range(1, 54)]
    assert found["t/d900"] == 2.0**900
    assert found["t/d1000"] == MAX_LEVEL
    assert all(math.isfinite(level) for level in found.values())


def test_a_long_chain_does_not_recurse() -> None:
    size = 50_000
    line = np.arange(size - 1, dtype=np.int32)
    ids = tuple(f"column:n#t#{i}" for i in range(size))
    base = Subgraph.build(ask([], {node("a"): 0}).epoch, [(i, n, n, 2) for n, i in enumerate(ids)], [])
    chain = replace(base, sources=line, targets=line + 1, edge_kinds=np.zeros(size - 1, np.uint8))
    assert impact_levels(chain, [0]).tolist() == [0] + [1] * (size - 1)


def test_levels_without_anything() -> None:
    assert impact_levels(ask([], {}), []).tolist() == []
    assert levels([], "a") == {"a": 0}


def test_a_shown_node_has_the_sum_of_those_it_stands_for() -> None:
    subgraph = ask(chains("a *1 b *j.1 x", "a *2 b", "a *j.2 y", "x *j.1"), {node("a"): 0})
    shown = show(
        subgraph, roots={node("a"): 0}, hidden=HIDDEN_BY_DEFAULT, direction=Direction.DOWNSTREAM, depth=None, jobs=True
    )
    found = shown_levels(shown, impact_levels(subgraph, [subgraph.ids.index(node("a"))]))
    every = np.arange(len(shown))
    named = {short(i): level for i, level in zip(shown.ids(every), found.tolist(), strict=True)}
    assert named == {"a": 0, "b": 2, "J:j": 3, "x": 2, "y": 1}


@given(GRAPHS, st.lists(st.sampled_from(NODES), min_size=1, max_size=3, unique=True))
def test_levels_of_random_graphs_are_the_paths_one_can_list(graph: list[EdgeKey], roots: list[str]) -> None:
    subgraph = ask(graph, dict.fromkeys(roots, 0))
    found = impact_levels(subgraph, [subgraph.ids.index(root) for root in roots])
    assert dict(zip(subgraph.ids, found.tolist(), strict=True)) == listed(graph, roots)


def listed(graph: list[EdgeKey], roots: list[str]) -> dict[str, float]:
    """Levels by listing: sets of nodes that reach each other, and every path of edges between such sets."""
    reach = {root: {root} for root in [*roots, *(end for key in graph for end in (key.source, key.target))]}
    for _ in reach:
        for key in graph:
            for met in reach.values():
                if key.source in met:
                    met.add(key.target)
    own = {a: frozenset(b for b in reach[a] if a in reach[b]) for a in reach}
    found = dict.fromkeys({n for root in roots for n in reach[root]}, 0.0)

    def walk(at: frozenset[str], root: str) -> None:
        for member in at:
            found[member] += member != root
        for key in graph:
            if key.source in at and key.target not in at:
                walk(own[key.target], root)

    for root in roots:
        walk(own[root], root)
    return found


def test_counts_are_by_kind_depth_and_namespace() -> None:
    run = "operation:ops#j#1"
    graph = [
        EdgeKey("dataset:x#a", EdgeKind.INPUT_TO, run),
        EdgeKey(run, EdgeKind.PRODUCES, "dataset:y#b"),
        EdgeKey("dataset:y#b", EdgeKind.USED_IN_TRAINING, "model:y#m#1"),
        EdgeKey(run, EdgeKind.PRODUCES, "dataset:z#c"),
        EdgeKey(run, EdgeKind.PRODUCES, "dataset:z#d"),
    ]
    roots = {"dataset:x#a": 0}
    shown = show(ask(graph, roots), roots=roots, hidden=HIDDEN_BY_DEFAULT, direction=Direction.DOWNSTREAM, depth=None)
    counts = summary(shown)
    assert counts.total == 5
    assert counts.by_kind == ((Kind.DATASET, 4), (Kind.MODEL, 1))
    assert counts.by_depth == ((0, 1), (1, 3), (2, 1))
    assert counts.by_namespace == (("y", 2), ("z", 2), ("x", 1))
    affected = summary(shown, roots=False)
    assert (affected.total, affected.by_depth) == (4, ((1, 3), (2, 1)))
    assert affected.by_namespace == (("y", 2), ("z", 2))


def test_counts_of_nothing() -> None:
    shown = show(ask([], {}), roots={}, hidden=EVERY, direction=Direction.BOTH, depth=None)
    counts = summary(shown)
    assert (counts.total, counts.by_kind, counts.by_depth, counts.by_namespace) == (0, (), (), ())


def test_what_is_noted_of_a_subgraph_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    subgraph = ask(chains("a *1 b"), {node("a"): 0})
    made: list[str] = []

    def counted(how: str | None) -> Summary:
        def make() -> Summary:
            made.append(str(how))
            return Summary(2, ((Kind.DATASET, 2),), ((1, 2),), (("ns", 2),))

        return noted_summary(subgraph, how, make)

    counted("small")
    assert subgraph.notes == {}, "it costs nothing to count again"
    monkeypatch.setattr(impact, "LARGE", 0)
    counted(None)
    assert subgraph.notes == {}, "it depends on too much"
    made.clear()
    assert [counted(how).total for how in ("x", "x", "y", "z", "z", "x")] == [2] * 6
    assert made == ["x", "y", "z", "x"]
    assert len(subgraph.notes) == impact.NOTED
    monkeypatch.setattr(impact, "COUNTS", 2)
    counted("many")
    assert "many" not in subgraph.notes
