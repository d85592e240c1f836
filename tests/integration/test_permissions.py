"""Permission classes of REST framework and of the package with both authentication classes.

The requests pass through no middleware, so no test can depend on Django's sessions.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection
from rest_framework import generics, permissions
from rest_framework.authentication import BasicAuthentication
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication
from django_tokenauth.models import Session
from django_tokenauth.permissions import HasFullScope, HasScope, InsufficientScope
from tests.support.client import BARE, INVALID_TOKEN
from tests.support.unsaved import unsaved_alice

ALL_SCOPES = ["notes:read", "notes:write", "notes:readall"]
DENIED = {"detail": "The access token does not have the required scope."}
NEEDS_TOKEN = {"detail": "This view needs an access token."}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}


def request_view(
    view, method, token=None, *, data=None, pk=None, authentication=JWTAuthentication, **initkwargs
):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = getattr(APIRequestFactory(), method.lower())("/", data, headers=headers)
    kwargs = {} if pk is None else {"pk": pk}
    return view.as_view(authentication_classes=[authentication], **initkwargs)(request, **kwargs)


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


@pytest.mark.parametrize("authentication", [JWTAuthentication, StatelessJWTAuthentication])
class TestPermissionsOfRestFramework:
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
    def test_rest_framework_permissions_apply_to_access_tokens(
        self, alice, authentication, permission, method, without, with_token
    ):
        token = services.sign_in(alice).access_token
        options = {"authentication": authentication, "permission_classes": [permission]}
        anonymous = request_view(Groups, method, data={"name": "anonymous"}, **options)
        assert anonymous.status_code == without
        assert anonymous.headers.get("WWW-Authenticate") == (BARE if without == 401 else None)
        assert request_view(Groups, method, "x", **options).status_code == 401
        assert (
            request_view(Groups, method, "x", **options).headers["WWW-Authenticate"]
            == INVALID_TOKEN
        )
        signed_in = request_view(Groups, method, token, data={"name": "alice"}, **options)
        assert signed_in.status_code == with_token

    @pytest.mark.parametrize(
        "permission",
        [permissions.DjangoModelPermissions, permissions.DjangoModelPermissionsOrAnonReadOnly],
    )
    def test_model_permission_is_granted_only_to_a_loaded_user(
        self, alice, authentication, permission
    ):
        """JWTAuthentication loads the user, and StatelessJWTAuthentication does not."""
        alice.user_permissions.add(Permission.objects.get(codename="add_group"))
        token = services.sign_in(alice).access_token
        options = {"authentication": authentication, "permission_classes": [permission]}
        response = request_view(Groups, "POST", token, data={"name": "readers"}, **options)
        assert response.status_code == (201 if authentication is JWTAuthentication else 403)

    def test_is_admin_user_allows_only_a_loaded_user(self, admin_user, authentication):
        token = services.sign_in(admin_user).access_token
        response = request_view(
            Groups,
            "GET",
            token,
            authentication=authentication,
            permission_classes=[permissions.IsAdminUser],
        )
        assert response.status_code == (200 if authentication is JWTAuthentication else 403)

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("method", "user_fixture", "loaded", "stateless"),
        [
            ("GET", "alice", 200, 200),
            ("PATCH", "alice", 403, 403),
            ("GET", "admin_user", 200, 200),
            ("PATCH", "admin_user", 200, 403),
        ],
    )
    def test_object_permission_to_change_needs_a_loaded_user(
        self, request, authentication, method, user_fixture, loaded, stateless
    ):
        token = services.sign_in(request.getfixturevalue(user_fixture)).access_token
        group = Group.objects.create(name="readers")
        options = {
            "authentication": authentication,
            "permission_classes": [permissions.DjangoObjectPermissions],
        }
        response = request_view(
            OneGroup, method, token, pk=group.pk, data={"name": "writers"}, **options
        )
        assert response.status_code == (
            loaded if authentication is JWTAuthentication else stateless
        )


class ScopedView(APIView):
    """A view for all methods. ``as_view`` receives its required scopes."""

    required_scopes = None

    def get(self, request):
        return Response({"user": str(request.user)})

    post = put = patch = delete = get


class OtherAuthentication(BasicAuthentication):
    """An authentication class of another package, with another type of ``request.auth``."""

    def authenticate(self, request):
        return self.user, {"scope": "notes:read notes:write"}


@pytest.fixture
def token(alice, settings):
    """Return a function that returns an access token of alice with the given scopes."""
    settings.TOKENAUTH = {"SCOPES": ALL_SCOPES}

    def token(*scope):
        return services.sign_in(alice, scope=scope).access_token

    return token


def challenge_for(*scope):
    """Return the challenge of RFC 6750 section 3.1 for these scopes."""
    return (
        'Bearer realm="api", error="insufficient_scope", '
        'error_description="The access token does not have the required scope.", '
        f'scope="{" ".join(scope)}"'
    )


BY_METHOD = {"GET": ["notes:read"], "POST": ("notes:write", "notes:read"), "DELETE": []}


class TestHasScope:
    def request_view(self, method, token, required, **options):
        return request_view(
            ScopedView,
            method,
            token,
            permission_classes=[HasScope],
            required_scopes=required,
            **options,
        )

    @pytest.mark.standard("rfc6749-7-2", "rfc9068-4-11", "rfc9700-2.3-1")
    @pytest.mark.parametrize("authentication", [JWTAuthentication, StatelessJWTAuthentication])
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
    def test_has_scope_allows_a_token_with_all_required_scopes(
        self, token, authentication, required, method, scope
    ):
        assert (
            self.request_view(
                method, token(*scope), required, authentication=authentication
            ).status_code
            == 200
        )

    @pytest.mark.standard("rfc6749-7-2", "rfc9068-4-11", "rfc9700-2.3-1", "rfc9700-2.3-3")
    @pytest.mark.attack(114, 115)
    @pytest.mark.parametrize(
        ("required", "method", "scope", "challenge"),
        [
            (["notes:read"], "GET", [], challenge_for("notes:read")),
            (["notes:read"], "GET", ["notes:write"], challenge_for("notes:read")),
            # A scope name must not match as a prefix of another.
            (["notes:read"], "GET", ["notes:readall"], challenge_for("notes:read")),
            (["notes:readall"], "GET", ["notes:read"], challenge_for("notes:readall")),
            (["notes:read"], "OPTIONS", [], challenge_for("notes:read")),
            (BY_METHOD, "GET", ["notes:write"], challenge_for("notes:read")),
            (BY_METHOD, "HEAD", ["notes:write"], challenge_for("notes:read")),
            (BY_METHOD, "POST", ["notes:read"], challenge_for("notes:read", "notes:write")),
            (["z", "y", "a", "notes:read"], "GET", [], challenge_for("a", "notes:read", "y", "z")),
        ],
    )
    def test_has_scope_names_the_required_scopes_in_the_challenge(
        self, token, required, method, scope, challenge
    ):
        response = self.request_view(method, token(*scope), required)
        assert (response.status_code, response.data) == (403, DENIED)
        assert response.headers["WWW-Authenticate"] == challenge

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_has_scope_denies_methods_missing_in_required_scopes(self, token, method):
        response = self.request_view(method, token("notes:read", "notes:write"), BY_METHOD)
        assert (response.status_code, response.data) == (403, FORBIDDEN)
        assert "WWW-Authenticate" not in response.headers

    @pytest.mark.standard("rfc6749-7-2")
    @pytest.mark.parametrize(
        "required",
        [None, "notes:read", "", b"a", [1], 1, {"GET": "notes:read"}, {"GET": ""}, {"get": ["a"]}],
    )
    def test_has_scope_with_invalid_required_scopes_is_an_error(self, token, required):
        with pytest.raises(ImproperlyConfigured, match=r"ScopedView\.required_scopes must be"):
            self.request_view("GET", token("notes:read"), required)

    @pytest.mark.parametrize(
        ("required", "kind"),
        [
            (None, "NoneType"),
            ("notes:read", "str"),
            ({"GET": 1}, "int"),
            # Later requests would need no scope, because the first request reads all items.
            (iter(["notes:write"]), "list_iterator"),
            ({"GET": (name for name in ["notes:write"])}, "generator"),
        ],
    )
    def test_error_of_invalid_required_scopes_names_their_type(self, token, required, kind):
        with pytest.raises(ImproperlyConfigured, match=f"not {kind}.$"):
            self.request_view("GET", token("notes:read"), required)

    @pytest.mark.parametrize("scope", ["notes:read", None, [None]])
    def test_insufficient_scope_requires_a_collection_of_strings(self, scope):
        with pytest.raises(TypeError, match="scope must "):
            InsufficientScope(scope)

    def test_has_scope_without_required_scopes_is_an_error(self, token):
        with pytest.raises(ImproperlyConfigured, match=r"Groups\.required_scopes must be"):
            request_view(Groups, "GET", token("notes:read"), permission_classes=[HasScope])

    @pytest.mark.parametrize("required", [[], ["notes:read"], BY_METHOD])
    def test_has_scope_without_a_token_returns_401(self, required):
        response = self.request_view("GET", None, required)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == BARE

    @pytest.mark.parametrize("required", [[], ["notes:read"]])
    def test_has_scope_denies_other_authentication_classes(self, required):
        OtherAuthentication.user = unsaved_alice()
        response = self.request_view("GET", None, required, authentication=OtherAuthentication)
        assert (response.status_code, response.data) == (403, NEEDS_TOKEN)


def read_only_policy(user, scopes, request):
    return ["notes:read"]


class TestHasFullScope:
    def request_view(self, token, **options):
        return request_view(ScopedView, "GET", token, permission_classes=[HasFullScope], **options)

    @pytest.mark.parametrize("authentication", [JWTAuthentication, StatelessJWTAuthentication])
    @pytest.mark.parametrize("requested", [None, ALL_SCOPES])
    def test_has_full_scope_allows_a_token_with_all_scopes(
        self, alice, settings, authentication, requested
    ):
        settings.TOKENAUTH = {"SCOPES": ALL_SCOPES}
        assert (
            self.request_view(
                services.sign_in(alice, scope=requested).access_token, authentication=authentication
            ).status_code
            == 200
        )

    @pytest.mark.parametrize("authentication", [JWTAuthentication, StatelessJWTAuthentication])
    @pytest.mark.parametrize("requested", [["notes:read"], ["notes:read", "notes:write"], []])
    def test_has_full_scope_denies_a_token_narrowed_at_sign_in(
        self, alice, settings, authentication, requested
    ):
        settings.TOKENAUTH = {"SCOPES": ALL_SCOPES}
        response = self.request_view(
            services.sign_in(alice, scope=requested).access_token, authentication=authentication
        )
        assert (response.status_code, response.data) == (403, DENIED)
        assert response.headers["WWW-Authenticate"] == challenge_for(*sorted(ALL_SCOPES))

    @pytest.mark.parametrize("authentication", [JWTAuthentication, StatelessJWTAuthentication])
    @pytest.mark.parametrize(
        ("requested", "granted", "expected"),
        [
            (None, ALL_SCOPES, 200),
            (["notes:read"], ALL_SCOPES, 403),
            ([], ALL_SCOPES, 403),
            (["notes:read"], ["notes:read"], 200),
        ],
    )
    def test_has_full_scope_needs_every_scope_in_stateless_mode(
        self, alice, settings, authentication, requested, granted, expected
    ):
        settings.TOKENAUTH = {
            "SCOPES": ALL_SCOPES,
            "STATELESS_REFRESH": True,
            "SCOPE_POLICY": lambda user, scopes, request: scopes & set(granted),
        }
        token = services.sign_in(alice, scope=requested).access_token
        response = self.request_view(token, authentication=authentication)
        assert response.status_code == expected

    def test_has_full_scope_in_stateless_mode_takes_no_query(
        self, alice, settings, django_assert_num_queries
    ):
        settings.TOKENAUTH = {"SCOPES": ALL_SCOPES, "STATELESS_REFRESH": True}
        token = services.sign_in(alice).access_token
        with django_assert_num_queries(0):
            response = self.request_view(token, authentication=StatelessJWTAuthentication)
        assert response.status_code == 200

    def test_has_full_scope_rejects_a_token_of_a_deleted_user(self, alice, settings):
        settings.TOKENAUTH = {
            "SCOPES": ALL_SCOPES,
            "STATELESS_REFRESH": True,
            "SCOPE_POLICY": lambda user, scopes, request: scopes,
        }
        token = services.sign_in(alice).access_token
        alice.delete()
        response = self.request_view(token, authentication=StatelessJWTAuthentication)
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]

    def test_has_full_scope_returns_503_on_a_database_error(self, alice):
        token = services.sign_in(alice).access_token
        statements = []

        def fail_after_authentication(execute, *args):
            statements.append(args)
            if len(statements) > 1:
                raise OperationalError
            return execute(*args)

        with connection.execute_wrapper(fail_after_authentication):
            response = self.request_view(token)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")

    def test_has_full_scope_denies_a_token_narrowed_by_refresh(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": ALL_SCOPES}
        token = services.sign_in(alice).refresh_token
        narrow = services.refresh(token, scope=["notes:read"])
        response = self.request_view(narrow.access_token)
        assert response.headers["WWW-Authenticate"] == challenge_for(*sorted(ALL_SCOPES))
        full = services.refresh(narrow.refresh_token)
        assert self.request_view(full.access_token).status_code == 200

    def test_has_full_scope_ignores_scopes_added_after_sign_in(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": ALL_SCOPES}
        token = services.sign_in(alice).access_token
        settings.TOKENAUTH = {"SCOPES": [*ALL_SCOPES, "notes:share"]}
        assert self.request_view(token).status_code == 200

    @pytest.mark.parametrize("requested", [None, ["notes:read"]])
    def test_has_full_scope_allows_token_with_all_policy_scopes(self, alice, settings, requested):
        settings.TOKENAUTH = {"SCOPES": ALL_SCOPES, "SCOPE_POLICY": read_only_policy}
        assert (
            self.request_view(services.sign_in(alice, scope=requested).access_token).status_code
            == 200
        )

    @pytest.mark.parametrize("requested", [None, ["notes:read"]])
    def test_has_full_scope_requires_only_scopes_policy_now_allows(
        self, alice, settings, requested
    ):
        settings.TOKENAUTH = {"SCOPES": ALL_SCOPES}
        token = services.sign_in(alice, scope=requested).access_token
        settings.TOKENAUTH = {"SCOPES": ALL_SCOPES, "SCOPE_POLICY": read_only_policy}
        assert self.request_view(token).status_code == 200

    @pytest.mark.parametrize("options", [{}, {"STATELESS_REFRESH": True, "SCOPES": ALL_SCOPES}])
    def test_has_full_scope_allows_tokens_without_scopes_or_sessions(
        self, alice, settings, options
    ):
        settings.TOKENAUTH = options
        assert self.request_view(services.sign_in(alice).access_token).status_code == 200

    def test_has_full_scope_allows_a_token_of_a_pruned_session(self, alice, settings):
        """Without its session row, a token cannot be recognised as narrowed."""
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        token = services.sign_in(alice).access_token
        Session.objects.all().delete()
        assert (
            self.request_view(token, authentication=StatelessJWTAuthentication).status_code == 200
        )

    def test_has_full_scope_without_a_token_returns_401(self):
        assert self.request_view(None).status_code == 401

    def test_has_full_scope_denies_other_authentication_classes(self):
        OtherAuthentication.user = unsaved_alice()
        assert self.request_view(None, authentication=OtherAuthentication).status_code == 403
