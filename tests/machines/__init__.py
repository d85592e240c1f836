"""Several application processes behind a proxy, which are killed and started under load.

``python -m tests.machines`` is the long version, with a table at the end; the tests of this folder
are the short one.
"""
