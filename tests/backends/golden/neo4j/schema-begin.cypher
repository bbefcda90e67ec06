// writes
MERGE (e:_Epoch {id: 0})
ON CREATE SET e.at = $p.at, e.next = 0, e.writes = 0, e.format = $p.format
RETURN e.format AS format
// $p.at = [0, 5903642253403033523]
// $p.format = 2
