"""Crash tests: sessions after a killed process, a stopped database, or a failed statement.

``python -m tests.campaigns.crash`` runs the long form and prints a table. The tests of this folder
are the short form.
"""
