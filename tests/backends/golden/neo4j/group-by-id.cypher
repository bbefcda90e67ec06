// reads
CALL () {
  OPTIONAL MATCH (c:_Record {id: $p.after}) USING INDEX SEEK c:_Record(id)
  WITH coalesce(c[$p.id], $p.after) AS after
  MATCH (m:_Listed) USING INDEX SEEK m:_Listed(group, place, id)
  WHERE m.group = $p.group AND m.place IS NOT NULL AND m.id IS NOT NULL AND m.id > after AND any(range IN $p.ranges WHERE m.id >= range[0] AND m.id < range[1])
  WITH m ORDER BY m.id LIMIT $p.size
  MATCH (c:_Record {id: m.id}) USING INDEX SEEK c:_Record(id)
  RETURN collect([[m.place], [c.id, c.version, c.value]]) AS rows
}
RETURN rows
// $p.after = "run:7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10"
// $p.group = "g"
// $p.id = "id"
// $p.ranges = [["run:", "run;"]]
// $p.size = 21
