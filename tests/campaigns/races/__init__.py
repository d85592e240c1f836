"""Many requests at the same moment, for real: in processes, and on SQLite in threads."""
