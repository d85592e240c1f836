"""Call functions of this package after a commit, whatever the functions of the project do."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connections


def on_commit(function: Callable[[], object], *, using: str) -> None:
    """Call *function* after the commit in the database *using*, before functions of the project.

    Django calls the functions of a transaction in their order, and skips the rest after an error. A
    project's function that raises an error must not keep sessions active. Errors of *function* are
    logged. Outside of a transaction, call *function* at once.
    """
    connection = connections[using]
    connection.on_commit(function, robust=True)
    # captureOnCommitCallbacks() of Django's test cases, which never commit, returns the functions
    # at the end of the list.
    in_test_case = any(
        getattr(atomic, "_from_testcase", False) for atomic in connection.atomic_blocks
    )
    if connection.in_atomic_block and not in_test_case:
        connection.run_on_commit.insert(0, connection.run_on_commit.pop())
