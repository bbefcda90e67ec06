"""Folding written again, slowly and otherwise: in text, by listing ways one by one. For graphs of a dozen nodes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from backends.ids import Kind, job_of, kind_of
from backends.model import DOWN, EDGE_KINDS, UP, Direction, EdgeKey, Subgraph
from schema.fold import FOLDED, Folded

Nodes: TypeAlias = dict[str, tuple[int, int]]
"""Ids with their depth and the bits UP and DOWN."""
Joined: TypeAlias = dict[tuple[str, str, int], frozenset[str]]
"""Edges (source, target, kind code or FOLDED) with all that lies between."""


class Answer(NamedTuple):
    nodes: Nodes
    edges: Joined


def simple_ways(steps: Mapping[str, set[str]], start: str) -> Iterator[tuple[str, ...]]:
    """Every way from `start` that meets no node twice, the way of no step first."""
    yield (start,)

    def extend(way: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for after in steps.get(way[-1], ()):
            if after not in way:
                yield (*way, after)
                yield from extend((*way, after))

    yield from extend((start,))


def led_to(edges: Iterable[EdgeKey], start: str, may_pass: Callable[[str], bool]) -> set[str]:
    """What `start` leads to in one step or through what may be passed."""
    found = {key.target for key in edges if key.source == start}
    while True:
        more = {key.target for key in edges if key.source in found and may_pass(key.source)} - found
        if not more:
            return found
        found |= more


def join(edges: list[EdgeKey], nodes: Iterable[str], is_hidden: Callable[[str], bool]) -> Joined:
    """The edges among `nodes`: those that are there, and the folded ones with what lies between."""
    nodes = set(nodes)
    joined: Joined = {
        (key.source, key.target, key.kind.code): frozenset() for key in edges if {key.source, key.target} <= nodes
    }
    back = [EdgeKey(key.target, key.kind, key.source) for key in edges]
    for source in nodes:
        onward = {n for n in led_to(edges, source, is_hidden) if is_hidden(n)}
        for target in nodes:
            between = onward & {n for n in led_to(back, target, is_hidden) if is_hidden(n)}
            if between:
                joined[source, target, FOLDED] = frozenset(between)
    return joined


def search(
    edges: list[EdgeKey], roots: Mapping[str, int], shown: Callable[[str], bool], depth: int | None
) -> dict[str, int]:
    """Least depths of shown nodes downstream: the least over all simple ways in unfolded steps of the shown nodes on it."""
    steps: dict[str, set[str]] = {}
    for key in edges:
        steps.setdefault(key.source, set()).add(key.target)
    found: dict[str, int] = {}
    for root, start in roots.items():
        for way in simple_ways(steps, root):
            at = start + sum(map(shown, way[1:]))
            if shown(way[-1]) and (depth is None or at <= depth or len(way) == 1):
                found[way[-1]] = min(at, found.get(way[-1], at))
    return found


def expected(
    edges: list[EdgeKey],
    roots: Mapping[str, int],
    hidden: frozenset[Kind],
    direction: Direction,
    depth: int | None,
    *,
    visible: Callable[[str], bool] = lambda _: True,
    jobs: bool = False,
) -> Answer:
    """The folded answer of a whole graph; `visible` are the nodes that edges may lead through."""

    def label(node_id: str) -> str:
        job = job_of(node_id) if jobs and kind_of(node_id) is Kind.OPERATION and node_id not in roots else None
        return job or node_id

    def shown(node_id: str) -> bool:
        return node_id in roots or kind_of(node_id) not in hidden or label(node_id) != node_id

    back = [EdgeKey(key.target, key.kind, key.source) for key in edges]
    up = search(back, roots, shown, depth) if direction is not Direction.DOWNSTREAM else dict(roots)
    down = search(edges, roots, shown, depth) if direction is not Direction.UPSTREAM else dict(roots)
    nodes: Nodes = {}
    for found, bit in ((up, UP), (down, DOWN)):
        for node_id, at in found.items():
            old = nodes.get(label(node_id), (at, 0))
            nodes[label(node_id)] = min(at, old[0]), old[1] | bit
    joined: Joined = {}
    seen = [key for key in edges if visible(key.source) and visible(key.target)]
    for (source, target, kind), via in join(seen, up.keys() | down.keys(), lambda n: not shown(n)).items():
        named = label(source), label(target), kind
        joined[named] = joined.get(named, frozenset()) | via
    return Answer(nodes, joined)


def given(answer: Folded) -> Answer:
    """What was answered, in the oracle's words. Only where no via was cut."""
    assert list(answer.ids) == [i for _, i in sorted(zip(answer.depths.tolist(), answer.ids, strict=True))]
    ends = list(zip(answer.sources.tolist(), answer.targets.tolist(), answer.edge_kinds.tolist(), strict=True))
    assert ends == sorted(set(ends))
    assert all(list(via) == sorted(set(via)) for via in answer.via)
    assert answer.via_counts.tolist() == [len(via) for via in answer.via]
    bits = zip(answer.depths.tolist(), answer.reached.tolist(), strict=True)
    return Answer(
        dict(zip(answer.ids, bits, strict=True)),
        {
            (answer.ids[source], answer.ids[target], kind): frozenset(via)
            for (source, target, kind), via in zip(ends, answer.via, strict=True)
        },
    )


def text_edges(subgraph: Subgraph) -> list[EdgeKey]:
    """The edges of a subgraph in text."""
    return [
        EdgeKey(subgraph.ids[a], EDGE_KINDS[kind], subgraph.ids[b])
        for a, kind, b in zip(subgraph.sources, subgraph.edge_kinds, subgraph.targets, strict=True)
    ]
