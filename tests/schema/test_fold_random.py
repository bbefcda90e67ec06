"""Folding of random small graphs against an oracle that lists ways one by one (`tests.schema.oracle`)."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from hypothesis import given, settings
from hypothesis import strategies as st

from backends.ids import Kind, job_of, kind_of
from backends.model import ENDS, FLOW, Direction, EdgeKey
from schema import adjacency, joins, regions, shown
from schema.fold import HIDDEN_BY_DEFAULT, fold, hops_needed
from schema.impact import summary
from schema.joins import FOLDED
from tests.schema import oracle
from tests.schema.graphs import EVERY, ask, node

WORDS = ["a", "b", "c", "A1", "A2", "*j.1", "*j.2", "*k.1", "*1", "*2", "M1", "P1", "t/x", "t/y"]
NODES = [node(word) for word in WORDS]


def possible(nodes: list[str]) -> list[EdgeKey]:
    """Every flow edge that may join two of these."""
    return [
        EdgeKey(a, kind, b)
        for kind in sorted(FLOW)
        for a in nodes
        for b in nodes
        if kind_of(a) in ENDS[kind][0] and kind_of(b) in ENDS[kind][1]
    ]


SPARSE = st.lists(st.sampled_from(possible(NODES)), max_size=18, unique=True)
DENSE = st.lists(st.sampled_from(possible([*NODES[:5:2], *NODES[5:9], node("M1")])), min_size=8, unique=True)
RINGS = st.lists(st.sampled_from(possible([node(f"t/{field}") for field in "uvwxyz"])), min_size=6, max_size=20, unique=True)
GRAPHS = SPARSE | DENSE
HIDDEN = st.one_of(
    st.just(HIDDEN_BY_DEFAULT),
    st.sampled_from([EVERY - {kind} for kind in (Kind.MODEL, Kind.ASSET, Kind.DATASET, Kind.OPERATION, Kind.COLUMN)]),
    st.frozensets(st.sampled_from([Kind.DATASET, Kind.ASSET, Kind.OPERATION, Kind.MODEL, Kind.PREDICTION, Kind.COLUMN])),
)
ROOTS = st.dictionaries(st.sampled_from(NODES), st.sampled_from([0, 0, 0, 1, 3]), min_size=1, max_size=3)
DEPTHS = st.sampled_from([None, 0, 1, 2, 3])
ONE_WAY = st.sampled_from([Direction.UPSTREAM, Direction.DOWNSTREAM])


@contextmanager
def small_steps() -> Iterator[None]:
    """Everything that is done in blocks is done in the smallest, nothing in plain Python, and edges are collected from
    their nodes."""
    kept = joins._CHUNK, regions._BITS, adjacency._NARROW_ROWS, shown._FEW
    joins._CHUNK, regions._BITS, adjacency._NARROW_ROWS, shown._FEW = 1, 1, -1, 0
    try:
        yield
    finally:
        joins._CHUNK, regions._BITS, adjacency._NARROW_ROWS, shown._FEW = kept


@given(GRAPHS, ROOTS, HIDDEN, ONE_WAY, DEPTHS, st.booleans())
def test_one_way_is_what_the_whole_graph_says(
    graph: list[EdgeKey],
    roots: dict[str, int],
    hidden: frozenset[Kind],
    direction: Direction,
    depth: int | None,
    jobs: bool,
) -> None:
    """Also where the backend was asked no farther than `hops_needed`."""
    subgraph = ask(graph, roots, direction, hops_needed(depth, hidden, start=max(roots.values())))
    answer = fold(subgraph, roots=roots, hidden=hidden, direction=direction, depth=depth, jobs=jobs)
    assert oracle.given(answer) == oracle.expected(graph, roots, hidden, direction, depth, jobs=jobs)
    assert answer.total == summary(answer.shown).total == len(answer)
    with small_steps():
        again = fold(subgraph, roots=roots, hidden=hidden, direction=direction, depth=depth, jobs=jobs)
    assert oracle.given(again) == oracle.given(answer)


@given(GRAPHS, ROOTS, HIDDEN, DEPTHS, st.booleans(), st.booleans())
def test_both_is_the_two_ways_united(
    graph: list[EdgeKey], roots: dict[str, int], hidden: frozenset[Kind], depth: int | None, jobs: bool, farther: bool
) -> None:
    hops = None if farther else hops_needed(depth, hidden, start=max(roots.values()))
    subgraph = ask(graph, roots, Direction.BOTH, hops)
    answer = fold(subgraph, roots=roots, hidden=hidden, direction=Direction.BOTH, depth=depth, jobs=jobs)
    visible = set(subgraph.ids).__contains__
    assert oracle.given(answer) == oracle.expected(graph, roots, hidden, Direction.BOTH, depth, visible=visible, jobs=jobs)


@given(GRAPHS, ROOTS, ONE_WAY, DEPTHS)
def test_a_job_as_root_is_its_operations_under_one_name(
    graph: list[EdgeKey], roots: dict[str, int], direction: Direction, depth: int | None
) -> None:
    job = "job:n#j"
    operations = [node("*j.1"), node("*j.2")]
    starts = {i: d for i, d in roots.items() if i not in operations} | dict.fromkeys(operations, 0)
    subgraph = ask(graph, starts, direction, hops_needed(depth, HIDDEN_BY_DEFAULT, start=max(starts.values())))
    plain = fold(subgraph, roots=starts, hidden=HIDDEN_BY_DEFAULT, direction=direction, depth=depth)
    named = fold(
        subgraph,
        roots=starts,
        hidden=HIDDEN_BY_DEFAULT,
        direction=direction,
        depth=depth,
        stands_for=dict.fromkeys(operations, job),
    )

    def label(node_id: str) -> str:
        return job if job_of_operation(node_id) == job else node_id

    nodes, edges = oracle.given(plain)
    assert oracle.given(named).nodes == {label(i): at for i, at in nodes.items()}
    merged: oracle.Joined = {}
    for (source, target, kind), via in edges.items():
        ends = label(source), label(target), kind
        merged[ends] = merged.get(ends, frozenset()) | via
    assert oracle.given(named).edges == merged
    assert named.members == {list(named.ids).index(job): tuple(sorted(operations))}


def job_of_operation(node_id: str) -> str | None:
    return job_of(node_id) if node_id.startswith("operation:") else None


@given(GRAPHS, ROOTS, HIDDEN, ONE_WAY, st.booleans(), st.booleans())
def test_the_last_step_is_the_only_edge_from_one_nearer(
    graph: list[EdgeKey], roots: dict[str, int], hidden: frozenset[Kind], direction: Direction, jobs: bool, small: bool
) -> None:
    subgraph = ask(graph, roots, direction)
    answer = fold(subgraph, roots=roots, hidden=hidden, direction=direction, depth=None, jobs=jobs)
    nodes, edges = oracle.given(answer)
    expected = []
    for node_id in answer.ids:
        enters = [
            (source, target, kind, tuple(sorted(via)))
            for (source, target, kind), via in edges.items()
            if (target if direction is Direction.DOWNSTREAM else source) == node_id and node_id not in roots
            if nodes[source if direction is Direction.DOWNSTREAM else target][0] == nodes[node_id][0] - 1
        ]
        expected.append(enters[0] if len(enters) == 1 else None)
    with small_steps() if small else nullcontext():
        steps = answer.shown.last_steps(answer.positions, direction)
    assert [step and (step.source, step.target, step.kind, step.via) for step in steps] == expected


@given(GRAPHS, ROOTS, HIDDEN, ONE_WAY, st.integers(0, 6))
def test_a_cut_is_a_part_of_the_whole(
    graph: list[EdgeKey], roots: dict[str, int], hidden: frozenset[Kind], direction: Direction, most: int
) -> None:
    subgraph = ask(graph, roots, direction)
    whole = fold(subgraph, roots=roots, hidden=hidden, direction=direction, depth=None)
    part = fold(subgraph, roots=roots, hidden=hidden, direction=direction, depth=None, max_nodes=most)
    nodes, edges = oracle.given(whole)
    kept = list(whole.ids)[:most]
    assert oracle.given(part) == oracle.Answer(
        {i: nodes[i] for i in kept}, {key: via for key, via in edges.items() if key[0] in kept and key[1] in kept}
    )


@settings(max_examples=30)
@given(GRAPHS, HIDDEN, st.integers(1, 4), st.integers(1, 3))
def test_limits_keep_the_first_in_order(graph: list[EdgeKey], hidden: frozenset[Kind], limit: int, most: int) -> None:
    roots = dict.fromkeys(NODES[:5], 0)
    subgraph = ask(graph, roots)
    whole = fold(subgraph, roots=roots, hidden=hidden, direction=Direction.DOWNSTREAM, depth=None)
    place = whole.shown._places(whole.positions)
    kept, joins.MAX_VIA = joins.MAX_VIA, most
    try:
        with small_steps():
            found = joins.links(whole.shown.view.edges, subgraph.ids, place, place, limit=limit)
    finally:
        joins.MAX_VIA = kept
    expected, folded = [], 0
    rows = zip(whole.sources, whole.targets, whole.edge_kinds, whole.via, whole.via_counts, strict=True)
    for source, target, kind, via, count in rows:
        folded += kind == FOLDED
        if kind != FOLDED or folded <= limit:
            expected.append((source, target, kind, via[:most], count))
    got = list(zip(found.sources, found.targets, found.kinds, found.via, found.via_counts, strict=True))
    assert got == expected
    assert found.truncated == (folded > limit)
