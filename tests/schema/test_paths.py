"""The shortest routes, on graphs one can draw and against listing all of them."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.ids import Kind, kind_of
from backends.model import EdgeKey, EdgeKind
from schema import adjacency
from schema.fold import FOLDED, HIDDEN_BY_DEFAULT
from schema.paths import Routes, rows_between, shortest_paths
from tests.schema import oracle
from tests.schema.graphs import EVERY, ask, chains, node, short
from tests.schema.test_fold_random import GRAPHS, HIDDEN, NODES, RINGS

DIAMOND = chains("a *1 b *2 d", "a *3 c *4 d")


def routes(
    graph: list[EdgeKey],
    source: str,
    target: str,
    k: int = 10,
    hidden: frozenset[Kind] = HIDDEN_BY_DEFAULT,
    *,
    jobs: bool = False,
    stands_for: dict[str, str] | None = None,
    max_work: int = 1_000_000,
) -> Routes:
    """Routes between words; several words in one are one node."""
    begins, ends = [node(word) for word in source.split()], [node(word) for word in target.split()]
    subgraph = ask(graph, dict.fromkeys([*begins, *ends], 0))
    return shortest_paths(
        subgraph,
        [subgraph.ids.index(i) for i in begins],
        [subgraph.ids.index(i) for i in ends],
        hidden,
        k,
        jobs=jobs,
        stands_for={node(a): node(b) for a, b in (stands_for or {}).items()},
        max_work=max_work,
    )


def words(found: Routes) -> list[str]:
    return [" ".join(map(short, route.ids)) for route in found.routes]


def test_the_shortest_come_first_and_ties_go_by_id() -> None:
    graph = [*DIAMOND, *chains("a *5 d", "a *6 b2 *7 b3 *8 d")]
    found = routes(graph, "a", "d")
    assert words(found) == ["a d", "a b d", "a c d", "a b2 b3 d"]
    assert found.complete
    assert words(routes(graph, "a", "d", 2)) == ["a d", "a b d"]
    assert [len(route.steps) for route in found.routes] == [1, 2, 2, 3]


def test_steps_say_what_lies_between() -> None:
    (route,) = routes(chains("a *1 b *2 c M1", "b *3 c"), "a", "M1").routes
    steps = [(short(s.source), short(s.target), s.kind, [short(v) for v in s.via], s.via_count) for s in route.steps]
    assert steps == [
        ("a", "b", FOLDED, ["*1"], 1),
        ("b", "c", FOLDED, ["*2", "*3"], 2),
        ("c", "M1", EdgeKind.USED_IN_TRAINING.code, [], 0),
    ]


def test_via_of_a_step_stops_at_twenty_and_counts_all() -> None:
    (route,) = routes(chains(*(f"a *{i:02} b" for i in range(25))), "a", "b").routes
    assert [short(v) for v in route.steps[0].via] == [f"*{i:02}" for i in range(20)]
    assert route.steps[0].via_count == 25


def test_rows_are_those_of_the_subgraph() -> None:
    subgraph = ask(DIAMOND, {node("a"): 0})
    source, target = subgraph.ids.index(node("a")), subgraph.ids.index(node("d"))
    for route in shortest_paths(subgraph, source, target, HIDDEN_BY_DEFAULT, 5).routes:
        assert tuple(subgraph.ids[row] for row in route.rows) == route.ids


def test_routes_pass_hidden_kinds_in_no_step() -> None:
    graph = chains("a *1 b *2 c M1", "a *3 c")
    assert words(routes(graph, "a", "M1", hidden=EVERY)) == ["a M1"]
    assert words(routes(graph, "a", "M1", hidden=frozenset())) == ["a *3 c M1", "a *1 b *2 c M1"]
    assert words(routes(graph, "*1", "*2")) == ["*1 b *2"]


def test_no_route() -> None:
    assert routes(chains("a *1 b", "c *2 d"), "a", "d") == Routes((), complete=True)
    assert routes(DIAMOND, "d", "a") == Routes((), complete=True)


def test_from_a_node_to_itself_there_is_the_route_of_no_step() -> None:
    (route,) = routes(chains("a *1 b *2 a"), "a", "a").routes
    assert (route.ids, route.steps) == ((node("a"),), ())


def test_routes_meet_no_node_twice() -> None:
    """The best way on from c runs back into the prefix, so it is searched anew."""
    graph = chains("a *1 b *2 c *3 b *4 d", "c *5 x *6 y *7 d", "a *8 c")
    assert words(routes(graph, "a", "d")) == ["a b d", "a c b d", "a c x y d", "a b c x y d"]


def test_operations_of_a_job_are_one_end() -> None:
    graph = chains("a *j.1 b *1 d", "d *3 c *j.2 e *4 d")
    stands_for = {"*j.1": "J:j", "*j.2": "J:j"}
    assert words(routes(graph, "*j.1 *j.2", "d", stands_for=stands_for)) == ["J:j b d", "J:j e d"]
    assert words(routes(graph, "a", "*j.1 *j.2", stands_for=stands_for)) == ["a J:j"]
    chain = chains("a *j.1 b *j.2 c")
    assert words(routes(chain, "*j.1 *j.2", "c", stands_for=stands_for)) == ["J:j c"]  # never back into the job
    assert words(routes(chain, "a", "*j.1 *j.2", stands_for=stands_for)) == ["a J:j"]  # nor through it


def test_operations_appear_as_jobs_where_jobs_are_shown() -> None:
    graph = chains("a *j.1 b *1 c *j.2 d")
    assert words(routes(graph, "a", "d", jobs=True)) == ["a J:j b c J:j d"]
    assert words(routes(graph, "a", "d", hidden=EVERY, jobs=True)) == ["a J:j J:j d"]


def test_the_work_is_bounded_and_says_so() -> None:
    """Every route from the left to the right of a dense ring is a search of its own."""
    names = [f"t/{i:02}" for i in range(12)]
    graph = chains(*(f"{a} {b}" for a in names for b in names if a != b))
    found = routes(graph, "t/00", "t/11", k=100_000, max_work=20_000)
    assert not found.complete
    assert words(found)[:3] == ["t/00 t/11", "t/00 t/01 t/11", "t/00 t/02 t/11"]
    assert 12 < len(found.routes) < 5_000


def test_a_ladder_of_two_to_the_200_routes() -> None:
    graph = chains(*(f"t/d{i} t/{side}{i} t/d{i + 1}" for i in range(200) for side in "ab"))
    found = routes(graph, "t/d0", "t/d200", 4)
    assert found.complete
    taken = [[short(i)[2] for i in route.ids[1::2]] for route in found.routes]
    assert ["".join(sides[-2:]) for sides in taken] == ["aa", "ab", "ba", "bb"]
    assert all(set(sides[:-2]) == {"a"} for sides in taken)


def test_rows_between_are_those_on_some_walk() -> None:
    subgraph = ask(chains("a *1 b *2 d", "b *3 x", "y *4 b", "b *5 b"), {node("a"): 0, node("y"): 0})
    row = subgraph.ids.index
    between = rows_between(subgraph, [row(node("a"))], [row(node("d"))])
    assert sorted(short(subgraph.ids[i]) for i in between) == ["*1", "*2", "*5", "a", "b", "d"]
    assert rows_between(subgraph, [row(node("d"))], [row(node("a"))]).tolist() == []


def listed(
    graph: list[EdgeKey], begins: list[str], ends: list[str], hidden: frozenset[Kind]
) -> list[tuple[int, tuple[str, ...], tuple[tuple[int, frozenset[str]], ...]]]:
    """All simple routes of the folded graph in order: how long, ids, and of each step kind and via."""

    def is_hidden(node_id: str) -> bool:
        return node_id not in begins and node_id not in ends and kind_of(node_id) in hidden

    def name(node_id: str) -> str:
        return begins[0] if node_id in begins else ends[0] if node_id in ends else node_id

    nodes = {end for key in graph for end in (key.source, key.target)} | set(begins) | set(ends)
    joined: oracle.Joined = {}
    for (source, target, kind), via in oracle.join(graph, [n for n in nodes if not is_hidden(n)], is_hidden).items():
        ends_ = name(source), name(target), kind
        joined[ends_] = joined.get(ends_, frozenset()) | via
    steps: dict[str, set[str]] = {}
    for source, target, _ in joined:
        steps.setdefault(source, set()).add(target)
    found = []
    for way in oracle.simple_ways(steps, begins[0]):
        if way[-1] == ends[0]:
            told = []
            for pair in pairwise(way):
                kind = min(kind for a, b, kind in joined if (a, b) == pair)
                told.append((kind, joined[(*pair, kind)]))
            found.append((len(way), way, tuple(told)))
    return sorted(found, key=lambda route: route[:2])


@pytest.mark.parametrize("narrow", [-1, 24], ids=["vectors", "plain"])
@settings(max_examples=max(150, settings().max_examples))
@given(
    graph=GRAPHS | RINGS,
    picks=st.lists(st.integers(0, 99), min_size=4, max_size=4),
    sizes=st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2), (2, 2)]),
    hidden=HIDDEN,
    k=st.integers(1, 8),
)
def test_routes_of_random_graphs_are_the_first_one_can_list(
    graph: list[EdgeKey], picks: list[int], sizes: tuple[int, int], hidden: frozenset[Kind], k: int, narrow: int
) -> None:
    free = sorted({end for key in graph for end in (key.source, key.target)} | set(NODES[:4]))
    picked = [free.pop(pick % len(free)) for pick in picks]
    begins, ends = sorted(picked[: sizes[0]]), sorted(picked[2 : 2 + sizes[1]])
    subgraph = ask(graph, dict.fromkeys([*begins, *ends], 0))
    named = dict.fromkeys(begins, begins[0]) | dict.fromkeys(ends, ends[0])
    sources, targets = ([subgraph.ids.index(i) for i in group] for group in (begins, ends))
    kept, adjacency._NARROW_ROWS = adjacency._NARROW_ROWS, narrow
    try:
        found = shortest_paths(subgraph, sources, targets, hidden, k, stands_for=named)
    finally:
        adjacency._NARROW_ROWS = kept
    got = [(len(r.ids), r.ids, tuple((s.kind, frozenset(s.via)) for s in r.steps)) for r in found.routes]
    assert got == listed(graph, begins, ends, hidden)[:k]
    assert found.complete
