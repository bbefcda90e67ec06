// reads
MATCH (n:_Node) USING INDEX SEEK n:_Node(_number)
WHERE n._number >= $p.low AND n._number < $p.low + $p.size AND n._number < $p.bound
MATCH (n)-[r:INPUT_TO|PRODUCES|USED_IN_TRAINING|GENERATED|DERIVES|CONFIGURED_WITH|EVALUATED_WITH|PERFORMED|HOSTED|HAS_COLUMN|HAS_OPERATION]->(t) WHERE t._number < $p.bound
WITH type(r) AS kind, collect(n._number) AS sources, collect(t._number) AS targets
RETURN collect([kind, sources, targets]) AS flows
// $p.bound = 50000
// $p.low = 0
// $p.size = 20000
