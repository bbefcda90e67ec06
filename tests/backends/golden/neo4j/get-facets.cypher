// reads
CALL () {
  UNWIND $p.nodes AS id
  MATCH (n:_Node {id: id}) USING INDEX SEEK n:_Node(id)
  RETURN collect([[[n.id, n._number, n._version, n._said, n._first, n._last, n._deleted, n._withdrawn, n._alias], n._facets], COLLECT { MATCH (other:_Hidden {_alias: n.id}) RETURN [[other.id, other._number, other._version, other._said, other._first, other._last, other._deleted, other._withdrawn, other._alias], other._facets] }]) AS nodes
}
CALL () {
  UNWIND $p.records AS id
  MATCH (c:_Record {id: id}) USING INDEX SEEK c:_Record(id)
  RETURN collect([c.id, c.version, c.value]) AS records
}
CALL () {
  CALL () {
    UNWIND $p.edges AS x
    MATCH (s:_Node {id: x[1]}) USING INDEX SEEK s:_Node(id)
    MATCH (t:_Node {id: x[3]}) USING INDEX SEEK t:_Node(id)
    UNWIND [(s)-[r:INPUT_TO|PRODUCES|USED_IN_TRAINING|GENERATED|DERIVES|CONFIGURED_WITH|EVALUATED_WITH|PERFORMED|HOSTED|HAS_COLUMN|HAS_OPERATION]->(t) WHERE type(r) = x[2] | r] AS r
    RETURN x[0] AS place, r.tallies AS tallies, r.facts AS facts, null AS retracted_at
    UNION ALL
    UNWIND $p.edges AS x
    MATCH (h:_Edge {source: x[1], kind: x[2], target: x[3]})
    RETURN x[0] AS place, h.tallies AS tallies, h.facts AS facts, h.retracted_at AS retracted_at
  }
  RETURN collect([place, tallies, facts, retracted_at, COLLECT {
    UNWIND tallies AS id
    MATCH (c:_Record {id: id}) USING INDEX SEEK c:_Record(id)
    RETURN [c.id, c.value]
  }]) AS edges
}
RETURN nodes, records, edges
// $p.edges = []
// $p.nodes = ["dataset:shop#orders"]
// $p.records = []
