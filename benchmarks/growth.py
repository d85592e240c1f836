"""Rows and bytes in the database after many refreshes of one sign-in.

simplejwt that rotates and blacklists keeps two rows for each. Bytes are those of tables and indexes
after ``VACUUM``, above what the empty ones have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from django.db import connection
from django.db.models import Model

from django_tokenauth import services
from django_tokenauth.models import Session

from . import project
from .parts import Effort
from .results import Kind, Promise, Row, Table
from .rounds import exactly


def tables(effort: Effort) -> Iterator[Table]:
    [alice] = project.users(1)
    if connection.vendor == "postgresql":
        # Only the wait for the disk is left out, of which nothing here tells.
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
    steps = (1, 10, 50) if effort.quick else (1, 100, 10_000)
    rows: list[Row] = []
    sizes: list[Row] = []
    for name, kind, models, first, refresh in _candidates(alice, effort):
        counts = _followed(models, first, refresh, steps)
        for step, (count, size) in zip(steps, counts, strict=True):
            group = f"after {step:,} refreshes" if step > 1 else "after 1 refresh"
            rows.append(Row(name, kind, exactly(count), group=group))
            sizes.append(Row(name, kind, exactly(size), group=group))
    promises = [
        Promise(f"rows of a sign-in {row.group}", 1, int(row.figure.median))
        for row in rows
        if row.kind is Kind.OURS
    ]
    yield Table("Rows after refreshes of one sign-in", rows, "rows", promises=promises)
    yield Table("Size after refreshes of one sign-in", sizes, "bytes")


_Way = tuple[str, Kind, list[type[Model]], Callable[[], str], Callable[[str], str]]


def _candidates(user: Any, effort: Effort) -> Iterator[_Way]:
    yield (
        "ours",
        Kind.OURS,
        [Session],
        lambda: services.sign_in(user).refresh_token,
        lambda token: services.refresh(token).refresh_token,
    )
    if "simplejwt" in effort.peers:
        stored = import_module("rest_framework_simplejwt.token_blacklist.models")
        tokens = import_module("rest_framework_simplejwt.tokens")
        serializers = import_module("rest_framework_simplejwt.serializers")

        def refresh(token: str) -> str:
            serializer = serializers.TokenRefreshSerializer(data={"refresh": token})
            serializer.is_valid(raise_exception=True)
            return str(serializer.validated_data["refresh"])

        yield (
            "simplejwt",
            Kind.PEER,
            [stored.OutstandingToken, stored.BlacklistedToken],
            lambda: str(tokens.RefreshToken.for_user(user)),
            refresh,
        )


def _followed(
    models: list[type[Model]],
    first: Callable[[], str],
    refresh: Callable[[str], str],
    steps: tuple[int, ...],
) -> Iterator[tuple[int, int]]:
    """The rows and bytes of ``models`` after each of ``steps``."""
    empty = size_of(models)
    token, done = first(), 0
    for step in steps:
        for _ in range(step - done):
            token = refresh(token)
        done = step
        yield sum(model._default_manager.count() for model in models), size_of(models) - empty


def size_of(models: list[type[Model]]) -> int:
    """The bytes of the tables of ``models``; on SQLite those of the whole file."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        if connection.vendor == "sqlite":
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
            return int(cursor.fetchone()[0])
        total = 0
        for model in models:
            cursor.execute("SELECT pg_total_relation_size(%s)", [model._meta.db_table])
            total += int(cursor.fetchone()[0])
        return total
