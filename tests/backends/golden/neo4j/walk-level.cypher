// reads
MATCH (n) WHERE id(n) IN $p.frontier
MATCH (n)-[:DERIVES|GENERATED|INPUT_TO|PRODUCES|USED_IN_TRAINING]->(m)
RETURN collect(DISTINCT id(m)) AS nodes
// $p.frontier = [41, 42]
