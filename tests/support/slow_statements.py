"""Actions directly before or after a statement, such as a jump of the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def before(verb: str, action: Callable[[], object]) -> Iterator[None]:
    """Call *action* once, directly before the next statement that starts with *verb*."""
    pending = [action]

    def wait(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(verb) and pending:
            pending.pop()()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wait):
        yield


@contextmanager
def after_first(verb: str, action: Callable[[], object]) -> Iterator[None]:
    """Call *action* once, directly after the next statement that starts with *verb*."""
    pending = [action]

    def wait(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.startswith(verb) and pending:
            pending.pop()()
        return result

    with connection.execute_wrapper(wait):
        yield
