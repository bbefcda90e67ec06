// reads
UNWIND $p.nodes AS element
MATCH (n) WHERE id(n) = element
RETURN collect([element, n._number, n.id]) AS nodes
// $p.nodes = [41, 42]
