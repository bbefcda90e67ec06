"""Reading all of a Gremlin store in pages: nodes in the order of their numbers, then edges, then records.

Where a node, an edge or a record lies on the shelves that are read here never changes, so what is there all the time is
met whatever is written beside. An edge to a node that was made after the scan began is left out, since that node is.
"""

from collections.abc import Sequence
from typing import Final

from backends.changes import Changes, Cursor, EdgeChange, NodeChange, RecordChange, ScanPage, TopologyPage
from backends.errors import Rejected
from backends.gremlin_places import Range, after, edge_at, number_range, shards, unkeyed
from backends.gremlin_read import look
from backends.gremlin_rows import Found, KeptEdge, StoredRecord, pairs
from backends.gremlin_store import Reply, Store
from backends.gremlin_traversals import topology
from backends.model import EDGE_KINDS

PAGE: Final = 2_000
"""Nodes, edges or records in a page."""
TOPOLOGY_PAGE: Final = 10_000
"""Nodes in a page of the topology, with all edges from them."""
NODES, EDGES, RECORDS = "nodes", "edges", "records"
_SHELVES: Final = {EDGES: "out", RECORDS: "records"}


async def scan(store: Store, cursor: Cursor | None) -> ScanPage:
    """What `LineageBackend.scan` says. A cursor is the part, how many nodes there were when the scan began, how far it is
    (a node's number, or which of the shelves), and the place there."""
    match cursor:
        case None:
            return await _nodes(store, await _count(store), 0)
        case ("nodes", int(count), int(number), str()):
            return await _nodes(store, count, number)
        case ("edges" | "records" as part, int(count), int(shelf), str(place)):
            return await _shelves(store, part, count, shelf, place)
    raise Rejected("not a cursor of a scan")


async def _count(store: Store) -> int:
    reply = await store.read("look", {"ids": [], "ats": [], "slots": [], "facets": False}, ())
    return reply.before.known.number


async def _ranges(store: Store, ranges: Sequence[Range], most: int) -> Reply:
    data = {"ranges": [one[:3] for one in ranges], "most": most, "each": False, "count": False}
    return await store.read("ranges", data, [one.shelf for one in ranges])


async def _nodes(store: Store, count: int, number: int) -> ScanPage:
    if number >= count:
        return ScanPage(Changes(0), (EDGES, count, 0, ""))
    numbers, end = number_range(number, min(number + PAGE, count))
    reply = await _ranges(store, [numbers], PAGE)
    looked = await look(store, ats=[at for _, at in pairs(reply.parts[0])], facets=True)
    changes = tuple(change for found in looked.nodes.values() if (change := _node_change(found)) is not None)
    return ScanPage(Changes(0, changes), (NODES, count, end, ""))


def _node_change(found: Found) -> NodeChange | None:
    row = found.row
    if row is None:
        return None
    seen = (row.first_seen, row.last_seen) if row.first_seen is not None and row.last_seen is not None else None
    return NodeChange(row.id, row.attributes, seen, row.deleted_at, row.withdrawn, row.alias_of or "")


async def _shelves(store: Store, part: str, count: int, shelf: int, place: str) -> ScanPage:
    """A page from shelves one after the other, beginning after a place on the first of them."""
    names = shards(_SHELVES[part])
    if not 0 <= shelf < len(names):
        raise Rejected("not a cursor of a scan")
    first, *others = names[shelf:]
    ranges = [Range(first, after(place) if place else ""), *map(Range, others)]
    reply = await _ranges(store, ranges, PAGE)
    entries = [(place, text) for place, text in pairs(reply.parts[0])]
    if part == RECORDS:
        records = tuple(_record_change(place, text) for place, text in entries)
        changes = Changes(0, records=records)
    else:
        edges = tuple(change for place, text in entries if (change := _edge_change(place, text, count)) is not None)
        changes = Changes(0, edges=edges)
    following: Cursor | None
    if len(entries) == PAGE:
        following = (part, count, names.index(reply.parts[2], shelf), entries[-1][0])
    else:
        following = (RECORDS, count, 0, "") if part == EDGES else None
    return ScanPage(changes, following)


def _edge_change(place: str, text: str, count: int) -> EdgeChange | None:
    kept = KeptEdge.parse(text)
    return EdgeChange(edge_at(place), kept.edge.tallies) if kept.edge.tallies and kept.since < count else None


def _record_change(place: str, text: str) -> RecordChange:
    record = StoredRecord.parse(text)
    return RecordChange(unkeyed(place), record.value, record.groups, record.rank)


async def scan_topology(store: Store, cursor: Cursor | None) -> TopologyPage:
    """What `LineageBackend.scan_topology` says. A cursor is how many nodes there were at first, and the next number."""
    match cursor:
        case None:
            count, number = await _count(store), 0
        case (int(count), int(number)):
            pass
        case _:
            raise Rejected("not a cursor of a scan")
    numbers, end = number_range(number, min(number + TOPOLOGY_PAGE, max(count, number)))
    kinds = {kind.value: kind.code for kind in EDGE_KINDS if not kind.is_hidden}
    data = {"ranges": [numbers[:3]], "most": TOPOLOGY_PAGE, "kinds": kinds}
    reply = await store.read("topology", data, [numbers.shelf])
    return TopologyPage(topology(reply.parts), (count, end) if end < count else None)
