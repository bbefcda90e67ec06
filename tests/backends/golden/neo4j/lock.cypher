// writes
MATCH (e:_Epoch {id: 0}) SET e.locked = true RETURN e.writes AS writes
