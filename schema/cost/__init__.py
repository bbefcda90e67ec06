"""What queries cost: said in the schema, computed before anything is run, and paid by whoever asks."""
