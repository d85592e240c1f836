"""What it costs to know who sends a request, in process.

Each candidate is asked as a view of REST framework asks it (``initialize_request`` and
``perform_authentication``), and what the same view costs without authentication is taken off.

They do not answer the same question. A sign-out or a new password is seen by our
``JWTAuthentication``, by knox, by REST framework's tokens and by sessions (not by simplejwt and
drf-jwt); by our stateless class within ``REVOCATION_POLL_INTERVAL`` (never by simplejwt's).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from importlib import import_module
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.request import Request
from rest_framework.views import APIView

from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication

from . import project, signatures
from .our_tokens import access_tokens_of, settings_for
from .parts import Effort, Entry, measure
from .results import Kind, Promise, Table
from .rounds import Candidate
from .simplejwt_tokens import stateless_authentication

#: More than the cache holds in the benchmark of tokens that were never seen.
NEVER_SEEN = 64
DATABASE, FLOOR = "with the user from the database", "the view alone"


def tables(effort: Effort) -> Iterator[Table]:
    [alice] = project.users(1)
    entries = [
        Entry(FLOOR, Kind.FLOOR, asking(None, [""])),
        *_with_user(alice, effort),
        *_stateless(alice, effort),
    ]
    rows = measure(entries, effort, statements=project.statements)
    promises = [
        Promise(
            f"statements of a request, {row.group}: {row.name}",
            1 if row.group == DATABASE else 0,
            row.statements or 0,
        )
        for row in rows
        if row.kind is Kind.OURS
    ]
    yield Table(
        "Authentication of a request",
        rows,
        unit=effort.unit,
        note="What the same view costs without authentication is taken off.",
        promises=promises,
    )


def _with_user(alice: Any, effort: Effort) -> Iterator[Entry]:
    def peer(name: str, candidate: Candidate) -> Entry:
        return Entry(name, Kind.PEER, candidate, DATABASE)

    yield from _ours("JWTAuthentication", JWTAuthentication, alice, "HS256", DATABASE)
    if "simplejwt" in effort.peers:
        tokens = import_module("rest_framework_simplejwt.tokens")
        token = str(tokens.AccessToken.for_user(alice))
        known = import_module("rest_framework_simplejwt.authentication").JWTAuthentication
        yield peer("simplejwt", asking(known, [f"Bearer {token}"]))
    key = Token.objects.create(user=alice).key
    yield peer("REST framework's token", asking(TokenAuthentication, [f"Token {key}"]))
    if "knox" in effort.peers:
        _, token = import_module("knox.models").AuthToken.objects.create(alice)
        known = import_module("knox.auth").TokenAuthentication
        yield peer("knox", asking(known, [f"Token {token}"]))
    if "drf-jwt" in effort.peers:
        known = import_module("rest_framework_jwt.authentication").JSONWebTokenAuthentication
        token = known.jwt_encode_payload(known.jwt_create_payload(alice))
        yield peer("drf-jwt", asking(known, [f"Bearer {token}"]))
    yield peer("sessions in the database", _by_session(alice))


def _stateless(alice: Any, effort: Effort) -> Iterator[Entry]:
    for algorithm in signatures.usable():
        group = f"without a statement, {algorithm}"
        yield from _ours("Stateless", StatelessJWTAuthentication, alice, algorithm, group)
        if "simplejwt" in effort.peers:
            authentication, token = stateless_authentication(alice, algorithm)
            yield Entry(
                "simplejwt stateless",
                Kind.PEER,
                asking(authentication, [f"Bearer {token}"]),
                group,
            )
        project.use(**settings_for(algorithm))
        [token] = access_tokens_of(alice, 1)
        verify = signatures.bare_verification(token)

        def act(verify: Callable[[], object] = verify) -> None:
            # As the others do, whose view is taken off.
            _VIEW.perform_authentication(_VIEW.initialize_request(copy(_EMPTY)))
            verify()

        yield Entry("bare signature, json.loads", Kind.LIMIT, Candidate(act), group)


def _ours(
    name: str, authentication: type, alice: Any, algorithm: str, group: str
) -> Iterator[Entry]:
    """With a token that this process has seen before, and with tokens that it has not."""
    for what, number, size in (("seen before", 1, 4096), ("never seen", NEVER_SEEN, 1)):
        values = {**settings_for(algorithm), "TOKEN_CACHE_SIZE": size}
        project.use(**values)
        headers = [f"Bearer {token}" for token in access_tokens_of(alice, number)]
        candidate = asking(authentication, headers, values)
        yield Entry(f"{name}, {what}", Kind.OURS, candidate, group)


def asking(
    authentication: type | None, headers: Sequence[str], values: dict[str, Any] | None = None
) -> Candidate:
    """Asks who sends a request with one of ``headers`` (``Authorization``), all in turn, with
    these ``values`` of ``TOKENAUTH``."""
    view = APIView(authentication_classes=[authentication] if authentication else [])
    factory = RequestFactory()
    requests = itertools.cycle(
        [factory.get("/", headers={"authorization": header}) for header in headers]
    )

    def act() -> Request:
        # A request may remember who sent it, so each call needs one of its own.
        request: Request = view.initialize_request(copy(next(requests)))
        view.perform_authentication(request)
        return request

    def prepare(number: int) -> None:
        if values is not None:
            project.use(**values)
            # The keys are made, and the token is in the cache.
            act()

    prepare(1)
    if authentication and not act().user.is_authenticated:
        raise SystemExit(f"{authentication.__name__} refused its own credentials.")
    return Candidate(act, prepare)


def _by_session(alice: Any) -> Candidate:
    """Through the two middlewares that find the session and its user."""
    store = SessionStore()
    store[SESSION_KEY] = str(alice.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = alice.get_session_auth_hash()
    store.save()
    raw = RequestFactory().get("/", headers={"cookie": f"sessionid={store.session_key}"})
    view = APIView(authentication_classes=[SessionAuthentication])

    def answer(request: HttpRequest) -> HttpResponse:
        asked = view.initialize_request(request)
        view.perform_authentication(asked)
        if not asked.user.is_authenticated:
            raise SystemExit("The session was refused.")
        return HttpResponse()

    chain = SessionMiddleware(AuthenticationMiddleware(answer))
    return Candidate(lambda: chain(copy(raw)))


_VIEW = APIView(authentication_classes=[])
_EMPTY = RequestFactory().get("/")
