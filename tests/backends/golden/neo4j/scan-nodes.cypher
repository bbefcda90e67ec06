// reads
MATCH (n:_Node) USING INDEX SEEK n:_Node(_number)
WHERE n._number >= $p.low AND n._number < $p.low + $p.size AND n._number < $p.bound
RETURN collect([[n.id, n._number, n._version, n._said, n._first, n._last, n._deleted, n._withdrawn, n._alias], n._facets]) AS nodes
// $p.bound = 5000
// $p.low = 2000
// $p.size = 2000
