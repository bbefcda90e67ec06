// reads
CALL db.awaitIndexes(300)
