"""The values check themselves, and mean the same in every process."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.changes import Changes, EdgeChange, NodeChange, Page, RecordChange
from backends.errors import BackendError, Conflict, Misconfigured, Rejected, TimedOut, Unavailable, Unsupported
from backends.ids import BadId, Kind, make_id
from backends.model import (
    CONTEXT,
    EDGE_KINDS,
    ENDS,
    FLOW,
    Direction,
    EdgeKey,
    EdgeKind,
    Epoch,
    Stamped,
    Subgraph,
    Traversal,
    canonical,
)
from backends.testing.graphs import arrows, column, dataset, operation

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, -0.0, 0.1])
    | st.text("ab\u00e9", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2),
    max_leaves=4,
)
STAMPED = st.builds(Stamped, st.integers(0, 2), JSON)


def test_canonical_is_one_text_of_a_value() -> None:
    assert canonical({"b": [1, 1.0, True, None], "a": "\u00e9"}) == '{"a":"\u00e9","b":[1,1.0,true,null]}'


@given(st.lists(STAMPED, max_size=4))
def test_the_winner_does_not_hang_on_the_order(said: list[Stamped]) -> None:
    winners = set()
    for order in permutations(said):
        force: Stamped | None = None
        for stamped in order:
            force = stamped if stamped.beats(force) else force
        winners.add(None if force is None else (force.time, canonical(force.value)))
    assert len(winners) == 1


@given(STAMPED, STAMPED)
def test_of_two_values_one_beats_the_other_or_they_are_equal(one: Stamped, two: Stamped) -> None:
    equal = (one.time, canonical(one.value)) == (two.time, canonical(two.value))
    assert one.beats(two) + two.beats(one) == (0 if equal else 1)
    assert one.beats(None)


def test_codes_of_edge_kinds_are_never_renumbered() -> None:
    names = (
        "INPUT_TO PRODUCES USED_IN_TRAINING GENERATED DERIVES CONFIGURED_WITH EVALUATED_WITH PERFORMED HOSTED HAS_COLUMN "
        "HAS_OPERATION PAIR MENTIONS"
    )
    assert [(kind.code, kind.value) for kind in EDGE_KINDS] == list(enumerate(names.split()))
    hidden = {EdgeKind.PAIR, EdgeKind.MENTIONS}
    assert {kind for kind in EDGE_KINDS if kind.is_hidden} == hidden == {*EDGE_KINDS} - FLOW - CONTEXT
    assert not FLOW & CONTEXT


def test_edges_join_what_the_table_says_and_nothing_else() -> None:
    parts = {Kind.COLUMN: 3, Kind.MODEL: 3, Kind.OPERATION: 3, Kind.RUN: 3}
    ids = {kind: make_id(kind, *"abc"[: parts.get(kind, 2)]) for kind in Kind}
    for kind in EDGE_KINDS:
        for source in Kind:
            for target in Kind:
                key = EdgeKey(ids[source], kind, ids[target])
                records = source.is_record or target.is_record
                if source in ENDS[kind][0] and target in ENDS[kind][1] and not records:
                    assert key.check() is key
                else:
                    with pytest.raises(Rejected, match=kind):
                        key.check()


def test_no_operation_feeds_an_operation_and_no_table_a_table() -> None:
    """What a folded graph rests on: the longest run of hidden kinds."""
    ends = [ENDS[kind] for kind in FLOW - {EdgeKind.DERIVES}]
    follows = {(source, target) for sources, targets in ends for source in sources for target in targets}
    assert (Kind.OPERATION, Kind.OPERATION) not in follows
    assert not {(a, b) for a, b in follows if {a, b} <= {Kind.DATASET, Kind.ASSET}}


def test_an_edge_that_cannot_be_is_refused_before_it_is_written() -> None:
    a, o = dataset("a"), operation("o")
    run = make_id(Kind.RUN, "r")
    for key in (EdgeKey(o, EdgeKind.INPUT_TO, a), EdgeKey(a, EdgeKind.PRODUCES, a), EdgeKey(run, EdgeKind.MENTIONS, a)):
        with pytest.raises(Rejected):
            EdgeChange(key, {"t": {}})
    with pytest.raises(BadId):
        EdgeChange(EdgeKey("orders", EdgeKind.INPUT_TO, o), {"t": {}})


def test_records_are_no_nodes_and_nodes_no_records() -> None:
    with pytest.raises(Rejected, match="is a record, not a node"):
        NodeChange(make_id(Kind.RUN, "r"))
    with pytest.raises(Rejected, match="is a node, not a record"):
        RecordChange(dataset("a"), {})
    with pytest.raises(BadId):
        NodeChange("orders")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Traversal({}, Direction.BOTH, -1), "max_depth"),
        (lambda: Traversal({}, Direction.BOTH, max_nodes=0), "max_nodes"),
        (lambda: Traversal({dataset("a"): -1}, Direction.BOTH), "starts at depth"),
        (lambda: Traversal({}, Direction.BOTH, edge_kinds=frozenset({EdgeKind.PAIR})), "cannot be followed"),
        (lambda: Traversal({}, Direction.BOTH, edge_kinds=FLOW | {EdgeKind.MENTIONS}), "cannot be followed"),
        (lambda: Page(0), "1 to 1,000"),
        (lambda: Page(-1), "1 to 1,000"),
        (lambda: Page(1001), "1 to 1,000"),
        (lambda: Epoch.parse("1-2"), "epoch"),
        (lambda: Epoch.parse("x-0123456789abcdef"), "invalid literal"),
        (lambda: Epoch.parse("1-0123456789abcdeg"), "invalid literal"),
        (lambda: Epoch.parse(""), "epoch"),
    ],
)
def test_values_check_themselves(make: Callable[[], Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make()


def test_values_do_not_change() -> None:
    for value, field in ((Traversal({}, Direction.BOTH), "max_depth"), (Page(1), "first"), (Changes(0), "at")):
        with pytest.raises(AttributeError):
            setattr(value, field, 5)


def test_changes_are_true_where_they_say_something() -> None:
    assert not Changes(0)
    assert not Changes(0, expect={dataset("a"): 1}, watermark=1)
    assert Changes(0, nodes=(NodeChange(dataset("a")),))
    assert Changes(0, records=(RecordChange(make_id(Kind.RUN, "r"), None),))


@given(st.integers(0, 2**62), st.integers(0, 2**63 - 1))
def test_epochs_are_read_as_they_are_printed(seq: int, chain: int) -> None:
    assert Epoch.parse(str(Epoch(seq, chain))) == Epoch(seq, chain)


def test_a_subgraph_is_built_from_rows() -> None:
    a, b = column("a"), dataset("b", "%#")
    edges = [*arrows("a-a"), EdgeKey(b, EdgeKind.HAS_COLUMN, a)]
    subgraph = Subgraph.build(Epoch(1, 2), [(a, 7, 0, 3), (b, 9, 1, 2)], edges, truncated=True)
    assert (subgraph.ids, subgraph.numbers.tolist(), subgraph.depths.tolist()) == ((a, b), [7, 9], [0, 1])
    assert [subgraph.namespace_names[n] for n in subgraph.namespaces] == ["shop", "%#"]
    assert (subgraph.sources.tolist(), subgraph.targets.tolist()) == ([0, 1], [0, 0])
    assert (subgraph.edge_keys(), len(subgraph), subgraph.truncated) == (edges, 2, True)
    assert subgraph.numbers.dtype == np.int64


def test_an_empty_subgraph_has_empty_columns_of_the_right_types() -> None:
    subgraph = Subgraph.build(Epoch(0, 0), [], [])
    assert (len(subgraph), subgraph.edge_keys(), list(subgraph.namespace_names)) == (0, [], [])
    assert subgraph.sources.dtype == subgraph.depths.dtype == np.int32


def test_errors_say_whether_to_try_again() -> None:
    retryable = {error for error in BackendError.__subclasses__() if error.retryable}
    assert retryable == {Unavailable, TimedOut, Conflict}
    assert {*BackendError.__subclasses__()} - retryable >= {Rejected, Unsupported, Misconfigured}
