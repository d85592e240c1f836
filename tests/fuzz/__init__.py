"""Mutated tokens, headers and bodies against the code that reads them: ``python -m tests.fuzz``."""
