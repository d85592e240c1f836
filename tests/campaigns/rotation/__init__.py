"""Keys that are rotated by the command while real server processes are under load.

``python -m tests.campaigns.rotation`` is the long version and ends with a table. The test of this
folder is the short version.
"""
