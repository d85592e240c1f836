"""What a token allows: behind REST framework's permission classes and the package's own.

The requests come without any middleware, so nothing here can need a session of Django.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ImproperlyConfigured
from rest_framework import generics, permissions
from rest_framework.authentication import BasicAuthentication
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication
from django_tokenauth.models import Session
from django_tokenauth.permissions import HasFullScope, HasScope
from tests.support.client import BARE, INVALID_TOKEN

pytestmark = pytest.mark.django_db

WHOLE = ["notes:read", "notes:write", "notes:readall"]
DENIED = {"detail": "The access token does not have the required scope."}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}


def ask(view, method, token=None, *, data=None, pk=None, by=JWTAuthentication, **initkwargs):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = getattr(APIRequestFactory(), method.lower())("/", data, headers=headers)
    kwargs = {} if pk is None else {"pk": pk}
    return view.as_view(authentication_classes=[by], **initkwargs)(request, **kwargs)


class GroupSerializer(ModelSerializer):
    class Meta:
        model = Group
        fields = ("name",)


class Groups(generics.ListCreateAPIView):
    queryset = Group.objects.all()
    serializer_class = GroupSerializer


class OneGroup(generics.RetrieveUpdateDestroyAPIView):
    queryset = Group.objects.all()
    serializer_class = GroupSerializer


@pytest.mark.parametrize("by", [JWTAuthentication, StatelessJWTAuthentication])
class TestRestFrameworksOwn:
    @pytest.mark.parametrize(
        ("permission", "method", "without", "with_token"),
        [
            (permissions.AllowAny, "GET", 200, 200),
            (permissions.AllowAny, "POST", 201, 201),
            (permissions.IsAuthenticated, "GET", 401, 200),
            (permissions.IsAuthenticated, "POST", 401, 201),
            (permissions.IsAuthenticatedOrReadOnly, "GET", 200, 200),
            (permissions.IsAuthenticatedOrReadOnly, "POST", 401, 201),
            (permissions.IsAdminUser, "GET", 401, 403),
            (permissions.IsAdminUser, "POST", 401, 403),
            (permissions.DjangoModelPermissions, "GET", 401, 200),
            (permissions.DjangoModelPermissions, "POST", 401, 403),
            (permissions.DjangoModelPermissionsOrAnonReadOnly, "GET", 200, 200),
            (permissions.DjangoModelPermissionsOrAnonReadOnly, "POST", 401, 403),
        ],
    )
    def test_a_user_without_rights(self, alice, by, permission, method, without, with_token):
        token = services.sign_in(alice).access_token
        given = {"by": by, "permission_classes": [permission]}
        anonymous = ask(Groups, method, data={"name": "anonymous"}, **given)
        assert anonymous.status_code == without
        assert anonymous.headers.get("WWW-Authenticate") == (BARE if without == 401 else None)
        assert ask(Groups, method, "x", **given).status_code == 401
        assert ask(Groups, method, "x", **given).headers["WWW-Authenticate"] == INVALID_TOKEN
        signed_in = ask(Groups, method, token, data={"name": "alice"}, **given)
        assert signed_in.status_code == with_token

    @pytest.mark.parametrize(
        "permission",
        [permissions.DjangoModelPermissions, permissions.DjangoModelPermissionsOrAnonReadOnly],
    )
    def test_a_right_of_the_user_is_not_in_the_token(self, alice, by, permission):
        """So the class that loads the user allows it, and the other one refuses."""
        alice.user_permissions.add(Permission.objects.get(codename="add_group"))
        token = services.sign_in(alice).access_token
        given = {"by": by, "permission_classes": [permission]}
        answer = ask(Groups, "POST", token, data={"name": "readers"}, **given)
        assert answer.status_code == (201 if by is JWTAuthentication else 403)

    def test_an_administrator_is_one_to_the_class_that_loads_the_user(self, admin_user, by):
        token = services.sign_in(admin_user).access_token
        answer = ask(Groups, "GET", token, by=by, permission_classes=[permissions.IsAdminUser])
        assert answer.status_code == (200 if by is JWTAuthentication else 403)

    @pytest.mark.parametrize(
        ("method", "who", "loaded", "stateless"),
        [
            ("GET", "alice", 200, 200),
            ("PATCH", "alice", 403, 403),
            ("GET", "admin_user", 200, 200),
            ("PATCH", "admin_user", 200, 403),
        ],
    )
    def test_permissions_by_object(self, request, by, method, who, loaded, stateless):
        token = services.sign_in(request.getfixturevalue(who)).access_token
        group = Group.objects.create(name="readers")
        given = {"by": by, "permission_classes": [permissions.DjangoObjectPermissions]}
        answer = ask(OneGroup, method, token, pk=group.pk, data={"name": "writers"}, **given)
        assert answer.status_code == (loaded if by is JWTAuthentication else stateless)


class Anything(APIView):
    """Answers every method; what it needs is given to ``as_view``."""

    required_scopes = None

    def get(self, request):
        return Response({"user": str(request.user)})

    post = put = patch = delete = get


class OtherAuthentication(BasicAuthentication):
    """Not of this package: it has signed somebody in, with something of its own as ``auth``."""

    def authenticate(self, request):
        return self.user, {"scope": "notes:read notes:write"}


@pytest.fixture
def token(alice, settings):
    """Of alice, for what is asked for."""
    settings.TOKENAUTH = {"SCOPES": WHOLE}

    def token(*scope):
        return services.sign_in(alice, scope=scope).access_token

    return token


def needs(*scope):
    """The challenge of RFC 6750 section 3.1."""
    return (
        'Bearer realm="api", error="insufficient_scope", '
        'error_description="The access token does not have the required scope.", '
        f'scope="{" ".join(scope)}"'
    )


BY_METHOD = {"GET": ["notes:read"], "POST": ("notes:write", "notes:read"), "DELETE": []}


class TestHasScope:
    def ask(self, method, token, required, **given):
        return ask(
            Anything,
            method,
            token,
            permission_classes=[HasScope],
            required_scopes=required,
            **given,
        )

    @pytest.mark.standard("rfc6749-7-2", "rfc9068-4-11")
    @pytest.mark.parametrize("by", [JWTAuthentication, StatelessJWTAuthentication])
    @pytest.mark.parametrize(
        ("required", "method", "scope"),
        [
            ([], "GET", []),
            (["notes:read"], "GET", ["notes:read"]),
            (["notes:read"], "DELETE", ["notes:read", "notes:write"]),
            (("notes:read", "notes:write"), "GET", ["notes:read", "notes:write"]),
            ({"notes:read"}, "GET", ["notes:read"]),
            (["notes:read"], "OPTIONS", ["notes:read"]),
            (BY_METHOD, "GET", ["notes:read"]),
            (BY_METHOD, "HEAD", ["notes:read"]),
            (BY_METHOD, "POST", ["notes:read", "notes:write"]),
            (BY_METHOD, "DELETE", []),
            (BY_METHOD, "OPTIONS", []),
        ],
    )
    def test_a_token_with_all_names_is_let_through(self, token, by, required, method, scope):
        assert self.ask(method, token(*scope), required, by=by).status_code == 200

    @pytest.mark.standard("rfc6749-7-2", "rfc9068-4-11")
    @pytest.mark.attack(114, 115)
    @pytest.mark.parametrize(
        ("required", "method", "scope", "challenge"),
        [
            (["notes:read"], "GET", [], needs("notes:read")),
            (["notes:read"], "GET", ["notes:write"], needs("notes:read")),
            # A name is not the beginning of another.
            (["notes:read"], "GET", ["notes:readall"], needs("notes:read")),
            (["notes:readall"], "GET", ["notes:read"], needs("notes:readall")),
            (["notes:read"], "OPTIONS", [], needs("notes:read")),
            (BY_METHOD, "GET", ["notes:write"], needs("notes:read")),
            (BY_METHOD, "HEAD", ["notes:write"], needs("notes:read")),
            (BY_METHOD, "POST", ["notes:read"], needs("notes:read", "notes:write")),
            (["z", "y", "a", "notes:read"], "GET", [], needs("a", "notes:read", "y", "z")),
        ],
    )
    def test_a_token_without_is_told_what_is_needed(
        self, token, required, method, scope, challenge
    ):
        answer = self.ask(method, token(*scope), required)
        assert (answer.status_code, answer.data) == (403, DENIED)
        assert answer.headers["WWW-Authenticate"] == challenge

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_a_method_that_the_dict_does_not_name_is_refused(self, token, method):
        answer = self.ask(method, token("notes:read", "notes:write"), BY_METHOD)
        assert (answer.status_code, answer.data) == (403, FORBIDDEN)
        assert "WWW-Authenticate" not in answer.headers

    @pytest.mark.standard("rfc6749-7-2")
    @pytest.mark.parametrize("required", [None, "notes:read", ""])
    def test_a_view_that_does_not_say_what_it_needs_is_an_error(self, token, required):
        with pytest.raises(ImproperlyConfigured, match=r"Anything\.required_scopes must be"):
            self.ask("GET", token("notes:read"), required)

    def test_a_view_without_the_attribute_is_an_error(self, token):
        with pytest.raises(ImproperlyConfigured, match=r"Groups\.required_scopes must be"):
            ask(Groups, "GET", token("notes:read"), permission_classes=[HasScope])

    @pytest.mark.parametrize("required", [[], ["notes:read"], BY_METHOD])
    def test_without_a_token_it_is_401(self, required):
        answer = self.ask("GET", None, required)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == BARE

    @pytest.mark.parametrize("required", [[], ["notes:read"]])
    def test_who_signed_in_otherwise_is_refused(self, alice, required):
        OtherAuthentication.user = alice
        answer = self.ask("GET", None, required, by=OtherAuthentication)
        assert (answer.status_code, answer.data) == (403, FORBIDDEN)


def only_reading(user, scopes, request):
    return ["notes:read"]


class TestHasWholeScope:
    def ask(self, token, **given):
        return ask(Anything, "GET", token, permission_classes=[HasFullScope], **given)

    @pytest.mark.parametrize("by", [JWTAuthentication, StatelessJWTAuthentication])
    @pytest.mark.parametrize("asked", [None, WHOLE])
    def test_a_token_with_all_that_the_user_may_have_is_let_through(
        self, alice, settings, by, asked
    ):
        settings.TOKENAUTH = {"SCOPES": WHOLE}
        assert self.ask(services.sign_in(alice, scope=asked).access_token, by=by).status_code == 200

    @pytest.mark.parametrize("by", [JWTAuthentication, StatelessJWTAuthentication])
    @pytest.mark.parametrize("asked", [["notes:read"], ["notes:read", "notes:write"], []])
    def test_one_of_a_limited_sign_in_is_told_what_is_needed(self, alice, settings, by, asked):
        settings.TOKENAUTH = {"SCOPES": WHOLE}
        answer = self.ask(services.sign_in(alice, scope=asked).access_token, by=by)
        assert (answer.status_code, answer.data) == (403, DENIED)
        assert answer.headers["WWW-Authenticate"] == needs(*sorted(WHOLE))

    def test_so_is_one_that_was_narrowed_later(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": WHOLE}
        token = services.sign_in(alice).refresh_token
        narrow = services.refresh(token, scope=["notes:read"])
        answer = self.ask(narrow.access_token)
        assert answer.headers["WWW-Authenticate"] == needs(*sorted(WHOLE))
        whole = services.refresh(narrow.refresh_token)
        assert self.ask(whole.access_token).status_code == 200

    def test_a_scope_that_is_new_to_the_project_locks_nobody_out(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": WHOLE}
        token = services.sign_in(alice).access_token
        settings.TOKENAUTH = {"SCOPES": [*WHOLE, "notes:share"]}
        assert self.ask(token).status_code == 200

    @pytest.mark.parametrize("asked", [None, ["notes:read"]])
    def test_all_that_the_policy_lets_the_user_have_is_enough(self, alice, settings, asked):
        settings.TOKENAUTH = {"SCOPES": WHOLE, "SCOPE_POLICY": only_reading}
        assert self.ask(services.sign_in(alice, scope=asked).access_token).status_code == 200

    @pytest.mark.parametrize("asked", [None, ["notes:read"]])
    def test_so_it_is_if_the_policy_changed(self, alice, settings, asked):
        settings.TOKENAUTH = {"SCOPES": WHOLE}
        token = services.sign_in(alice, scope=asked).access_token
        settings.TOKENAUTH = {"SCOPES": WHOLE, "SCOPE_POLICY": only_reading}
        assert self.ask(token).status_code == 200

    @pytest.mark.parametrize("given", [{}, {"STATELESS_REFRESH": True, "SCOPES": WHOLE}])
    def test_without_scopes_or_sessions_every_token_is_whole(self, alice, settings, given):
        settings.TOKENAUTH = given
        assert self.ask(services.sign_in(alice).access_token).status_code == 200

    def test_where_the_session_was_pruned_every_token_is_whole(self, alice, settings):
        """Nothing is left of which it could be a part."""
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        token = services.sign_in(alice).access_token
        Session.objects.all().delete()
        assert self.ask(token, by=StatelessJWTAuthentication).status_code == 200

    def test_without_a_token_it_is_401(self):
        assert self.ask(None).status_code == 401

    def test_who_signed_in_otherwise_is_refused(self, alice):
        OtherAuthentication.user = alice
        assert self.ask(None, by=OtherAuthentication).status_code == 403
