// reads
MATCH (e:_Epoch {id: 0})
WITH e.next AS bound
CALL (bound) {
  MATCH (n:_Node) USING INDEX SEEK n:_Node(_number)
  WHERE n._number >= 0 AND n._number < 0 + $p.size AND n._number < bound
  RETURN collect([[n.id, n._number, n._version, n._said, n._first, n._last, n._deleted, n._withdrawn, n._alias], n._facets]) AS nodes
}
RETURN bound, nodes
// $p.size = 2000
