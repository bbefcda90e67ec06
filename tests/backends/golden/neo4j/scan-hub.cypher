// reads
MATCH (n:_Node {_number: $p.hub}) USING INDEX SEEK n:_Node(_number)
MATCH (n)-[r:INPUT_TO|PRODUCES|USED_IN_TRAINING|GENERATED|DERIVES|CONFIGURED_WITH|EVALUATED_WITH|PERFORMED|HOSTED|HAS_COLUMN|HAS_OPERATION]->(t)
WHERE t._number >= $p.begin AND t._number < $p.begin + $p.size AND t._number < $p.bound
RETURN collect([n.id, type(r), t.id, r.tallies, r.facts]) AS edges
// $p.begin = 20000
// $p.bound = 5000
// $p.hub = 17
// $p.size = 20000
