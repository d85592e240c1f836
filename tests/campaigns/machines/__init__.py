"""Several application processes behind a proxy, which are killed and started under load.

``python -m tests.campaigns.machines`` is the long version and ends with a table. The tests of this
folder are the short version.
"""
