"""Worker processes that start in milliseconds.

A server process imports the project once and forks the workers. It has neither threads nor a
database connection, which processes cannot share.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext


def fork_server() -> ForkServerContext:
    """Return the context of the processes, whose server starts with the first of them."""
    context = multiprocessing.get_context("forkserver")
    # pytest is the main module, which each process imports.
    context.set_forkserver_preload(["pytest", "tests.support.preloaded"])
    return context
