"""Mutated tokens, headers and bodies against the code that reads them.

``python -m tests.campaigns.fuzz`` runs as many as asked.
"""
