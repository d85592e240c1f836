"""Benchmarks of this package beside other packages: ``python -m benchmarks --help``.

``__main__`` starts one process for each benchmark and database. That process runs ``worker``, sets
Django up with ``settings`` and calls ``tables()`` of the benchmark's module. ``catalog`` lists the
benchmarks; ``sizing`` computes the requirements of many users from their figures.
"""
