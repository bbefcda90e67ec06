// reads
CALL () {
  OPTIONAL MATCH (c:_Node {id: $p.after}) USING INDEX SEEK c:_Node(id)
  WITH coalesce(c[$p.id], $p.after) AS after
  CALL () {
    MATCH (h:_Edge) WHERE h.source = $p.near AND h.kind = $p.kind AND h.target IS NOT NULL
    WITH h WHERE h.tallies IS NOT NULL
    MATCH (n:_Node {id: h.target}) USING INDEX SEEK n:_Node(id)
    RETURN n
  }
  WITH n, after WHERE NOT n:_Hidden AND any(range IN $p.ranges WHERE n.id >= range[0] AND n.id < range[1]) AND n.id > after
  WITH n ORDER BY n.id LIMIT $p.size
  RETURN collect([[], [[[n.id, n._number, n._version, n._said, n._first, n._last, n._deleted, n._withdrawn, n._alias], null], COLLECT { MATCH (other:_Hidden {_alias: n.id}) RETURN [[other.id, other._number, other._version, other._said, other._first, other._last, other._deleted, other._withdrawn, other._alias], null] }]]) AS rows
}
CALL () {
  CALL () {
    MATCH (h:_Edge) WHERE h.source = $p.near AND h.kind = $p.kind AND h.target IS NOT NULL
    WITH h WHERE h.tallies IS NOT NULL
    MATCH (n:_Node {id: h.target}) USING INDEX SEEK n:_Node(id)
    RETURN n
  }
  WITH n WHERE NOT n:_Hidden AND any(range IN $p.ranges WHERE n.id >= range[0] AND n.id < range[1])
  RETURN count(n) AS total
}
RETURN rows, total
// $p.after = ""
// $p.id = "id"
// $p.kind = "MENTIONS"
// $p.near = "dataset:shop#orders"
// $p.ranges = [["asset:shop#", "asset:shop$"], ["column:shop#", "column:shop$"], ["dataset:shop#", "dataset:shop$"], ["hyperparameters:shop#", "hyperparameters:shop$"], ["job:shop#", "job:shop$"], ["metrics:shop#", "metrics:shop$"], ["model:shop#", "model:shop$"], ["operation:shop#", "operation:shop$"], ["picture:shop#", "picture:shop$"], ["prediction:shop#", "prediction:shop$"], ["run:shop#", "run:shop$"], ["state:shop#", "state:shop$"], ["system:shop#", "system:shop$"], ["tally:shop#", "tally:shop$"], ["user:shop#", "user:shop$"]]
// $p.size = 21
// $p.tags = []
