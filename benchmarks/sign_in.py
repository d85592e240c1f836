"""A sign-in after the password was checked: what is stored, and the tokens that are handed out.

A thousand users take their turns, so that nobody has so many sessions that the oldest are ended.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from rest_framework.authtoken.models import Token

from django_tokenauth import services

from . import project
from .parts import Effort, Entry, measure
from .results import Kind, Table
from .rounds import Candidate

USERS = 1000


def tables(effort: Effort) -> Iterator[Table]:
    everybody = list(project.users(20 if effort.quick else USERS))
    entries = [Entry("ours", Kind.OURS, _of_each(everybody, services.sign_in))]
    for name, sign_in in _peers(effort):
        entries.append(Entry(name, Kind.PEER, _of_each(everybody, sign_in)))
    yield Table(
        "Sign-in without the hash of the password",
        measure(entries, effort, statements=project.statements),
        effort.unit,
        note="Ours and the session note the time of the last sign-in at the user, as Django does.",
    )


def _of_each(everybody: list[Any], sign_in: Callable[[Any], object]) -> Candidate:
    turns = itertools.cycle(everybody)
    return Candidate(lambda: sign_in(next(turns)))


def _peers(effort: Effort) -> Iterator[tuple[str, Callable[[Any], object]]]:
    if "simplejwt" in effort.peers:
        refresh_token = import_module("rest_framework_simplejwt.tokens").RefreshToken

        def simplejwt(user: Any) -> tuple[str, str]:
            token = refresh_token.for_user(user)
            return str(token), str(token.access_token)

        yield "simplejwt, a refresh token that can be blacklisted", simplejwt
    if "knox" in effort.peers:
        yield "knox", import_module("knox.models").AuthToken.objects.create
    if "drf-jwt" in effort.peers:
        known = import_module("rest_framework_jwt.authentication").JSONWebTokenAuthentication
        yield (
            "drf-jwt, which stores nothing",
            lambda user: known.jwt_encode_payload(known.jwt_create_payload(user)),
        )
    yield "REST framework's token, a new one", _new_token
    yield "a session in the database", _new_session


def _new_token(user: Any) -> Token:
    # It has one for each user; the second sign-in would only read it.
    Token.objects.filter(user=user).delete()
    return Token.objects.create(user=user)


def _new_session(user: Any) -> None:
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, "django.contrib.auth.backends.ModelBackend")
    request.session.save()
