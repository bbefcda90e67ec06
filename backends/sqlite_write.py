"""One write into a SQLite store, inside a transaction that the caller has begun and will end.

The rows a write names are read, changed as `rows.changed` says, and compared: what of the topology came or went is
logged, standing edges and search terms are kept in step. Cost follows the change, not the graph; hiding or showing a node
costs its edges, since each of them leaves or enters the topology.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

import apsw

from backends.changes import Changes, EdgeChange, LogOp, NodeChange, RecordChange, Resolution
from backends.errors import Conflict, Rejected
from backends.ids import kind_of
from backends.model import EDGE_KINDS, Epoch, Json, Stamped
from backends.rows import NodeRow, chain, changed
from backends.sqlite_rows import (
    BARE,
    NODE,
    NODES_BY_ID,
    RECORDS_BY_ID,
    can_be_id,
    is_record,
    node_row,
    rows_of_ids,
    storable,
)
from backends.sqlite_terms import refresh, search_columns
from backends.stored import dump, dump_stamped, load
from backends.vocabulary import FACET

HIDDEN: Final = ", ".join(str(kind.code) for kind in EDGE_KINDS if kind.is_hidden)


class Head(NamedTuple):
    """Where a store stands: its epoch, and the number of the next new node."""

    epoch: Epoch
    next_number: int


class Triple(NamedTuple):
    """An edge in numbers."""

    source: int
    kind: int
    target: int


class StoredEdge:
    """An edge before and after the write. `tallies` None: not read, so not changed."""

    __slots__ = ("dirty", "known", "retracted_at", "stands", "stated", "stood", "tallies")

    def __init__(self, *, stood: bool, stated: bool, tallies: dict[str, Mapping[str, Json]] | None, known: bool) -> None:
        self.stood = self.stands = stood
        self.stated = stated
        self.tallies = tallies
        self.known = known
        self.retracted_at: int | None = None
        self.dirty = False


def write(connection: apsw.Connection, head: Head, changes: Changes) -> Head:
    """Writes the changes and says where the store stands after. Raises `Conflict` and `Rejected` before the first write to
    the file, anything else (`apsw.Error`) perhaps after: the caller then rolls back."""
    return _Write(connection, head, changes).run()


class _Write:
    def __init__(self, connection: apsw.Connection, head: Head, changes: Changes) -> None:
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.connection = connection
        self.epoch, self.next_number = head
        self.changes = changes
        self.before: dict[str, NodeRow] = {}
        self.after: dict[str, NodeRow] = {}
        self.edges: dict[Triple, StoredEdge] = {}
        self.ids: dict[int, str] = {}
        self.standing: dict[int, bool] = {}

    def run(self) -> Head:
        changes = self.changes
        self._read_nodes()
        self._check()
        if changes.nodes:
            self._read_facets()
            for node in changes.nodes:
                self._change_node(node)
        for edge in changes.edges:
            self._change_edge(edge)
        self._settle_edges()
        self._store_nodes()
        self._store_edges()
        self._append()
        refresh(self.connection, self.before, self.after)
        for record in changes.records:
            self._store_record(record)
        return Head(self.epoch, self.next_number)

    # What is there

    def _read_nodes(self) -> None:
        changes = self.changes
        told = {node.id for node in changes.nodes}
        named = {end for edge in changes.edges for end in (edge.key.source, edge.key.target)}
        named.update(changes.resolved)
        named.update(node_id for node_id in changes.expect if not is_record(node_id))
        self._load(NODE, told)
        self._load(BARE, named - told)
        meant = {row.alias_of for name in changes.resolved if (row := self.before.get(name)) and row.alias_of}
        self._load(BARE, meant - told - named)

    def _load(self, columns: str, ids: Iterable[str]) -> None:
        for stored in rows_of_ids(self.connection, columns, NODES_BY_ID, ids):
            row = node_row(stored)
            self.before[row.id] = row
            self.ids[row.number] = row.id
            self.standing[row.number] = row.standing

    def _check(self) -> None:
        changes = self.changes
        expected = filter(is_record, changes.expect)
        versions: dict[str, int] = dict(rows_of_ids(self.connection, "r.id, r.version", RECORDS_BY_ID, expected))
        for node_id, version in changes.expect.items():
            row = self.before.get(node_id)
            if versions.get(node_id, row.version if row else 0) != version:
                raise Conflict(f"{node_id} has changed since it was read")
        for name, resolution in changes.resolved.items():
            row = self.before.get(name)
            if row is not None and row.alias_of is not None:
                row = self.before.get(row.alias_of)
            if (row.resolution if row else Resolution(name, None)) != resolution:
                raise Conflict(f"{name} stands for another node since it was read")
        new = set()
        for node in changes.nodes:
            if node.id not in self.before:
                new.add(node.id)
                if not can_be_id(node.id):
                    raise Rejected("an id cannot hold the character NUL or half of a surrogate pair")
        for edge in changes.edges:
            for end in edge.key.source, edge.key.target:
                if edge.put and end not in self.before and end not in new:
                    raise Rejected(f"an edge needs both its ends, {end} is unknown")

    def _read_facets(self) -> None:
        """Of the facets only those that the write names."""
        named: dict[int, list[str]] = {}
        for node in self.changes.nodes:
            row = self.before.get(node.id)
            if row is not None and (facets := [key for key in node.attributes if key.startswith(FACET)]):
                named.setdefault(row.number, []).extend(facets)
        wanted = [(number, facet) for number, facets in named.items() for facet in dict.fromkeys(facets)]
        found: dict[int, dict[str, Stamped]] = {}
        sql = "SELECT number, name, value FROM facets WHERE number = ? AND name = ?"
        for number, facet, value in self.executemany(sql, wanted) if wanted else ():
            found.setdefault(number, {})[facet] = Stamped(*load(value))
        for number, stamped in found.items():
            row = self.before[self.ids[number]]
            self.before[row.id] = replace(row, attributes={**row.attributes, **stamped})

    # What is said

    def _change_node(self, change: NodeChange) -> None:
        old = self.after.get(change.id) or self.before.get(change.id)
        if old is not None:
            row = changed(old, change)
        else:
            row = replace(changed(NodeRow(change.id, self.next_number, 0, {}), change), version=1)
            self.next_number += 1
            self.ids[row.number] = row.id
        self.after[row.id] = row

    def _row(self, node_id: str) -> NodeRow | None:
        return self.after.get(node_id) or self.before.get(node_id)

    def _change_edge(self, change: EdgeChange) -> None:
        source, target = self._row(change.key.source), self._row(change.key.target)
        if source is None or target is None:
            return
        triple = Triple(source.number, change.key.kind.code, target.number)
        edge = self.edges.get(triple)
        if edge is None:
            made = change.key.source not in self.before or change.key.target not in self.before
            edge = self.edges[triple] = _unknown() if made else self._read_edge(triple)
        if not edge.known and not change.put:
            return
        old = edge.tallies or {}
        tallies = {tally: facts for tally, facts in old.items() if tally not in change.drop}
        tallies.update(change.put)
        if edge.known and tallies == old:
            return
        edge.tallies, edge.stated = tallies, bool(tallies)
        edge.retracted_at = None if tallies else self.changes.at
        edge.known = edge.dirty = True

    def _read_edge(self, triple: Triple) -> StoredEdge:
        sql = "SELECT standing, retracted_at, tallies FROM edges WHERE source = ? AND kind = ? AND target = ?"
        row = self.execute(sql, triple).fetchone()
        if row is None:
            return _unknown()
        edge = StoredEdge(stood=bool(row[0]), stated=row[1] is None, tallies=load(row[2]), known=True)
        edge.retracted_at = row[1]
        return edge

    # What follows for the topology

    def _settle_edges(self) -> None:
        for row in self.after.values():
            old = self.before.get(row.id)
            self.standing[row.number] = row.standing
            if old is not None and old.standing != row.standing:
                self._read_edges_of(row)
        for triple, edge in self.edges.items():
            stands = edge.stated and self.standing[triple.source] and self.standing[triple.target]
            edge.stands = stands and not EDGE_KINDS[triple.kind].is_hidden

    def _read_edges_of(self, row: NodeRow) -> None:
        """The edges at a node that comes or goes. Evidence stays unread: a hub may have a million of them."""
        for near, far in (("source", "target"), ("target", "source")):
            sql = f"""
                SELECT e.source, e.kind, e.target, e.standing, n.number, n.id, n.standing
                FROM edges e JOIN nodes n ON n.number = e.{far}
                WHERE e.{near} = ? AND e.kind NOT IN ({HIDDEN}) AND e.retracted_at IS NULL
            """
            for source, kind, target, stood, number, node_id, standing in self.execute(sql, (row.number,)):
                triple = Triple(source, kind, target)
                if triple not in self.edges:
                    self.edges[triple] = StoredEdge(stood=bool(stood), stated=True, tallies=None, known=True)
                self.ids.setdefault(number, node_id)
                if node_id not in self.after:
                    self.standing[number] = bool(standing)

    def _append(self) -> None:
        """The log: edges go before nodes, and come after them."""
        moved = [(triple, edge) for triple, edge in self.edges.items() if edge.stood != edge.stands]
        came: list[NodeRow] = []
        went: list[NodeRow] = []
        for row in self.after.values():
            stood = row.id in self.before and self.before[row.id].standing
            if stood != row.standing:
                (came if row.standing else went).append(row)
        if not (moved or came or went):
            return
        ids = self.ids

        def order(triple: Triple) -> tuple[str, str, str]:
            return ids[triple.source], EDGE_KINDS[triple.kind], ids[triple.target]

        rows: list[tuple[LogOp, int, int, int, str | None]] = []
        for triple in sorted((triple for triple, edge in moved if edge.stood), key=order):
            rows.append((LogOp.EDGE_WENT, triple.kind, triple.source, triple.target, None))
        for op, nodes in ((LogOp.NODE_WENT, went), (LogOp.NODE_CAME, came)):
            nodes.sort(key=lambda row: row.id)
            rows.extend((op, kind_of(row.id).code, row.number, -1, row.id) for row in nodes)
        for triple in sorted((triple for triple, edge in moved if edge.stands), key=order):
            rows.append((LogOp.EDGE_CAME, triple.kind, triple.source, triple.target, None))
        seq, link = self.epoch
        stored = []
        for entry in rows:
            seq, link = seq + 1, chain(link, entry)
            stored.append((seq, int(entry[0]), *entry[1:4], link))
        self.executemany("INSERT INTO topology_log VALUES (?, ?, ?, ?, ?, ?)", stored)
        self.epoch = Epoch(seq, link)

    # Storing

    def _store_nodes(self) -> None:
        made, moved, told = [], [], []
        facets: list[tuple[int, str, str]] = []
        for row in self.after.values():
            old = self.before.get(row.id)
            if row is old:
                continue
            small = {key: stamped for key, stamped in row.attributes.items() if not key.startswith(FACET)}
            if len(small) < len(row.attributes):
                had = old.attributes if old else {}
                for key, stamped in row.attributes.items():
                    if key.startswith(FACET) and had.get(key) is not stamped:
                        facets.append((row.number, key, dump((stamped.time, stamped.value))))
            text = dump_stamped(small)
            said = (row.version, row.first_seen, row.last_seen, row.deleted_at, text)
            flags = (row.standing, row.withdrawn, row.alias_of)
            if old is None:
                kind = kind_of(row.id).code
                made.append((row.number, row.id, kind, *flags, *search_columns(row.id), *said))
            elif flags != (old.standing, old.withdrawn, old.alias_of):
                moved.append((*flags, *said, row.number))
            else:
                told.append((*said, row.number))
        if made:
            self.executemany(
                """INSERT INTO nodes (number, id, kind, standing, withdrawn, alias_of, size, name, last, folded,
                version, first_seen, last_seen, deleted_at, attributes)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                made,
            )
        said_columns = "version = ?, first_seen = ?, last_seen = ?, deleted_at = ?, attributes = ? WHERE number = ?"
        if moved:
            self.executemany(f"UPDATE nodes SET standing = ?, withdrawn = ?, alias_of = ?, {said_columns}", moved)
        if told:  # without the columns of an index, or SQLite writes each index anew
            self.executemany(f"UPDATE nodes SET {said_columns}", told)
        if facets:
            self.executemany("INSERT OR REPLACE INTO facets VALUES (?, ?, ?)", facets)

    def _store_edges(self) -> None:
        stored, moved = [], []
        for triple, edge in self.edges.items():
            if edge.dirty:
                stored.append((*triple, edge.stands, edge.retracted_at, dump(edge.tallies)))
            elif edge.stood != edge.stands:
                moved.append((edge.stands, *triple))
        if stored:
            stored.sort(key=lambda row: row[:3])  # in key order, so that a large load fills pages
            self.executemany(
                """INSERT INTO edges VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
                standing = excluded.standing, retracted_at = excluded.retracted_at, tallies = excluded.tallies""",
                stored,
            )
        if moved:
            self.executemany("UPDATE edges SET standing = ? WHERE source = ? AND kind = ? AND target = ?", moved)

    def _store_record(self, change: RecordChange) -> None:
        old = self.execute("SELECT number, rank, groups FROM records WHERE id = ?", (change.id,)).fetchone()
        groups = dump(sorted(set(change.groups)))
        if old is not None and (change.value is None or (old[1], old[2]) != (change.rank, groups)):
            gone = [(storable(group), -old[1], change.id) for group in load(old[2])]
            self.executemany("DELETE FROM record_groups WHERE name = ? AND place = ? AND id = ?", gone)
            old = (old[0], None, None)
        if change.value is None:
            if old is not None:
                self.execute("DELETE FROM records WHERE number = ?", (old[0],))
            return
        if old is None or old[2] is None:
            new = [(storable(group), -change.rank, change.id) for group in set(change.groups)]
            self.executemany("INSERT INTO record_groups VALUES (?, ?, ?)", new)
        value = dump(dict(change.value))
        if old is None:
            self.execute(
                "INSERT INTO records (id, version, rank, groups, value) VALUES (?, 1, ?, ?, ?)",
                (change.id, change.rank, groups, value),
            )
        else:
            self.execute(
                "UPDATE records SET version = version + 1, rank = ?, groups = ?, value = ? WHERE number = ?",
                (change.rank, groups, value, old[0]),
            )


def _unknown() -> StoredEdge:
    return StoredEdge(stood=False, stated=False, tallies=None, known=False)
