"""Concurrent requests, in processes, and on SQLite in threads.

``python -m tests.campaigns.races`` runs the long form and prints a table. The tests of this folder
are the short form.
"""
