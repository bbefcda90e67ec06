"""How long the pure part of an answer takes: folding, counts, edges, levels and routes of subgraphs of some size.

    python -m benchmarks.fold [nodes ...]

The subgraphs are what a root reaches in layers of jobs and tables, about 2.6 edges a node, inputs skewed.
"""

import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np

from backends.ids import Kind
from backends.model import Direction, EdgeKind, Epoch, Subgraph
from schema.adjacency import Adjacency, search
from schema.fold import HIDDEN_BY_DEFAULT, Shown, show
from schema.impact import impact_levels, summary
from schema.paths import shortest_paths

LAYERS = 24


def layered(nodes: int, seed: int = 7) -> Subgraph:
    """What row 0 reaches: tables and operations in alternating layers, ids in no order."""
    rng = np.random.default_rng(seed)
    pairs = nodes // 2
    layer = np.minimum(np.arange(pairs) * LAYERS // (2 * pairs), LAYERS // 2 - 1)
    first = np.searchsorted(layer, np.arange(LAYERS // 2 + 1))
    tables = np.arange(pairs) * 2 + 2  # operation 2i + 1 writes table 2i + 2, and sometimes another of its layer
    edges: list[tuple[int, int, int]] = []
    for i in range(pairs):
        low, high = (first[layer[i] - 1], first[layer[i]]) if layer[i] else (0, 0)
        if high:
            inputs = {int(tables[low + int((high - low) * u**2)]) for u in rng.random(1 + rng.zipf(1.75) % 40)}
        else:
            inputs = {0}
        outputs = {int(tables[i]), int(tables[int(rng.integers(first[layer[i]], i + 1))])}
        edges += [(table, 2 * i + 1, EdgeKind.INPUT_TO.code) for table in inputs]
        edges += [(2 * i + 1, table, EdgeKind.PRODUCES.code) for table in outputs]
    size = 2 * pairs + 1
    name, domain = rng.permutation(size), rng.integers(0, 40, size)
    ids = tuple(
        f"operation:domain{d}#job{n}#0123456789abcdef" if row % 2 else f"dataset:domain{d}#table{n}"
        for row, (d, n) in enumerate(zip(domain.tolist(), name.tolist(), strict=True))
    )
    columns = np.array(edges)
    a, b = columns[:, 0].astype(np.int32), columns[:, 1].astype(np.int32)
    depths = search(Adjacency(size, a, b), {0: 0}, np.ones(size, np.bool_))
    return Subgraph(
        epoch=Epoch(0, 0),
        numbers=np.arange(size, dtype=np.int64),
        kinds=np.where(np.arange(size) % 2, Kind.OPERATION.code, Kind.DATASET.code).astype(np.uint8),
        depths=depths,
        reached=np.where(depths == 0, 3, 2).astype(np.uint8),
        namespaces=domain.astype(np.int32),
        namespace_names=tuple(f"domain{i}" for i in range(40)),
        ids=ids,
        sources=a,
        targets=b,
        edge_kinds=columns[:, 2].astype(np.uint8),
    )


def best(act: Callable[[], object], times: int = 7) -> float:
    """The least of some times, in milliseconds."""
    taken = []
    for _ in range(times):
        begun = perf_counter()
        act()
        taken.append(perf_counter() - begun)
    return min(taken) * 1000


def measure(size: int) -> None:
    """Prints what a subgraph of about `size` nodes costs."""
    graph = layered(size)
    far = int(np.argmax(graph.depths * (graph.kinds == Kind.DATASET.code)))

    def shown(hidden: frozenset[Kind] = HIDDEN_BY_DEFAULT, *, jobs: bool = False, depth: int | None = None) -> Shown:
        roots = {graph.ids[0]: 0}
        return show(graph, roots=roots, hidden=hidden, direction=Direction.DOWNSTREAM, depth=depth, jobs=jobs)

    found = shown()
    print(f"{len(graph):,} nodes, {len(graph.sources):,} edges, depth {graph.depths.max()}, shown {len(found):,}")
    acts: dict[str, Callable[[], object]] = {
        "depths and columns": shown,
        "the same, depth 3": lambda: shown(depth=3),
        "counts": lambda: summary(found, roots=False),
        "the nearest 50, sorted, with edges": lambda: found.first(50),
        "the nearest 1,000, sorted, with edges": lambda: found.first(1000),
        "all, sorted, with edges": found.first,
        "last steps of the nearest 50": lambda: found.last_steps(found.nearest(50)[0], Direction.DOWNSTREAM),
        "jobs and tables, the nearest 1,000": lambda: shown(jobs=True).first(1000),
        "jobs alone, the nearest 1,000": lambda: shown(HIDDEN_BY_DEFAULT | {Kind.DATASET}, jobs=True).first(1000),
        "impact levels": lambda: impact_levels(graph, [0]),
        "10 shortest routes": lambda: shortest_paths(graph, 0, far, HIDDEN_BY_DEFAULT, 10),
    }
    for what, act in acts.items():
        print(f"  {what:<40} {best(act):9.2f} ms")


if __name__ == "__main__":
    for nodes in [int(size) for size in sys.argv[1:]] or [1_000, 10_000, 100_000]:
        measure(nodes)
