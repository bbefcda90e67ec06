// reads
CALL () {
  CALL () {
    MATCH (m:_Listed) USING INDEX SEEK m:_Listed(group, place, id) WHERE m.group = $p.group AND m.place = $p.place AND m.id > $p.after
    RETURN m ORDER BY m.group, m.place, m.id LIMIT $p.size
    UNION ALL
    MATCH (m:_Listed) USING INDEX SEEK m:_Listed(group, place, id) WHERE m.group = $p.group AND m.place > $p.place AND m.id IS NOT NULL
    RETURN m ORDER BY m.group, m.place, m.id LIMIT $p.size
  }
  WITH m LIMIT $p.size
  MATCH (c:_Record {id: m.id}) USING INDEX SEEK c:_Record(id)
  RETURN collect([[m.place], [c.id, c.version, c.value]]) AS rows
}
CALL () {
  MATCH (m:_Listed) USING INDEX SEEK m:_Listed(group, place, id) WHERE m.group = $p.group AND m.place IS NOT NULL AND m.id IS NOT NULL
  RETURN count(m) AS total
}
RETURN rows, total
// $p.after = "run:7f0c9f4e-6f2a-4a58-9f6e-1f0e5b6f7a10"
// $p.group = "job:a#b"
// $p.place = -7
// $p.size = 21
