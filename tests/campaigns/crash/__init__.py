"""What a user keeps when a process is killed, the database is stopped, or a statement fails.

``python -m tests.campaigns.crash`` is the long version and ends with a table. The tests of this
folder are the short version.
"""
