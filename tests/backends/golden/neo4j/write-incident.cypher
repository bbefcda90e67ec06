// writes
CALL () {
  UNWIND $p.nodes AS id
  MATCH (n:_Node {id: id}) USING INDEX SEEK n:_Node(id)
  MATCH (n)-[r]-(m:_Node)
  RETURN collect([startNode(r).id, type(r), endNode(r).id, m.id, m._number]) AS shown
}
CALL () {
  CALL () {
    UNWIND $p.nodes AS id
    MATCH (h:_Edge) WHERE h.source = id AND h.kind IS NOT NULL AND h.target IS NOT NULL
    RETURN h
    UNION
    UNWIND $p.nodes AS id
    MATCH (h:_Edge) WHERE h.target = id AND h.kind IS NOT NULL AND h.source IS NOT NULL
    RETURN h
  }
  WITH h WHERE h.tallies IS NOT NULL AND NOT h.kind IN $p.never
  RETURN collect([h.source, h.kind, h.target, elementId(h)]) AS kept
}
RETURN shown, kept
// $p.never = ["PAIR", "MENTIONS"]
// $p.nodes = ["dataset:shop#old"]
