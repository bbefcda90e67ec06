"""How a stored row takes a change, and how rows become values."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.changes import NodeChange, Resolution
from backends.model import Edge, EdgeKey, EdgeKind, Json, Stamped, canonical
from backends.rows import NodeRow, as_edge, as_node, chain, changed
from backends.testing.graphs import dataset

A, B = dataset("a"), dataset("b")
NEW = NodeRow(A, 0, 1, {})
STAMPED = st.builds(Stamped, st.integers(0, 2), st.sampled_from([None, 1, 1.0, True, "a", [1], {"a": 1}, {"a": True}]))
SEEN = st.tuples(st.integers(0, 5), st.integers(5, 9)) | st.none()
SAID = st.dictionaries(st.sampled_from(["type", "tags", "facet:x"]), STAMPED, max_size=3)
MERGING = st.builds(NodeChange, st.just(A), SAID, SEEN, st.none() | st.integers(0, 9))
HIDDEN, NAMED = st.sampled_from([None, True, False]), st.sampled_from([None, "", A, B])
DECIDING = st.builds(NodeChange, st.just(A), SAID, SEEN, st.none() | st.integers(0, 9), HIDDEN, NAMED)


def applied(changes: Sequence[NodeChange]) -> NodeRow:
    row = NEW
    for change in changes:
        row = changed(row, change)
    return row


def said(row: NodeRow) -> str:
    """A row without its version, as text in which 1 is not True."""
    attributes = {key: list(stamped) for key, stamped in row.attributes.items()}
    times = [row.first_seen, row.last_seen, row.deleted_at]
    return canonical([attributes, times, row.withdrawn, row.alias_of])


@given(st.lists(MERGING, max_size=4))
def test_what_merges_by_time_ends_alike_in_any_order(changes: list[NodeChange]) -> None:
    assert len({said(applied(order)) for order in permutations(changes)}) == 1


@given(st.lists(DECIDING, min_size=1, max_size=4))
def test_a_change_said_again_is_the_same_row(changes: list[NodeChange]) -> None:
    row = applied(changes)
    assert changed(row, changes[-1]) is row


@given(st.lists(DECIDING, max_size=3), DECIDING)
def test_the_version_moves_with_attributes_names_and_standing(changes: list[NodeChange], last: NodeChange) -> None:
    before = applied(changes)
    after = changed(before, last)
    attributes = said(NodeRow(A, 0, 0, before.attributes)) != said(NodeRow(A, 0, 0, after.attributes))
    named, stood = before.resolution != after.resolution, before.standing != after.standing
    assert after.version - before.version == (1 if attributes or named or stood else 0)


@pytest.mark.parametrize(
    ("row", "standing"),
    [
        (NodeRow(A, 0, 1, {}), True),
        (NodeRow(A, 0, 1, {}, withdrawn=True), False),
        (NodeRow(A, 0, 1, {}, alias_of=B), False),
        (NodeRow(A, 0, 1, {}, deleted_at=5), False),
        (NodeRow(A, 0, 1, {}, 5, 5, deleted_at=5), False),
        (NodeRow(A, 0, 1, {}, 6, 6, deleted_at=5), True),
        (NodeRow(A, 0, 1, {}, 6, 6, deleted_at=5, withdrawn=True), False),
    ],
)
def test_what_stands(row: NodeRow, standing: bool) -> None:
    assert row.standing is standing


def test_what_a_row_stands_for() -> None:
    assert NodeRow(A, 0, 1, {}).resolution == Resolution(A, None)
    assert NodeRow(A, 0, 1, {}, deleted_at=5).resolution == Resolution(A, 5)
    assert NodeRow(A, 0, 1, {}, alias_of=B).resolution.id == B


def test_a_name_of_itself_is_no_other_name() -> None:
    assert changed(NEW, NodeChange(A, alias_of=A)) is NEW
    assert changed(NodeRow(A, 0, 1, {}, alias_of=B), NodeChange(A, alias_of=A)).alias_of is None


def test_a_node_has_the_latest_of_all_its_names() -> None:
    row = NodeRow(A, 4, 2, {"type": Stamped(5, "a"), "gone": Stamped(1, "x")}, 5, 6, deleted_at=9)
    said = {"type": Stamped(6, "b"), "gone": Stamped(2, None), "facet:x": Stamped(1, {})}
    other = NodeRow(B, 7, 9, said, 1, 2, alias_of=A)
    node = as_node(row, [other], facets=True)
    assert dict(node.attributes) == {"type": "b", "facet:x": {}}
    assert (node.number, node.version, node.aliases, node.standing) == (4, 2, (B,), False)
    assert (node.first_seen, node.last_seen, node.deleted_at) == (1, 6, 9)
    assert "facet:x" not in as_node(row, [other], facets=False).attributes


def test_evidence_of_nothing() -> None:
    edge = as_edge(EdgeKey(A, EdgeKind.PAIR, B), {}, {}, 7)
    assert (edge.evidence.confidence, edge.evidence.runs, edge.evidence.last_run, edge.retracted_at) == (0.0, 0, None, 7)


def test_the_last_run_is_that_of_the_latest_tally_and_of_equals_the_greatest() -> None:
    tallies: dict[str, dict[str, Json]] = {
        "a": {"last": 5, "last_run": "run:1", "origin": "x"},
        "b": {"last": 5, "last_run": "run:2"},
        "c": {"last_run": "run:9"},
    }
    for order in permutations(tallies):
        evidence = as_edge(EdgeKey(A, EdgeKind.PAIR, B), {tally: tallies[tally] for tally in order}, {}, None).evidence
        assert (evidence.last_run, evidence.origin, evidence.last_seen) == ("run:2", "client", 5)


def test_the_chain_hash_is_never_changed() -> None:
    """It is in files: a store written by an older version must still be recognised."""
    first = chain(0, (0,))
    assert first == 5903642253403033523
    assert chain(first, (1, 0, 0, -1, A)) == 6947097618739010706
    assert chain(first, (1, 0, 0, -1, A)) != chain(first, (1, 0, 0, -1, B))
    assert 0 <= chain(2**63 - 1, (4, 12, 2**40, 2**40, None)) < 2**63


FACTS = st.fixed_dictionaries(
    {},
    optional={
        "origin": st.sampled_from(["run event", "client"]),
        "confidence": st.sampled_from([0.0, 0.5, 1, 1.0]),
        "first": st.none() | st.integers(0, 9),
        "last": st.none() | st.integers(0, 9),
        "runs": st.integers(0, 3),
        "last_run": st.none() | st.sampled_from(["run:1", "run:2"]),
        "transformations": st.lists(st.sampled_from([{"type": "DIRECT"}, {"type": "INDIRECT"}]), max_size=3),
    },
)


@given(FACTS, st.none() | FACTS)
def test_an_edge_that_one_states_is_the_one_that_two_state_alike(
    facts: dict[str, Json], counts: dict[str, Json] | None
) -> None:
    key = EdgeKey(A, EdgeKind.INPUT_TO, B)

    def stated_by(*names: str) -> Edge:
        records = {} if counts is None else dict.fromkeys(names, counts)
        return as_edge(key, dict.fromkeys(names, facts), records, None)

    one, two = stated_by("a"), stated_by("a", "b")
    assert one.transformations == two.transformations
    assert replace(one.evidence, runs=2 * one.evidence.runs) == two.evidence


@given(st.lists(DECIDING, max_size=3), st.booleans())
def test_a_node_of_one_name_is_as_with_another_that_says_nothing(changes: list[NodeChange], facets: bool) -> None:
    row = applied(changes)
    one, two = as_node(row, facets=facets), as_node(row, [NodeRow(B, 1, 1, {}, alias_of=A)], facets=facets)
    assert one == replace(two, aliases=(), members={A: two.members[A]})
