"""Assertions about scopes and sign-outs. A failed assertion says what was found and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from functools import partial
from http.cookies import SimpleCookie
from typing import Any

from django.http import HttpRequest, HttpResponse

from .. import services
from ..authentication import JWTAuthentication, StatelessJWTAuthentication
from ..conf.per_request import load_for
from ..conf.settings import load
from ..errors import InvalidGrant, InvalidToken
from ..models import Session
from ..services.issuing import TokenPair
from ..services.tenants import decode_access_token
from ..sessions.clock import utc_now
from ..sessions.database import primary_sessions
from ..tokens.refresh import refresh_tokens
from .clients import DjangoTokenClient, request_of
from .isolation import forget_revoked_sessions, without_eviction

_SCOPE = re.compile(r'scope="([^"]*)"')
# The options of a request of a client that are not options of a request without a body.
_WITHOUT_HEADERS = {"content_type", "follow", "format", "query_params"}
_FORBIDDEN = 403
_UNAUTHORIZED = 401


def assert_needs_scope(
    client: DjangoTokenClient,
    user: Any,
    method: str,
    path: str,
    data: Any = None,
    *,
    scope: str | Collection[str],
    request: HttpRequest | None = None,
    **options: Any,
) -> None:
    """Assert that a request needs *scope*, and that every scope of *user* is enough.

    Send the request twice for each name in *scope*, with a copy of *client*, so the token and the
    cookies of *client* stay. The first token has all scopes of *user* except this one, and must get
    403 ``insufficient_scope`` with a challenge that names the scope. The second token has all
    scopes, and must not get 401 or 403. Other statuses, such as 400 and 404, are accepted, so
    *data* may be invalid. The sessions of the tokens evict no session of *user*, and are revoked
    afterwards.

    *client* is a :class:`TokenClient` or :class:`DjangoTokenClient`. *method* is the HTTP method.
    *path*, *data* and *options*, such as ``format="json"``, are arguments of the client. *scope* is
    one name, several names with spaces between them, or a collection of names. *request* is passed
    to ``ISSUER`` and ``AUDIENCE`` if they are functions. It defaults to a request of *path*.

    Raises ``AssertionError``, and ``TypeError`` if *client* has no ``sign_in()`` or is an
    ``AsyncClient``.
    """
    if not isinstance(client, DjangoTokenClient):
        raise TypeError(
            "client must be a TokenClient or a DjangoTokenClient of django_tokenauth.test, not "
            f"{type(client).__name__}. Their requests reach asynchronous views too."
        )
    names = tuple(scope.split() if isinstance(scope, str) else scope)
    if not names:
        raise ValueError("scope must contain at least one name.")
    if request is None:
        headers = {name: options[name] for name in options.keys() - _WITHOUT_HEADERS}
        request = request_of(client, path, **headers)
    shown = f"{method.upper()} {path}"
    body = {} if data is None else {"data": data}

    def respond(client: DjangoTokenClient) -> HttpResponse:
        response: HttpResponse = getattr(client, method.lower())(path, **body, **options)
        return response

    for name in names:
        with _signed_in(client, user, request) as (_, granted):
            _assert_granted(user, name, granted)
        with _signed_in(client, user, request, granted - {name}) as (copied, _):
            _assert_denied(respond(copied), name, shown)
        with _signed_in(client, user, request) as (copied, granted):
            _assert_allowed(respond(copied), name, granted, shown)


@contextmanager
def _signed_in(
    client: DjangoTokenClient,
    user: Any,
    request: HttpRequest | None,
    scope: Collection[str] | None = None,
) -> Iterator[tuple[DjangoTokenClient, frozenset[str]]]:
    """Yield a copy of *client* that is signed in as *user*, and its scope. Then sign it out."""
    copied = _copy(client)
    with without_eviction(user):
        pair = copied.sign_in(user, scope, request=request)
    try:
        yield copied, pair.scope
    finally:
        copied.sign_out()


def _assert_granted(user: Any, name: str, granted: Collection[str]) -> None:
    if name not in granted:
        raise AssertionError(
            f"User {user} may not have the scope {name!r}, only {_listed(granted)}. Add it to "
            "SCOPES of TOKENAUTH, or give the user the rights that SCOPE_POLICY requires."
        )


def _assert_denied(response: HttpResponse, name: str, shown: str) -> None:
    challenge = response.get("WWW-Authenticate", "")
    if response.status_code != _FORBIDDEN:
        raise AssertionError(
            f"{shown} without the scope {name!r} got {_status(response)}, not 403. "
            + (
                f"The challenge is {challenge!r}. The view must use an authentication class of "
                "django_tokenauth."
                if response.status_code == _UNAUTHORIZED
                else f"Require the scope with HasScope or @required_scopes({name!r}), and check "
                "the path and the method."
            )
        )
    found = _SCOPE.search(challenge)
    if 'error="insufficient_scope"' not in challenge or found is None:
        raise AssertionError(
            f"{shown} without the scope {name!r} got 403, but not because of a scope: the challenge"
            f" is {challenge!r}. Another permission denies the user, or the view uses no "
            "authentication class of django_tokenauth."
        )
    if name not in found[1].split():
        raise AssertionError(
            f"{shown} without the scope {name!r} got 403, but the challenge names the scope "
            f"{found[1]!r}. Correct required_scopes of the view, or the scope of the test."
        )


def _assert_allowed(
    response: HttpResponse, name: str, granted: Collection[str], shown: str
) -> None:
    if response.status_code in (_UNAUTHORIZED, _FORBIDDEN):
        raise AssertionError(
            f"{shown} with the scope {name!r} got {_status(response)}. The token has the scopes "
            f"{_listed(granted)}, and the challenge is "
            f"{response.get('WWW-Authenticate', '')!r}. Another permission denies the user, or the "
            "view requires a scope that the user may not have."
        )


def assert_signed_out(
    signed_in: TokenPair | Mapping[str, Any] | Any, *, request: HttpRequest | None = None
) -> None:
    """Assert that a sign-in has ended, or that a user has no active session.

    *signed_in* is the result of ``sign_in()``, the token response of the routes as a dict, or a
    user. For tokens, the session must be revoked, expired or deleted. Both authentication classes
    must reject the access token, and a refresh must reject the refresh token. For a user, no
    session may be active. The assertion changes no session: if the session is active, it fails
    before it tries the refresh token. The snapshot of revoked sessions is read again. *request* is
    passed to ``ISSUER`` and ``AUDIENCE`` if they are functions.

    Raises ``AssertionError``, and ``TypeError`` if *signed_in* is neither tokens nor a stored user.
    """
    tokens = signed_in.to_response() if isinstance(signed_in, TokenPair) else signed_in
    if load().stateless_refresh:
        raise AssertionError(
            "With STATELESS_REFRESH, no session is stored: a sign-out cannot be observed, and "
            "tokens are valid until they expire."
        )
    if isinstance(tokens, Mapping):
        _assert_tokens_rejected(str(tokens["access_token"]), str(tokens["refresh_token"]), request)
        return
    if active := list(services.list_sessions(tokens)):
        raise AssertionError(
            f"User {tokens} has {len(active)} active "
            f"session{'s' if len(active) > 1 else ''}: {', '.join(map(_described, active))}. End "
            "them with services.sign_out_everywhere(user)."
        )


def _assert_tokens_rejected(
    access_token: str, refresh_token: str, request: HttpRequest | None
) -> None:
    session = _active_session(refresh_token, request)
    if session is not None:
        raise AssertionError(
            f"The session of user {session.user} is active: {_described(session)}. End it with "
            "client.sign_out(), services.sign_out() or a request to the revocation route."
        )
    forget_revoked_sessions()
    # The session has ended, so a refresh rejects the token before it changes a row.
    checks: dict[str, Callable[[], object]] = {
        "a refresh accepts its refresh token": partial(
            services.refresh, refresh_token, request=request
        ),
        "JWTAuthentication accepts its access token": partial(
            _authenticate, JWTAuthentication, access_token, request
        ),
    }
    if load().revocation_poll_interval is not None:
        checks["StatelessJWTAuthentication accepts its access token"] = partial(
            _authenticate, StatelessJWTAuthentication, access_token, request
        )
    for found, check in checks.items():
        with suppress(InvalidGrant, InvalidToken):
            check()
            raise AssertionError(
                f"The session has ended, but {found}. Was the row of the session changed without "
                "services.sign_out()?"
            )


def _authenticate(
    authentication: type[JWTAuthentication], access_token: str, request: HttpRequest | None
) -> object:
    # The access token may be for another service.
    now = utc_now().timestamp()
    claims = decode_access_token(load_for(request), access_token, now=now)
    return authentication().get_user(claims)


def _active_session(refresh_token: str, request: HttpRequest | None) -> Session | None:
    """Return the session of *refresh_token*, or ``None`` if it has ended."""
    settings = load_for(request)
    try:
        # At time 0, no token has expired.
        session_id = refresh_tokens(settings).decode(refresh_token, now=0).session_id
    except InvalidToken:
        return None
    rows = primary_sessions().filter(
        pk=session_id, revoked_at__isnull=True, idle_expires_at__gt=utc_now()
    )
    session = rows.first()
    if session and settings.is_revoked_by_not_before(session.created_at.timestamp()):
        return None
    return session


def _copy(client: DjangoTokenClient) -> DjangoTokenClient:
    """Return a copy of *client* without its cookies, whose sign-ins do not change *client*."""
    copied = copy(client)
    copied.handler = copy(client.handler)
    copied.defaults = dict(client.defaults)
    copied.cookies = SimpleCookie()
    return copied


def _status(response: HttpResponse) -> str:
    return f"{response.status_code} ({response.reason_phrase})"


def _listed(scope: Collection[str]) -> str:
    return ", ".join(map(repr, sorted(scope))) or "none"


def _described(session: Session) -> str:
    name = session.device_name or session.client_id
    return f"{name!r} since {session.created_at:%Y-%m-%d %H:%M:%S}"
