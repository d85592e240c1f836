"""What drf-spectacular cannot read off the code: how one signs in, and what the routes answer.

Loaded when ``drf_spectacular`` is among the installed apps. Swagger UI's "Authorize" then asks for
the name and the password, and sends the token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.urls import NoReverseMatch, reverse
from drf_spectacular.drainage import warn
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiViewExtension
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.views import APIView

from django_tokenauth import views
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.conf.settings import load
from django_tokenauth.permissions import HasScope
from django_tokenauth.serializers import (
    RefreshSerializer,
    RevocationRequestSerializer,
    SessionSerializer,
    SignInSerializer,
    TokenSerializer,
)

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema


class AccessTokenScheme(OpenApiAuthenticationExtension):
    """The access token, and the password grant that hands it out (OpenAPI 3.0.3, "OAuth Flow
    Object"). A service that only verifies has no route for it: there the token is a bearer's."""

    target_class = "django_tokenauth.authentication.JWTAuthentication"
    match_subclasses = True
    # drf-spectacular would have a scheme for each class. The token is the same for all of them, and
    # nobody should have to sign in twice.
    name: list[str] = []
    shared_name = "accessToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        return []

    def get_security_requirement(self, auto_schema: AutoSchema) -> dict[str, list[Any]]:
        scheme = ResolvedComponent(
            name=self.shared_name,
            type=ResolvedComponent.SECURITY_SCHEMA,
            object=JWTAuthentication,
            schema=self.shared_definition(),
        )
        auto_schema.registry.register_on_missing(scheme)
        return {self.shared_name: sorted(self.required_scopes(auto_schema))}

    def required_scopes(self, auto_schema: AutoSchema) -> set[str]:
        view = auto_schema.view
        required: set[str] = set()
        try:
            for permission in view.get_permissions():
                if isinstance(permission, HasScope):
                    required.update(permission._required(auto_schema.method, view) or ())
        except Exception as fault:  # noqa: BLE001
            # A property of the project may want a request, which there is none of here.
            kind = type(fault).__name__
            warn(f"the required scopes cannot be told ({kind})")
        return required

    def shared_definition(self) -> dict[str, Any]:
        try:
            token, refresh = reverse("tokenauth:token"), reverse("tokenauth:refresh")
        except NoReverseMatch:
            return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        flow = {
            "tokenUrl": token,
            "refreshUrl": refresh,
            # What each of them allows only the project could say.
            "scopes": dict.fromkeys(load().scopes, ""),
        }
        return {"type": "oauth2", "flows": {"password": flow}}


class ErrorSerializer(serializers.Serializer[Any]):
    """RFC 6749 section 5.2."""

    error = serializers.CharField()
    error_description = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """What REST framework answers to a request that it refuses."""

    detail = serializers.CharField()


class GrantSerializer(SignInSerializer):
    """RFC 6749 section 4.3.2. The other grant has a route of its own."""

    grant_type = serializers.ChoiceField(["password"], required=False)


class TokenPairSerializer(serializers.Serializer[Any]):
    """RFC 6749 section 5.1. ``expires_in`` is in seconds."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField()
    scope = serializers.CharField(required=False)


class VerifiedSerializer(serializers.Serializer[Any]):
    """``expires_in``, in seconds, comes with a token that is good."""

    active = serializers.BooleanField()
    expires_in = serializers.IntegerField(required=False)


class IntrospectedSerializer(serializers.Serializer[Any]):
    """RFC 7662 section 2.2. All but ``active`` come with a token that is good; so do the further
    claims of the project."""

    active = serializers.BooleanField()
    token_type = serializers.CharField(required=False)
    username = serializers.CharField(required=False)
    scope = serializers.CharField(required=False)
    client_id = serializers.CharField(required=False)
    sub = serializers.CharField(required=False)
    iss = serializers.CharField(required=False)
    aud = serializers.CharField(required=False)
    exp = serializers.IntegerField(required=False)
    iat = serializers.IntegerField(required=False)
    jti = serializers.CharField(required=False)
    sid = serializers.CharField(required=False)


_Decorator = Callable[[Any], Any]


def _token_endpoint(summary: str, asked: Any, answered: Any) -> dict[str, _Decorator]:
    responses = {200: answered, 400: ErrorSerializer, 401: ErrorSerializer, 429: ErrorSerializer}
    return {"post": extend_schema(summary=summary, request=asked, responses=responses)}


def _of_sessions(summary: str, answered: Mapping[int, Any], **more: Any) -> _Decorator:
    responses = {**answered, 401: ProblemSerializer, 403: ProblemSerializer}
    return extend_schema(summary=summary, request=None, responses=responses, **more)


_DESCRIBED: dict[type[APIView], dict[str, _Decorator]] = {
    views.TokenView: _token_endpoint("Sign in", GrantSerializer, TokenPairSerializer),
    views.RefreshView: _token_endpoint("Refresh", RefreshSerializer, TokenPairSerializer),
    views.VerifyView: _token_endpoint("Verify a token", TokenSerializer, VerifiedSerializer),
    views.RevokeView: _token_endpoint("Sign out", RevocationRequestSerializer, None),
    views.IntrospectView: _token_endpoint(
        "Introspect a token", RevocationRequestSerializer, IntrospectedSerializer
    ),
    views.SessionListView: {
        "get": _of_sessions("List the sessions", {200: SessionSerializer(many=True)}),
        "delete": _of_sessions(
            "Sign out everywhere",
            {204: None, 400: ProblemSerializer},
            parameters=[
                OpenApiParameter("keep", enum=["current"], description="All sessions but this one.")
            ],
            # Its own, which tells it from the one below.
            operation_id="sessions_destroy_all",
        ),
    },
    views.SessionView: {
        "delete": _of_sessions("Sign one session out", {204: None, 404: ProblemSerializer}),
    },
}


class DescribedView(OpenApiViewExtension):
    """A view of ours, or of a project that made its own of it, with what it takes and answers."""

    target_class = "django_tokenauth.http.endpoints.NoStoreView"
    match_subclasses = True

    def view_replacement(self) -> type[APIView]:
        # A class of its own: the description is written on it, and the view stays as it is.
        view = type(self.target.__name__, (self.target,), {"__doc__": self.target.__doc__})
        for known, methods in _DESCRIBED.items():
            if issubclass(view, known):
                return extend_schema_view(**methods)(view)
        return view
