// reads
UNWIND $p.wide AS element
MATCH (n) WHERE id(n) = element
WITH n
MATCH (n)-[:DERIVES|GENERATED|INPUT_TO|PRODUCES|USED_IN_TRAINING]->(m) WHERE m._number IN $p.numbers
RETURN collect(n._number) AS near, collect(m._number) AS far
// $p.numbers = [7, 8]
// $p.wide = [41]
