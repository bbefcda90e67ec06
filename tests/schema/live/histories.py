"""Random histories of small graphs, and random questions about them."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from backends.changes import Changes, EdgeChange, NodeChange
from backends.ids import Kind, kind_of
from backends.memory import MemoryBackend
from backends.model import ENDS, EdgeKey, EdgeKind
from tests.schema.graphs import node
from tests.schema.world import DAY

WORDS = ["a", "b", "c", "d", "A1", "*j.1", "*j.2", "*k.1", "*1", "*2", "M1", "P1", "J:j", "J:k", "a/x", "a/y", "b/z", "U1"]
NODES = [node(word) for word in WORDS]
MEMBERS = [
    EdgeKey(node(job), EdgeKind.HAS_OPERATION, node(each))
    for job, each in (("J:j", "*j.1"), ("J:j", "*j.2"), ("J:k", "*k.1"))
]
MEMBERS += [EdgeKey(node(each[0]), EdgeKind.HAS_COLUMN, node(each)) for each in ("a/x", "a/y", "b/z")]
EDGES = [
    EdgeKey(a, kind, b)
    for kind in sorted(set(EdgeKind) - {EdgeKind.HAS_OPERATION, EdgeKind.HAS_COLUMN, EdgeKind.PAIR, EdgeKind.MENTIONS})
    for a in NODES
    for b in NODES
    if kind_of(a) in ENDS[kind][0] and kind_of(b) in ENDS[kind][1]
]
KINDS = [
    None,
    None,
    None,
    ["DATASET"],
    ["COLUMN"],
    ["DATASET", "OPERATION"],
    ["DATASET", "JOB"],
    ["MODEL", "PREDICTION"],
    ["DATASET", "OPERATION", "JOB", "MODEL", "ASSET"],
]
EDGE_KINDS = [None, None, None, None, ["DERIVES"], ["INPUT_TO", "PRODUCES"], ["INPUT_TO", "PRODUCES", "PERFORMED"]]


@dataclass
class History:
    """What happens, step by step. `mirror` is the reference, to which everything happens too."""

    random: Random
    mirror: MemoryBackend = field(default_factory=MemoryBackend)
    time: int = DAY

    def first(self) -> Changes:
        """A graph to begin with."""
        keys = self.random.sample(EDGES, self.random.randint(8, 25)) + MEMBERS
        return self._said([EdgeChange(key, {"t": {}}) for key in keys], NODES)

    def next(self) -> Changes:
        """Something that may happen: mostly an edge or a few, sometimes a node or a name."""
        chance, random = self.random.random(), self.random
        self.time += 1
        standing = [key for key, edge in self.mirror.edges.items() if edge.tallies]
        if chance < 0.35:
            return self._said([EdgeChange(key, {"t": {}}) for key in random.sample(EDGES, random.randint(1, 3))])
        if chance < 0.75 and standing:
            gone = random.sample(standing, min(len(standing), random.randint(1, 3)))
            return Changes(self.time, edges=tuple(EdgeChange(key, drop=frozenset({"t"})) for key in gone))
        each = random.choice(NODES)
        if chance < 0.85:
            return Changes(self.time, (NodeChange(each, deleted_at=self.time),))
        if chance < 0.93:
            return self._said([EdgeChange(key, {"t": {}}) for key in random.sample([*EDGES, *MEMBERS], 2)], [each])
        if chance < 0.97:
            withdrawn = random.random() < 0.5
            return Changes(self.time, (NodeChange(each, withdrawn=withdrawn),))
        other = random.choice([node_id for node_id in NODES if kind_of(node_id) is kind_of(each)])
        alias = "" if random.random() < 0.5 else other
        if alias and (self.mirror.rows[other].alias_of or any(row.alias_of == each for row in self.mirror.rows.values())):
            alias = ""
        return Changes(self.time, (NodeChange(each, alias_of=alias),))

    def _said(self, edges: list[EdgeChange], more: list[str] | None = None) -> Changes:
        ends = dict.fromkeys([*(end for each in edges for end in (each.key.source, each.key.target)), *(more or ())])
        return Changes(self.time, tuple(NodeChange(each, seen=(self.time, self.time)) for each in ends), tuple(edges))

    def stands(self, node_id: str) -> bool:
        row = self.mirror.rows.get(node_id)
        return row is not None and row.standing

    def question(self) -> dict[str, Any]:
        """Variables of `lineage`."""
        random = self.random
        return {
            "of": random.sample([each for each in NODES if kind_of(each) is not Kind.USER], random.choice([1, 1, 1, 2])),
            "direction": random.choice(["UPSTREAM", "DOWNSTREAM", "BOTH"]),
            "depth": random.choice([None, None, 0, 1, 2, 3]),
            "kinds": random.choice(KINDS),
            "edgeKinds": random.choice(EDGE_KINDS),
        }
