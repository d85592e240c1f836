"""Refresh with rotation and reuse detection, beside simplejwt that rotates and blacklists.

Each call uses the refresh token of the call before, through the view.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import Model
from django.test import RequestFactory

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.views import RefreshView

from .catalog import Run
from .competitors import load
from .project import new_users
from .sampling import Subject, measure, show_progress, unit
from .tables import OURS, Assertion, Row, RowKind, Table, exact


class Way(NamedTuple):
    """A package's way to refresh."""

    name: str
    kind: RowKind
    models: Sequence[type[Model]]
    view_class: Any
    #: Name of the refresh token in the JSON of the view.
    member: str
    sign_in: Callable[[Any], str]


def ways(run: Run) -> Iterator[Way]:
    def sign_in(user: Any) -> str:
        return services.sign_in(user).refresh_token

    yield Way(OURS, RowKind.OURS, [Session], RefreshView, "refresh_token", sign_in)
    if "simplejwt" in run.competitors:
        it, kind = load("simplejwt"), RowKind.COMPETITOR
        yield Way("simplejwt", kind, it.MODELS, it.RefreshView, "refresh", it.sign_in)


def tables(run: Run) -> Iterator[Table]:
    [user] = new_users(1)
    subjects = [Subject(way.name, way.kind, refreshing(way, user)) for way in ways(run)]
    rows = measure(subjects, run)
    statements = Assertion("statements of a refresh", 2, rows[0].statements or 0)
    yield Table("Refresh", rows, unit(run), assertions=[statements])
    if run.database == "postgresql":
        yield growth(user, run)


def refreshing(way: Way, user: Any) -> Callable[[], None]:
    """Sign in, and return a function that refreshes with the token of its last call."""
    view, factory = way.view_class.as_view(), RequestFactory()
    body = {way.member: way.sign_in(user)}

    def call() -> None:
        request = factory.post("/", json.dumps(body), content_type="application/json")
        response = view(request)
        response.render()
        body[way.member] = response.data[way.member]

    return call


def growth(user: Any, run: Run) -> Table:
    """Count the rows of one sign-in after many refreshes."""
    refreshes = 50 if run.quick else 10_000
    rows = []
    for way in ways(run):
        before = sum(model._default_manager.count() for model in way.models)
        refresh = refreshing(way, user)
        for _ in range(refreshes):
            refresh()
        added = sum(model._default_manager.count() for model in way.models) - before
        rows.append(Row(way.name, way.kind, exact(added)))
        show_progress()
    title = f"Rows of one sign-in after {refreshes:,} refreshes"
    assertions = [Assertion("rows of a sign-in", 1, int(rows[0].figure.median))]
    return Table(title, rows, "rows", assertions=assertions)
