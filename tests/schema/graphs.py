"""Small graphs in few words, asked through the reference backend."""

from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from backends.changes import Changes, EdgeChange, NodeChange
from backends.ids import Kind, kind_of, make_id
from backends.memory import MemoryBackend
from backends.model import ENDS, FLOW, Direction, EdgeKey, EdgeKind, Subgraph, Traversal
from schema.fold import HIDDEN_BY_DEFAULT, Folded, fold, hops_needed

T = TypeVar("T")

EVERY = frozenset(Kind)


def node(word: str) -> str:
    """The id a word means: `a` a dataset, `*j.1` operation 1 of job j, `*1` one without a job, `M1` a model, `P1` a
    prediction, `A1` an asset, `U1` a user, `J:j` a job, `t/c` column c of dataset t.

    >>> node("a"), node("*j.1"), node("*1"), node("t/c")
    ('dataset:n#a', 'operation:n#j#1', 'operation:n##1', 'column:n#t#c')
    """
    if word.startswith("*"):
        job, _, name = word[1:].rpartition(".")
        return make_id(Kind.OPERATION, "n", job, name)
    if word.startswith("J:"):
        return make_id(Kind.JOB, "n", word[2:])
    if "/" in word:
        return make_id(Kind.COLUMN, "n", *word.split("/"))
    kind = {"M": Kind.MODEL, "P": Kind.PREDICTION, "A": Kind.ASSET, "U": Kind.USER}.get(word[0], Kind.DATASET)
    return make_id(kind, "n", word, "1") if kind is Kind.MODEL else make_id(kind, "n", word)


def edge(source: str, target: str) -> EdgeKey:
    """The edge between two ids, of the kind that may join them."""
    ends = kind_of(source), kind_of(target)
    kind = next(k for k in EdgeKind if not k.is_hidden and ends[0] in ENDS[k][0] and ends[1] in ENDS[k][1])
    return EdgeKey(source, kind, target)


def chains(*lines: str) -> list[EdgeKey]:
    """The edges of lines of words, each word leading to the next; one that is given twice is there once."""
    pairs = [pair for line in lines for pair in zip(line.split(), line.split()[1:], strict=False)]
    return list(dict.fromkeys(edge(node(a), node(b)) for a, b in pairs))


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, as those of the memory backend are; costs no event loop."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waited")


def ask(
    edges: Iterable[EdgeKey],
    roots: Mapping[str, int],
    direction: Direction = Direction.DOWNSTREAM,
    hops: int | None = None,
    *,
    edge_kinds: frozenset[EdgeKind] = FLOW,
) -> Subgraph:
    """What the reference backend answers of a graph of these edges and roots."""
    edges = list(edges)
    backend = MemoryBackend()
    ids = dict.fromkeys([*roots, *(end for key in edges for end in (key.source, key.target))])
    changes = Changes(1, tuple(NodeChange(i, seen=(1, 1)) for i in ids), tuple(EdgeChange(key, {"t": {}}) for key in edges))
    run(backend.apply(changes))
    return shuffled(run(backend.traverse(Traversal(roots, direction, hops, edge_kinds))))


def shuffled(subgraph: Subgraph) -> Subgraph:
    """The same in another order of rows and edges: none is promised."""
    rng = np.random.default_rng(len(subgraph))
    rows, edges = rng.permutation(len(subgraph)), rng.permutation(len(subgraph.sources))
    place = np.argsort(rows).astype(np.int32)
    return replace(
        subgraph,
        numbers=subgraph.numbers[rows],
        kinds=subgraph.kinds[rows],
        depths=subgraph.depths[rows],
        reached=subgraph.reached[rows],
        namespaces=subgraph.namespaces[rows],
        ids=tuple(subgraph.ids[row] for row in rows),
        sources=place[subgraph.sources[edges]],
        targets=place[subgraph.targets[edges]],
        edge_kinds=subgraph.edge_kinds[edges],
    )


def folded(
    edges: Iterable[EdgeKey],
    roots: str | Mapping[str, int],
    direction: Direction = Direction.DOWNSTREAM,
    depth: int | None = None,
    hidden: frozenset[Kind] = HIDDEN_BY_DEFAULT,
    *,
    edge_kinds: frozenset[EdgeKind] = FLOW,
    jobs: bool = False,
    stands_for: Mapping[str, str] | None = None,
    max_nodes: int | None = None,
) -> Folded:
    """A graph asked and folded as the API does; roots are words, or words with their starting depths."""
    starts = dict.fromkeys(roots.split(), 0) if isinstance(roots, str) else roots
    starts = {node(word): depth for word, depth in starts.items()}
    hops = hops_needed(depth, hidden, edge_kinds=edge_kinds, start=max(starts.values()))
    subgraph = ask(edges, starts, direction, hops, edge_kinds=edge_kinds)
    return fold(
        subgraph,
        roots=starts,
        hidden=hidden,
        direction=direction,
        depth=depth,
        jobs=jobs,
        stands_for={node(a): node(b) for a, b in (stands_for or {}).items()},
        max_nodes=max_nodes,
    )


def short(node_id: str) -> str:
    """The word of an id, to read."""
    kind, _, rest = node_id.partition(":")
    parts = rest.split("#")[1:]
    if kind == "operation":
        return f"*{'.'.join(part for part in parts if part)}"
    return f"J:{parts[0]}" if kind == "job" else "/".join(parts) if kind == "column" else parts[0]


def depths(answer: Folded) -> dict[str, int]:
    """Words and depths in the order given."""
    return {short(i): depth for i, depth in zip(answer.ids, answer.depths.tolist(), strict=True)}


def ways(answer: Folded) -> dict[str, int]:
    """Words and the bits UP and DOWN."""
    return {short(i): bits for i, bits in zip(answer.ids, answer.reached.tolist(), strict=True)}


def edges_of(answer: Folded) -> list[str]:
    """Edges in the order given: `a > b` as it is, `a > b via *1 *2` folded."""
    rows = zip(
        answer.sources.tolist(),
        answer.targets.tolist(),
        answer.edge_kinds.tolist(),
        answer.via,
        answer.via_counts,
        strict=True,
    )
    found = []
    for source, target, kind, via, count in rows:
        assert (kind == 255) == bool(via)
        assert count >= len(via)
        text = f"{short(answer.ids[source])} > {short(answer.ids[target])}"
        found.append(f"{text} via {' '.join(map(short, via))}" if via else text)
    return found
