"""A refresh with rotation and reuse detection, against simplejwt that rotates and blacklists.

Each call refreshes with the token of the call before. With the view: the request is made, the body
read and the answer rendered on both sides. Without: ``services.refresh`` and the serializer in
which simplejwt does it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from django.http import HttpResponse
from django.test import RequestFactory

from django_tokenauth import services
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
