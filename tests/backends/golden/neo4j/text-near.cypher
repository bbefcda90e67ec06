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
  WITH *, CASE
    WHEN $p.typed IN [n._name, coalesce(n._tail, n._name), coalesce(n._folded, n.id)] THEN 0
    WHEN n._name STARTS WITH $p.typed OR n._tail STARTS WITH $p.typed THEN 1
    WHEN all(word IN $p.names WHERE word IN n._terms) THEN 2
    WHEN all(word IN $p.names WHERE any(own IN n._terms WHERE own STARTS WITH word)) THEN 3
    WHEN all(i IN range(0, size($p.names) - 1) WHERE any(own IN n._terms
      WHERE own STARTS WITH $p.names[i] OR own STARTS WITH $p.others[i])) THEN 4
  END AS rank WHERE rank IS NOT NULL AND NOT n:_Hidden
    AND (rank > $p.rank OR rank = $p.rank AND (n._size > $p.length OR n._size = $p.length AND n.id > after))
  WITH n, [rank, n._size] AS cursor ORDER BY rank, n._size, n.id LIMIT $p.size
  RETURN collect([cursor, [[[n.id, n._number, n._version, n._said, n._first, n._last, n._deleted, n._withdrawn, n._alias], null], COLLECT { MATCH (other:_Hidden {_alias: n.id}) RETURN [[other.id, other._number, other._version, other._said, other._first, other._last, other._deleted, other._withdrawn, other._alias], null] }]]) AS rows
}
RETURN rows
// $p.after = ""
// $p.id = "id"
// $p.kind = "INPUT_TO"
// $p.length = -1
// $p.names = ["norders"]
// $p.near = "operation:shop#load#0123456789abcdef"
// $p.others = ["worders"]
// $p.query = "+((+(_terms:norders* _terms:worders*)) _terms:e0944d23ed971f9bf3eec)"
// $p.ranges = [["", "~"]]
// $p.rank = -1
// $p.size = 21
// $p.tags = []
// $p.typed = "orders"
