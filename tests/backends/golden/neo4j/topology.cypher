// reads
MATCH (e:_Epoch {id: 0})
WITH e.next AS bound
CALL (bound) {
  MATCH (n:_Node) USING INDEX SEEK n:_Node(_number)
  WHERE n._number >= 0 AND n._number < 0 + $p.size AND n._number < bound AND NOT n:_Hidden
  RETURN collect(n._number) AS numbers, collect(n.id) AS ids
}
RETURN bound, numbers, ids
// $p.size = 20000
