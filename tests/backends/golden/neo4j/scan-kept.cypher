// reads
MATCH (h:_Edge) USING INDEX SEEK h:_Edge(source, kind, target)
WHERE h.source >= $p.source AND (h.source > $p.source OR h.kind > $p.kind OR (h.kind = $p.kind AND h.target > $p.target))
  AND h.kind IS NOT NULL AND h.target IS NOT NULL
WITH h ORDER BY h.source, h.kind, h.target LIMIT $p.size
RETURN collect([h.source, h.kind, h.target, h.tallies, h.facts, COUNT {
  MATCH (n:_Node) USING INDEX SEEK n:_Node(id) WHERE n.id IN [h.source, h.target] AND n._number < $p.bound
}]) AS edges
// $p.bound = 5000
// $p.kind = "PAIR"
// $p.size = 2000
// $p.source = "dataset:shop#orders"
// $p.target = "dataset:shop#mart"
