"""Key rotation by the command while server processes are under load.

``python -m tests.campaigns.rotation`` runs the long form and prints a table. The test of this
folder is the short form.
"""
