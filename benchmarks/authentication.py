"""Authenticate a request, in process and without a network.

Each class authenticates a request as a view of REST framework does. The time of the same view
without authentication is subtracted.

The classes differ in what they detect. Our ``JWTAuthentication`` and knox detect a sign-out at
once; our stateless class does within seconds; simplejwt and drf-jwt do not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from copy import copy
from typing import Any

from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.views import APIView

from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication

from .catalog import Run
from .competitors import load
from .project import change_tokenauth, new_users
from .sampling import Subject, measure, unit
from .tables import Assertion, RowKind, Table
from .tokens import access_tokens_of

DATABASE, STATELESS = "user from the database", "no query"


def tables(run: Run) -> Iterator[Table]:
    [user] = new_users(1)
    subjects = [
        subject("view without authentication", RowKind.OVERHEAD, "", None, [""]),
        *ours(JWTAuthentication, DATABASE, user),
        *ours(StatelessJWTAuthentication, STATELESS, user),
    ]
    for name in run.competitors:
        competitor = load(name)
        header, kind = competitor.credentials(user), RowKind.COMPETITOR
        subjects.append(subject(name, kind, DATABASE, competitor.Authentication, [header]))
        if stateless := getattr(competitor, "StatelessAuthentication", None):
            subjects.append(subject(f"{name} stateless", kind, STATELESS, stateless, [header]))
    rows = measure(subjects, run)
    assertions = [
        Assertion(f"statements: {row.name}", int(row.group == DATABASE), row.statements or 0)
        for row in rows
        if row.kind is RowKind.OURS
    ]
    note = "The time of the same view without authentication is subtracted."
    yield Table("Authenticate a request", rows, unit(run), note=note, assertions=assertions)


def ours(authentication: type, group: str, user: Any) -> Iterator[Subject]:
    """Yield a subject whose token is in the cache, and one whose tokens never are."""
    for what, number, cache_size in (("cached token", 1, 4096), ("new token", 64, 1)):
        change_tokenauth(TOKEN_CACHE_SIZE=cache_size)
        headers = [f"Bearer {token}" for token in access_tokens_of(user, number)]
        name = f"{authentication.__name__}, {what}"
        yield subject(name, RowKind.OURS, group, authentication, headers, cache_size)


def subject(
    name: str,
    kind: RowKind,
    group: str,
    class_: type | None,
    headers: list[str],
    cache_size: int = 0,
) -> Subject:
    """Return a subject that authenticates with each header in turn."""
    view = APIView(authentication_classes=[class_] if class_ else [])
    factory = RequestFactory()
    made = [factory.get("/", headers={"authorization": header}) for header in headers]
    requests = itertools.cycle(made)

    def call() -> Request:
        # Copied, because a request caches its user.
        request: Request = view.initialize_request(copy(next(requests)))
        view.perform_authentication(request)
        return request

    def prepare(calls: int) -> None:
        if cache_size:
            change_tokenauth(TOKEN_CACHE_SIZE=cache_size)
            # Load the keys, and cache the token.
            call()

    prepare(1)
    if class_ and not call().user.is_authenticated:
        raise SystemExit(f"{class_.__name__} rejected its own credentials.")
    return Subject(name, kind, call, prepare, group)
