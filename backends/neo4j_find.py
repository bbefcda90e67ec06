"""Lists as statements: by id along an index, neighbours, records of a group, and what a text finds. Pure.

A text is looked up in the full-text index, whose tokens are cut by `backends.text.words`; what it gives is ranked and cut
inside the statement exactly as `backends.text.rank` says, so that a page costs one round trip. The kind and the namespace
of a node are the beginning of its id: those two are ranges of ids, or tokens of the index.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from backends.changes import Adjacent, Cursor, NodeFilter, NodePage, Order, Page
from backends.errors import Rejected
from backends.ids import KINDS, encode_part, kind_of
from backends.model import Direction, Node
from backends.neo4j_graph import (
    FULL_TEXT,
    can_be_id,
    kind_token,
    name_token,
    namespace_token,
    storable,
    tag_token,
    whole_token,
    word_token,
)
from backends.neo4j_read import as_said, said
from backends.neo4j_statement import Statement
from backends.rows import as_node
from backends.stored import encodable, load
from backends.text import words

MOST_WORDS: Final = 60
"""Words of a text that are looked up; those after them only take away from what is found."""
LONGEST_PREFIX: Final = 200
"""Characters of a word that are looked up: Lucene refuses prefixes of more than a thousand."""
END: Final = "~"
"""Greater than every id, which begins with its kind."""
AFTER: Final = """\
  OPTIONAL MATCH (c:_Node {id: $p.after}) USING INDEX SEEK c:_Node(id)
  WITH coalesce(c[$p.id], $p.after) AS after"""
"""The id of a cursor as it is stored. Neo4j orders what it has stored as we do, by the bytes of UTF-8, but compares it with
a parameter by the units of UTF-16; `c.id` would be the parameter again, as it went into the index."""
NO_TOKEN: Final = "x"
"""The token of no node."""
LISTED: Final = "MATCH (m:_Listed) USING INDEX SEEK m:_Listed(group, place, id)"
AWAIT: Final = "CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()"


def compile_find(where: NodeFilter, order: Order, page: Page) -> Statement:
    """One page, and the total where it is asked for. Raises `Rejected` for a cursor of another list."""
    if where.group is not None:
        return _records(where.group, where, order, page)
    if where.text:
        return _texts(where.text, where, order, page)
    return _listing(where, page)


def decode_find(record: Mapping[str, Any], where: NodeFilter, order: Order, page: Page) -> NodePage:
    """The page that the record of `compile_find` is: rows of [cursor, what is said of the node]."""
    rows = record["rows"]
    nodes: list[Node] = []
    for _, row in rows[: page.first]:
        if where.group is not None:
            node_id, version, value = row
            nodes.append(Node(node_id, kind_of(node_id), -1, version, True, load(value)))
        else:
            nodes.append(as_node(*as_said(row, facets=False), facets=False))
    ordered_by_id = order is Order.ID or (where.group is None and not where.text)
    cursors: list[Cursor] = [
        (node.id,) if ordered_by_id else (*cursor, node.id) for (cursor, _), node in zip(rows, nodes, strict=False)
    ]
    return NodePage(tuple(nodes), tuple(cursors), more=len(rows) > page.first, total=record["total"] if page.total else None)


# By id


def id_ranges(where: NodeFilter) -> list[list[str]]:
    """The ranges [from, to) of ids that the filter's kinds and namespace allow, in order."""
    if where.kinds is None and where.namespace is None:
        return [["", END]]
    prefixes = sorted(kind.lower() for kind in KINDS if where.kinds is None or kind in where.kinds)
    if where.namespace is None:
        return [[f"{prefix}:", f"{prefix};"] for prefix in prefixes]
    if not encodable(where.namespace):
        return []
    namespace = encode_part(where.namespace)
    return [[f"{prefix}:{namespace}#", f"{prefix}:{namespace}$"] for prefix in prefixes]


def _id_after(after: Cursor | None) -> str:
    match after:
        case None:
            return ""
        case (str(node_id),):
            return node_id if encodable(node_id) else END
    raise Rejected("not a cursor of this listing")


def _listing(where: NodeFilter, page: Page) -> Statement:
    after = _id_after(page.after)
    ranges = id_ranges(where)
    parameters: dict[str, Any] = {"after": after, "id": "id", "size": page.first + 1, "ranges": ranges}
    if where.adjacent is None and not where.tags:
        # Along the index, range after range, until the page is full. After an id comes what it makes with a NUL, which no
        # id has.
        low = f"{after}\0" if after else ""
        parameters["later"] = [[max(begin, low), end] for begin, end in ranges if end > after]
        matched = """\
  UNWIND $p.later AS range
  CALL (range) {
    MATCH (n:_Node) USING INDEX SEEK n:_Node(id)
    WHERE n.id >= range[0] AND n.id < range[1] AND NOT n:_Hidden
    RETURN n ORDER BY n.id LIMIT $p.size
  }
  WITH n LIMIT $p.size"""
        counted = """\
  UNWIND $p.ranges AS range
  MATCH (n:_Node) USING INDEX SEEK n:_Node(id)
  WHERE n.id >= range[0] AND n.id < range[1] AND NOT n:_Hidden
  RETURN count(n) AS total"""
        return _paged(matched, counted, page, parameters)
    if where.adjacent is not None:
        candidates, more = _neighbours(where.adjacent)
    else:
        candidates, more = f"  {AWAIT}\n  {_full_text()}", {"query": _filters(where)}
    parameters |= more | {"tags": [tag_token(tag) for tag in sorted(where.tags)]}
    matched = f"""\
{AFTER}
{candidates}
  WITH n, after WHERE {_among(where)} AND n.id > after
  WITH n ORDER BY n.id LIMIT $p.size"""
    counted = f"""\
{candidates}
  WITH n WHERE {_among(where)}
  RETURN count(n) AS total"""
    return _paged(matched, counted, page, parameters)


def _among(where: NodeFilter) -> str:
    """The conditions on a node that was found in another way."""
    conditions = ["NOT n:_Hidden"]
    if where.kinds is not None or where.namespace is not None:
        conditions.append("any(range IN $p.ranges WHERE n.id >= range[0] AND n.id < range[1])")
    if where.tags:
        conditions.append("all(tag IN $p.tags WHERE tag IN n._terms)")
    return " AND ".join(conditions)


def _paged(matched: str, counted: str, page: Page, parameters: Mapping[str, Any]) -> Statement:
    text = f"""\
CALL () {{
{matched}
  RETURN collect([[], {said("n", facets=False)}]) AS rows
}}
"""
    if not page.total:
        return Statement(text + "RETURN rows", parameters)
    return Statement(f"{text}CALL () {{\n{counted}\n}}\nRETURN rows, total", parameters)


def _neighbours(near: Adjacent) -> tuple[str, dict[str, Any]]:
    """Nodes one stated edge away, whether the edge stands or its other end is hidden."""
    downstream = near.direction is Direction.DOWNSTREAM
    kept, far = ("source", "target") if downstream else ("target", "source")
    shown = ""
    if not near.edge_kind.is_hidden:
        arrow = f"-[:{near.edge_kind}]->" if downstream else f"<-[:{near.edge_kind}]-"
        shown = f"""\
    MATCH (a:_Node {{id: $p.near}}) USING INDEX SEEK a:_Node(id)
    MATCH (a){arrow}(n)
    RETURN n
    UNION ALL
"""
    text = f"""\
  CALL () {{
{shown}    MATCH (h:_Edge) WHERE h.{kept} = $p.near AND h.kind = $p.kind AND h.{far} IS NOT NULL
    WITH h WHERE h.tallies IS NOT NULL
    MATCH (n:_Node {{id: h.{far}}}) USING INDEX SEEK n:_Node(id)
    RETURN n
  }}"""
    return text, {"near": near.id if can_be_id(near.id) else "", "kind": near.edge_kind.value}


# By text


def _quoted(token: str) -> str:
    """A token of Lucene's query language. Ours are letters and digits alone, which it does not read anything into."""
    return f"_terms:{token}"


def _filters(where: NodeFilter) -> str:
    """What the filter asks of the index beside the text; at least one condition, so that there is something to find."""
    conditions = []
    if where.kinds is not None:
        kinds = " ".join(_quoted(kind_token(kind)) for kind in sorted(where.kinds))
        conditions.append(f"+({kinds or _quoted(NO_TOKEN)})")
    if where.namespace is not None:
        conditions.append(f"+{_quoted(namespace_token(where.namespace))}")
    conditions += [f"+{_quoted(tag_token(tag))}" for tag in sorted(where.tags)]
    return " ".join(conditions)


def _full_text() -> str:
    return f"CALL db.index.fulltext.queryNodes('{FULL_TEXT}', $p.query) YIELD node AS n"


def _texts(text: str, where: NodeFilter, order: Order, page: Page) -> Statement:
    typed = text.strip().casefold()
    wanted = words(typed)
    looked_up = [word[:LONGEST_PREFIX] for word in wanted[:MOST_WORDS]]
    # Every word begins a word of the node, or the id was typed, or the name where it has no words.
    begun = " ".join(f"+({_quoted(name_token(word))}* {_quoted(word_token(word))}*)" for word in looked_up)
    found = f"({begun}) {_quoted(whole_token(typed))}" if begun else _quoted(whole_token(typed))
    parameters: dict[str, Any] = {
        "query": f"+({found}) {_filters(where)}".strip(),
        "typed": typed if encodable(typed) else "\0",  # no name holds NUL
        "names": [name_token(word) for word in wanted],
        "others": [word_token(word) for word in wanted],
        "size": page.first + 1,
        "id": "id",
    }
    candidates = f"  {AWAIT}\n  {_full_text()}"
    exact = looked_up != [*wanted]
    among = "NOT n:_Hidden"
    if where.adjacent is not None:
        candidates, more = _neighbours(where.adjacent)
        parameters |= more | {"ranges": id_ranges(where), "tags": [tag_token(tag) for tag in sorted(where.tags)]}
        exact, among = True, _among(where)
    ranking = f"""\
{candidates}
  WITH *, {_rank(wanted, exact=exact)} AS rank WHERE rank IS NOT NULL AND {among}"""
    if order is Order.ID:
        parameters["after"] = _id_after(page.after)
        matched = f"{AFTER}\n{ranking} AND n.id > after\n  WITH n, [] AS cursor ORDER BY n.id LIMIT $p.size"
    else:
        parameters |= _place_after(page.after)
        matched = f"""\
{AFTER}
{ranking}
    AND (rank > $p.rank OR rank = $p.rank AND (n._size > $p.length OR n._size = $p.length AND n.id > after))
  WITH n, [rank, n._size] AS cursor ORDER BY rank, n._size, n.id LIMIT $p.size"""
    statement = f"""\
CALL () {{
{matched}
  RETURN collect([cursor, {said("n", facets=False)}]) AS rows
}}
"""
    if not page.total:
        return Statement(statement + "RETURN rows", parameters)
    return Statement(
        f"{statement}CALL () {{\n{ranking}\n  RETURN count(n) AS total\n}}\nRETURN rows, total",
        parameters,
    )


def _rank(wanted: Sequence[str], *, exact: bool) -> str:
    """`backends.text.rank` in Cypher, over the properties that `search_properties` makes. Unless `exact`, what has no
    better rank has the worst: the index found it."""
    whole = "$p.typed IN [n._name, coalesce(n._tail, n._name), coalesce(n._folded, n.id)]"
    if not wanted:
        return f"CASE WHEN {whole} THEN 0 END"
    last = "ELSE 4"
    if exact:
        last = """\
WHEN all(i IN range(0, size($p.names) - 1) WHERE any(own IN n._terms
      WHERE own STARTS WITH $p.names[i] OR own STARTS WITH $p.others[i])) THEN 4"""
    return f"""\
CASE
    WHEN {whole} THEN 0
    WHEN n._name STARTS WITH $p.typed OR n._tail STARTS WITH $p.typed THEN 1
    WHEN all(word IN $p.names WHERE word IN n._terms) THEN 2
    WHEN all(word IN $p.names WHERE any(own IN n._terms WHERE own STARTS WITH word)) THEN 3
    {last}
  END"""


def _place_after(after: Cursor | None) -> dict[str, int | str]:
    match after:
        case None:
            return {"rank": -1, "length": -1, "after": ""}
        case (int(rank), int(size), str(node_id)) if abs(rank) < 2**63 and abs(size) < 2**63:
            return {"rank": rank, "length": size, "after": node_id if encodable(node_id) else END}
        case (int(), int(), str()):
            return {"rank": 5, "length": 0, "after": ""}  # after all there is
    raise Rejected("not a cursor of this listing")


# Records


def _records(group: str, where: NodeFilter, order: Order, page: Page) -> Statement:
    parameters: dict[str, Any] = {"group": storable(group), "size": page.first + 1}
    kinds = ""
    if where.kinds is not None:
        kinds = " AND any(range IN $p.ranges WHERE m.id >= range[0] AND m.id < range[1])"
        parameters["ranges"] = id_ranges(NodeFilter(kinds=where.kinds))
    if order is Order.ID:
        parameters |= {"after": _id_after(page.after), "id": "id"}
        listed = f"""\
  OPTIONAL MATCH (c:_Record {{id: $p.after}}) USING INDEX SEEK c:_Record(id)
  WITH coalesce(c[$p.id], $p.after) AS after
  {LISTED}
  WHERE m.group = $p.group AND m.place IS NOT NULL AND m.id IS NOT NULL AND m.id > after{kinds}
  WITH m ORDER BY m.id LIMIT $p.size"""
    else:
        parameters |= _record_after(page.after)
        one = f"{kinds}\n    RETURN m ORDER BY m.group, m.place, m.id LIMIT $p.size"
        listed = f"""\
  CALL () {{
    {LISTED} WHERE m.group = $p.group AND m.place = $p.place AND m.id > $p.after{one}
    UNION ALL
    {LISTED} WHERE m.group = $p.group AND m.place > $p.place AND m.id IS NOT NULL{one}
  }}
  WITH m LIMIT $p.size"""
    text = f"""\
CALL () {{
{listed}
  MATCH (c:_Record {{id: m.id}}) USING INDEX SEEK c:_Record(id)
  RETURN collect([[m.place], [c.id, c.version, c.value]]) AS rows
}}
"""
    if not page.total:
        return Statement(text + "RETURN rows", parameters)
    counted = f"""\
CALL () {{
  {LISTED} WHERE m.group = $p.group AND m.place IS NOT NULL AND m.id IS NOT NULL{kinds}
  RETURN count(m) AS total
}}
RETURN rows, total"""
    return Statement(text + counted, parameters)


def _record_after(after: Cursor | None) -> dict[str, int | str]:
    match after:
        case None:
            return {"place": -(2**63), "after": ""}
        case (int(place), str(record_id)):
            bounded = max(-(2**63), min(place, 2**63 - 1))
            known = encodable(record_id) and bounded == place
            return {"place": bounded, "after": record_id if known else END if place > 0 else ""}
    raise Rejected("not a cursor of this listing")
