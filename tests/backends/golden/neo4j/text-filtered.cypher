// reads
CALL () {
  OPTIONAL MATCH (c:_Node {id: $p.after}) USING INDEX SEEK c:_Node(id)
  WITH coalesce(c[$p.id], $p.after) AS after
  CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()
  CALL db.index.fulltext.queryNodes('headwater_search', $p.query) YIELD node AS n
  WITH *, CASE
    WHEN $p.typed IN [n._name, coalesce(n._tail, n._name), coalesce(n._folded, n.id)] THEN 0
    WHEN n._name STARTS WITH $p.typed OR n._tail STARTS WITH $p.typed THEN 1
    WHEN all(word IN $p.names WHERE word IN n._terms) THEN 2
    WHEN all(word IN $p.names WHERE any(own IN n._terms WHERE own STARTS WITH word)) THEN 3
    ELSE 4
  END AS rank WHERE rank IS NOT NULL AND NOT n:_Hidden
    AND (rank > $p.rank OR rank = $p.rank AND (n._size > $p.length OR n._size = $p.length AND n.id > after))
  WITH n, [rank, n._size] AS cursor ORDER BY rank, n._size, n.id LIMIT $p.size
  RETURN collect([cursor, [[[n.id, n._number, n._version, n._said, n._first, n._last, n._deleted, n._withdrawn, n._alias], null], COLLECT { MATCH (other:_Hidden {_alias: n.id}) RETURN [[other.id, other._number, other._version, other._said, other._first, other._last, other._deleted, other._withdrawn, other._alias], null] }]]) AS rows
}
CALL () {
  CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()
  CALL db.index.fulltext.queryNodes('headwater_search', $p.query) YIELD node AS n
  WITH *, CASE
    WHEN $p.typed IN [n._name, coalesce(n._tail, n._name), coalesce(n._folded, n.id)] THEN 0
    WHEN n._name STARTS WITH $p.typed OR n._tail STARTS WITH $p.typed THEN 1
    WHEN all(word IN $p.names WHERE word IN n._terms) THEN 2
    WHEN all(word IN $p.names WHERE any(own IN n._terms WHERE own STARTS WITH word)) THEN 3
    ELSE 4
  END AS rank WHERE rank IS NOT NULL AND NOT n:_Hidden
  RETURN count(n) AS total
}
RETURN rows, total
// $p.after = "dataset:shop#orders"
// $p.id = "id"
// $p.length = 6
// $p.names = ["norder", "ncust"]
// $p.others = ["worder", "wcust"]
// $p.query = "+((+(_terms:norder* _terms:worder*) +(_terms:ncust* _terms:wcust*)) _terms:eee46ed38ab9863b54d25) +(_terms:k0) +_terms:sf713a3f6cea4b64e6aed +_terms:ta2bb6a2965ab31be5867"
// $p.rank = 2
// $p.size = 21
// $p.typed = "order cust"
