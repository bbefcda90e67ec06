"""Taking in what others than Headwater did to a Neo4j database: `headwater resync`.

Whoever draws or deletes nodes and relationships by hand writes no log, so indexes and remembered answers do not learn of
it. Here, under the write lock and in one transaction: nodes with a label and an id of ours are taken in, with their plain
properties as what is said of them; relationships of a model type between them are taken in as stated "by hand"; what is
kept of edges whose ends were deleted goes; and a new history begins, so that whoever remembers anything reads it anew.

What cannot be taken in is left as it is and told, with the statement that finds it.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from backends.base import Resynced
from backends.ids import BadId, Kind, kind_of, split_id
from backends.model import EDGE_KINDS, EdgeKind, Epoch, Stamped
from backends.neo4j_effect import new_properties
from backends.neo4j_graph import KIND_BETWEEN, LABELS, can_be_id, plain, search_properties
from backends.neo4j_read import LOCK
from backends.neo4j_statement import Statement
from backends.rows import NodeRow, new_revision
from backends.stored import dump

BY_HAND: Final = "by hand"
"""Who states an edge that was drawn by hand; also its `origin`."""
MOST: Final = 100_000
"""Nodes, and edges, taken in at a time; where there are more, it is run again."""
SHOWN: Final = 20
"""So many things of a sort that could not be taken in are named; of the others the number is told."""

Run = Callable[[Statement], Awaitable[Any]]

TYPES: Final = "|".join(kind.value for kind in EDGE_KINDS if not kind.is_hidden)
NODES: Final = f"""\
MATCH (n:{"|".join(LABELS.values())}) WHERE NOT n:_Node
WITH n LIMIT {MOST}
OPTIONAL MATCH (other:_Node {{id: n.id}})
RETURN collect([elementId(n), labels(n), properties(n), other IS NOT NULL]) AS nodes"""
ADOPT_NODES: Final = """\
MATCH (e:_Epoch {id: 0})
OPTIONAL MATCH (n:_Node)
WITH e, max(n._number) + 1 AS next
SET e.next = CASE WHEN next > e.next THEN next ELSE e.next END
WITH e
CALL (e) {
  UNWIND $p.nodes AS x
  MATCH (n) WHERE elementId(n) = x[0]
  SET n += x[1], n:_Node, n._number = e.next + x[2]
  RETURN count(*) AS adopted
}
SET e.next = e.next + adopted
RETURN adopted"""
EDGES: Final = f"""\
MATCH (s)-[r:{TYPES}]->(t) WHERE r.tallies IS NULL
WITH s, r, t LIMIT {MOST}
RETURN collect([elementId(r), s:_Node AND NOT s:_Hidden AND t:_Node AND NOT t:_Hidden, s.id, type(r), t.id, EXISTS {{
  MATCH (s)-[o]->(t) WHERE type(o) = type(r) AND (o.tallies IS NOT NULL OR elementId(o) < elementId(r))
}}]) AS edges"""
ADOPT_EDGES: Final = """\
UNWIND $p.edges AS x
MATCH (s:_Node {id: x[1]})-[r]->(t:_Node {id: x[3]}) WHERE elementId(r) = x[0]
SET r.tallies = [$p.who], r.facts = [$p.facts]
WITH x
OPTIONAL MATCH (h:_Edge {source: x[1], kind: x[2], target: x[3]})
DELETE h
RETURN count(DISTINCT x[0]) AS adopted"""
DOUBLES: Final = """\
UNWIND $p.doubles AS x
MATCH (s:_Node {id: x[1]})-[r]->(t:_Node {id: x[3]}) WHERE elementId(r) = x[0]
DELETE r
RETURN count(*) AS doubles"""
ENDLESS: Final = """\
MATCH (h:_Edge)
WHERE NOT EXISTS { MATCH (:_Node {id: h.source}) } OR NOT EXISTS { MATCH (:_Node {id: h.target}) }
DETACH DELETE h
RETURN count(*) AS dropped"""
STRANGERS: Final = f"""\
MATCH (n:_Node)-[r]-(m)
WHERE NOT m:_Node OR NOT type(r) IN split('{TYPES}', '|')
RETURN count(DISTINCT r) AS strangers"""
FIND_STRANGERS: Final = f"MATCH (n:_Node)-[r]-(m) WHERE NOT m:_Node OR NOT type(r) IN split('{TYPES}', '|') RETURN n, r, m"
# The one row of the new log is given to nobody: whoever comes from an epoch before it sees that rows are missing.
BEGIN: Final = """\
MATCH (e:_Epoch {id: 0})
SET e.at = [e.at[0] + 2, $p.chain], e.writes = e.writes + 1, e.revision = $p.revision
CREATE (:_Log {seq: e.at[0], rows: $p.rows})
RETURN e.at AS at"""
CLEAR: Final = "MATCH (l:_Log) DETACH DELETE l"


async def resync(run: Run) -> Resynced:
    """`run` runs a statement in the one transaction that all of it is."""
    await run(LOCK)
    await run(Statement(CLEAR, writes=True))  # with whatever a hasty MATCH joined to it
    problems: list[str] = []
    now = time.time_ns() // 1000
    nodes = [found for one in (await run(Statement(NODES)))["nodes"] if (found := _adopted(one, now, problems))]
    placed = [[*node, place] for place, node in enumerate(nodes)]
    adopted = await run(Statement(ADOPT_NODES, {"nodes": placed}, writes=True))
    edges, doubles = _edges((await run(Statement(EDGES)))["edges"], problems)
    parameters = {"edges": edges, "who": BY_HAND, "facts": dump({"origin": BY_HAND})}
    stated = await run(Statement(ADOPT_EDGES, parameters, writes=True))
    await run(Statement(DOUBLES, {"doubles": doubles}, writes=True))
    dropped = await run(Statement(ENDLESS, writes=True))
    strangers = (await run(Statement(STRANGERS)))["strangers"]
    if strangers:
        problems.append(
            f"{strangers:,} relationships join nodes of Headwater to others, or are of types it does not know; it cannot "
            f"traverse there until they are gone: {FIND_STRANGERS}"
        )
    chain = secrets.randbits(62)
    said = {"chain": chain, "rows": dump([[2, 0, -1, -1, "", chain]]), "revision": new_revision()}
    at = (await run(Statement(BEGIN, said, writes=True)))["at"]
    return Resynced(Epoch(*at), adopted["adopted"], stated["adopted"], len(doubles), dropped["dropped"], _few(problems))


def _adopted(found: Sequence[Any], now: int, problems: list[str]) -> tuple[str, dict[str, Any]] | None:
    """A node to take in: Neo4j's id of it and its properties; None where it cannot be, after saying why."""
    element, labels, properties, taken = found
    node_id = properties.get("id")
    kind = _kind(node_id)
    if kind is None or LABELS.get(kind) not in labels:
        problems.append(f"a node with the label {' and '.join(labels)} has no id of such a one: {node_id!r}")
        return None
    if taken:
        problems.append(f"there is a second node, or one that was withdrawn, with the id {node_id}")
        return None
    said = plain(properties)
    row = NodeRow(node_id, 0, 1, {key: Stamped(now, value) for key, value in said.items()})
    return element, new_properties(row) | search_properties(node_id, said)


def _kind(text: object) -> Kind | None:
    """The kind of a node's id; None for what is no id."""
    try:
        return split_id(text)[0] if isinstance(text, str) and can_be_id(text) else None
    except BadId:
        return None


def _edges(found: Sequence[Sequence[Any]], problems: list[str]) -> tuple[list[list[Any]], list[list[Any]]]:
    """The edges to take in, and those that are there twice."""
    edges: list[list[Any]] = []
    doubles: list[list[Any]] = []
    for element, stands, source, kind, target, double in found:
        if not stands or KIND_BETWEEN[kind_of(source).code, kind_of(target).code] != EdgeKind(kind).code:
            problems.append(f"no edge of Headwater is ({source})-[:{kind}]->({target})")
        else:
            (doubles if double else edges).append([element, source, kind, target])
    return edges, doubles


def _few(problems: list[str]) -> tuple[str, ...]:
    more = len(problems) - SHOWN
    return (*problems[:SHOWN], *([f"and {more:,} more of these"] if more > 0 else []))
