"""The requests whose statements fail, one after the other, and what has to be true afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from django_tokenauth import services
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services.issuing import TokenPair
from tests.campaigns.crash.clients import Answer, Line, claims, sign_in

AGES_AGO = timedelta(days=365)


@dataclass(frozen=True)
class Case:
    """One request that is ready to be sent, and sent again."""

    send: Callable[[], Answer]
    #: Whether the answer to the request that was sent again is right, and the rows are.
    is_done: Callable[[Answer], bool]
    #: Whether the rows are as they may be after a fault: as before, or as if it had gone well.
    is_whole: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Operation:
    """A kind of request."""

    name: str
    begin: Callable[[Line], Case]
    settings: dict[str, Any] = field(default_factory=dict)
    #: Words of statements without which it goes well, too.
    spares: tuple[str, ...] = ()
    #: It goes well without any of them.
    spares_all: bool = False


def _alice() -> Any:
    return get_user_model().objects.get(username="alice")


def _pair() -> TokenPair:
    Session.objects.all().delete()
    return services.sign_in(_alice())


def _state() -> tuple[int, str]:
    row = Session.objects.get()
    return row.generation, row.revoked_reason


def _refresh(line: Line, token: str) -> Answer:
    return line.post("token/refresh/", refresh_token=token)


def _refreshing(line: Line) -> Case:
    token = _pair().refresh_token

    def is_done(answer: Answer) -> bool:
        successor = answer.body["refresh_token"]
        return (
            claims(successor)["gen"] == 2
            and _state() == (2, "")
            # A client that lost the answer asks with the former token, and goes on with the new.
            and _refresh(line, token).body["refresh_token"] == successor
            and claims(_refresh(line, successor).body["refresh_token"])["gen"] == 3
            and _state() == (3, "")
        )

    return Case(lambda: _refresh(line, token), is_done, lambda: _state() in [(1, ""), (2, "")])


def _predecessor(line: Line) -> Case:
    token = _pair().refresh_token
    successor = services.refresh(token).refresh_token
    return Case(
        lambda: _refresh(line, token),
        lambda answer: answer.body["refresh_token"] == successor and _state() == (2, ""),
        lambda: _state() == (2, ""),
    )


def _reuse(line: Line) -> Case:
    token = _pair().refresh_token
    services.refresh(services.refresh(token).refresh_token)
    ended = (3, RevokedReason.REUSED.value)
    return Case(
        lambda: _refresh(line, token),
        lambda answer: answer.status == 400 and _state() == ended,
        lambda: _state() in [(3, ""), ended],
    )


def _stateless_refresh(line: Line) -> Case:
    token = services.sign_in(_alice()).refresh_token
    return Case(
        lambda: _refresh(line, token),
        lambda answer: claims(answer.body["refresh_token"])["gen"] == 2,
    )


def _signing_in(line: Line) -> Case:
    # With something to be pruned.
    _pair()
    Session.objects.update(idle_expires_at=timezone.now() - AGES_AGO)
    alive = Session.objects.filter(idle_expires_at__gt=timezone.now())

    def is_done(answer: Answer) -> bool:
        # One more than the client knows of, if it lost the answer.
        return (
            alive.count() in (1, 2)
            and alive.filter(pk=claims(answer.body["refresh_token"])["sid"]).exists()
            and not Session.objects.exclude(revoked_reason="").exists()
        )

    return Case(lambda: sign_in(line, "alice"), is_done, lambda: alive.count() in (0, 1))


def _evicting(line: Line) -> Case:
    _pair()

    def is_done(answer: Answer) -> bool:
        [alive] = Session.objects.filter(revoked_at=None)
        reasons = set(Session.objects.exclude(pk=alive.pk).values_list("revoked_reason", flat=True))
        return str(alive.pk) == claims(answer.body["refresh_token"])["sid"] and reasons == {
            RevokedReason.EVICTED.value
        }

    return Case(lambda: sign_in(line, "alice"), is_done)


def _revoking(kind: str) -> Callable[[Line], Case]:
    def begin(line: Line) -> Case:
        token = getattr(_pair(), kind)
        ended = (1, RevokedReason.SIGNED_OUT.value)
        return Case(
            lambda: line.post("token/revoke/", token=token),
            lambda answer: answer.status == 200 and _state() == ended,
            lambda: _state() in [(1, ""), ended],
        )

    return begin


def _verifying(line: Line) -> Case:
    token = _pair().access_token
    return Case(
        lambda: line.post("token/verify/", token=token),
        lambda answer: answer.body["active"] is True,
    )


def _calling(method: str, path: str, status: int) -> Callable[[Line], Case]:
    """A request to the API with a token of alice; ``{other}`` is another session of hers."""

    def begin(line: Line) -> Case:
        pair = _pair()
        other = services.sign_in(_alice()).session
        assert other is not None
        address = path.format(other=other.pk)
        ends = method == "DELETE"

        def is_done(answer: Answer) -> bool:
            other.refresh_from_db()
            # Told again to end what has ended already, it says that it does not know it.
            repeated = ends and "{other}" in path and answer.status == 404
            return (answer.status == status or repeated) and (other.revoked_at is not None) == ends

        return Case(lambda: line.call(method, address, pair.access_token), is_done)

    return begin


OPERATIONS = [
    Operation("refresh", _refreshing),
    Operation("refresh, predecessor", _predecessor),
    Operation("refresh, reuse", _reuse),
    Operation("refresh, stateless", _stateless_refresh, {"STATELESS_REFRESH": True}),
    Operation("sign-in", _signing_in, spares=("DELETE",)),
    Operation("sign-in, evicting", _evicting, {"MAX_SESSIONS_PER_USER": 1}),
    Operation("revoke, refresh token", _revoking("refresh_token")),
    Operation("revoke, access token", _revoking("access_token")),
    Operation("verify", _verifying),
    Operation("JWTAuthentication", _calling("GET", "/who/", 200)),
    Operation(
        "StatelessJWTAuthentication", _calling("GET", "/who/stateless/", 200), spares_all=True
    ),
    Operation("sessions, list", _calling("GET", "/auth/sessions/", 200)),
    Operation("sessions, end one", _calling("DELETE", "/auth/sessions/{other}/", 204)),
    Operation("sessions, end others", _calling("DELETE", "/auth/sessions/?keep=current", 204)),
]
