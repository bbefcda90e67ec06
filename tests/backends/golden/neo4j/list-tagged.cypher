// reads
CALL () {
  OPTIONAL MATCH (c:_Node {id: $p.after}) USING INDEX SEEK c:_Node(id)
  WITH coalesce(c[$p.id], $p.after) AS after
  CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()
  CALL db.index.fulltext.queryNodes('headwater_search', $p.query) YIELD node AS n
  WITH n, after WHERE NOT n:_Hidden AND any(range IN $p.ranges WHERE n.id >= range[0] AND n.id < range[1]) AND all(tag IN $p.tags WHERE tag IN n._terms) AND n.id > after
  WITH n ORDER BY n.id LIMIT $p.size
  RETURN collect([[], [[[n.id, n._number, n._version, n._said, n._first, n._last, n._deleted, n._withdrawn, n._alias], null], COLLECT { MATCH (other:_Hidden {_alias: n.id}) RETURN [[other.id, other._number, other._version, other._said, other._first, other._last, other._deleted, other._withdrawn, other._alias], null] }]]) AS rows
}
CALL () {
  CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()
  CALL db.index.fulltext.queryNodes('headwater_search', $p.query) YIELD node AS n
  WITH n WHERE NOT n:_Hidden AND any(range IN $p.ranges WHERE n.id >= range[0] AND n.id < range[1]) AND all(tag IN $p.tags WHERE tag IN n._terms)
  RETURN count(n) AS total
}
RETURN rows, total
// $p.after = "dataset:shop#orders"
// $p.id = "id"
// $p.query = "+(_terms:k0) +_terms:t062b1e4326f09f7f450c +_terms:ta2bb6a2965ab31be5867"
// $p.ranges = [["dataset:", "dataset;"]]
// $p.size = 21
// $p.tags = ["t062b1e4326f09f7f450c", "ta2bb6a2965ab31be5867"]
