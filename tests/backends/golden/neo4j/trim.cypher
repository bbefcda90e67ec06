// writes
MATCH (l:_Log) USING INDEX SEEK l:_Log(seq) WHERE l.seq <= $p.floor
WITH l ORDER BY l.seq LIMIT 10000
DELETE l
RETURN count(*) AS trimmed
// $p.floor = 1000
