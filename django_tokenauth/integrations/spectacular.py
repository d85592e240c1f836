"""drf-spectacular: describe the sign-in and the routes in the OpenAPI schema.

The app imports this module if ``drf_spectacular`` is in ``INSTALLED_APPS``. The "Authorize" dialog
of Swagger UI asks for the username and the password, and Swagger UI sends the access token. The
schema components of this package are named ``TokenAuth...``, so a project can have its own
``SessionSerializer``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from drf_spectacular.drainage import has_override, warn
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiViewExtension,
)
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.permissions import AND
from rest_framework.views import APIView

from django_tokenauth import views
from django_tokenauth._bearer import AUTHORIZATION, meta_key
from django_tokenauth._scope import decorated_scopes
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.conf.settings import load
from django_tokenauth.http.routes import route_path
from django_tokenauth.integrations.spectacular_grants import (
    ClientTokenSerializer,
    with_client_grants,
)
from django_tokenauth.permissions import HasScope
from django_tokenauth.serializers import (
    IntrospectionRequestSerializer,
    RefreshSerializer,
    RevocationRequestSerializer,
    SessionSerializer,
    SignInSerializer,
    TokenSerializer,
    _ClientSerializer,
)

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema
    from drf_spectacular.utils import Direction


def _required_by(permission: Any, method: str, view: Any) -> set[str]:
    """Return the scopes without which *permission* denies each request.

    The scopes in an operand of ``|`` or ``~`` are not required.
    """
    if isinstance(permission, AND):
        operands = vars(permission).values()
        return set().union(*(_required_by(each, method, view) for each in operands))
    if isinstance(permission, HasScope):
        return set(permission.required_scope_of_method(method, view) or ())
    return set()


class AccessTokenScheme(OpenApiAuthenticationExtension):
    """The security scheme of access tokens, with the password grant (OpenAPI 3.0.3, "OAuth Flow
    Object"). Without the token routes, the scheme is HTTP bearer authentication. For a header other
    than ``Authorization``, the scheme is an API key in this header."""

    target_class = "django_tokenauth.authentication.JWTAuthentication"
    match_subclasses = True
    # drf-spectacular creates a security scheme for each authentication class. With one shared
    # scheme, a user signs in once in Swagger UI.
    name: list[str] = []
    shared_name = "TokenAuthAccessToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        return []

    def get_security_requirement(self, auto_schema: AutoSchema) -> dict[str, list[Any]]:
        header = self.target.header
        if meta_key(header) != meta_key(AUTHORIZATION):
            return self.header_requirement(auto_schema, header)
        scheme = ResolvedComponent(
            name=self.shared_name,
            type=ResolvedComponent.SECURITY_SCHEMA,
            object=JWTAuthentication,
            schema=self.shared_definition(auto_schema.view.kwargs),
        )
        auto_schema.registry.register_on_missing(scheme)
        if "flows" in scheme.schema:
            # The kwargs of the first view may lack a parameter of the token route.
            auto_schema.registry[scheme].schema = scheme.schema
        return {self.shared_name: sorted(self.required_scopes(auto_schema))}

    def header_requirement(self, auto_schema: AutoSchema, header: str) -> dict[str, list[Any]]:
        """Return the requirement of an API key, because the schemes for tokens imply
        ``Authorization``. OpenAPI 3.0.3 permits no scopes for it ("Security Requirement Object").
        """
        scheme = ResolvedComponent(
            name=f"{self.shared_name}-{header}",
            type=ResolvedComponent.SECURITY_SCHEMA,
            object=JWTAuthentication,
            schema={"type": "apiKey", "in": "header", "name": header},
        )
        auto_schema.registry.register_on_missing(scheme)
        return {scheme.name: []}

    def required_scopes(self, auto_schema: AutoSchema) -> set[str]:
        """Return the scopes that ``HasScope`` or ``required_scopes()`` requires for the method."""
        view = auto_schema.view
        required: set[str] = set()
        try:
            for permission in view.get_permissions():
                required.update(_required_by(permission, auto_schema.method, view))
            required.update(decorated_scopes(view, auto_schema.method) or ())
        except Exception as error:  # noqa: BLE001
            # A property of the project's view may need a request, which does not exist while the
            # schema is generated.
            warn(f"the required scopes are unknown ({type(error).__name__})")
        return required

    def shared_definition(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Security Scheme Object. *arguments* contains the URL parameters that are known
        while the schema is generated: the version of ``URLPathVersioning``."""
        token = route_path("token", arguments)
        if token is None:
            return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        flow = {
            "tokenUrl": token,
            # TokenView accepts the refresh token grant too.
            "refreshUrl": route_path("refresh", arguments) or token,
            # The values are descriptions of the scopes, which the settings do not contain.
            "scopes": dict.fromkeys(load().scopes, ""),
        }
        flows = {"password": flow}
        if any(client.scopes is not None for client in load().clients.values()):
            flows["clientCredentials"] = {name: flow[name] for name in ("tokenUrl", "scopes")}
        return {"type": "oauth2", "flows": flows}


class _SerializerName(OpenApiSerializerExtension):
    """Gives a project's subclass of a serializer the name of its own class.

    The subclass inherits ``Meta.ref_name``, with which two components would have the same name.
    """

    match_subclasses = True
    # An extension of the project precedes this one.
    priority = -1

    def get_name(self, auto_schema: AutoSchema, direction: Direction) -> str | None:
        kind: Any = self.target if isinstance(self.target, type) else type(self.target)
        own_meta = vars(vars(kind).get("Meta", object))
        if "ref_name" in own_meta or has_override(kind, "component_name"):
            return None
        return str(kind.__name__).removesuffix("Serializer")

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Any:
        return auto_schema._map_serializer(self.target, direction, bypass_extensions=True)


class SessionName(_SerializerName):
    target_class = SessionSerializer


class TokenName(_SerializerName):
    target_class = TokenSerializer


class ClientName(_SerializerName):
    target_class = _ClientSerializer


class ErrorSerializer(serializers.Serializer[Any]):
    """An error of the token endpoints (RFC 6749 section 5.2)."""

    error = serializers.CharField()
    error_description = serializers.CharField()

    class Meta:
        ref_name = "TokenAuthError"


class ProblemSerializer(serializers.Serializer[Any]):
    """An error of REST framework."""

    detail = serializers.CharField()

    class Meta:
        ref_name = "TokenAuthProblem"


class GrantSerializer(SignInSerializer):
    """The password grant (RFC 6749 section 4.3.2)."""

    # A ChoiceField would add a component GrantTypeEnum, which a project may have too.
    grant_type = serializers.CharField(required=False, help_text='"password", or omitted.')

    class Meta:
        ref_name = "TokenAuthGrant"

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        name = get_user_model().USERNAME_FIELD
        if name not in fields:
            fields["username"].required = False
            fields[name] = serializers.CharField(required=False, help_text="Replaces username.")
        return fields


class TokenPairSerializer(ClientTokenSerializer):
    """The issued tokens (RFC 6749 section 5.1), with their lifetimes in seconds."""

    refresh_token = serializers.CharField()
    refresh_token_expires_in = serializers.IntegerField()

    class Meta:
        ref_name = "TokenAuthTokenPair"


class VerificationSerializer(serializers.Serializer[Any]):
    """An active token. ``expires_in`` is in seconds."""

    active = serializers.BooleanField()
    expires_in = serializers.IntegerField()

    class Meta:
        ref_name = "TokenAuthVerification"


class IntrospectionSerializer(serializers.Serializer[Any]):
    """The state of a token (RFC 7662 section 2.2).

    The response for an inactive token contains only ``active``. The response for an active token
    also contains the project's claims.
    """

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
    auth_time = serializers.IntegerField(required=False)
    amr = serializers.ListField(child=serializers.CharField(), required=False)
    acr = serializers.CharField(required=False)

    class Meta:
        ref_name = "TokenAuthIntrospection"


# The decorator of a project's view needs the same class again: drf-spectacular warns if two classes
# have one name.
@lru_cache(maxsize=16)
def _sign_in_request(serializer_class: type[SignInSerializer]) -> type[GrantSerializer]:
    """Return the serializer of a sign-in with the fields of *serializer_class*."""
    if serializer_class is SignInSerializer:
        return GrantSerializer
    meta = type("Meta", (), {"ref_name": f"TokenAuthGrant{_name_of(serializer_class)}"})
    bases = (GrantSerializer, serializer_class)
    return type("GrantSerializer", bases, {"Meta": meta, "__doc__": serializer_class.__doc__})


@lru_cache(maxsize=16)
def _token_response(
    extra: type[serializers.Serializer[Any]] | None,
) -> type[serializers.Serializer[Any]]:
    """Return the serializer of the issued tokens with the fields of *extra*."""
    if extra is None:
        return TokenPairSerializer
    further: Any = extra

    class ExtendedSerializer(TokenPairSerializer):
        class Meta:
            ref_name = f"TokenAuthTokenPair{_name_of(further)}"

        def get_fields(self) -> dict[str, Any]:
            return {**further().get_fields(), **super().get_fields()}

    ExtendedSerializer.__doc__ = TokenPairSerializer.__doc__
    return ExtendedSerializer


def _name_of(serializer_class: type[Any]) -> str:
    return serializer_class.__name__.removesuffix("Serializer")


_Decorator = Callable[[Any], Any]


def _token_endpoint(summary: str, request: Any, response: Any) -> dict[str, _Decorator]:
    responses = {200: response, 400: ErrorSerializer, 401: ErrorSerializer, 429: ErrorSerializer}
    return {"post": extend_schema(summary=summary, request=request, responses=responses)}


def _issuing_endpoint(view: Any) -> dict[str, _Decorator]:
    """Return the description of *view*, a subclass of ``TokenView`` or ``RefreshView``."""
    response = _token_response(view.extra_serializer_class)
    if not issubclass(view, views.TokenView):
        return _token_endpoint("Refresh", RefreshSerializer, response)
    request = _sign_in_request(view.sign_in_serializer_class)
    return _token_endpoint("Sign in", *with_client_grants(view, request, response))


def _bearer_endpoint(summary: str, responses: Mapping[int, Any], **more: Any) -> _Decorator:
    errors = {401: ProblemSerializer, 403: ProblemSerializer}
    return extend_schema(summary=summary, request=None, responses={**responses, **errors}, **more)


def _for_all(describe: _Decorator) -> _Decorator:
    """Add ``_all`` to the operation id, which would otherwise equal that of SessionView.

    The id begins with the path, as the ids of the other routes. A project may include the routes
    twice.
    """

    def decorate(method: Any) -> Any:
        described = describe(method)
        base: Any = described.kwargs["schema"]

        class Schema(base):  # type: ignore[misc]
            def get_operation_id(self) -> str:
                return f"{super().get_operation_id()}_all"

        described.kwargs["schema"] = Schema
        return described

    return decorate


#: The methods of each view. An optional app adds its views.
DESCRIPTIONS: dict[type[APIView], dict[str, _Decorator]] = {
    views.VerifyView: _token_endpoint("Verify a token", TokenSerializer, VerificationSerializer),
    views.RevokeView: _token_endpoint("Sign out", RevocationRequestSerializer, None),
    views.IntrospectView: _token_endpoint(
        "Introspect a token", IntrospectionRequestSerializer, IntrospectionSerializer
    ),
    views.ForwardAuthView: {
        "get": _bearer_endpoint(
            "Authenticate a request for a gateway",
            {200: None, 204: None, 400: ProblemSerializer},
            parameters=[
                OpenApiParameter("scope", description="Required scopes, separated by spaces."),
                OpenApiParameter(
                    "status", enum=["200", "204"], description="The status of an accepted request."
                ),
            ],
        ),
    },
    views.SessionListView: {
        "get": _bearer_endpoint("List the sessions", {200: SessionSerializer(many=True)}),
        "delete": _for_all(
            _bearer_endpoint(
                "Sign out everywhere",
                {204: None, 400: ProblemSerializer},
                parameters=[
                    OpenApiParameter(
                        "keep", enum=["current"], description="Keep the current session."
                    )
                ],
            )
        ),
    },
    views.SessionView: {
        "delete": _bearer_endpoint("Sign one session out", {204: None, 404: ProblemSerializer}),
    },
}


class ViewDescription(OpenApiViewExtension):
    """The request and the responses of a view of this package, or of its subclass."""

    target_class = "django_tokenauth.http.endpoints.NoStoreView"
    match_subclasses = True

    def view_replacement(self) -> type[APIView]:
        # drf-spectacular stores the description on the class, so describe a subclass instead of the
        # view.
        members = {"__doc__": self.target.__doc__}
        view: type[APIView] = type(self.target.__name__, (self.target,), members)
        if issubclass(view, (views.TokenView, views.RefreshView)):
            return extend_schema_view(**_issuing_endpoint(view))(view)
        for known, methods in DESCRIPTIONS.items():
            if issubclass(view, known):
                return extend_schema_view(**methods)(view)
        return view
