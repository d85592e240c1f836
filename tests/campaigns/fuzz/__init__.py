"""A fuzzer that sends mutated tokens, headers and bodies to the code that reads them.

``python -m tests.campaigns.fuzz --iterations N`` runs it.
"""
