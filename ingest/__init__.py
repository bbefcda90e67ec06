"""Events and commands in, changes out. Pure: what must be read is asked for (`program`), nothing here does I/O."""
