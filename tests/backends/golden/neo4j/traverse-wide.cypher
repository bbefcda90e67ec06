// reads
UNWIND $p.wide AS element
MATCH (n) WHERE id(n) = element
WITH n
MATCH (n)-[:DERIVES|GENERATED|INPUT_TO|PRODUCES|USED_IN_TRAINING]->(m) WHERE id(m) IN $p.nodes
RETURN collect(id(n)) AS near, collect(id(m)) AS far
// $p.nodes = [40, 41]
// $p.wide = [41]
