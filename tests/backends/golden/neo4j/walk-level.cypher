// reads
UNWIND $p.frontier AS element
MATCH (n) WHERE id(n) = element
WITH n
MATCH (n)-[:DERIVES|GENERATED|INPUT_TO|PRODUCES|USED_IN_TRAINING]->(m)
RETURN collect(DISTINCT id(m)) AS nodes
// $p.frontier = [41, 42]
