"""A sign-out with what the client holds. Where that is no token of use, there is none to compare:
drf-jwt has no sign-out without a list that it has to be asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from django.contrib.sessions.backends.db import SessionStore

from django_tokenauth import services

from . import project
from .parts import Effort, Entry, measure
from .results import Kind, Promise, Table
from .rounds import Candidate

STATEMENTS = 2
#: So many may be signed in at once without that the oldest are ended.
MOST_OF_ONE = 100


def tables(effort: Effort) -> Iterator[Table]:
    entries = [
        Entry(
            "ours",
            Kind.OURS,
            _one_each(
                lambda user: services.sign_in(user).refresh_token,
                services.revoke_token,
            ),
        )
    ]
    entries += [
        Entry(name, Kind.PEER, _one_each(sign_in, sign_out))
        for name, sign_in, sign_out in _peers(effort)
    ]
    rows = measure(entries, effort, statements=project.statements)
    found = rows[0].statements or 0
    yield Table(
        "Sign-out",
        rows,
        effort.unit,
        promises=[Promise("statements of a sign-out", STATEMENTS, found)],
    )


def _one_each(sign_in: Callable[[Any], Any], sign_out: Callable[[Any], object]) -> Candidate:
    """Signs out who was signed in before, which is not timed."""
    waiting: list[Any] = []

    def prepare(number: int) -> None:
        waiting.clear()
        for first in range(0, number, MOST_OF_ONE):
            [user] = project.users(1)
            waiting.extend(sign_in(user) for _ in range(min(MOST_OF_ONE, number - first)))

    return Candidate(lambda: sign_out(waiting.pop()), prepare)


def _peers(
    effort: Effort,
) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[Any], object]]]:
    if "simplejwt" in effort.peers:
        refresh_token = import_module("rest_framework_simplejwt.tokens").RefreshToken
        yield (
            "simplejwt, blacklist",
            lambda user: str(refresh_token.for_user(user)),
            lambda token: refresh_token(token).blacklist(),
        )
    if "knox" in effort.peers:
        tokens = import_module("knox.models").AuthToken
        known = import_module("knox.auth").TokenAuthentication()
        yield (
            "knox",
            lambda user: tokens.objects.create(user)[1].encode(),
            # As its view does, after it was authenticated.
            lambda token: known.authenticate_credentials(token)[1].delete(),
        )
    yield "a session in the database", _session_of, _end_session


def _session_of(user: Any) -> str:
    store = SessionStore()
    store["user"] = user.pk
    store.save()
    return str(store.session_key)


def _end_session(key: str) -> None:
    store = SessionStore(key)
    # Who signs out has to be known before.
    if "user" not in store:
        raise SystemExit("The session is not there.")
    store.flush()
