// reads
MATCH (e:_Epoch {id: 0})
WITH e.at AS at
CALL () {
  CALL () {
    MATCH (a:_Node {id: $p.roots[0][0]}) USING INDEX SEEK a:_Node(id)
    WHERE NOT a:_Hidden
    MATCH path = (a)-[:DERIVES|GENERATED|INPUT_TO|PRODUCES|USED_IN_TRAINING*0..]->(n)
    WITH n, min(length(path)) AS depth
    RETURN collect(n) AS every, collect(depth) AS depths
  }
  WITH every, depths, CASE WHEN size(every) >= $p.limit THEN COLLECT {
    UNWIND range(0, size(every) - 1) AS place
    WITH place, every[place] AS n, depths[place] AS depth
    ORDER BY depth, n.id LIMIT $p.limit
    RETURN place
  } END AS kept
  WITH CASE WHEN kept IS NULL THEN every ELSE [place IN kept | every[place]] END AS nodes,
    CASE WHEN kept IS NULL THEN depths ELSE [place IN kept | depths[place]] END AS depths
  CALL (nodes) {
    UNWIND nodes AS n
    MATCH (n)-[:DERIVES|GENERATED|INPUT_TO|PRODUCES|USED_IN_TRAINING]->(m)
    RETURN collect(id(n)) AS near, collect(id(m)) AS far
  }
  WITH *, [] AS wide
  RETURN {
    elements: [n IN nodes | id(n)], numbers: [n IN nodes | n._number], ids: [n IN nodes | n.id], depths: depths,
    near: near, far: far, wide: wide
  } AS down
}
RETURN at, down
// $p.limit = 200001
// $p.roots = [["dataset:shop#orders", 0]]
