"""Concurrent requests, in processes, and on SQLite in threads."""
