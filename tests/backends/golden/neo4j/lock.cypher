// writes
MATCH (e:_Epoch {id: 0}) SET e.writes = e.writes RETURN e.writes AS writes
