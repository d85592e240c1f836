"""Measurements, run by hand in the folder of the repository: ``python -m benchmarks --help``.

They are no part of the package. What they say of time decides no test; what they say of statements
and rows is promised, and ``--quick`` ends with 1 where a promise is broken.

``__main__`` asks for the parts, one after the other; each runs in a process of its own, which
begins in ``run``, sets a project up (``project``) and asks the module of the part for its tables.
"""
