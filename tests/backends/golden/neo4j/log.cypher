// reads
MATCH (e:_Epoch {id: 0})
WITH e.at AS at, e.watermark AS watermark, e.revision AS revision
CALL () { OPTIONAL MATCH (l:_Log {seq: $p.after}) RETURN l.chain AS chain }
CALL (at) {
  MATCH (l:_Log) USING INDEX SEEK l:_Log(seq)
  WHERE l.seq > $p.after AND l.seq <= at[0]
  WITH l ORDER BY l.seq LIMIT 10000
  RETURN collect([l.seq, l.op, l.code, l.source, l.target, l.id, l.chain]) AS rows
}
RETURN at, watermark, revision, chain, rows
// $p.after = 41
