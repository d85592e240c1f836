"""A refresh with rotation and reuse detection, against simplejwt that rotates and blacklists.

Each call refreshes with the token of the call before. With the view: the request is made, the body
read and the answer rendered on both sides. Without: ``services.refresh`` and the serializer in
which simplejwt does it. The limit is the same two statements with no ORM, no token and no check.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.models import Session
from django_tokenauth.tokens.refresh import refresh_tokens
from django_tokenauth.views import RefreshView

from . import project
from .parts import Effort, Entry, measure
from .results import Kind, Promise, Table
from .rounds import Candidate

WITH_VIEW, WITHOUT = "the whole view", "without the view"
STATEMENTS = 2


def tables(effort: Effort) -> Iterator[Table]:
    [alice] = project.users(1)
    entries = [
        Entry("ours", Kind.OURS, _by_view(_ours(alice), RefreshView, "refresh_token"), WITH_VIEW),
        Entry("ours", Kind.OURS, _again(_ours(alice), _refreshed), WITHOUT),
    ]
    alone = Candidate(_statements_alone(_ours(alice)))
    entries += [
        Entry("the two statements alone", Kind.LIMIT, alone, group)
        for group in (WITH_VIEW, WITHOUT)
    ]
    if "simplejwt" in effort.peers:
        views = import_module("rest_framework_simplejwt.views")
        by_view = _by_view(_simplejwt(alice), views.TokenRefreshView, "refresh")
        entries.append(Entry("simplejwt", Kind.PEER, by_view, WITH_VIEW))
        entries.append(Entry("simplejwt", Kind.PEER, _by_serializer(_simplejwt(alice)), WITHOUT))
    rows = measure(entries, effort, statements=project.statements)
    promises = [
        Promise(f"statements of a refresh, {row.group}", STATEMENTS, row.statements or 0)
        for row in rows
        if row.kind is Kind.OURS
    ]
    yield Table("Refresh with rotation and reuse detection", rows, effort.unit, promises=promises)


def _ours(user: Any) -> str:
    return services.sign_in(user).refresh_token


def _simplejwt(user: Any) -> str:
    return str(import_module("rest_framework_simplejwt.tokens").RefreshToken.for_user(user))


def _again(token: str, refresh: Callable[[str], str]) -> Candidate:
    """Refreshes with the token that the call before gave."""
    current = [token]

    def act() -> None:
        current[0] = refresh(current[0])

    return Candidate(act)


def _refreshed(token: str) -> str:
    return services.refresh(token).refresh_token


def _statements_alone(token: str) -> Callable[[], None]:
    """Finds the session of ``token`` with its user and rotates it, by SQL that stands ready."""
    key, user = Session._meta.pk, get_user_model()._meta
    session_id = refresh_tokens(load()).decode(token, now=time.time()).session_id
    prepared = key.get_db_prep_value(session_id, connection)
    table, users = Session._meta.db_table, user.db_table
    find = (
        f"SELECT s.generation, s.*, u.* FROM {table} s"  # noqa: S608
        f" LEFT JOIN {users} u ON u.{user.pk.column} = s.user_id WHERE s.id = %s"
    )
    rotate = (
        f"UPDATE {table} SET generation = %s, refreshed_at = %s, idle_expires_at = %s"  # noqa: S608
        " WHERE id = %s AND generation = %s AND revoked_at IS NULL"
    )

    def act() -> None:
        with connection.cursor() as cursor:
            cursor.execute(find, [prepared])
            generation = cursor.fetchone()[0]
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(rotate, [generation + 1, now, now, prepared, generation])

    return act


def _by_view(token: str, view_class: Any, name: str) -> Candidate:
    """``name`` is that of the token, in the body of the request and of the answer."""
    view: Callable[..., HttpResponse] = view_class.as_view()
    factory = RequestFactory()

    def refresh(token: str) -> str:
        body = json.dumps({name: token})
        request = factory.post("/", body, content_type="application/json")
        answer: Any = view(request)
        answer.render()
        return str(answer.data[name])

    return _again(token, refresh)


def _by_serializer(token: str) -> Candidate:
    serializers = import_module("rest_framework_simplejwt.serializers")

    def refresh(token: str) -> str:
        serializer = serializers.TokenRefreshSerializer(data={"refresh": token})
        serializer.is_valid(raise_exception=True)
        return str(serializer.validated_data["refresh"])

    return _again(token, refresh)
