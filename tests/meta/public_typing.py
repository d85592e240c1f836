"""What a project writes, for mypy and nobody else: ``tox -e types`` reads it, nothing runs it.

Each ``ignore`` stands for a mistake that mypy has to see; one that it does not see is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_type

from django.contrib.auth.models import User
from django.dispatch import receiver
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_tokenauth import services, signals
from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication, TokenUser
from django_tokenauth.errors import (
    InvalidGrant,
    InvalidToken,
    OAuthError,
    TokenAuthError,
    TokenErrorCode,
)
from django_tokenauth.models import Session
from django_tokenauth.permissions import HasScope
from django_tokenauth.services import TokenPair
from django_tokenauth.tokens.claims import Claims


class NotesView(APIView):
    authentication_classes = (JWTAuthentication, StatelessJWTAuthentication)
    permission_classes = (HasScope,)
    required_scopes = {"GET": ["notes:read"], "POST": ["notes:write"]}

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
        claims.subject = "bob"  # type: ignore[misc]
        return Response(claims.extra["tenant"])


class ServiceAuthentication(StatelessJWTAuthentication):
    """An authentication class of a project: another user, made of the claims."""

    def get_user(self, claims: Claims) -> TokenUser:
        user = super().get_user(claims)
        assert_type(user.claims, Claims)
        assert_type(user.pk, str)
        return user


def sign_in_by_other_means(user: User, request: HttpRequest) -> dict[str, str | int]:
    pair = services.sign_in(user, request=request, scope=["notes:read"], amr=["otp"])
    assert_type(pair, TokenPair)
    assert_type(pair.session, Session | None)
    services.sign_in(user, scopes=["notes:read"])  # type: ignore[call-arg]
    return pair.to_response()


def refresh(token: str) -> str:
    try:
        pair = services.refresh(token)
    except InvalidGrant as error:
        assert_type(error.error, str)
        return str(error.description)
    except OAuthError:
        raise
    pair.access_token = ""  # type: ignore[misc]
    return pair.access_token


def authenticate(token: str, now: datetime) -> Claims | TokenErrorCode:
    try:
        return services.authenticate_access_token(token, now=now)
    except InvalidToken as error:
        return error.code


def sign_out(user: User, session: Session) -> None:
    assert_type(services.sign_out(user, session.pk), bool)
    assert_type(services.sign_out_everywhere(user, keep=str(session.pk)), int)
    for other in services.list_sessions(user):
        assert_type(other, Session)
        assert_type(other.device_name, str)


@receiver(signals.refresh_token_reused)
def warn(session: Session, user: User, request: HttpRequest | None, **kwargs: Any) -> None:
    raise TokenAuthError(f"{user} {session.user_agent} {request}")
