// reads
MATCH (e:_Epoch {id: 0})
WITH e.at AS at
CALL () {
  UNWIND $p.roots AS root
  MATCH (a:_Node {id: root[0]}) USING INDEX SEEK a:_Node(id)
  WHERE NOT a:_Hidden
  WITH a, root[1] AS start
  MATCH path = (a)<-[:INPUT_TO*0..2147483647]-(n)
  WITH a, start, n, min(length(path)) AS hops
  WHERE hops = 0 OR start + hops <= 1099511627776
  WITH n, min(start + hops) AS depth
  ORDER BY depth, n.id LIMIT $p.limit
  RETURN {
    numbers: collect(n._number), ids: collect(n.id), depths: collect(depth),
    near: collect(CASE WHEN depth < 1099511627776 OR COUNT { (n)<-[:INPUT_TO]-() } <= 1000 THEN COLLECT { MATCH (n)<-[:INPUT_TO]-(m) RETURN m._number } ELSE [-1, id(n)] END)
  } AS up
}
RETURN at, up
// $p.limit = 11
// $p.roots = [["dataset:shop#orders", 0]]
