"""Looking things up in a Gremlin store: nodes by id or by vertex, entries of shelves, all edges at some nodes."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from backends.decide import StoredEdge
from backends.gremlin_places import back_edge_at, begins, edge_at, edge_entry, record_entry, shard
from backends.gremlin_rows import Found, KeptEdge, StoredRecord, founds, may_be_node, may_be_record, pairs
from backends.gremlin_state import Head
from backends.gremlin_store import Seen, Store
from backends.ids import kind_of
from backends.model import Edge, EdgeKey, Node, Records
from backends.rows import as_edge, as_node

T = TypeVar("T")
AT_ONCE: Final = 4_000
"""Ids, vertices or entries asked for in one request."""
Entry = tuple[str, str]
"""A shelf and a place on it."""


class Looked(NamedTuple):
    """What was found: nodes by id, and texts of entries, those that are there."""

    heads: list[Head]
    nodes: dict[str, Found]
    texts: dict[Entry, str]

    def __or__(self, other: "Looked") -> "Looked":
        return Looked(self.heads + other.heads, self.nodes | other.nodes, self.texts | other.texts)


def chunks(items: Sequence[T], size: int = AT_ONCE) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


async def look(
    store: Store, ids: Iterable[str] = (), entries: Iterable[Entry] = (), *, ats: Iterable[str] = (), facets: bool = False
) -> Looked:
    """Nodes by their ids or vertices, and entries. Ids that no node can have are left out."""
    wanted = [*dict.fromkeys(node_id for node_id in ids if may_be_node(node_id))]
    slots, vertices = [*dict.fromkeys(entries)], [*ats]
    if len(wanted) + len(slots) + len(vertices) <= AT_ONCE:
        return await _look(store, wanted, vertices, slots, facets=facets)
    parts = [
        *(_look(store, part, (), (), facets=facets) for part in chunks(wanted)),
        *(_look(store, (), part, (), facets=facets) for part in chunks(vertices)),
        *(_look(store, (), (), part, facets=facets) for part in chunks(slots)),
    ]
    first, *others = await asyncio.gather(*parts)
    for other in others:
        first |= other
    return first


async def _look(store: Store, ids: Sequence[str], ats: Sequence[str], slots: Sequence[Entry], *, facets: bool) -> Looked:
    data = {"ids": [*ids], "ats": [*ats], "slots": [*slots], "facets": facets}
    reply = await store.read("look", data, dict.fromkeys(shelf for shelf, _ in slots))
    nodes = {found.id: found for found in founds(reply.parts[0])}
    texts = {slot: text for slot, text in zip(slots, reply.parts[1].split("\0"), strict=False) if text}
    return Looked([reply.before, reply.after], nodes, texts)


async def classes(store: Store, looked: Looked, *, facets: bool = False) -> Looked:
    """With the nodes that those are other names of, and with all their other names."""
    while True:
        nodes = looked.nodes.values()
        near = {name for found in nodes for name in found.names}
        near |= {found.row.alias_of for found in nodes if found.row is not None and found.row.alias_of is not None}
        missing = near - looked.nodes.keys()
        if not missing:
            return looked
        more = await look(store, missing, facets=facets)
        unmade = {name: Found(name, "", None, ()) for name in missing - more.nodes.keys()}
        looked |= Looked(more.heads, more.nodes | unmade, {})


def node_of(name: str, nodes: dict[str, Found], *, facets: bool) -> Node | None:
    """The node that a name stands for."""
    found = nodes.get(name)
    if found is not None and found.row is not None and found.row.alias_of is not None:
        found = nodes.get(found.row.alias_of)
    if found is None or found.row is None:
        return None
    others = [row for other in found.names if (row := nodes[other].row) is not None]
    return as_node(found.row, others, facets=facets)


def record_node(record_id: str, record: StoredRecord) -> Node:
    return Node(record_id, kind_of(record_id), -1, record.version, True, record.value)


async def get(store: Store, ids: Sequence[str], edges: Sequence[EdgeKey], *, facets: bool) -> Seen[Records]:
    """What `LineageBackend.get` says: one request, and more where names or tallies lead on."""
    entries = {record_id: record_entry(record_id) for record_id in ids if may_be_record(record_id)}
    kept = {edge: edge_entry(edge) for edge in edges if may_be_node(edge.source) and may_be_node(edge.target)}
    looked = await look(store, ids, [*entries.values(), *kept.values()], facets=facets)
    known = {edge: KeptEdge.parse(looked.texts[entry]).edge for edge, entry in kept.items() if entry in looked.texts}
    tallies = {tally: record_entry(tally) for edge in known.values() for tally in edge.tallies if may_be_record(tally)}
    looked = await classes(store, looked, facets=facets)
    if tallies:
        looked |= await look(store, (), tallies.values())
    counts = {
        tally: StoredRecord.parse(looked.texts[entry]).value for tally, entry in tallies.items() if entry in looked.texts
    }

    def one(node_id: str) -> Node | None:
        entry = entries.get(node_id)
        if entry is None:
            return node_of(node_id, looked.nodes, facets=facets)
        text = looked.texts.get(entry)
        return None if text is None else record_node(node_id, StoredRecord.parse(text))

    def edge_of(key: EdgeKey) -> Edge | None:
        edge = known.get(key)
        return None if edge is None else as_edge(key, edge.tallies, counts, edge.retracted_at)

    found = Records(tuple(map(one, ids)), tuple(map(edge_of, edges)))
    hangs_on = {*ids, *looked.nodes, *tallies, *(end for edge in edges for end in (edge.source, edge.target))}
    return Seen(looked.heads, found, hangs_on)


async def near(store: Store, ids: Iterable[str]) -> tuple[list[Head], dict[EdgeKey, StoredEdge]]:
    """All edges at some nodes that somebody states, hidden kinds too."""
    ids = [*ids]
    out = [(shard("out", node_id), begins(node_id)[0]) for node_id in ids]
    into = [(shard("into", node_id), begins(node_id)[0]) for node_id in ids]
    reply = await store.read("near", {"out": out, "into": into}, dict.fromkeys(shelf for shelf, _ in (*out, *into)))
    edges = {edge_at(place): KeptEdge.parse(text).edge for place, text in pairs(reply.parts[0])}
    back = [back_edge_at(place) for place in reply.parts[1].split("\0")[:-1]]
    entries = {edge: edge_entry(edge) for edge in back if edge not in edges}
    looked = await look(store, (), entries.values())
    edges |= {edge: KeptEdge.parse(looked.texts[entry]).edge for edge, entry in entries.items() if entry in looked.texts}
    return [reply.before, reply.after, *looked.heads], edges
