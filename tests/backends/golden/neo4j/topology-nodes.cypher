// reads
MATCH (n:_Node) USING INDEX SEEK n:_Node(_number)
WHERE n._number >= $p.low AND n._number < $p.low + $p.size AND n._number < $p.bound AND NOT n:_Hidden
RETURN collect(n._number) AS numbers, collect(n.id) AS ids
// $p.bound = 50000
// $p.low = 20000
// $p.size = 20000
