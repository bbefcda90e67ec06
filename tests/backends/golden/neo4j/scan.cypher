// reads
MATCH (e:_Epoch {id: 0}) RETURN e.next AS bound
