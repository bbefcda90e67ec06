// reads
MATCH (e:_Epoch {id: 0})
WITH e.at AS at
CALL () {
  UNWIND $p.roots AS root
  MATCH (a:_Node {id: root[0]}) USING INDEX SEEK a:_Node(id)
  WHERE NOT a:_Hidden
  WITH a, root[1] AS start
  MATCH path = (a)-[:DERIVES|GENERATED|INPUT_TO|PRODUCES|USED_IN_TRAINING*0..]->(n)
  WITH a, start, n, min(length(path)) AS hops
  WITH n, min(start + hops) AS depth
  ORDER BY depth, n.id LIMIT $p.limit
  RETURN {
    numbers: collect(n._number), ids: collect(n.id), depths: collect(depth),
    near: collect(COLLECT { MATCH (n)-[:DERIVES|GENERATED|INPUT_TO|PRODUCES|USED_IN_TRAINING]->(m) RETURN m._number })
  } AS down
}
RETURN at, down
// $p.limit = 200001
// $p.roots = [["dataset:shop#orders", 0]]
