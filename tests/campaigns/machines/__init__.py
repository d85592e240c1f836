"""Application processes behind a proxy, which are killed and restarted under load.

``python -m tests.campaigns.machines`` runs the long form and prints a table. The tests of this
folder are the short form.
"""
