"""Graphs to measure on, made from a seed, as columns; and the writes that load them through the contract.

`layered`: alternating layers of datasets and operations, domains of power-law size, operations with few inputs (most
one or two, some forty), popular tables, a few edges across domains. `catalogue`: the shape of a company's catalogue whose
parameters are in ../shared/data/shapes: sources, raw, staging, core, marts, dashboards and models.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.changes import Changes, EdgeChange, NodeChange
from backends.ids import Kind, make_id
from backends.model import EDGE_KINDS, EdgeKey, EdgeKind, Stamped

Ints = NDArray[np.int64]
SHAPES = Path(__file__).parents[1] / "../shared/data/shapes/lineage_graph_shapes.json"
AT = 1_754_000_000_000_000
NAMES = """
orders customers payments sessions clicks invoices products suppliers shipments returns accounts ledger users events
campaigns leads tickets employees salaries stores prices stock forecasts margins churn features scores labels budgets
contracts vendors refunds visits baskets coupons regions calendars rates risks claims policies assets devices sensors
trips drivers routes fares
"""
WORDS = NAMES.split()


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes 0 to n - 1 and edges between them; `edge_kinds` are codes."""

    ids: list[str]
    sources: Ints
    edge_kinds: Ints
    targets: Ints

    def __len__(self) -> int:
        return len(self.ids)


def layered(nodes: int, seed: int = 7, layers: int = 24) -> Graph:
    """Some 2.7 edges a node. Half of the nodes are datasets, in the even layers."""
    random = np.random.default_rng(seed)
    layer = np.sort(random.integers(0, layers, nodes))
    domains = max(4, nodes // 2_500)
    weight = 1.0 / np.arange(1, domains + 1) ** 1.05
    domain = random.choice(domains, nodes, p=weight / weight.sum())
    order = np.lexsort((domain, layer))
    layer, domain = layer[order], domain[order]
    cell = layer * domains + domain
    first = np.searchsorted(cell, np.arange(layers * domains + 1))

    def pick(at: Ints, of_domain: Ints, skew: float) -> Ints:
        """One node of each cell (layer, domain), the early ones more often by the skew; -1 where the cell is empty."""
        where = at * domains + of_domain
        size = first[where + 1] - first[where]
        chosen = first[where] + np.floor(size * random.random(len(where)) ** skew).astype(np.int64)
        return np.where(size > 0, chosen, -1)

    operations = np.flatnonzero(layer % 2 == 1)
    wanted = np.minimum(random.zipf(1.75, len(operations)), 40)
    reader = np.repeat(operations, wanted)
    strange = random.random(len(reader)) < 0.018
    read = pick(layer[reader] - 1, np.where(strange, random.integers(0, domains, len(reader)), domain[reader]), 3.0)
    tables = np.flatnonzero((layer % 2 == 0) & (layer > 0))
    written = np.repeat(tables, 1 + (random.random(len(tables)) < 0.15))
    writer = pick(layer[written] - 1, domain[written], 1.0)
    sources = np.concatenate((read, writer))
    targets = np.concatenate((reader, written))
    kinds = np.repeat([EdgeKind.INPUT_TO.code, EdgeKind.PRODUCES.code], [len(read), len(writer)])
    edges = np.unique(np.stack((sources, kinds, targets))[:, sources >= 0], axis=1)
    new = random.permutation(nodes)
    ids = [""] * nodes
    stages = ("src", "raw", "stg", "core", "mart", "agg", "feat", "rpt")
    for node, (number, depth, of) in enumerate(zip(new.tolist(), layer.tolist(), domain.tolist(), strict=True)):
        name = f"{stages[depth * len(stages) // layers]}.{WORDS[of % len(WORDS)]}_{WORDS[node % len(WORDS)]}_{node}"
        if depth % 2:
            ids[number] = make_id(Kind.OPERATION, f"scheduler-{of % 37}", name, f"{node * 2654435761 % 2**64:016x}")
        else:
            ids[number] = make_id(Kind.DATASET, f"postgres://db{of % 211}:5432", f"d{of}.{name}")
    return Graph(ids, new[edges[0]], edges[1], new[edges[2]])


def catalogue(assets: int, seed: int = 7, shapes: Path = SHAPES) -> Graph:
    """Assets by domain and layer with the upstreams that the shapes describe, each behind an operation of its own."""
    said = json.loads(shapes.read_text())
    random = np.random.default_rng(seed)
    shares: dict[str, float] = said["layers_share_of_assets"]
    weights: dict[str, int] = said["domains_weight_percent"]
    made = _Catalogue(random, said["zipf"]["alpha"])
    for name, percent in weights.items():
        made.domain(name, {layer: max(1, round(assets * share * percent / 100)) for layer, share in shares.items()}, said)
    made.marts_across_domains()
    return made.graph()


class _Catalogue:
    def __init__(self, random: np.random.Generator, alpha: float) -> None:
        self._random, self._alpha = random, alpha
        self._ids: list[str] = []
        self._upstreams: dict[int, set[int]] = {}
        self._core: dict[str, list[int]] = {}
        self._marts: list[tuple[str, int]] = []

    def domain(self, name: str, sizes: dict[str, int], said: Any) -> None:
        """The layers of one domain, each with its upstreams in the ones before."""
        made: dict[str, list[int]] = {}
        for layer, size in sizes.items():
            made[layer] = [self._asset(name, layer, place) for place in range(size)]
        zipf, random = self._zipf, self._random
        source, stream, raw, staging, core = (made[key] for key in ("source", "stream", "raw", "staging", "core"))
        dimensions = core[: max(1, round(len(core) * said["core_dimension_share"]))]
        for place, node in enumerate(stream):
            self._feeds(node, source[place % len(source)])
        for place, node in enumerate(raw):
            self._feeds(node, stream[place] if place < len(stream) else source[place % len(source)])
        for place, node in enumerate(staging):
            self._feeds(node, raw[place % len(raw)], *([zipf(raw)] if random.random() < 0.1 else ()))
        for place, node in enumerate(core):
            if place < len(dimensions):
                self._feeds(node, zipf(staging))
            else:
                self._feeds(node, staging[place % len(staging)], *(zipf(staging) for _ in range(random.integers(0, 3))))
                if random.random() < 0.6:
                    self._feeds(node, zipf(dimensions))
        for node in made["mart"]:
            self._feeds(node, zipf(core), *(zipf(core) for _ in range(random.integers(0, 3))))
            self._marts.append((name, node))
        for above, below in (("bi_model", "mart"), ("dashboard", "bi_model")):
            for node in made[above]:
                self._feeds(node, zipf(made[below]), *([zipf(made[below])] if random.random() < 0.3 else ()))
        for node in made["ml_model"]:
            self._feeds(node, zipf(core), zipf(core), zipf(made["mart"]))
        self._core[name] = dimensions

    def marts_across_domains(self) -> None:
        """A tenth of the marts read a dimension of another domain."""
        names = list(self._core)
        for name, node in self._marts:
            if self._random.random() < 0.1:
                others = [other for other in names if other != name]
                self._feeds(node, self._zipf(self._core[others[self._random.integers(len(others))]]))

    def graph(self) -> Graph:
        sources: list[int] = []
        kinds: list[int] = []
        targets: list[int] = []
        ids = list(self._ids)
        for node, upstreams in self._upstreams.items():
            namespace, name = ids[node].partition(":")[2].split("#")[:2]
            operation = len(ids)
            ids.append(make_id(Kind.OPERATION, namespace, f"build_{name}", f"{node:016x}"))
            for source in sorted(upstreams):
                sources.append(source)
                kinds.append(EdgeKind.INPUT_TO.code)
                targets.append(operation)
            sources.append(operation)
            kinds.append(EdgeKind.PRODUCES.code)
            targets.append(node)
        return Graph(ids, np.array(sources), np.array(kinds), np.array(targets))

    def _asset(self, domain: str, layer: str, place: int) -> int:
        kind = Kind.ASSET if layer in ("bi_model", "dashboard", "ml_model") else Kind.DATASET
        self._ids.append(make_id(kind, f"warehouse-{domain}", f"{layer}.{WORDS[place % len(WORDS)]}_{place}"))
        return len(self._ids) - 1

    def _zipf(self, nodes: list[int]) -> int:
        return nodes[min(len(nodes) - 1, int(len(nodes) * self._random.random() ** self._alpha))]

    def _feeds(self, node: int, *sources: int) -> None:
        self._upstreams.setdefault(node, set()).update(source for source in sources if source != node)


def writes(graph: Graph, size: int = 20_000) -> Iterator[Changes]:
    """The graph as writes of so many nodes or edges: nodes first, each with attributes as an event gives them, then edges
    in the order of their sources, each stated by one tally."""
    for begin in range(0, len(graph), size):
        yield Changes(
            AT,
            nodes=tuple(
                NodeChange(
                    node_id,
                    {
                        "type": Stamped(AT, "table"),
                        "owners": Stamped(AT, [f"team-{(begin + place) % 61}"]),
                        "description": Stamped(AT, f"number {begin + place}, loaded nightly"),
                        "tags": Stamped(AT, ["gold"] if place % 97 == 0 else []),
                    },
                    (AT, AT),
                )
                for place, node_id in enumerate(graph.ids[begin : begin + size])
            ),
        )
    order = np.lexsort((graph.targets, graph.edge_kinds, graph.sources))
    columns = (graph.sources[order].tolist(), graph.edge_kinds[order].tolist(), graph.targets[order].tolist())
    facts = {"origin": "run event", "confidence": 1.0, "runs": 30, "first": AT, "last": AT}
    edges = [
        EdgeChange(EdgeKey(graph.ids[source], EDGE_KINDS[kind], graph.ids[target]), {"tally:loaded": facts})
        for source, kind, target in zip(*columns, strict=True)
    ]
    for begin in range(0, len(edges), size):
        yield Changes(AT, edges=tuple(edges[begin : begin + size]))
