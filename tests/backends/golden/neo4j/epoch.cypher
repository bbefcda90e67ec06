// reads
MATCH (e:_Epoch {id: 0}) RETURN e.at AS at, e.watermark AS watermark, e.revision AS revision
