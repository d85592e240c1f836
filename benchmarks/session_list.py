"""The list of a user's sessions over its view. No peer has one, so the limit is the rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpResponse
from django.test import RequestFactory

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.views import SessionListView

from . import project
from .parts import Effort, Entry, measure
from .results import Kind, Table
from .rounds import Candidate


def tables(effort: Effort) -> Iterator[Table]:
    entries = []
    for number in (1, 10, 100):
        [user] = project.users(1)
        for _ in range(number - 1):
            services.sign_in(user)
        token = services.sign_in(user).access_token
        group = f"{number} sessions" if number > 1 else "1 session"
        entries += [
            Entry("GET sessions/", Kind.OURS, _by_view(token, number), group),
            Entry("the rows, by the ORM", Kind.LIMIT, _rows(user), group),
        ]
    yield Table(
        "List of the sessions of a user",
        measure(entries, effort, statements=project.statements),
        effort.unit,
        note="With authentication, the question for the whole scope, and the answer in JSON.",
    )


def _by_view(token: str, number: int) -> Candidate:
    view: Callable[..., HttpResponse] = SessionListView.as_view()
    factory = RequestFactory()

    def act() -> Any:
        answer: Any = view(factory.get("/", headers={"authorization": f"Bearer {token}"}))
        answer.render()
        return answer

    if len(act().data) != number:
        raise SystemExit("The list does not have the sessions that were made.")
    return Candidate(act)


def _rows(user: Any) -> Candidate:
    rows = Session.objects.filter(user=user)
    return Candidate(lambda: list(rows.all()))
