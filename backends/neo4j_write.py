"""The two statements of a write: what it must know, and what it comes to, written under a lock. Pure.

The second takes the write lock of the epoch node first, as `SET e.locked = true` does before anything is read (`SET
e.writes = e.writes` would not: Neo4j reads the old value, waits for the lock, and puts that value back), and writes
nothing unless `writes` is what the first one read: nobody wrote in between. So the first needs no lock: it reads `writes`
before all else, and what it reads in parts, beside another writer, is never written. Under the lock it would cost half
again as much, since Neo4j then looks at each step whether the transaction itself has changed what it reads. Neo4j's own
ids of nodes go from the first to the second; they stay, since no node of ours is ever removed. Relationships without
`tallies` are somebody else's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from backends.decide import StoredEdge
from backends.model import EdgeKey, Epoch
from backends.neo4j_graph import TYPES, restored
from backends.neo4j_statement import Statement
from backends.neo4j_values import node_row, row_of, tallies_of
from backends.rows import NodeRow

READ: Final = f"""\
MATCH (e:_Epoch {{id: 0}})LOCK
WITH e.at AS at, e.next AS next, e.writes AS writes, e.watermark AS watermark
CALL () {{
  UNWIND $p.nodes AS id
  MATCH (n:_Node {{id: id}}) USING INDEX SEEK n:_Node(id)
  RETURN collect([elementId(n), {row_of("n")}, CASE WHEN id IN $p.facets THEN n._facets END, COLLECT {{
    MATCH (other:_Hidden {{_alias: id}}) RETURN other.id
  }}]) AS nodes
}}
CALL () {{
  UNWIND $p.edges AS x
  MATCH (s:_Node {{id: x[1]}}) USING INDEX SEEK s:_Node(id)
  MATCH (t:_Node {{id: x[3]}}) USING INDEX SEEK t:_Node(id)
  UNWIND [(s)-[r:{TYPES}]->(t) WHERE type(r) = x[2] AND r.tallies IS NOT NULL | r] AS r
  RETURN collect([x[0], r.tallies, r.facts]) AS shown
}}
CALL () {{
  UNWIND $p.edges AS x
  MATCH (s:_Node {{id: x[1]}}) USING INDEX SEEK s:_Node(id)
  MATCH (h:_Edge {{source: x[1], kind: x[2], target: x[3]}})
  RETURN collect([x[0], elementId(h), h.tallies, h.facts, h.retracted_at]) AS kept
}}
CALL () {{
  UNWIND $p.records AS id
  MATCH (c:_Record {{id: id}}) USING INDEX SEEK c:_Record(id)
  RETURN collect([id, c.version, c.rank, c.groups]) AS records
}}
RETURN at, next, writes, watermark, nodes, shown, kept, records"""

INCIDENT: Final = """\
CALL () {
  UNWIND $p.nodes AS id
  MATCH (n:_Node {id: id}) USING INDEX SEEK n:_Node(id)
  MATCH (n)-[r]-(m:_Node)
  RETURN collect([startNode(r).id, type(r), endNode(r).id, m.id, m._number]) AS shown
}
CALL () {
  CALL () {
    UNWIND $p.nodes AS id
    MATCH (h:_Edge) WHERE h.source = id AND h.kind IS NOT NULL AND h.target IS NOT NULL
    RETURN h
    UNION
    UNWIND $p.nodes AS id
    MATCH (h:_Edge) WHERE h.target = id AND h.kind IS NOT NULL AND h.source IS NOT NULL
    RETURN h
  }
  WITH h WHERE h.tallies IS NOT NULL AND NOT h.kind IN $p.never
  RETURN collect([h.source, h.kind, h.target, elementId(h)]) AS kept
}
RETURN shown, kept"""
"""All edges at nodes that come or go, without what is said of them: a hub may have a million."""

# Of a new node the number and the id are set last: Neo4j finds those first, and a traversal reads nothing else.
# An edge is a pattern with types in a list: in any other form Neo4j may read all relationships, or all of a hub's.
WRITE: Final = """\
MATCH (e:_Epoch {id: 0}) SET e.locked = true
WITH e WHERE e.writes = $p.writes
SET e.writes = $p.writes + 1, e.at = $p.at, e.next = $p.next, e.watermark = $p.watermark, e.revision = $p.revision
WITH e
CALL () {
  UNWIND $p.made AS x
  CREATE (n:_Node:$(x[0])) SET n += x[1], n._number = x[2], n.id = x[3]
  RETURN collect(n) AS made
}
CALL () {
  UNWIND $p.ends AS element
  OPTIONAL MATCH (n) WHERE elementId(n) = element
  RETURN collect([n]) AS ends
}
WITH made, [end IN ends | end[0]] AS ends
CALL () {
  UNWIND $p.told AS x
  MATCH (n) WHERE elementId(n) = x[0]
  SET n += x[1]
}
CALL () {
  UNWIND $p.flipped AS x
  MATCH (n) WHERE elementId(n) = x[0]
  REMOVE n:$(x[1]) SET n:$(x[2])
}
CALL (made, ends) {
  UNWIND $p.came AS x
  WITH x, CASE WHEN x[0] < 0 THEN ends[-1 - x[0]] ELSE made[x[0]] END AS s,
    CASE WHEN x[2] < 0 THEN ends[-1 - x[2]] ELSE made[x[2]] END AS t
  CREATE (s)-[r:$(x[1])]->(t) SET r = x[3]
}
CALL (made, ends) {
  UNWIND $p.risen AS x
  MATCH (h) WHERE elementId(h) = x[4]
  WITH x, h, CASE WHEN x[0] < 0 THEN ends[-1 - x[0]] ELSE made[x[0]] END AS s,
    CASE WHEN x[2] < 0 THEN ends[-1 - x[2]] ELSE made[x[2]] END AS t
  CREATE (s)-[r:$(x[1])]->(t)
  SET r.tallies = h.tallies, r.facts = h.facts, r += x[3]
  DELETE h
}
CALL () {
  UNWIND $p.sunk AS x
  MATCH (s:_Node {id: x[0]}) USING INDEX SEEK s:_Node(id)
  MATCH (t:_Node {id: x[2]}) USING INDEX SEEK t:_Node(id)
  UNWIND [(s)-[r:{TYPES}]->(t) WHERE type(r) = x[1] AND r.tallies IS NOT NULL | r] AS r
  CREATE (h:_Edge)
  SET h.source = x[0], h.kind = x[1], h.target = x[2], h.tallies = r.tallies, h.facts = r.facts, h += x[3]
  DELETE r
}
CALL () {
  UNWIND $p.restated AS x
  MATCH (s:_Node {id: x[0]}) USING INDEX SEEK s:_Node(id)
  MATCH (t:_Node {id: x[2]}) USING INDEX SEEK t:_Node(id)
  UNWIND [(s)-[r:{TYPES}]->(t) WHERE type(r) = x[1] AND r.tallies IS NOT NULL | r] AS r
  SET r += x[3]
}
CALL () {
  UNWIND $p.kept AS x
  CREATE (h:_Edge) SET h = x
}
CALL () {
  UNWIND $p.rekept AS x
  MATCH (h) WHERE elementId(h) = x[0]
  SET h += x[1]
}
CALL () {
  UNWIND $p.records AS x
  MERGE (c:_Record {id: x[0]}) SET c += x[1]
}
CALL () {
  UNWIND $p.removed AS id
  MATCH (c:_Record {id: id}) USING INDEX SEEK c:_Record(id)
  DELETE c
}
CALL () {
  UNWIND $p.unlisted AS x
  MATCH (m:_Listed) WHERE m.group = x[0] AND m.place = x[1] AND m.id = x[2]
  DELETE m
}
CALL () {
  UNWIND $p.listed AS x
  CREATE (:_Listed {group: x[0], place: x[1], id: x[2]})
}
CALL () {
  UNWIND $p.log AS x
  CREATE (:_Log {seq: x[0], rows: x[1]})
}
RETURN $p.at AS at""".replace("{TYPES}", TYPES)


@dataclass(frozen=True, slots=True)
class FoundNode:
    """A node as it was read: Neo4j's id of it, its row, its other names. `facets` says whether the row has them."""

    element: str
    row: NodeRow
    others: tuple[str, ...]
    facets: bool


@dataclass(frozen=True, slots=True)
class FoundEdge:
    """An edge as it was read, and Neo4j's id of the node that keeps it, None where it is a relationship."""

    edge: StoredEdge
    keeper: str | None = None


@dataclass(frozen=True, slots=True)
class FoundRecord:
    version: int
    rank: int
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be read: ids of nodes, of those whose facets are needed, keys of edges, ids of records."""

    nodes: tuple[str, ...]
    facets: frozenset[str] = frozenset()
    edges: tuple[EdgeKey, ...] = ()
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What was read."""

    epoch: Epoch
    next_number: int
    writes: int
    watermark: int | None
    nodes: dict[str, FoundNode] = field(default_factory=dict)
    edges: dict[EdgeKey, FoundEdge] = field(default_factory=dict)
    records: dict[str, FoundRecord] = field(default_factory=dict)


def compile_reading(reading: Reading, *, locked: bool) -> Statement:
    """`locked`: with the lock held from here to the end of the transaction, so that what follows is surely written."""
    edges = [[place, key.source, key.kind.value, key.target] for place, key in enumerate(reading.edges)]
    parameters = {"nodes": reading.nodes, "facets": list(reading.facets), "edges": edges, "records": reading.records}
    return Statement(READ.replace("LOCK", " SET e.locked = true" if locked else ""), parameters, writes=True)


def decode_reading(record: Mapping[str, Any], reading: Reading) -> Found:
    found = Found(Epoch(*record["at"]), record["next"], record["writes"], record["watermark"])
    for element, said, facets, others in record["nodes"]:
        row = node_row(said, facets)
        found.nodes[row.id] = FoundNode(element, row, tuple(others), row.id in reading.facets)
    for place, names, facts in record["shown"]:
        found.edges[reading.edges[place]] = FoundEdge(StoredEdge(tallies_of(names, facts)))
    for place, element, names, facts, retracted_at in record["kept"]:
        edge = StoredEdge(tallies_of(names, facts), retracted_at)
        found.edges[reading.edges[place]] = FoundEdge(edge, element)
    for record_id, version, rank, groups in record["records"]:
        found.records[record_id] = FoundRecord(version, rank, tuple(map(restored, groups or ())))
    return found


def compile_incident(ids: Iterable[str], never: Iterable[str]) -> Statement:
    """`never` are the kinds that are no part of the topology."""
    return Statement(INCIDENT, {"nodes": list(ids), "never": list(never)}, writes=True)
