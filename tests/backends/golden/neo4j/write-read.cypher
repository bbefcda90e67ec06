// writes
MATCH (e:_Epoch {id: 0})
WITH e.at AS at, e.next AS next, e.writes AS writes, e.watermark AS watermark
CALL () {
  UNWIND $p.nodes AS id
  MATCH (n:_Node {id: id}) USING INDEX SEEK n:_Node(id)
  RETURN collect([elementId(n), [n.id, n._number, n._version, n._said, n._first, n._last, n._deleted, n._withdrawn, n._alias], CASE WHEN id IN $p.facets THEN n._facets END, COLLECT {
    MATCH (other:_Hidden {_alias: id}) RETURN other.id
  }]) AS nodes
}
CALL () {
  UNWIND $p.edges AS x
  MATCH (s:_Node {id: x[1]}) USING INDEX SEEK s:_Node(id)
  MATCH (t:_Node {id: x[3]}) USING INDEX SEEK t:_Node(id)
  UNWIND [(s)-[r:INPUT_TO|PRODUCES|USED_IN_TRAINING|GENERATED|DERIVES|CONFIGURED_WITH|EVALUATED_WITH|PERFORMED|HOSTED|HAS_COLUMN|HAS_OPERATION]->(t) WHERE type(r) = x[2] AND r.tallies IS NOT NULL | r] AS r
  RETURN collect([x[0], r.tallies, r.facts]) AS shown
}
CALL () {
  UNWIND $p.edges AS x
  MATCH (s:_Node {id: x[1]}) USING INDEX SEEK s:_Node(id)
  MATCH (h:_Edge {source: x[1], kind: x[2], target: x[3]})
  RETURN collect([x[0], elementId(h), h.tallies, h.facts, h.retracted_at]) AS kept
}
CALL () {
  UNWIND $p.records AS id
  MATCH (c:_Record {id: id}) USING INDEX SEEK c:_Record(id)
  RETURN collect([id, c.version, c.rank, c.groups]) AS records
}
RETURN at, next, writes, watermark, nodes, shown, kept, records
// $p.edges = [[0, "dataset:shop#orders", "INPUT_TO", "operation:shop#load#0123456789abcdef"], [1, "operation:shop#load#0123456789abcdef", "PRODUCES", "dataset:shop#mart"], [2, "dataset:shop#orders", "PAIR", "dataset:shop#mart"], [3, "operation:shop#load#0123456789abcdef", "PRODUCES", "dataset:shop#gone"]]
// $p.facets = ["dataset:shop#orders"]
// $p.nodes = ["dataset:shop#orders", "dataset:shop#mart", "dataset:shop#old", "dataset:shop#gone", "operation:shop#load#0123456789abcdef"]
// $p.records = ["tally:orders", "run:7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10"]
