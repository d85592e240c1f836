"""The routes of the package, of a project's own token view and of protected views."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.permissions import IsAdminUser, IsAuthenticated
from rest_framework.versioning import URLPathVersioning
from rest_framework.views import APIView

from django_tokenauth import serializers as serializers_of_package
from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication
from django_tokenauth.http.endpoints import TokenEndpoint
from django_tokenauth.permissions import HasScope, required_scopes
from django_tokenauth.serializers import SignInSerializer
from django_tokenauth.views import RefreshView, TokenView


class OwnAuthentication(JWTAuthentication):
    """A project's subclass."""


class GatewayAuthentication(JWTAuthentication):
    """A project's subclass with another header."""

    header = "X-Auth-Token"


@extend_schema(request=None, responses={204: None})
class Described(APIView):
    """A view of which only the security is tested."""

    def get(self, request):
        """Return nothing."""

    def post(self, request):
        """Return nothing."""

    def delete(self, request):
        """Return nothing."""


class Notes(Described):
    permission_classes = (IsAuthenticated, HasScope)
    required_scopes = {"GET": ["notes:read"], "POST": ["notes:write", "notes:read"]}


class Decorated(Described):
    @required_scopes("notes:read")
    def get(self, request):
        """Return nothing."""

    @required_scopes("notes:read", without_token=True)
    def post(self, request):
        """Return nothing."""


@extend_schema(request=None, responses={204: None})
@api_view(["GET"])
@required_scopes("notes:read", "notes:write")
def decorated(request):
    """Return nothing."""


class Combined(Notes):
    permission_classes = (IsAuthenticated & HasScope,)


class Alternative(Notes):
    """A view that accepts staff without the scope, so that the scope is not required."""

    permission_classes = (IsAdminUser | HasScope, ~HasScope | IsAuthenticated)


class Computed(Described):
    permission_classes = (HasScope,)

    @property
    def required_scopes(self):
        return [f"notes:{self.kwargs['name']}"]


class Forgotten(Described):
    permission_classes = (HasScope,)


class Stateless(Described):
    authentication_classes = (StatelessJWTAuthentication,)


class Own(Described):
    authentication_classes = (OwnAuthentication,)


class Gateway(Notes):
    authentication_classes = (GatewayAuthentication,)


class Versioned(Described):
    versioning_class = URLPathVersioning


class OwnTokenView(TokenView):
    """A project's subclass of the sign-in."""


class Person(serializers.Serializer):
    name = serializers.CharField()


class WithUserSerializer(serializers.Serializer):
    user = Person()
    language = serializers.CharField(required=False)


class RememberSerializer(SignInSerializer):
    remember = serializers.BooleanField(default=False)


class ExtendedTokenView(TokenView):
    """A sign-in with a field and with data of the project."""

    sign_in_serializer_class = RememberSerializer
    extra_serializer_class = WithUserSerializer


class ExtendedRefreshView(RefreshView):
    """A refresh with data of the project."""

    extra_serializer_class = WithUserSerializer


@extend_schema(request=None, responses={204: None})
class OwnEndpoint(TokenEndpoint):
    """An endpoint that a project adds."""

    def post(self, request):
        """Return nothing."""


class Room(serializers.Serializer):
    room = serializers.IntegerField()
    grant_type = serializers.ChoiceField(["student", "research"], required=False)


class SessionSerializer(Room):
    """A training session."""


class TokenSerializer(Room):
    """A coin of the cloakroom."""


class ErrorSerializer(Room):
    """A line that does not compile."""


class GrantSerializer(Room):
    """Money for research."""


class RefreshSerializer(Room):
    """New air in the room."""


class LocatedSessionSerializer(serializers_of_package.SessionSerializer):
    """A project's subclass of a serializer of the package."""

    city = serializers.CharField()


class CodeSerializer(serializers_of_package.SignInSerializer):
    code = serializers.CharField()

    class Meta:
        ref_name = "SignInWithCode"


@extend_schema_serializer(component_name="OwnToken")
class NamedTokenSerializer(serializers_of_package.TokenSerializer):
    name = serializers.CharField()


def view_of(serializer):
    """Return a view that responds with this serializer."""

    @extend_schema(responses=serializer)
    class View(APIView):
        def get(self, request):
            """Return nothing."""

    View.__name__ = serializer.__name__.replace("Serializer", "View")
    return View.as_view()


verifying = [
    path("notes/", Notes.as_view()),
    path("stateless/", Stateless.as_view()),
    path("own/", Own.as_view()),
]
urlpatterns = [
    *verifying,
    path("auth/", include("django_tokenauth.urls")),
    path("combined/", Combined.as_view()),
    path("decorated/", Decorated.as_view()),
    path("decorated-function/", decorated),
    path("alternative/", Alternative.as_view()),
    path("own/token/", OwnTokenView.as_view()),
    path("own/endpoint/", OwnEndpoint.as_view()),
]
