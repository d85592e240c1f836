"""Code of a project that uses every public name. mypy checks it; nothing runs it.

``tox -e types`` checks it against the source, and ``tox -e package`` against the installed wheel.
Each ``ignore`` marks an error that mypy must report. Strict mode rejects an unneeded ignore.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, assert_type
from uuid import UUID

from django.contrib.auth.models import User
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.test import TestCase
from django.urls import include, path
from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APITestCase
from rest_framework.views import APIView

from django_tokenauth import errors, permissions, services, signals, urls, views, well_known
from django_tokenauth.authentication import (
    AccessTokenRejected,
    Claims,
    JWTAuthentication,
    StatelessJWTAuthentication,
    TemporarilyUnavailable,
    TokenUser,
)
from django_tokenauth.decorators import token_required
from django_tokenauth.middleware import TokenMiddleware
from django_tokenauth.models import RevokedReason, Session, UTCDateTimeField
from django_tokenauth.permissions import (
    HasFullScope,
    HasScope,
    InsufficientScope,
    InsufficientUserAuthentication,
    IsAuthenticatedWithoutToken,
    IsNotImpersonated,
    SignedInBy,
    SignedInWithin,
)
from django_tokenauth.serializers import (
    ClientCredentialsSerializer,
    IntrospectionRequestSerializer,
    RefreshSerializer,
    RevocationRequestSerializer,
    SessionSerializer,
    SignInSerializer,
    TokenExchangeSerializer,
    TokenSerializer,
)
from django_tokenauth.services import Lifetimes, TokenPair
from django_tokenauth.test import (
    AsyncTokenClient,
    AsyncTokenRequestFactory,
    DjangoTokenClient,
    DjangoTokenRequestFactory,
    SignInMixin,
    TokenClient,
    TokenRequestFactory,
    TokenTestMixin,
    assert_needs_scope,
    assert_signed_out,
    empty_throttles,
    expired_token,
    forget_revoked_sessions,
    other_audiences_token,
    other_issuers_token,
    revoked_token,
    tampered_token,
    with_test_keys,
)


class NotesView(APIView):
    authentication_classes = (JWTAuthentication, StatelessJWTAuthentication)
    permission_classes = (HasScope, IsAuthenticatedWithoutToken)
    required_scopes = {"GET": ["notes:read"], "POST": ["notes:write"]}

    @permissions.required_scopes("notes:read", without_token=True)
    def delete(self, request: Request) -> Response:
        return Response([])

    def get(self, request: Request) -> Response:
        claims = request.auth
        if not isinstance(claims, Claims):
            return Response([])
        assert_type(claims.subject, str)
        assert_type(claims.audience, tuple[str, ...])
        assert_type(claims.expires_at, int)
        assert_type(claims.session_id, str | None)
        assert_type(claims.scope, frozenset[str])
        assert_type(claims.auth_time, int | None)
        assert_type(claims.amr, tuple[str, ...])
        assert_type(claims.extra, Mapping[str, Any])
        assert_type(claims.actor, str | None)
        assert_type(claims.acr, str | None)
        claims.subject = "bob"  # type: ignore[misc]
        if "notes:archive" not in claims.scope:
            raise InsufficientScope(["notes:archive"])
        return Response(claims.extra["tenant"])


class AccountView(APIView):
    permission_classes = (HasFullScope, IsNotImpersonated)

    def get(self, request: Request) -> Response:
        sessions = services.list_sessions(request.user)
        return Response(SessionSerializer(sessions, many=True, context={"request": request}).data)


class PaymentView(APIView):
    permission_classes = (HasScope & SignedInWithin(minutes=10), SignedInBy("mfa") | HasFullScope)

    def post(self, request: Request) -> Response:
        SignedInBy(["mfa"])  # type: ignore[arg-type]
        SignedInWithin(timedelta(minutes=10))  # type: ignore[call-arg, arg-type]
        raise InsufficientUserAuthentication(max_age=60, acr_values=["mfa"])


class ServiceAuthentication(StatelessJWTAuthentication):
    """An authentication class of a project."""

    def get_user(self, claims: Claims) -> TokenUser:
        user = super().get_user(claims)
        assert_type(user.claims, Claims)
        assert_type(user.pk, str)
        return user


class GatewayAuthentication(JWTAuthentication):
    header = "X-Auth-Token"


class GatewayMiddleware(TokenMiddleware):
    authentication_class = GatewayAuthentication


@token_required
def profile(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@token_required("notes:read", authentication_class=StatelessJWTAuthentication)
async def export(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse()


assert_type(profile(HttpRequest()), HttpResponse)
_export = export(HttpRequest(), "1")  # type: ignore[arg-type]


class PinSerializer(SignInSerializer):
    pin = drf.CharField()


def pin_grant(request: Request) -> Response:
    parameters = views.validated_data(PinSerializer, request)
    assert_type(parameters, dict[str, Any])
    client_id = views.authenticate_client(
        request, parameters["client_id"], parameters["client_secret"]
    )
    assert_type(client_id, str)
    services.check_scope(parameters["scope"])
    audience = views.take_audience(parameters)
    assert_type(audience, str | None)
    audiences = None if audience is None else [audience]
    services.check_audiences(audiences, scope=parameters["scope"], request=request)
    with views.sign_in_attempt(request, parameters["username"], errors.ServiceUnavailable):
        user = services.check_password(request, parameters["username"], parameters["password"])
    ip = views.valid_ip(views.client_address(request))
    assert_type(ip, str | None)
    pair = services.sign_in(user, request=request, client_id=client_id, ip=ip, amr=["pwd", "pin"])
    return Response(pair.to_response())


class UserSerializer(drf.Serializer[Any]):
    user = drf.CharField()


class OwnTokenView(views.TokenView):
    grants = {**views.TokenView.grants, "urn:example:pin": pin_grant}
    sign_in_serializer_class = PinSerializer
    extra_serializer_class = UserSerializer

    def get_extra_data(self, user: Any, pair: TokenPair) -> Mapping[str, Any]:
        assert_type(pair.refresh_token_expires_in, int)
        return {"user": user.username, "path": self.request.path}


class OwnRefreshView(views.RefreshView):
    def get_extra_data(self, user: User, pair: TokenPair) -> dict[str, str]:
        return {"user": user.username}


class SignInByLinkView(OwnTokenView):
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.token_response(services.sign_in, User(), amr=["otp"])


def lifetimes(user: User, client_id: str, request: HttpRequest | None) -> services.Lifetimes | None:
    services.sign_in(user, lifetimes=Lifetimes(idle=timedelta(days=1)), data={"org": 1}, fields={})
    assert_type(services.set_session_data(UUID(int=1), {"org": 2}), bool)
    return Lifetimes(access=timedelta(minutes=5)) if client_id == "phone" else None


class ExchangeView(views.TokenEndpoint):
    def post(self, request: Request) -> Response:
        for serializer in (
            ClientCredentialsSerializer,
            IntrospectionRequestSerializer,
            RefreshSerializer,
            RevocationRequestSerializer,
            TokenExchangeSerializer,
            TokenSerializer,
        ):
            views.validated_data(serializer, request)
        raise errors.InvalidRequest("Send the token in the body.")


urlpatterns = [
    path(".well-known/", include((well_known.urlpatterns, well_known.app_name))),
    path("auth/", include((urls.urlpatterns, urls.app_name))),
    path("token/", OwnTokenView.as_view()),
    path("exchange/", ExchangeView.as_view()),
    path("refresh/", views.RefreshView.as_view()),
    path("forward-auth/", views.ForwardAuthView.as_view(required_scopes=["notes:read"])),
    path("verify/", views.VerifyView.as_view()),
    path("revoke/", views.RevokeView.as_view()),
    path("introspect/", views.IntrospectView.as_view()),
    path("sessions/", views.SessionListView.as_view()),
    path("sessions/<uuid:session_id>/", views.SessionView.as_view()),
]


def sign_in_by_other_means(user: User, request: HttpRequest) -> dict[str, str | int]:
    pair = services.sign_in(user, request=request, scope=["notes:read"], amr=["otp"])
    assert_type(pair, TokenPair)
    assert_type(pair.session, Session | None)
    services.sign_in(user, scopes=["notes:read"])  # type: ignore[call-arg]
    return pair.to_response()


def step_up(user: User, token: str, request: HttpRequest) -> TokenPair:
    pair = services.step_up(user, token, amr=["pwd", "otp", "mfa"], request=request)
    if pair.session is not None:
        assert_type(pair.session.auth_time, datetime)
    return pair


def act_as(staff: User, user: User, request: Request) -> dict[str, str | int]:
    try:
        pair = services.impersonate(staff, user, request=request, lifetime=timedelta(minutes=10))
    except errors.ImpersonationDenied as error:
        raise errors.InvalidGrant(str(error)) from error
    assert_type(pair, TokenPair)
    return pair.to_response()


def issue_to_client(request: Request) -> dict[str, str | int]:
    try:
        issued = services.issue_client_token("statistics", scope=["notes:read"], request=request)
    except errors.UnauthorizedClient as error:
        raise errors.InvalidClient from error
    assert_type(issued, services.IssuedToken)
    exchanged = services.exchange_token(issued.access_token, client_id="reports", audience="a")
    claims = services.authenticate_access_token(exchanged.access_token)
    assert_type(claims.acting_clients, tuple[str, ...])
    services.narrow(claims, scope=["files"], lifetime=timedelta(minutes=1), extra={"file": 1})
    assert_type(issued.scope, frozenset[str])
    return issued.to_response()


def refresh(token: str) -> str:
    try:
        pair = services.refresh(token)
    except errors.InvalidGrant as error:
        assert_type(error.error, str)
        return str(error.description)
    except errors.TooManyRequests as error:
        assert_type(error.retry_after, int)
        raise
    except (errors.InvalidClient, errors.InvalidScope, errors.InvalidTarget) as error:
        raise errors.UnsupportedGrantType from error
    except errors.OAuthError:
        raise
    pair.access_token = ""  # type: ignore[misc]
    return pair.access_token


def authenticate(token: str, now: datetime) -> Claims | errors.TokenErrorCode | None:
    try:
        claims = services.authenticate_access_token(token, now=now)
        assert_type(services.authenticate_token(token, now=now), Claims)
        services.get_user(claims)
    except AccessTokenRejected as error:
        return error.code
    except errors.InvalidToken as error:
        return error.code
    except TemporarilyUnavailable as error:
        assert_type(error.retry_after, int)
        return None
    except errors.ServiceUnavailable as error:
        assert_type(error.retry_after, int)
        return None
    assert_type(services.full_scope(claims), frozenset[str])
    return None if services.is_revoked(claims, now=now) else claims


def introspect(token: str) -> bool:
    found = services.introspect(token)
    assert_type(found, dict[str, Any])
    assert_type(services.INTROSPECTION_SCOPE, str)
    return bool(found["active"])


def sign_out(user: User, session: Session, token: str) -> None:
    assert_type(session.pk, UUID)
    assert isinstance(Session._meta.get_field("created_at"), UTCDateTimeField)
    assert_type(services.sign_out(user, session.pk, reason=RevokedReason.ADMIN), bool)
    assert_type(services.sign_out_everywhere(user, keep=str(session.pk)), int)
    assert_type(services.sign_out_users([user, 7], request=HttpRequest()), int)
    assert_type(services.update_session_auth_hash(HttpRequest(), user), bool)
    assert_type(
        services.revoke_sessions(Session.objects.filter(user=user), RevokedReason.ADMIN), int
    )
    for other in services.list_sessions(user):
        assert_type(other, Session)
        assert_type(other.device_name, str)
    try:
        services.revoke_token(token)
    except errors.UnsupportedTokenType:
        return


@receiver([signals.signed_in, signals.stepped_up, signals.refreshed])
@receiver([signals.network_changed, signals.session_revoked])
def count(session: Session | None, **kwargs: Any) -> None:
    """A receiver of more than one signal."""


@receiver(signals.refresh_token_reused)
def warn(session: Session, user: User, request: HttpRequest | None, **kwargs: Any) -> None:
    raise errors.TokenAuthError(f"{user} {session.user_agent} {request}")


@receiver(signals.impersonated)
def tell(session: Session, user: User, actor: User, **kwargs: Any) -> None:
    """A receiver that tells the user."""


@receiver(signals.audit_event)
def record(action: str, actor: User | None, count: int, ids: tuple[str, ...], **kw: Any) -> None:
    """A receiver that stores audit records."""


def read_key(error: errors.InvalidKey) -> str:
    return f"{error} {error.hint} ({error.check_id})"


class OwnClient(SignInMixin, APIClient):
    authorization_header = "X-Access-Token"


class NotesTests(TokenTestMixin, APITestCase):
    client: TokenClient

    def test_notes(self) -> None:
        user = User.objects.create_user("alice")
        pair = self.client.sign_in(user, scope="notes:read", device_name="phone")
        assert_type(pair, TokenPair)
        assert_type(self.sign_in(user, ["notes:read"]), TokenPair)
        self.client.post("/notes/", {"text": "x"}, format="json")
        assert_needs_scope(self.client, user, "post", "/notes/", {}, scope="notes:write")
        assert_signed_out(pair)
        assert_signed_out(user)
        assert_needs_scope(APIClient(), user, "get", "/", scope="a")  # type: ignore[arg-type]
        for token in (
            expired_token(user),
            revoked_token(user, ["notes:read"]),
            tampered_token(user, scope="notes:read"),
            other_issuers_token(user),
            other_audiences_token(user),
        ):
            assert_type(token, str)
            self.client.use_token(token)
        self.client.sign_out()
        forget_revoked_sessions()

    async def test_asynchronous_notes(self) -> None:
        user = await User.objects.acreate_user("alice")
        client = AsyncTokenClient()
        assert_type(await client.asign_in(user), TokenPair)
        await client.asign_out()


@with_test_keys("ES256")
class DjangoTests(TokenTestMixin, TestCase):
    @empty_throttles()
    def test_factories(self) -> None:
        user = User.objects.create_user("alice")
        DjangoTokenClient().sign_in(user, "notes:read")
        OwnClient().sign_in(user)
        TokenClient().logout()
        for factory in (
            TokenRequestFactory(),
            DjangoTokenRequestFactory(),
            AsyncTokenRequestFactory(),
        ):
            factory.sign_in(user, scope={"notes:read"})
        with with_test_keys(), empty_throttles():
            pass
