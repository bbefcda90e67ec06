"""The reference: the shortest code that obeys every rule of the contract. Tests compare every adapter with it.

It is also the backend behind `memory://`, for trying things and for tests of the layers above; it keeps nothing. The
topology before and after each write is computed whole, so a write costs time in proportion to the graph.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from backends.base import LineageBackend
from backends.changes import (
    Adjacent,
    Changes,
    Cursor,
    EdgeChange,
    LogOp,
    LogPage,
    LogRow,
    NodeChange,
    NodeFilter,
    NodePage,
    Order,
    Page,
    RecordChange,
    Resolution,
    ScanPage,
    Topology,
    TopologyPage,
)
from backends.errors import Conflict, Rejected, Unsupported
from backends.ids import kind_of, namespace_of
from backends.model import (
    DOWN,
    UP,
    Capabilities,
    Direction,
    Edge,
    EdgeKey,
    Epoch,
    Json,
    Node,
    Records,
    Subgraph,
    Traversal,
)
from backends.rows import NodeRow, as_edge, as_node, chain, changed, new_revision
from backends.text import document, rank

Tallies: TypeAlias = dict[str, Mapping[str, Json]]


class StoredEdge(NamedTuple):
    tallies: Tallies
    retracted_at: int | None


class StoredRecord(NamedTuple):
    value: Mapping[str, Json]
    version: int
    groups: tuple[str, ...]
    rank: int


class MemoryBackend(LineageBackend):
    """Everything in dictionaries."""

    def __init__(self, url: str = "memory://") -> None:
        self.rows: dict[str, NodeRow] = {}
        self.edges: dict[EdgeKey, StoredEdge] = {}
        self.records: dict[str, StoredRecord] = {}
        self.log: list[LogRow] = []
        self.epochs = [Epoch(0, chain(0, (0,)))]
        self.watermark: int | None = None
        self.revision: int | None = None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(name="memory")

    async def ping(self) -> None:
        return None

    # Reading

    async def get(self, ids: Sequence[str], edges: Sequence[EdgeKey] = (), *, facets: bool = False) -> Records:
        return Records(tuple(self._node(node_id, facets=facets) for node_id in ids), tuple(self._edge(key) for key in edges))

    def _node(self, node_id: str, *, facets: bool = False) -> Node | None:
        if record := self.records.get(node_id):
            return Node(node_id, kind_of(node_id), -1, record.version, True, record.value)
        row = self._row(node_id)
        if row is None:
            return None
        return as_node(row, [other for other in self.rows.values() if other.alias_of == row.id], facets=facets)

    def _row(self, name: str) -> NodeRow | None:
        """The row of the node that a name stands for."""
        row = self.rows.get(name)
        return row if row is None or row.alias_of is None else self.rows.get(row.alias_of)

    def _edge(self, key: EdgeKey) -> Edge | None:
        if key not in self.edges:
            return None
        tallies, retracted_at = self.edges[key]
        counts = {tally: self.records[tally].value for tally in tallies if tally in self.records}
        return as_edge(key, dict(tallies), counts, retracted_at)

    async def find_nodes(self, where: NodeFilter, order: Order, page: Page) -> NodePage:
        rows: list[tuple[Cursor, Node]] = []
        if where.group is not None:
            for node_id, record in self.records.items():
                if where.group in record.groups:
                    rows.append(((-record.rank, node_id), self._node(node_id)))  # type: ignore[arg-type]
        else:
            for node_id, row in self.rows.items():
                node = self._node(node_id) if row.standing else None
                if node is not None and (cursor := self._place(node, where, order)) is not None:
                    rows.append((cursor, node))
        rows = [(c, n) for c, n in rows if where.kinds is None or n.kind in where.kinds]
        if order is Order.ID:
            rows = [((node.id,), node) for _, node in rows]
        rows.sort(key=lambda found: found[0])
        try:
            after = [found for found in rows if page.after is None or found[0] > page.after]
        except TypeError:
            raise Rejected("not a cursor of this list") from None
        shown = after[: page.first]
        return NodePage(
            nodes=tuple(node for _, node in shown),
            cursors=tuple(cursor for cursor, _ in shown),
            more=len(after) > len(shown),
            total=len(rows) if page.total else None,
        )

    def _place(self, node: Node, where: NodeFilter, order: Order) -> Cursor | None:
        """Where a node stands in the order asked; None if it does not match."""
        if where.namespace is not None and namespace_of(node.id) != where.namespace:
            return None
        if not where.tags <= set(node.attributes.get("tags", ())):
            return None
        if where.adjacent is not None and not self._is_adjacent(node.id, where.adjacent):
            return None
        if not where.text:
            return (node.id,)
        doc = document(node.id, node.attributes)
        how_well = rank(where.text, doc)
        return None if how_well is None else (how_well, len(doc.name), node.id)

    def _is_adjacent(self, node_id: str, near: Adjacent) -> bool:
        if near.direction is Direction.DOWNSTREAM:
            key = EdgeKey(near.id, near.edge_kind, node_id)
        else:
            key = EdgeKey(node_id, near.edge_kind, near.id)
        return key in self.edges and bool(self.edges[key].tallies)

    async def traverse(self, traversal: Traversal) -> Subgraph:
        if traversal.as_of is not None:
            raise Unsupported("this backend keeps no history")
        nodes, standing = self._topology()
        edges = {key for key in standing if key.kind in traversal.edge_kinds}
        downstream, upstream = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        for key in edges:
            downstream[key.source].append(key.target)
            upstream[key.target].append(key.source)
        roots = {node_id: depth for node_id, depth in traversal.roots.items() if node_id in nodes}
        down = up = roots
        if traversal.direction in (Direction.DOWNSTREAM, Direction.BOTH):
            down = _walk(roots, downstream.__getitem__, traversal.max_depth)
        if traversal.direction in (Direction.UPSTREAM, Direction.BOTH):
            up = _walk(roots, upstream.__getitem__, traversal.max_depth)
        least = {n: min(d for d in (up.get(n), down.get(n)) if d is not None) for n in up.keys() | down.keys()}
        nearest = sorted(least, key=lambda n: (least[n], n))[: traversal.max_nodes]
        return Subgraph.build(
            self.epochs[-1],
            [(n, self.rows[n].number, least[n], UP * (n in up) | DOWN * (n in down)) for n in nearest],
            [key for key in edges if key.source in set(nearest) and key.target in set(nearest)],
            truncated=len(nearest) < len(least),
        )

    def _topology(self) -> tuple[set[str], set[EdgeKey]]:
        """The standing nodes, and the edges that someone states and whose ends both stand."""
        nodes = {row.id for row in self.rows.values() if row.standing}
        return nodes, {
            key
            for key, edge in self.edges.items()
            if edge.tallies and not key.kind.is_hidden and key.source in nodes and key.target in nodes
        }

    # Writing

    async def apply(self, changes: Changes) -> Epoch:
        self._check(changes)
        before = self._topology()
        for node in changes.nodes:
            self._apply_node(node)
        for edge in changes.edges:
            self._apply_edge(edge, changes.at)
        for record in changes.records:
            self._apply_record(record)
        self._append(before, self._topology())
        if changes.watermark is not None:
            self.watermark = max(changes.watermark, self.watermark or changes.watermark)
        self.revision = new_revision()
        return self.epochs[-1]

    def _check(self, changes: Changes) -> None:
        for node_id, version in changes.expect.items():
            row = self.records.get(node_id) or self.rows.get(node_id)
            if (row.version if row else 0) != version:
                raise Conflict(f"{node_id} has changed since it was read")
        for name, resolution in changes.resolved.items():
            row = self._row(name)
            if (row.resolution if row else Resolution(name, None)) != resolution:
                raise Conflict(f"{name} stands for another node since it was read")
        known = self.rows.keys() | {node.id for node in changes.nodes}
        for edge in changes.edges:
            for end in (edge.key.source, edge.key.target):
                if edge.put and end not in known:
                    raise Rejected(f"an edge needs both its ends, {end} is unknown")

    def _apply_node(self, change: NodeChange) -> None:
        old = self.rows.get(change.id)
        after = changed(old or NodeRow(change.id, len(self.rows), 0, {}), change)
        self.rows[change.id] = after if old else replace(after, version=1)

    def _apply_edge(self, change: EdgeChange, at: int) -> None:
        old = self.edges.get(change.key)
        if old is None and not change.put:
            return
        tallies = dict(old.tallies) if old else {}
        for tally in change.drop:
            tallies.pop(tally, None)
        tallies.update(change.put)
        if old is not None and old.tallies == tallies:
            return
        self.edges[change.key] = StoredEdge(tallies, None if tallies else at)

    def _apply_record(self, change: RecordChange) -> None:
        old = self.records.get(change.id)
        if change.value is None:
            self.records.pop(change.id, None)
        else:
            version = (old.version if old else 0) + 1
            self.records[change.id] = StoredRecord(change.value, version, change.groups, change.rank)

    def _append(self, before: tuple[set[str], set[EdgeKey]], after: tuple[set[str], set[EdgeKey]]) -> None:
        def number(node_id: str) -> int:
            return self.rows[node_id].number

        def edge_rows(op: LogOp, keys: Iterable[EdgeKey]) -> Iterable[tuple[LogOp, int, int, int, str | None]]:
            return ((op, key.kind.code, number(key.source), number(key.target), None) for key in sorted(keys))

        def node_rows(op: LogOp, ids: Iterable[str]) -> Iterable[tuple[LogOp, int, int, int, str | None]]:
            return ((op, kind_of(i).code, number(i), -1, i) for i in sorted(ids))

        for rows in (
            edge_rows(LogOp.EDGE_WENT, before[1] - after[1]),
            node_rows(LogOp.NODE_WENT, before[0] - after[0]),
            node_rows(LogOp.NODE_CAME, after[0] - before[0]),
            edge_rows(LogOp.EDGE_CAME, after[1] - before[1]),
        ):
            for row in rows:
                seq = len(self.epochs)
                self.log.append(LogRow(seq, *row))
                self.epochs.append(Epoch(seq, chain(self.epochs[-1].chain, row)))

    async def changes_since(self, epoch: Epoch | None) -> LogPage:
        if epoch is None or epoch not in self.epochs:
            return LogPage(self.epochs[-1], known=epoch is None, watermark=self.watermark, revision=self.revision)
        return LogPage(self.epochs[-1], tuple(self.log[epoch.seq :]), watermark=self.watermark, revision=self.revision)

    # Scanning

    async def scan(self, after: Cursor | None = None) -> ScanPage:
        nodes = tuple(
            NodeChange(
                row.id,
                row.attributes,
                (row.first_seen, row.last_seen) if row.first_seen is not None and row.last_seen is not None else None,
                row.deleted_at,
                row.withdrawn,
                row.alias_of or "",
            )
            for row in self.rows.values()
        )
        edges = tuple(EdgeChange(key, edge.tallies) for key, edge in self.edges.items() if edge.tallies)
        records = tuple(RecordChange(i, r.value, r.groups, r.rank) for i, r in self.records.items())
        return ScanPage(Changes(0, nodes, edges, records), None)

    async def scan_topology(self, after: Cursor | None = None) -> TopologyPage:
        nodes, edges = self._topology()
        ids, keys = sorted(nodes), sorted(edges)
        return TopologyPage(
            Topology(
                numbers=np.array([self.rows[i].number for i in ids], np.int64),
                kinds=np.array([kind_of(i).code for i in ids], np.uint8),
                ids=tuple(ids),
                sources=np.array([self.rows[key.source].number for key in keys], np.int64),
                edge_kinds=np.array([key.kind.code for key in keys], np.uint8),
                targets=np.array([self.rows[key.target].number for key in keys], np.int64),
            ),
            None,
        )


def _walk(roots: Mapping[str, int], neighbours: Callable[[str], Iterable[str]], max_depth: int | None) -> dict[str, int]:
    """The least depth of everything within reach. A depth counts from 0, so a root that starts deeper reaches less far."""
    depths = dict(roots)
    depth = 0
    while any(d >= depth for d in depths.values()):
        if max_depth is not None and depth >= max_depth:
            break
        for node_id in [n for n, d in depths.items() if d == depth]:
            for neighbour in neighbours(node_id):
                if depths.get(neighbour, depth + 2) > depth + 1:
                    depths[neighbour] = depth + 1
        depth += 1
    return depths
