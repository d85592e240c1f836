"""The requests for fault injection, and the conditions that must hold afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services.issuing import TokenPair
from django_tokenauth.sessions.revocations import revoked_sessions
from tests.campaigns.crash.clients import KeptConnection, Response, claims, sign_in

ONE_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Case:
    """A prepared request, which can be sent repeatedly."""

    send: Callable[[], Response]
    #: Return whether the response to the repeated request, and the rows, are correct.
    is_done: Callable[[Response], bool]
    #: Return whether the rows after a fault are unchanged, or as after a success.
    is_consistent: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Operation:
    """A type of request."""

    name: str
    prepare: Callable[[KeptConnection], Case]
    settings: dict[str, Any] = field(default_factory=dict)
    #: The verbs of statements whose failure it ignores.
    ignored_verbs: tuple[str, ...] = ()
    #: It ignores the failure of any statement.
    ignores_all: bool = False


def _alice() -> Any:
    return get_user_model().objects.get(username="alice")


def _pair() -> TokenPair:
    Session.objects.all().delete()
    return services.sign_in(_alice())


def _state() -> tuple[int, str]:
    row = Session.objects.get()
    return row.generation, row.revoked_reason


def _revoked_reasons() -> set[str]:
    """Return the reasons of the revoked sessions.

    The session of a sign-in that returns an error is revoked with the reason ``USER_CHANGED``.
    """
    revoked = Session.objects.exclude(revoked_reason="")
    return set(revoked.values_list("revoked_reason", flat=True))


def _refresh(client: KeptConnection, token: str) -> Response:
    return client.post("token/refresh/", refresh_token=token)


def _refreshing(client: KeptConnection) -> Case:
    token = _pair().refresh_token

    def is_done(response: Response) -> bool:
        successor = response.body["refresh_token"]
        return (
            claims(successor)["gen"] == 2
            and _state() == (2, "")
            # A client that lost the response repeats the old token, then uses the new one.
            and _refresh(client, token).body["refresh_token"] == successor
            and claims(_refresh(client, successor).body["refresh_token"])["gen"] == 3
            and _state() == (3, "")
        )

    return Case(lambda: _refresh(client, token), is_done, lambda: _state() in [(1, ""), (2, "")])


def _previous_token(client: KeptConnection) -> Case:
    token = _pair().refresh_token
    # As in the requests of the client.
    successor = services.refresh(token, ip="127.0.0.1").refresh_token
    return Case(
        lambda: _refresh(client, token),
        lambda response: response.body["refresh_token"] == successor and _state() == (2, ""),
        lambda: _state() == (2, ""),
    )


def _reuse(client: KeptConnection) -> Case:
    token = _pair().refresh_token
    services.refresh(services.refresh(token).refresh_token)
    revoked = (3, RevokedReason.REUSED.value)
    return Case(
        lambda: _refresh(client, token),
        lambda response: response.status == 400 and _state() == revoked,
        lambda: _state() in [(3, ""), revoked],
    )


def _stateless_refresh(client: KeptConnection) -> Case:
    token = services.sign_in(_alice()).refresh_token
    return Case(
        lambda: _refresh(client, token),
        lambda response: claims(response.body["refresh_token"])["gen"] == 2,
    )


def _signing_in(client: KeptConnection) -> Case:
    # An expired session is pruned by the sign-in.
    _pair()
    Session.objects.update(idle_expires_at=timezone.now() - ONE_YEAR)
    active = Session.objects.filter(idle_expires_at__gt=timezone.now())

    def is_done(response: Response) -> bool:
        # There is a second session if the first response was lost.
        return (
            active.count() in (1, 2)
            and active.filter(pk=claims(response.body["refresh_token"])["sid"]).exists()
            and _revoked_reasons() <= {RevokedReason.USER_CHANGED}
        )

    return Case(lambda: sign_in(client, "alice"), is_done, lambda: active.count() in (0, 1))


def _evicting(client: KeptConnection) -> Case:
    _pair()

    def is_done(response: Response) -> bool:
        [active] = Session.objects.filter(revoked_at=None)
        reasons = _revoked_reasons() - {RevokedReason.USER_CHANGED}
        is_new = str(active.pk) == claims(response.body["refresh_token"])["sid"]
        return is_new and reasons == {RevokedReason.EVICTED}

    return Case(lambda: sign_in(client, "alice"), is_done)


def _revoking(kind: str) -> Callable[[KeptConnection], Case]:
    def prepare(client: KeptConnection) -> Case:
        token = getattr(_pair(), kind)
        revoked = (1, RevokedReason.SIGNED_OUT.value)
        return Case(
            lambda: client.post("token/revoke/", token=token),
            lambda response: response.status == 200 and _state() == revoked,
            lambda: _state() in [(1, ""), revoked],
        )

    return prepare


def _verifying(client: KeptConnection) -> Case:
    token = _pair().access_token
    return Case(
        lambda: client.post("token/verify/", token=token),
        lambda response: response.body["active"] is True,
    )


def _calling(method: str, path: str, status: int) -> Callable[[KeptConnection], Case]:
    """Return an API request by alice. ``{other}`` in the path is another session of alice."""

    def prepare(client: KeptConnection) -> Case:
        pair = _pair()
        other = services.sign_in(_alice()).session
        assert other is not None
        url = path.format(other=other.pk)
        revokes = method == "DELETE"

        def is_done(response: Response) -> bool:
            other.refresh_from_db()
            # A repeated DELETE of a revoked session returns 404.
            repeated = revokes and "{other}" in path and response.status == 404
            return (response.status == status or repeated) and (
                other.revoked_at is not None
            ) == revokes

        return Case(lambda: client.call(method, url, pair.access_token), is_done)

    return prepare


def _stateless_request(client: KeptConnection) -> Case:
    case = _calling("GET", "/who/stateless/", 200)(client)
    snapshot = revoked_sessions(load())
    assert snapshot is not None
    # The list is two seconds old, so the request reads it again.
    snapshot.current().refresh(time.time() - 2)
    return case


OPERATIONS = [
    Operation("refresh", _refreshing),
    Operation("refresh, previous token", _previous_token),
    Operation("refresh, reuse", _reuse),
    Operation("refresh, stateless", _stateless_refresh, {"STATELESS_REFRESH": True}),
    Operation("sign-in", _signing_in, ignored_verbs=("DELETE",)),
    Operation("sign-in, evicting", _evicting, {"MAX_SESSIONS_PER_USER": 1}),
    Operation("revoke, refresh token", _revoking("refresh_token")),
    Operation(
        "revoke, access token",
        _revoking("access_token"),
        {"REVOKE_BY_ACCESS_TOKEN": ["django-tokenauth"]},
    ),
    Operation("verify", _verifying),
    Operation("forward-auth", _calling("GET", "/auth/token/forward-auth/", 204)),
    Operation("JWTAuthentication", _calling("GET", "/who/", 200)),
    Operation("StatelessJWTAuthentication", _stateless_request, ignores_all=True),
    Operation("sessions, list", _calling("GET", "/auth/sessions/", 200)),
    Operation("sessions, revoke one", _calling("DELETE", "/auth/sessions/{other}/", 204)),
    Operation("sessions, revoke others", _calling("DELETE", "/auth/sessions/?keep=current", 204)),
]
