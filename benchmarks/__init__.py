"""Benchmarks of this package beside other packages: ``python -m benchmarks --help``.

``__main__`` starts one process for each benchmark and database. That process runs ``worker``, sets
Django up with ``settings`` and calls ``tables()`` of the benchmark's module. ``catalog`` lists the
benchmarks; ``sizing`` computes from their figures what many users need.
"""
