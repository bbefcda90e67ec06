"""Reading a SQLite store by id, by number, in pages, and along the log. Each function sees one moment when its caller
holds a read transaction; one statement a table, whatever the number of ids."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain as joined
from typing import Any, Final

import apsw
import numpy as np

from backends.changes import (
    Changes,
    Cursor,
    EdgeChange,
    LogOp,
    LogPage,
    LogRow,
    NodeChange,
    RecordChange,
    ScanPage,
    Topology,
    TopologyPage,
)
from backends.errors import Rejected
from backends.ids import kind_of
from backends.model import EDGE_KINDS, Edge, EdgeKey, Epoch, Node, Records
from backends.rows import NodeRow, as_edge, as_node
from backends.sqlite_rows import (
    GENESIS,
    NODE,
    NODES_BY_ID,
    NODES_BY_NUMBER,
    RECORDS_BY_ID,
    is_record,
    node_row,
    rows_of_ids,
    rows_of_numbers,
    select,
    with_facets,
)
from backends.stored import load

SCANNED: Final = 2_000
"""Rows of a page of `scan`."""
TOPOLOGY: Final = 200_000
"""Nodes or edges of a page of `scan_topology`."""
SHIFT: Final = 31
"""Bits of the target where two numbers are one: numbers of nodes have 31 (`backends.index`)."""
_ENDS: Final = f"e.source = a.value >> {SHIFT} AND e.target = a.value & {(1 << SHIFT) - 1}"
LOGGED: Final = 10_000
"""Log rows of a page of `changes_since`."""


def get(connection: apsw.Connection, ids: Sequence[str], edges: Sequence[EdgeKey], *, facets: bool) -> Records:
    """What `LineageBackend.get` says."""
    nodes = read_nodes(connection, ids, facets=facets) if ids else {}
    return Records(tuple(map(nodes.get, ids)), tuple(read_edges(connection, edges)))


def read_nodes(connection: apsw.Connection, ids: Iterable[str], *, facets: bool = False) -> dict[str, Node]:
    """Nodes and records by each name asked for."""
    wanted = list(dict.fromkeys(ids))
    found: dict[str, Node] = {}
    named = filter(is_record, wanted)
    for node_id, version, value in rows_of_ids(connection, "r.id, r.version, r.value", RECORDS_BY_ID, named):
        found[node_id] = Node(node_id, kind_of(node_id), -1, version, True, load(value))
    rows = {row.id: row for row in map(node_row, rows_of_ids(connection, NODE, NODES_BY_ID, wanted))}
    meant = {row.alias_of for row in rows.values() if row.alias_of is not None} - rows.keys()
    rows |= {row.id: row for row in map(node_row, rows_of_ids(connection, NODE, NODES_BY_ID, meant))}
    chosen: dict[str, NodeRow] = {}
    for name in wanted:
        row = rows.get(name)
        if row is not None and row.alias_of is not None:
            row = rows.get(row.alias_of)
        if row is not None:
            chosen[name] = row
    nodes = _as_nodes(connection, {row.number: row for row in chosen.values()}, facets=facets)
    found.update((name, nodes[row.number]) for name, row in chosen.items())
    return found


def read_numbers(connection: apsw.Connection, numbers: Sequence[int]) -> list[Node]:
    """Nodes by number, in the order asked; every number must be known."""
    rows = {row.number: row for row in map(node_row, rows_of_numbers(connection, NODE, NODES_BY_NUMBER, numbers))}
    nodes = _as_nodes(connection, rows, facets=False)
    return [nodes[number] for number in numbers]


def _as_nodes(connection: apsw.Connection, rows: dict[int, NodeRow], *, facets: bool) -> dict[int, Node]:
    others: dict[str | None, list[NodeRow]] = {}
    source = "carray(?) a JOIN nodes n ON n.alias_of = a.value"
    for other in map(node_row, rows_of_ids(connection, NODE, source, [row.id for row in rows.values()])):
        others.setdefault(other.alias_of, []).append(other)
    if facets:
        every = with_facets(connection, [*rows.values(), *joined.from_iterable(others.values())])
        rows = {number: every[number] for number in rows}
        others = {name: [every[other.number] for other in group] for name, group in others.items()}
    return {number: as_node(row, others.get(row.id, ()), facets=facets) for number, row in rows.items()}


def read_edges(connection: apsw.Connection, keys: Sequence[EdgeKey]) -> list[Edge | None]:
    """Edges with their evidence; the ends are ids as stored, not other names of them."""
    if not keys:
        return []
    ends = {end for key in keys for end in (key.source, key.target)}
    number: dict[str, int] = dict(rows_of_ids(connection, "n.id, n.number", NODES_BY_ID, ends))
    by_kind: dict[int, dict[int, EdgeKey]] = {}
    for key in keys:
        if key.source in number and key.target in number:
            by_kind.setdefault(key.kind.code, {})[number[key.source] << SHIFT | number[key.target]] = key
    found: dict[EdgeKey, tuple[Any, int | None]] = {}
    for kind, wanted in by_kind.items():
        source = f"carray(?) a CROSS JOIN edges e ON e.kind = {kind} AND {_ENDS}"
        for at, tallies, retracted_at in rows_of_numbers(connection, "a.value, e.tallies, e.retracted_at", source, wanted):
            found[wanted[at]] = load(tallies), retracted_at
    named = {tally for tallies, _ in found.values() for tally in tallies if is_record(tally)}
    counts = {node_id: load(value) for node_id, value in rows_of_ids(connection, "r.id, r.value", RECORDS_BY_ID, named)}
    edges = {
        key: as_edge(key, tallies, {tally: counts[tally] for tally in tallies if tally in counts}, retracted_at)
        for key, (tallies, retracted_at) in found.items()
    }
    return [edges.get(key) for key in keys]


def end_of_log(connection: apsw.Connection) -> LogPage:
    """Where the log ends. One statement: this is read for every question."""
    sql = """
        SELECT l.seq, l.chain,
            (SELECT value FROM meta WHERE key = 'watermark'), (SELECT value FROM meta WHERE key = 'revision')
        FROM (SELECT 1) LEFT JOIN (SELECT seq, chain FROM topology_log ORDER BY seq DESC LIMIT 1) l
    """
    seq, chain, watermark, revision = connection.execute(sql).get
    return LogPage(GENESIS if seq is None else Epoch(seq, chain), watermark=watermark, revision=revision)


def log_since(connection: apsw.Connection, epoch: Epoch, end: LogPage) -> LogPage:
    """A page of the log up to an `end` that was read before. One statement: rows never change, so it needs no moment in
    common with that. Below the oldest row nothing is known: what was trimmed cannot be proved."""
    if not 0 <= epoch.seq < end.epoch.seq:
        return replace(end, known=False)
    sql = """
        SELECT l.seq, l.op, l.code, l.source, l.target, n.id, l.chain
        FROM topology_log l LEFT JOIN nodes n ON l.target < 0 AND n.number = l.source
        WHERE l.seq BETWEEN ? AND ? ORDER BY l.seq LIMIT ?
    """
    rows = select(connection, sql, (epoch.seq, end.epoch.seq, LOGGED + 1))
    before = epoch if epoch == GENESIS else None
    if rows and rows[0][0] == epoch.seq:
        before = Epoch(epoch.seq, rows.pop(0)[6])
    if before != epoch or not rows or rows[0][0] != epoch.seq + 1:
        return replace(end, known=False)
    logged = tuple(LogRow(row[0], LogOp(row[1]), *row[2:6]) for row in rows)
    reached = Epoch(rows[-1][0], rows[-1][6])
    return LogPage(reached, logged, reached != end.epoch, watermark=end.watermark, revision=end.revision)


def scan(connection: apsw.Connection, after: Cursor | None) -> ScanPage:
    """Nodes by number, so that a copy gives the same numbers; then edges, between nodes of the scan only; then records."""
    match after:
        case None:
            return _scan_nodes(connection, -1)
        case ("nodes", int(number)):
            return _scan_nodes(connection, number)
        case ("edges", int(bound), int(source), int(kind), int(target)):
            return _scan_edges(connection, bound, (source, kind, target))
        case (_, int(number)):
            return _scan_records(connection, number)
    raise Rejected("not a cursor of a scan")


def _scan_nodes(connection: apsw.Connection, after: int) -> ScanPage:
    sql = f"SELECT {NODE} FROM nodes n WHERE n.number > ? ORDER BY n.number LIMIT ?"
    rows = [node_row(row) for row in connection.execute(sql, (after, SCANNED))]
    nodes = []
    for row in with_facets(connection, rows).values():
        seen = None if row.first_seen is None or row.last_seen is None else (row.first_seen, row.last_seen)
        nodes.append(NodeChange(row.id, row.attributes, seen, row.deleted_at, row.withdrawn, row.alias_of or ""))
    last = rows[-1].number if rows else after
    return ScanPage(Changes(0, tuple(nodes)), ("nodes", last) if len(rows) == SCANNED else ("edges", last, -1, -1, -1))


def _scan_edges(connection: apsw.Connection, bound: int, after: tuple[int, int, int]) -> ScanPage:
    """`bound` is the last number scanned: an edge to a later node would be refused by whoever applies the page."""
    sql = """
        SELECT e.source, e.kind, e.target, e.tallies, e.retracted_at, s.id, t.id
        FROM edges e JOIN nodes s ON s.number = e.source JOIN nodes t ON t.number = e.target
        WHERE (e.source, e.kind, e.target) > (?, ?, ?) ORDER BY e.source, e.kind, e.target LIMIT ?
    """
    rows = select(connection, sql, (*after, SCANNED))
    edges = tuple(
        EdgeChange(EdgeKey(source_id, EDGE_KINDS[kind], target_id), load(tallies))
        for source, kind, target, tallies, retracted_at, source_id, target_id in rows
        if retracted_at is None and source <= bound and target <= bound
    )
    return ScanPage(Changes(0, edges=edges), ("edges", bound, *rows[-1][:3]) if len(rows) == SCANNED else ("records", 0))


def _scan_records(connection: apsw.Connection, after: int) -> ScanPage:
    sql = "SELECT number, id, rank, groups, value FROM records WHERE number > ? ORDER BY number LIMIT ?"
    rows = select(connection, sql, (after, SCANNED))
    records = tuple(RecordChange(row[1], load(row[4]), tuple(load(row[3])), row[2]) for row in rows)
    return ScanPage(Changes(0, records=records), ("records", rows[-1][0]) if len(rows) == SCANNED else None)


def scan_topology(connection: apsw.Connection, after: Cursor | None) -> TopologyPage:
    """Nodes by number, then in key order the edges between numbers that the scan of nodes passed: what came beside the
    reading is in the log since."""
    match after:
        case None:
            return _topology_nodes(connection, -1)
        case ("nodes", int(number)):
            return _topology_nodes(connection, number)
        case ("edges", int(bound), int(source), int(kind), int(target)):
            return _topology_edges(connection, bound, (source, kind, target))
    raise Rejected("not a cursor of a scan")


def _topology_nodes(connection: apsw.Connection, after: int) -> TopologyPage:
    sql = "SELECT number, kind, id FROM nodes WHERE number > ? AND standing ORDER BY number LIMIT ?"
    rows = select(connection, sql, (after, TOPOLOGY))
    numbers, kinds, ids = zip(*rows, strict=True) if rows else ((), (), ())
    none = np.empty(0, np.int64)
    part = Topology(np.array(numbers, np.int64), np.array(kinds, np.uint8), ids, none, np.empty(0, np.uint8), none)
    last = numbers[-1] if rows else after
    return TopologyPage(part, ("nodes", last) if len(rows) == TOPOLOGY else ("edges", last, -1, -1, -1))


def _topology_edges(connection: apsw.Connection, bound: int, after: tuple[int, int, int]) -> TopologyPage:
    sql = """
        SELECT source, kind, target FROM edges
        WHERE standing AND (source, kind, target) > (?, ?, ?) ORDER BY source, kind, target LIMIT ?
    """
    rows = select(connection, sql, (*after, TOPOLOGY))
    flat = np.fromiter(joined.from_iterable(rows), np.int64, 3 * len(rows)).reshape(-1, 3)
    flat = flat[(flat[:, 0] <= bound) & (flat[:, 2] <= bound)]
    none = np.empty(0, np.int64)
    part = Topology(none, np.empty(0, np.uint8), (), flat[:, 0].copy(), flat[:, 1].astype(np.uint8), flat[:, 2].copy())
    return TopologyPage(part, ("edges", bound, *rows[-1]) if len(rows) == TOPOLOGY else None)
