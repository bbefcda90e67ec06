// reads
MATCH (n:_Node) USING INDEX SEEK n:_Node(_number)
WHERE n._number >= $p.low AND n._number < $p.low + $p.size AND n._number < $p.bound
WITH n, COUNT { (n)-[:INPUT_TO|PRODUCES|USED_IN_TRAINING|GENERATED|DERIVES|CONFIGURED_WITH|EVALUATED_WITH|PERFORMED|HOSTED|HAS_COLUMN|HAS_OPERATION]->() } AS degree
CALL (n, degree) {
  WITH n WHERE degree <= 2000
  MATCH (n)-[r:INPUT_TO|PRODUCES|USED_IN_TRAINING|GENERATED|DERIVES|CONFIGURED_WITH|EVALUATED_WITH|PERFORMED|HOSTED|HAS_COLUMN|HAS_OPERATION]->(t) WHERE t._number < $p.bound
  RETURN collect([n.id, type(r), t.id, r.tallies, r.facts]) AS of_node
}
WITH collect(CASE WHEN degree > 2000 THEN n._number END) AS hubs, collect(of_node) AS edges
RETURN hubs, edges
// $p.bound = 5000
// $p.low = 0
// $p.size = 2000
