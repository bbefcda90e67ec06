"""What was asked and answered, and the replay that judges it: by the log alone, with a walk of its own."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from backends.changes import LogOp, LogRow
from backends.model import DOWN, EDGE_KINDS, UP, Direction, Epoch, Subgraph, Traversal
from backends.rows import chain

Edge: TypeAlias = tuple[str, str, str]


class Read(NamedTuple):
    """A question by its number, the greatest seq acknowledged before it was asked and the one read after it was answered,
    what the answer says of itself, and a hash of all it holds."""

    question: int
    acknowledged: int
    after: int
    epoch: Epoch
    word: str
    digest: str


def digest_of(nodes: Iterable[tuple[str, int, int]], edges: Iterable[Edge], *, truncated: bool) -> str:
    """Equal for equal answers."""
    said = repr((sorted(nodes), sorted(edges), truncated))
    return blake2b(said.encode(), digest_size=12).hexdigest()


def digest(subgraph: Subgraph) -> str:
    ids = list(subgraph.ids)
    nodes = list(zip(ids, subgraph.depths.tolist(), subgraph.reached.tolist(), strict=True))
    columns = zip(subgraph.sources.tolist(), subgraph.edge_kinds.tolist(), subgraph.targets.tolist(), strict=True)
    edges = [(ids[source], EDGE_KINDS[kind].value, ids[target]) for source, kind, target in columns]
    assert len({*ids}) == len(ids), "a node is in the answer twice"
    assert len({*edges}) == len(edges), "an edge is in the answer twice"
    return digest_of(nodes, edges, truncated=subgraph.truncated)


class Graph:
    """The topology as the log tells it."""

    def __init__(self) -> None:
        self.ids: dict[int, str] = {}
        self.nodes: set[str] = set()
        self.edges: set[Edge] = set()

    def take(self, row: LogRow) -> None:
        match row.op:
            case LogOp.NODE_CAME:
                assert row.id is not None
                self.ids[row.source] = row.id
                self.nodes.add(row.id)
            case LogOp.NODE_WENT:
                self.nodes.remove(self.ids[row.source])
            case _:
                edge = (self.ids[row.source], EDGE_KINDS[row.code].value, self.ids[row.target])
                (self.edges.add if row.op is LogOp.EDGE_CAME else self.edges.remove)(edge)

    def answer(self, question: Traversal) -> str:
        """The digest of the right answer, by the rules of `Traversal` and nothing else."""
        kinds = {kind.value for kind in question.edge_kinds}
        edges = [edge for edge in self.edges if edge[1] in kinds]
        found: dict[int, dict[str, int]] = {}
        if question.direction is not Direction.UPSTREAM:
            found[DOWN] = self._walk(question, [(source, target) for source, _, target in edges])
        if question.direction is not Direction.DOWNSTREAM:
            found[UP] = self._walk(question, [(target, source) for source, _, target in edges])
        least: dict[str, int] = {}
        reached: dict[str, int] = defaultdict(int)
        for way, depths in found.items():
            for node, depth in depths.items():
                least[node] = min(depth, least.get(node, depth))
                reached[node] |= way
        for root in question.roots.keys() & least.keys():
            reached[root] = UP | DOWN
        kept = sorted(least, key=lambda node: (least[node], node.encode()))[: question.max_nodes]
        inside = {*kept}
        return digest_of(
            [(node, least[node], reached[node]) for node in kept],
            [edge for edge in edges if edge[0] in inside and edge[2] in inside],
            truncated=len(kept) < len(least),
        )

    def _walk(self, question: Traversal, steps: Sequence[tuple[str, str]]) -> dict[str, int]:
        """Bellman and Ford's way: slow, short, and unlike any other here."""
        depths = {root: depth for root, depth in question.roots.items() if root in self.nodes}
        changed = True
        while changed:
            changed = False
            for near, far in steps:
                depth = depths.get(near)
                if depth is None or (question.max_depth is not None and depth >= question.max_depth):
                    continue
                if depths.get(far, depth + 2) > depth + 1:
                    depths[far] = depth + 1
                    changed = True
        return depths


@dataclass(frozen=True, slots=True)
class Wrong:
    """A read that no epoch it may be of explains."""

    read: Read
    why: str


def judge(rows: Sequence[LogRow], start: Epoch, asked: Sequence[Traversal], reads: Iterable[Read]) -> list[Wrong]:
    """The reads that are wrong. `rows` are the whole log from `start` on, where the store was empty."""
    by_seq: dict[int, list[Read]] = defaultdict(list)
    wrong: list[Wrong] = []
    for read in reads:
        if read.acknowledged <= read.epoch.seq <= read.after:
            by_seq[read.epoch.seq].append(read)
        else:
            wrong.append(Wrong(read, "not of an epoch between the question and the answer"))
    graph, epoch = Graph(), start
    for row in (None, *rows):
        if row is not None:
            graph.take(row)
            epoch = Epoch(row.seq, chain(epoch.chain, row[1:]))
        right: dict[int, str] = {}
        for read in by_seq.pop(epoch.seq, ()):
            if read.epoch != epoch:
                wrong.append(Wrong(read, "of another history"))
                continue
            if read.question not in right:
                right[read.question] = graph.answer(asked[read.question])
            if read.digest != right[read.question]:
                wrong.append(Wrong(read, "not the graph at its epoch"))
    wrong += [Wrong(read, "of an epoch that never was") for left in by_seq.values() for read in left]
    return wrong
