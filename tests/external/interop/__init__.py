"""Interoperability: independent libraries verify tokens of the server, and sign tokens for it.

Each library runs in a separate program: one of ``docs/verify/``, which the documentation shows, or
one of ``programs/``.
"""
