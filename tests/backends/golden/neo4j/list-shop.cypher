// reads
CALL () {
  UNWIND $p.later AS range
  CALL (range) {
    MATCH (n:_Node) USING INDEX SEEK n:_Node(id)
    WHERE n.id >= range[0] AND n.id < range[1] AND NOT n:_Hidden
    RETURN n ORDER BY n.id LIMIT $p.size
  }
  WITH n LIMIT $p.size
  RETURN collect([[], [[[n.id, n._number, n._version, n._said, n._first, n._last, n._deleted, n._withdrawn, n._alias], null], COLLECT { MATCH (other:_Hidden {_alias: n.id}) RETURN [[other.id, other._number, other._version, other._said, other._first, other._last, other._deleted, other._withdrawn, other._alias], null] }]]) AS rows
}
CALL () {
  UNWIND $p.ranges AS range
  MATCH (n:_Node) USING INDEX SEEK n:_Node(id)
  WHERE n.id >= range[0] AND n.id < range[1] AND NOT n:_Hidden
  RETURN count(n) AS total
}
RETURN rows, total
// $p.after = "dataset:shop#orders"
// $p.id = "id"
// $p.later = [["dataset:shop#orders\u0000", "dataset:shop$"]]
// $p.ranges = [["asset:shop#", "asset:shop$"], ["dataset:shop#", "dataset:shop$"]]
// $p.size = 21
