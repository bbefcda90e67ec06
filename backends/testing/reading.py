"""How the suite reads a backend: answers as plain values, checked on the way, and whole pages of everything."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from backends.base import LineageBackend
from backends.changes import Changes, Cursor, NodeFilter, Order, Page
from backends.ids import KINDS, kind_of, namespace_of
from backends.model import (
    EDGE_KINDS,
    FLOW,
    MAX_NODES,
    Direction,
    Edge,
    EdgeKey,
    Epoch,
    Json,
    Node,
    Subgraph,
    Traversal,
    canonical,
)
from backends.testing.graphs import column, short

UPSTREAM, DOWNSTREAM, BOTH = Direction.UPSTREAM, Direction.DOWNSTREAM, Direction.BOTH
ENDLESS = 10_000
"""Pages after which a walk through pages is taken not to end."""


class Answer(NamedTuple):
    """What a traversal found, comparable: id -> (depth, reached), the edges, whether it was cut, and at which epoch."""

    nodes: Mapping[str, tuple[int, int]]
    edges: frozenset[EdgeKey]
    truncated: bool
    epoch: Epoch

    @property
    def depths(self) -> dict[str, int]:
        """Depth by the name in the picture."""
        return {short(node_id): depth for node_id, (depth, _) in self.nodes.items()}

    @property
    def arrows(self) -> str:
        """The edges as a picture, sorted."""
        return " ".join(sorted(f"{short(key.source)}-{short(key.target)}" for key in self.edges))

    @property
    def said(self) -> tuple[Json, ...]:
        """All but the epoch, which differs from store to store."""
        return (dict(self.nodes), set(self.edges), self.truncated)


def answer(subgraph: Subgraph) -> Answer:
    """The subgraph as a value. Its columns must fit each other, no node or edge may be in it twice."""
    size = len(subgraph)
    ids = list(subgraph.ids)
    columns = (ids, subgraph.kinds, subgraph.depths, subgraph.reached, subgraph.namespaces, subgraph.numbers)
    assert [len(rows) for rows in columns] == [size] * len(columns), "columns of nodes differ in length"
    assert len(set(ids)) == size, "a node is in the answer twice"
    assert len(set(subgraph.numbers.tolist())) == size, "two nodes of the answer have one number"
    for node_id, kind, namespace in zip(ids, subgraph.kinds, subgraph.namespaces, strict=True):
        assert KINDS[kind] is kind_of(node_id)
        assert subgraph.namespace_names[namespace] == namespace_of(node_id)
    assert len(subgraph.sources) == len(subgraph.targets) == len(subgraph.edge_kinds), "columns of edges differ in length"
    edges = subgraph.edge_keys()
    assert len(set(edges)) == len(edges), "an edge is in the answer twice"
    assert subgraph.cache in ("HIT", "REPAIRED", "MISS", "BYPASS")
    types = (subgraph.numbers, subgraph.kinds, subgraph.depths, subgraph.reached, subgraph.sources, subgraph.targets)
    assert [str(rows.dtype) for rows in types] == ["int64", "uint8", "int32", "uint8", "int32", "int32"]
    reached = zip(subgraph.depths.tolist(), subgraph.reached.tolist(), strict=True)
    return Answer(dict(zip(ids, reached, strict=True)), frozenset(edges), subgraph.truncated, subgraph.epoch)


Roots: TypeAlias = str | Iterable[str] | Mapping[str, int]


async def ask(
    backend: LineageBackend,
    roots: Roots,
    direction: Direction,
    depth: int | None = None,
    *,
    kinds: Iterable[str] = FLOW,
    most: int = MAX_NODES,
) -> Answer:
    """The answer to a traversal. Roots are ids, or names in a picture, which have no colon."""
    if isinstance(roots, str):
        roots = [roots]
    starts = dict(roots) if isinstance(roots, Mapping) else dict.fromkeys(roots, 0)
    ids = {name if ":" in name else column(name): start for name, start in starts.items()}
    followed = frozenset(kind for kind in EDGE_KINDS if kind in kinds)
    return answer(await backend.traverse(Traversal(ids, direction, depth, followed, most)))


def node_view(node: Node | None) -> Json:
    """All of a node but its number and version, which are the backend's own. 1, 1.0 and True stay apart."""
    if node is None:
        return None
    members = {name: {k: (s.time, canonical(s.value)) for k, s in said.items()} for name, said in node.members.items()}
    return {
        "id": node.id,
        "kind": node.kind,
        "standing": node.standing,
        "attributes": canonical(dict(node.attributes)),
        "times": (node.first_seen, node.last_seen, node.deleted_at),
        "aliases": node.aliases,
        "members": members,
    }


def edge_view(edge: Edge | None) -> Json:
    """All of an edge."""
    if edge is None:
        return None
    tallies = {tally: canonical(dict(facts)) for tally, facts in edge.tallies.items()}
    steps = [canonical(dict(step)) for step in edge.transformations]
    return {
        "key": edge.key,
        "tallies": tallies,
        "evidence": edge.evidence,
        "transformations": steps,
        "retracted_at": edge.retracted_at,
    }


async def node_of(backend: LineageBackend, node_id: str, *, facets: bool = False) -> Node:
    """A node or record that must be known."""
    node = (await backend.get([node_id], facets=facets)).nodes[0]
    assert node is not None, f"{node_id} is unknown"
    return node


async def edge_of(backend: LineageBackend, key: EdgeKey) -> Edge:
    """An edge that must be known."""
    edge = (await backend.get([], [key])).edges[0]
    assert edge is not None, f"{key} is unknown"
    return edge


async def epoch_of(backend: LineageBackend) -> Epoch:
    """The current epoch."""
    return (await backend.changes_since(None)).epoch


async def listed(
    backend: LineageBackend, where: NodeFilter, order: Order = Order.ID, size: int = 1000, beside: Iterable[Changes] = ()
) -> list[str]:
    """The ids of all pages, in order. Before each page but the first one of the writes in `beside` is applied."""
    ids: list[str] = []
    writes = iter(beside)
    async for nodes in pages(backend, where, order, size):
        ids += [node.id for node in nodes]
        for changes in writes:
            await backend.apply(changes)
            break
    return ids


async def pages(backend: LineageBackend, where: NodeFilter, order: Order, size: int) -> AsyncIterator[tuple[Node, ...]]:
    """Page after page; a cursor outlives its way through JSON, as it does to a client and back."""
    after: Cursor | None = None
    for _ in range(ENDLESS):
        page = await backend.find_nodes(where, order, Page(size, after))
        assert len(page.nodes) == len(page.cursors) <= size
        assert page.total is None, "a total that nobody asked for costs"
        yield page.nodes
        if not page.more:
            return
        assert page.nodes, "more rows are promised, but there is none to go on from"
        after = through_json(page.cursors[-1])
    raise AssertionError("the pages do not end")


def through_json(cursor: Cursor) -> Cursor:
    """A cursor as it comes back from a client. JSON gives lists; whoever decodes one makes the tuple again."""
    return tuple(json.loads(json.dumps(cursor)))


async def copied(
    backend: LineageBackend, into: LineageBackend, beside: Callable[[int], Changes] | None = None
) -> LineageBackend:
    """Applies a scan of `backend`, page by page, to an empty store. After page n `beside(n)` is written to `backend`."""
    after: Cursor | None = None
    for turn in range(ENDLESS):
        page = await backend.scan(after)
        await into.apply(page.changes)
        if beside is not None:
            await backend.apply(beside(turn))
        if page.next is None:
            return into
        after = page.next
    raise AssertionError("the scan does not end")


async def scanned(backend: LineageBackend) -> None:
    """Reads all of `scan_topology`."""
    after: Cursor | None = None
    for _ in range(ENDLESS):
        after = (await backend.scan_topology(after)).next
        if after is None:
            return
    raise AssertionError("the scan does not end")


class Topology(NamedTuple):
    """The standing nodes as number -> id, and the edges among them."""

    ids: dict[int, str]
    edges: set[EdgeKey]


async def topology(backend: LineageBackend) -> Topology:
    """All of `scan_topology`; nothing may come twice, and an edge needs both its ends."""
    ids: dict[int, str] = {}
    triples: list[tuple[int, int, int]] = []
    after: Cursor | None = None
    for _ in range(ENDLESS):
        page = await backend.scan_topology(after)
        part = page.topology
        for number, kind, node_id in zip(part.numbers.tolist(), part.kinds.tolist(), part.ids, strict=True):
            assert number not in ids, f"number {number} comes twice"
            assert KINDS[kind] is kind_of(node_id)
            ids[number] = node_id
        triples += zip(part.sources.tolist(), part.edge_kinds.tolist(), part.targets.tolist(), strict=True)
        after = page.next
        if after is None:
            break
    assert after is None, "the scan does not end"
    assert len(set(ids.values())) == len(ids), "a node has two numbers"
    edges = {EdgeKey(ids[source], EDGE_KINDS[kind], ids[target]) for source, kind, target in triples}
    assert len(edges) == len(triples), "an edge comes twice"
    return Topology(ids, edges)
