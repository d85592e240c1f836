"""What a user keeps when a process is killed, the database is stopped, or a statement fails.

``python -m tests.crash`` is the long version, with a table at the end; the tests of this folder are
the short one.
"""
