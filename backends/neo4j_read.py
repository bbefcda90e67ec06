"""Reading by id, and along the log: statements, and what their records say. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from backends.changes import LogOp, LogPage, LogRow
from backends.ids import kind_of
from backends.model import Edge, EdgeKey, Epoch, Node
from backends.neo4j_graph import TYPES, node_ids, record_ids
from backends.neo4j_schema import GENESIS
from backends.neo4j_statement import Statement
from backends.neo4j_values import node_row, row_of, tallies_of
from backends.rows import NodeRow, as_edge, as_node
from backends.stored import load

LOGGED: Final = 1_000
"""Nodes of the log in a page; each has the rows of a write, or a hundred of them."""

EPOCH: Final = Statement("MATCH (e:_Epoch {id: 0}) RETURN e.at AS at, e.watermark AS watermark, e.revision AS revision")
LOCK: Final = Statement("MATCH (e:_Epoch {id: 0}) SET e.locked = true RETURN e.writes AS writes", writes=True)
"""Waits until no write is under way, and holds off the next one until its transaction ends. It changes nothing."""


def said(variable: str, *, facets: bool) -> str:
    """A list expression: the row of a node, its facets where asked for, and the same of its other names."""
    alone = f"[{row_of(variable)}, {f'{variable}._facets' if facets else 'null'}]"
    other = f"[{row_of('other')}, {'other._facets' if facets else 'null'}]"
    others = f"COLLECT {{ MATCH (other:_Hidden {{_alias: {variable}.id}}) RETURN {other} }}"
    return f"[{alone}, {others}]"


def as_said(row: Sequence[Any], *, facets: bool) -> tuple[NodeRow, list[NodeRow]]:
    """From the list `said`: the row of a node and those of its other names."""
    alone, others = row
    return node_row(*alone), [node_row(*other) for other in others]


def compile_get(ids: Iterable[str], edges: Iterable[EdgeKey], *, facets: bool) -> Statement:
    """Nodes, records, and edges with the records of their tallies."""
    text = f"""\
CALL () {{
  UNWIND $p.nodes AS id
  MATCH (n:_Node {{id: id}}) USING INDEX SEEK n:_Node(id)
  RETURN collect({said("n", facets=facets)}) AS nodes
}}
CALL () {{
  UNWIND $p.records AS id
  MATCH (c:_Record {{id: id}}) USING INDEX SEEK c:_Record(id)
  RETURN collect([c.id, c.version, c.value]) AS records
}}
CALL () {{
  CALL () {{
    UNWIND $p.edges AS x
    MATCH (s:_Node {{id: x[1]}}) USING INDEX SEEK s:_Node(id)
    MATCH (t:_Node {{id: x[3]}}) USING INDEX SEEK t:_Node(id)
    UNWIND [(s)-[r:{TYPES}]->(t) WHERE type(r) = x[2] | r] AS r
    RETURN x[0] AS place, r.tallies AS tallies, r.facts AS facts, null AS retracted_at
    UNION ALL
    UNWIND $p.edges AS x
    MATCH (h:_Edge {{source: x[1], kind: x[2], target: x[3]}})
    RETURN x[0] AS place, h.tallies AS tallies, h.facts AS facts, h.retracted_at AS retracted_at
  }}
  RETURN collect([place, tallies, facts, retracted_at, COLLECT {{
    UNWIND tallies AS id
    MATCH (c:_Record {{id: id}}) USING INDEX SEEK c:_Record(id)
    RETURN [c.id, c.value]
  }}]) AS edges
}}
RETURN nodes, records, edges"""
    wanted = list(ids)
    keys = [
        [place, key.source, key.kind.value, key.target]
        for place, key in enumerate(edges)
        if node_ids((key.source, key.target)) == list(dict.fromkeys((key.source, key.target)))
    ]
    return Statement(text, {"nodes": node_ids(wanted), "records": record_ids(wanted), "edges": keys})


class Got:
    """What the record of `compile_get` says."""

    def __init__(self, record: Mapping[str, Any], edges: Sequence[EdgeKey], *, facets: bool) -> None:
        self.nodes: dict[str, Node] = {}
        self.meant: dict[str, str] = {}
        """Other names found, and the id of the node each stands for."""
        for node_id, version, value in record["records"]:
            self.nodes[node_id] = Node(node_id, kind_of(node_id), -1, version, True, load(value))
        for said_of in record["nodes"]:
            row, others = as_said(said_of, facets=facets)
            if row.alias_of is None:
                self.nodes[row.id] = as_node(row, others, facets=facets)
            else:
                self.meant[row.id] = row.alias_of
        self.edges: dict[int, Edge] = {}
        for place, names, facts, retracted_at, counts in record["edges"]:
            weighed = {tally: load(value) for tally, value in counts}
            self.edges[place] = as_edge(edges[place], tallies_of(names, facts), weighed, retracted_at)


# The log

TRIMMED: Final = 10_000
"""Nodes of the log deleted at a time, and rows that may lie past `Settings.keep` untrimmed."""
TRIM: Final = f"""\
MATCH (l:_Log) USING INDEX SEEK l:_Log(seq) WHERE l.seq <= $p.floor
WITH l ORDER BY l.seq LIMIT {TRIMMED}
DELETE l
RETURN count(*) AS trimmed"""


def compile_trim(floor: int) -> Statement:
    """Takes away nodes of the log all of whose rows are at or before a place, the oldest first."""
    return Statement(TRIM, {"floor": floor}, writes=True)


def compile_log(after: int) -> Statement:
    """Rows after a place in the log, up to the epoch that stands when the statement begins."""
    text = f"""\
MATCH (e:_Epoch {{id: 0}})
WITH e.at AS at, e.watermark AS watermark, e.revision AS revision
CALL (at) {{
  MATCH (l:_Log) USING INDEX SEEK l:_Log(seq)
  WHERE l.seq >= $p.after AND l.seq <= at[0]
  WITH l ORDER BY l.seq LIMIT {LOGGED}
  RETURN collect([l.seq, l.rows]) AS parts
}}
RETURN at, watermark, revision, parts"""
    return Statement(text, {"after": after})


def decode_log(record: Mapping[str, Any], after: Epoch) -> LogPage | None:
    """The page after an epoch; None where the store was read in the middle of a commit, so that rows are missing which
    its epoch counts: to be read again."""
    at, watermark, revision = Epoch(*record["at"]), record["watermark"], record["revision"]
    unknown = LogPage(at, known=False, watermark=watermark, revision=revision)
    if after.seq > at.seq or after.seq < 0:
        return unknown
    parts = record["parts"]
    if any(rows is None for _, rows in parts):
        return None
    chain = GENESIS.chain if after.seq == 0 else None
    logged: list[LogRow] = []
    end = at
    for last, text in parts:
        rows = load(text)
        for seq, (op, code, source, target, node_id, link) in enumerate(rows, last - len(rows) + 1):
            if seq > after.seq:
                logged.append(LogRow(seq, LogOp(op), code, source, target, node_id))
                end = Epoch(seq, link)
            elif seq == after.seq:
                chain = link
    if chain != after.chain or (logged and logged[0].seq != after.seq + 1):
        return unknown
    missing = len(parts) < LOGGED and after.seq + len(logged) < at.seq
    if missing or (logged and end.seq != after.seq + len(logged)):
        return None
    if not logged and end != after:
        return unknown
    return LogPage(end, tuple(logged), more=end.seq < at.seq, watermark=watermark, revision=revision)
