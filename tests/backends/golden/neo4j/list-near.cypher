// reads
CALL () {
  OPTIONAL MATCH (c:_Node {id: $p.after}) USING INDEX SEEK c:_Node(id)
  WITH coalesce(c[$p.id], $p.after) AS after
  CALL () {
    MATCH (a:_Node {id: $p.near}) USING INDEX SEEK a:_Node(id)
    MATCH (a)<-[:INPUT_TO]-(n)
    RETURN n
    UNION ALL
    MATCH (h:_Edge) WHERE h.target = $p.near AND h.kind = $p.kind AND h.source IS NOT NULL
    WITH h WHERE h.tallies IS NOT NULL
    MATCH (n:_Node {id: h.source}) USING INDEX SEEK n:_Node(id)
    RETURN n
  }
  WITH n, after WHERE NOT n:_Hidden AND n.id > after
  WITH n ORDER BY n.id LIMIT $p.size
  RETURN collect([[], [[[n.id, n._number, n._version, n._said, n._first, n._last, n._deleted, n._withdrawn, n._alias], null], COLLECT { MATCH (other:_Hidden {_alias: n.id}) RETURN [[other.id, other._number, other._version, other._said, other._first, other._last, other._deleted, other._withdrawn, other._alias], null] }]]) AS rows
}
RETURN rows
// $p.after = ""
// $p.id = "id"
// $p.kind = "INPUT_TO"
// $p.near = "operation:shop#load#0123456789abcdef"
// $p.ranges = [["", "~"]]
// $p.size = 21
// $p.tags = []
