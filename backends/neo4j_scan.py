"""Reading everything once, in pages: statements over ranges of node numbers, which are dense. Pure.

A page covers all labels, so that a node which is hidden or shown between two pages is in one of them all the same. Only
nodes whose numbers were given out before the scan began are in it, and edges between those. How far that is, is read by a
statement of its own: while a commit is applied its last number may be seen before its nodes are, and the next statement
waits for all of it (facts: the bookmark). So no edge is in a scan without its ends because they came beside it.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from backends.changes import Changes, Cursor, EdgeChange, NodeChange, RecordChange, ScanPage, Topology, TopologyPage
from backends.errors import Rejected
from backends.ids import kind_of
from backends.model import EDGE_KINDS, EdgeKey, EdgeKind
from backends.neo4j_graph import TYPES, restored
from backends.neo4j_statement import Statement
from backends.neo4j_values import Foreign, node_row, row_of, tallies_of
from backends.stored import load

NODES: Final = 2_000
"""Node numbers of a page of a scan."""
MANY: Final = 2_000
"""Edges of a node past which it has pages of its own."""
TARGETS: Final = 20_000
"""Numbers of targets of a page of such a node."""
TOPOLOGY: Final = 20_000
"""Node numbers of a page of the topology."""
PAGE: Final = 2_000
"""Edges that do not stand, and records, of a page."""
SHOWN: Final = {kind.value: kind for kind in EDGE_KINDS if not kind.is_hidden}


BOUND: Final = Statement("MATCH (e:_Epoch {id: 0}) RETURN e.next AS bound")
"""The number that the next new node will have: where a scan ends."""


def first_page(record: Mapping[str, Any]) -> Cursor:
    """The cursor of the first page, of the record of `BOUND`."""
    return ("nodes", 0, int(record["bound"]))


def compile_scan(after: Cursor) -> Statement:
    """A page of everything. Raises `Rejected` for what is no cursor of a scan."""
    match after:
        case ("nodes", int(low), int(bound)):
            return Statement(ALL, {"low": low, "bound": bound, "size": NODES})
        case ("edges", int(low), int(bound)):
            return Statement(EDGES, {"low": low, "bound": bound, "size": NODES})
        case ("hubs", int(), int(bound), int(hub), int(begin), *_):
            return Statement(HUB, {"hub": hub, "begin": begin, "bound": bound, "size": TARGETS})
        case ("kept", int(bound), str(source), str(kind), str(target)):
            return Statement(KEPT, {"bound": bound, "source": source, "kind": kind, "target": target, "size": PAGE})
        case ("records", str(record_id)):
            return Statement(RECORDS, {"after": record_id, "size": PAGE})
    raise Rejected("not a cursor of a scan")


ALL: Final = f"""\
MATCH (n:_Node) USING INDEX SEEK n:_Node(_number)
WHERE n._number >= $p.low AND n._number < $p.low + $p.size AND n._number < $p.bound
RETURN collect([{row_of("n")}, n._facets]) AS nodes"""

EDGES: Final = f"""\
MATCH (n:_Node) USING INDEX SEEK n:_Node(_number)
WHERE n._number >= $p.low AND n._number < $p.low + $p.size AND n._number < $p.bound
WITH n, COUNT {{ (n)-[:{TYPES}]->() }} AS degree
CALL (n, degree) {{
  WITH n WHERE degree <= {MANY}
  MATCH (n)-[r:{TYPES}]->(t) WHERE t._number < $p.bound
  RETURN collect([n.id, type(r), t.id, r.tallies, r.facts]) AS of_node
}}
WITH collect(CASE WHEN degree > {MANY} THEN n._number END) AS hubs, collect(of_node) AS edges
RETURN hubs, edges"""

HUB: Final = f"""\
MATCH (n:_Node {{_number: $p.hub}}) USING INDEX SEEK n:_Node(_number)
MATCH (n)-[r:{TYPES}]->(t)
WHERE t._number >= $p.begin AND t._number < $p.begin + $p.size AND t._number < $p.bound
RETURN collect([n.id, type(r), t.id, r.tallies, r.facts]) AS edges"""
"""The edges of a node with very many, by the numbers of their targets."""

KEPT: Final = """\
MATCH (h:_Edge) USING INDEX SEEK h:_Edge(source, kind, target)
WHERE h.source >= $p.source AND (h.source > $p.source OR h.kind > $p.kind OR (h.kind = $p.kind AND h.target > $p.target))
  AND h.kind IS NOT NULL AND h.target IS NOT NULL
WITH h ORDER BY h.source, h.kind, h.target LIMIT $p.size
RETURN collect([h.source, h.kind, h.target, h.tallies, h.facts, COUNT {
  MATCH (n:_Node) USING INDEX SEEK n:_Node(id) WHERE n.id IN [h.source, h.target] AND n._number < $p.bound
}]) AS edges"""

RECORDS: Final = """\
MATCH (c:_Record) USING INDEX SEEK c:_Record(id) WHERE c.id > $p.after
WITH c ORDER BY c.id LIMIT $p.size
RETURN collect([c.id, c.value, c.groups, c.rank]) AS records"""


def decode_scan(record: Mapping[str, Any], after: Cursor) -> ScanPage:
    """The page that the record of `compile_scan` is."""
    if after[0] == "nodes":
        low, bound = int(after[1]), int(after[2])
        nodes = tuple(_node(*said) for said in sorted(record["nodes"], key=lambda said: said[0][1]))
        more = low + NODES < bound
        return ScanPage(Changes(0, nodes), ("nodes", low + NODES, bound) if more else ("edges", 0, bound))
    if after[0] == "edges":
        low, bound = int(after[1]), int(after[2])
        edges = tuple(_edge(*said) for of_node in record["edges"] for said in of_node)
        hubs: list[int] = record["hubs"]
        following: Cursor = ("hubs", low, bound, hubs[0], 0, *hubs[1:]) if hubs else _after_edges(low, bound)
        return ScanPage(Changes(0, edges=edges), following)
    if after[0] == "hubs":
        low, bound, hub, begin, *others = (int(place) for place in after[1:])
        if begin + TARGETS < bound:
            following = ("hubs", low, bound, hub, begin + TARGETS, *others)
        else:
            following = ("hubs", low, bound, others[0], 0, *others[1:]) if others else _after_edges(low, bound)
        return ScanPage(Changes(0, edges=tuple(_edge(*said) for said in record["edges"])), following)
    if after[0] == "kept":
        rows = record["edges"]
        # An edge to a node that the scan of nodes passed would be refused by whoever applies the page.
        kept = tuple(
            _edge(source, kind, target, names, facts)
            for source, kind, target, names, facts, ends in rows
            if names and ends == len({source, target})
        )
        following = ("kept", after[1], *rows[-1][:3]) if len(rows) == PAGE else ("records", "")
        return ScanPage(Changes(0, edges=kept), following)
    found = record["records"]
    records = tuple(
        RecordChange(record_id, load(value), tuple(map(restored, groups or ())), rank)
        for record_id, value, groups, rank in found
    )
    return ScanPage(Changes(0, records=records), ("records", found[-1][0]) if len(found) == PAGE else None)


def _after_edges(low: int, bound: int) -> Cursor:
    return ("edges", low + NODES, bound) if low + NODES < bound else ("kept", bound, "", "", "")


def _node(said: list[Any], facets: str | None) -> NodeChange:
    row = node_row(said, facets)
    seen = None if row.first_seen is None or row.last_seen is None else (row.first_seen, row.last_seen)
    return NodeChange(row.id, row.attributes, seen, row.deleted_at, row.withdrawn, row.alias_of or "")


def _edge(source: str, kind: str, target: str, names: list[str], facts: list[str]) -> EdgeChange:
    return EdgeChange(EdgeKey(source, EdgeKind(kind), target), tallies_of(names, facts))


# The topology alone


def compile_topology(after: Cursor) -> Statement:
    """A page of nodes, or of the edges from nodes of a range. Raises `Rejected`."""
    match after:
        case ("nodes", int(low), int(bound)):
            return Statement(STANDING, {"low": low, "bound": bound, "size": TOPOLOGY})
        case ("edges", int(low), int(bound)):
            return Statement(FLOWS, {"low": low, "bound": bound, "size": TOPOLOGY})
    raise Rejected("not a cursor of a scan")


STANDING: Final = """\
MATCH (n:_Node) USING INDEX SEEK n:_Node(_number)
WHERE n._number >= $p.low AND n._number < $p.low + $p.size AND n._number < $p.bound AND NOT n:_Hidden
RETURN collect(n._number) AS numbers, collect(n.id) AS ids"""

FLOWS: Final = f"""\
MATCH (n:_Node) USING INDEX SEEK n:_Node(_number)
WHERE n._number >= $p.low AND n._number < $p.low + $p.size AND n._number < $p.bound
MATCH (n)-[r:{TYPES}]->(t) WHERE t._number < $p.bound
WITH type(r) AS kind, collect(n._number) AS sources, collect(t._number) AS targets
RETURN collect([kind, sources, targets]) AS flows"""


def decode_topology(record: Mapping[str, Any], after: Cursor) -> TopologyPage:
    """The page that the record of `compile_topology` is. Raises `Foreign`."""
    none, no_kinds = np.empty(0, np.int64), np.empty(0, np.uint8)
    low, bound = int(after[1]), int(after[2])
    if after[0] == "nodes":
        numbers, ids = record["numbers"], record["ids"]
        if len(numbers) != len(ids):
            raise Foreign
        kinds = np.fromiter((kind_of(node_id).code for node_id in ids), np.uint8, len(ids))
        part = Topology(np.array(numbers, np.int64), kinds, tuple(ids), none, no_kinds, none)
        return TopologyPage(part, ("nodes", low + TOPOLOGY, bound) if low + TOPOLOGY < bound else ("edges", 0, bound))
    flows = record["flows"]
    if any(len(sources) != len(targets) for _, sources, targets in flows):
        raise Foreign
    sources = np.concatenate([none, *(np.array(flow[1], np.int64) for flow in flows)])
    targets = np.concatenate([none, *(np.array(flow[2], np.int64) for flow in flows)])
    codes = np.repeat(
        np.array([SHOWN[flow[0]].code for flow in flows], np.uint8), np.array([len(flow[1]) for flow in flows], np.int64)
    )
    part = Topology(none, no_kinds, (), sources, codes, targets)
    return TopologyPage(part, ("edges", low + TOPOLOGY, bound) if low + TOPOLOGY < bound else None)
