// reads
MATCH (e:_Epoch {id: 0})
WITH e.at AS at, e.watermark AS watermark, e.revision AS revision
CALL (at) {
  MATCH (l:_Log) USING INDEX SEEK l:_Log(seq)
  WHERE l.seq >= $p.after AND l.seq <= at[0]
  WITH l ORDER BY l.seq LIMIT 1000
  RETURN collect([l.seq, l.rows]) AS parts
}
RETURN at, watermark, revision, parts
// $p.after = 41
