// reads
MATCH (e:_Epoch {id: 0})
WITH e.at AS at
CALL () {
  UNWIND $p.roots AS root
  MATCH (a:_Node {id: root[0]}) USING INDEX SEEK a:_Node(id)
  WHERE NOT a:_Hidden
  WITH a, root[1] AS start
  MATCH path = (a)-[:CONFIGURED_WITH|DERIVES|EVALUATED_WITH|GENERATED|HAS_COLUMN|HAS_OPERATION|HOSTED|INPUT_TO|PERFORMED|PRODUCES|USED_IN_TRAINING*0..3]->(n)
  WITH a, start, n, min(length(path)) AS hops
  WHERE hops = 0 OR start + hops <= 3
  WITH n, min(start + hops) AS depth
  ORDER BY depth, n.id LIMIT $p.limit
  RETURN {
    numbers: collect(n._number), ids: collect(n.id), depths: collect(depth),
    near: collect(CASE WHEN COUNT { (n)<-[:CONFIGURED_WITH|DERIVES|EVALUATED_WITH|GENERATED|HAS_COLUMN|HAS_OPERATION|HOSTED|INPUT_TO|PERFORMED|PRODUCES|USED_IN_TRAINING]-() } <= 1000 THEN COLLECT { MATCH (n)<-[:CONFIGURED_WITH|DERIVES|EVALUATED_WITH|GENERATED|HAS_COLUMN|HAS_OPERATION|HOSTED|INPUT_TO|PERFORMED|PRODUCES|USED_IN_TRAINING]-(m) RETURN m._number } ELSE [-1, id(n)] END)
  } AS down
}
CALL () {
  UNWIND $p.roots AS root
  MATCH (a:_Node {id: root[0]}) USING INDEX SEEK a:_Node(id)
  WHERE NOT a:_Hidden
  WITH a, root[1] AS start
  MATCH path = (a)<-[:CONFIGURED_WITH|DERIVES|EVALUATED_WITH|GENERATED|HAS_COLUMN|HAS_OPERATION|HOSTED|INPUT_TO|PERFORMED|PRODUCES|USED_IN_TRAINING*0..3]-(n)
  WITH a, start, n, min(length(path)) AS hops
  WHERE hops = 0 OR start + hops <= 3
  WITH n, min(start + hops) AS depth
  ORDER BY depth, n.id LIMIT $p.limit
  RETURN {
    numbers: collect(n._number), ids: collect(n.id), depths: collect(depth),
    near: collect(CASE WHEN COUNT { (n)<-[:CONFIGURED_WITH|DERIVES|EVALUATED_WITH|GENERATED|HAS_COLUMN|HAS_OPERATION|HOSTED|INPUT_TO|PERFORMED|PRODUCES|USED_IN_TRAINING]-() } <= 1000 THEN COLLECT { MATCH (n)<-[:CONFIGURED_WITH|DERIVES|EVALUATED_WITH|GENERATED|HAS_COLUMN|HAS_OPERATION|HOSTED|INPUT_TO|PERFORMED|PRODUCES|USED_IN_TRAINING]-(m) RETURN m._number } ELSE [-1, id(n)] END)
  } AS up
}
RETURN at, down, up
// $p.limit = 200001
// $p.roots = [["dataset:shop#orders", 0]]
