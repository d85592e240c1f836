"""Backends and a cache that raise an error, for settings that name classes; a missing table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache.backends.base import BaseCache
from django.db import connection

SESSION_TABLE = "django_tokenauth_session"


@contextmanager
def renamed_session_table() -> Iterator[None]:
    """Rename the session table in the block, as if ``migrate`` had not run yet."""
    with renamed_table(SESSION_TABLE):
        yield


@contextmanager
def renamed_table(name: str) -> Iterator[None]:
    """Rename the table *name* in the block."""
    table = connection.ops.quote_name(name)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")


class BrokenBackend:
    """An authentication backend that raises an error."""

    def authenticate(self, request, **credentials):
        del credentials
        raise RuntimeError("broken")


class UncalledBackend:
    """An authentication backend that Django skips, because it needs another argument."""

    def authenticate(self, request, phone, password):
        del request, phone, password


class ValueErrorBackend:
    """An authentication backend that raises the error of an invalid value."""

    def authenticate(self, request, **credentials):
        del credentials
        raise ValueError("broken")


class DownCache(BaseCache):
    """A cache whose server does not respond."""

    def __init__(self, location, params):
        super().__init__(params)

    def add(self, *args, **kwargs):
        raise ConnectionError("password of the cache")

    incr = decr = add

    def clear(self):
        pass
