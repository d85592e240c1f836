"""Keys that are rotated by the command while real server processes are under load.

``python -m tests.rotation`` is the long version, with a table at the end; the test of this folder
is the short one.
"""
