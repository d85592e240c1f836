"""Measurements, run by hand in the folder of the repository: ``python -m benchmarks.NAME``.

They are no part of the package, and no test is decided by what they say.
"""
