"""What happened: one SQLite file, its schema, and the units of work that read and write it."""
