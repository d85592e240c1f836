"""The decorator ``required_scopes`` on functions, methods and actions, and users without a token.

The access tokens are in no database, so a statement is an error.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from rest_framework.authentication import BasicAuthentication
from rest_framework.decorators import action, api_view, authentication_classes, permission_classes
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from django_tokenauth.authentication import StatelessJWTAuthentication
from django_tokenauth.permissions import (
    HasFullScope,
    HasScope,
    InsufficientScope,
    IsAuthenticatedWithoutToken,
    required_scopes,
)
from tests.support.client import BARE
from tests.support.unsaved import issue_tokens, unsaved_alice

NEEDS_TOKEN = {"detail": "This view needs an access token."}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}
MISSING = {"detail": "The access token does not have the required scope."}
STATELESS = [StatelessJWTAuthentication]


@pytest.fixture(autouse=True)
def _settings(settings):
    settings.TOKENAUTH = {
        "SCOPES": ["notes:read", "notes:write"],
        "REVOCATION_POLL_INTERVAL": None,
    }


@api_view(["GET", "POST"])
@authentication_classes(STATELESS)
@required_scopes("notes:read")
def function(request):
    """Return the notes."""
    return Response([])


@api_view(["GET"])
@authentication_classes(STATELESS)
@permission_classes([IsAuthenticated])
@required_scopes("notes:read")
def function_below_other_permissions(request):
    return Response([])


@api_view(["GET"])
@required_scopes("notes:read")
@permission_classes([IsAuthenticated])
@authentication_classes(STATELESS)
def function_above_other_decorators(request):
    return Response([])


class Method(APIView):
    authentication_classes = STATELESS

    @required_scopes("notes:read")
    def get(self, request, *args, **kwargs):
        return Response([])

    def post(self, request):
        return Response([])


class MethodWithPermission(Method):
    permission_classes = (HasScope,)


class Actions(ViewSet):
    authentication_classes = STATELESS

    @required_scopes("notes:read")
    def list(self, request):
        return Response([])

    @action(detail=False)
    @required_scopes("notes:read")
    def below(self, request):
        return Response([])

    @required_scopes("notes:read")
    @action(detail=False)
    def above(self, request):
        return Response([])


VIEWS = {
    "function": function,
    "function below": function_below_other_permissions,
    "function above": function_above_other_decorators,
    "method": Method.as_view(),
    "method with HasScope": MethodWithPermission.as_view(),
    "viewset": Actions.as_view({"get": "list"}),
    "action below": Actions.as_view({"get": "below"}),
    "action above": Actions.as_view({"get": "above"}),
}


def call(view, scope=None, *, user=None, method="get"):
    headers = {}
    if scope is not None:
        headers["Authorization"] = f"Bearer {issue_tokens(scope=scope.split()).access_token}"
    request = getattr(APIRequestFactory(), method)("/", headers=headers)
    if user is not None:
        force_authenticate(request, user)
    return view(request)


@pytest.mark.attack(114)
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
class TestDecorator:
    def test_decorated_view_allows_tokens_with_the_scope(self, view):
        for scope in ("notes:read", "notes:read notes:write"):
            assert call(view, scope).status_code == 200

    def test_decorated_view_denies_tokens_without_the_scope(self, view):
        response = call(view, "notes:write")
        assert (response.status_code, response.data) == (403, MISSING)
        assert response.headers["WWW-Authenticate"].endswith(', scope="notes:read"')

    def test_decorated_view_without_credentials_returns_401(self, view):
        response = call(view)
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, BARE)

    def test_decorated_view_tells_other_users_that_it_needs_a_token(self, view):
        response = call(view, user=unsaved_alice())
        assert (response.status_code, response.data) == (403, NEEDS_TOKEN)
        assert "WWW-Authenticate" not in response.headers


class TestOtherMethods:
    def test_decorated_function_applies_to_all_its_methods(self):
        assert call(function, "notes:write", method="post").status_code == 403

    def test_undecorated_method_needs_no_scope(self):
        assert call(Method.as_view(), "", method="post").status_code == 200

    def test_head_needs_the_scope_of_the_decorated_get(self):
        for view in (Method.as_view(), MethodWithPermission.as_view()):
            assert call(view, "notes:read", method="head").status_code == 200
            assert call(view, "notes:write", method="head").status_code == 403

    def test_decorated_function_keeps_its_name_and_docstring(self):
        assert function.cls.__name__ == "function"
        assert function.cls.__doc__ == "Return the notes."


class WithPermission(Method):
    permission_classes = (HasScope,)


@api_view(["GET"])
@authentication_classes(STATELESS)
@permission_classes([HasScope])
@required_scopes("notes:read")
def function_with_permission(request):
    return Response([])


class ActionsWithPermission(Actions):
    permission_classes = (HasScope,)


class TestBesideHasScope:
    """HasScope uses the decorated scopes of a view without ``required_scopes``."""

    @pytest.mark.parametrize(
        "view",
        [
            WithPermission.as_view(),
            function_with_permission,
            ActionsWithPermission.as_view({"get": "below"}),
        ],
    )
    def test_has_scope_allows_and_denies_by_the_decorated_scope(self, view):
        assert call(view, "notes:read").status_code == 200
        assert call(view, "notes:write").data == MISSING
        assert call(view).status_code == 401
        assert call(view, "", method="options").status_code == 200
        assert call(view, "", method="put").status_code == 405

    def test_method_that_the_view_does_not_permit_returns_405(self):
        view = WithPermission.as_view(http_method_names=["get"])
        assert call(view, "notes:read", method="post").status_code == 405

    def test_undecorated_method_of_a_view_with_has_scope_is_an_error(self):
        with pytest.raises(ImproperlyConfigured):
            call(WithPermission.as_view(), "notes:read", method="post")


class TestWithoutToken:
    @pytest.fixture
    def view(self):
        class View(APIView):
            authentication_classes = STATELESS

            @required_scopes("notes:read", without_token=True)
            def get(self, request):
                return Response([])

        return View.as_view()

    def test_decorator_without_token_admits_other_users(self, view):
        assert call(view, user=unsaved_alice()).status_code == 200

    def test_decorator_without_token_still_needs_the_scope_of_tokens(self, view):
        assert call(view, "notes:read").status_code == 200
        response = call(view, "notes:write")
        assert (response.status_code, response.data) == (403, MISSING)
        assert call(view).status_code == 401

    def test_decorator_without_token_works_on_a_function(self):
        @api_view(["GET"])
        @authentication_classes(STATELESS)
        @required_scopes("notes:read", without_token=True)
        def view(request):
            return Response([])

        assert call(view, user=unsaved_alice()).status_code == 200
        assert call(view, "notes:write").data == MISSING


@pytest.mark.parametrize(
    "scopes", [(), ("",), ("a b",), (["notes:read"],), (None,), ("notes:read", 1), ('"',)]
)
def test_decorator_rejects_anything_but_scope_names(scopes):
    with pytest.raises(TypeError, match=r"^required_scopes\(\) takes the names of scopes"):
        required_scopes(*scopes)


@pytest.mark.parametrize("decorated", [function, Method, Method.as_view()])
def test_decorator_on_a_class_or_above_api_view_is_an_error(decorated):
    with pytest.raises(TypeError, match="must be below @api_view, or on a method or an @action"):
        required_scopes("notes:read")(decorated)


def test_decorator_on_a_view_of_django_is_an_error():
    @required_scopes("notes:read")
    def view(request):
        """Return nothing."""

    with pytest.raises(TypeError, match="must be on a view of REST framework"):
        view(RequestFactory().get("/"))


class AllowWithReason(BasePermission):
    message = "Not today."

    def has_permission(self, request, view):
        return False


class TestMessage:
    """The 403 for users who were authenticated without an access token."""

    def call(self, permission, **attributes):
        bases = {"permission_classes": [permission], "authentication_classes": STATELESS}
        own = {"required_scopes": ["notes:read"], "get": lambda self, request: Response([])}
        view = type("View", (APIView,), {**bases, **own, **attributes}).as_view()
        response = call(view, user=unsaved_alice())
        return response.status_code, response.data

    @pytest.mark.parametrize(
        "permission",
        [
            HasScope,
            HasFullScope,
            HasScope & IsAuthenticated,
            IsAuthenticated & HasScope,
            HasScope | HasFullScope,
            (HasScope | HasFullScope) & AllowAny,
        ],
    )
    def test_denial_for_a_missing_token_says_so(self, permission):
        assert self.call(permission) == (403, NEEDS_TOKEN)

    @pytest.mark.parametrize("permission", [AllowWithReason, AllowWithReason & HasScope])
    def test_denial_by_another_permission_keeps_its_message(self, permission):
        assert self.call(permission)[1] in ({"detail": "Not today."}, FORBIDDEN)

    @pytest.mark.parametrize(
        "permission",
        [
            HasScope | AllowAny,
            ~HasScope,
            HasScope | IsAuthenticatedWithoutToken,
            IsAuthenticatedWithoutToken | HasScope,
        ],
    )
    def test_other_operand_admits_users_without_a_token(self, permission):
        assert self.call(permission) == (200, [])

    def test_error_of_the_view_itself_is_kept(self):
        def permission_denied(self, request, message=None, code=None):
            error = PermissionDenied("Go away.")
            error.auth_header = "Own"
            raise error

        assert self.call(HasScope, permission_denied=permission_denied) == (
            403,
            {"detail": "Go away."},
        )


@pytest.mark.parametrize(
    ("user", "auth", "admitted"),
    [
        (unsaved_alice(), None, True),
        (unsaved_alice(), "a token of another package", True),
        (AnonymousUser(), None, False),
        (None, None, False),
    ],
)
def test_permission_without_token_admits_authenticated_users(user, auth, admitted):
    request = SimpleNamespace(user=user, auth=auth)
    assert IsAuthenticatedWithoutToken().has_permission(request, None) is admitted


def test_negated_permission_without_token_admits_objects():
    class View(APIView):
        authentication_classes = STATELESS
        permission_classes = (~IsAuthenticatedWithoutToken,)

        def get(self, request):
            self.check_object_permissions(request, object())
            return Response([])

    assert call(View.as_view(), "notes:read").status_code == 200
    assert call(View.as_view(), user=unsaved_alice()).status_code == 403


def test_permission_without_token_denies_an_access_token():
    class View(APIView):
        authentication_classes = (*STATELESS, BasicAuthentication)
        permission_classes = (IsAuthenticatedWithoutToken,)

    assert call(View.as_view(), "notes:read").status_code == 403


UNKNOWN = "A required scope is not in SCOPES of TOKENAUTH."


@pytest.mark.parametrize(
    ("debug", "required", "is_explained"),
    [
        (True, ["notes:read", "notes:admin"], True),
        (True, ["notes:read notes:write"], True),
        (True, ["notes:read", "notes:write"], False),
        (False, ["notes:admin"], False),
    ],
)
def test_scope_that_is_not_in_scopes_is_explained_with_debug(
    debug, required, is_explained, settings
):
    settings.DEBUG = debug
    challenge = InsufficientScope(required).auth_header
    assert (f'error_description="{UNKNOWN}"' in challenge) is is_explained
    assert (str(MISSING["detail"]) in challenge) is not is_explained
