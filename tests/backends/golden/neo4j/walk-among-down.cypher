// reads
UNWIND $p.nodes AS element
MATCH (n) WHERE id(n) = element
WITH n
MATCH (n)-[:DERIVES|GENERATED|INPUT_TO|PRODUCES|USED_IN_TRAINING]->(m) WHERE id(m) IN $p.nodes
RETURN collect(n._number) AS near, collect(m._number) AS far
// $p.nodes = [41, 42]
