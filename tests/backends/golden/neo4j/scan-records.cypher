// reads
MATCH (c:_Record) USING INDEX SEEK c:_Record(id) WHERE c.id > $p.after
WITH c ORDER BY c.id LIMIT $p.size
RETURN collect([c.id, c.value, c.groups, c.rank]) AS records
// $p.after = "run:7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10"
// $p.size = 2000
