"""HasScope and HasFullScope combined with other permissions by ``&``, ``|`` and ``~``."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.http import Http404
from rest_framework import generics
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.permissions import (
    AllowAny,
    BasePermission,
    IsAuthenticated,
    IsAuthenticatedOrReadOnly,
)
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.permissions import HasFullScope, HasScope
from tests.support.client import BARE
from tests.support.unsaved import issue_tokens

pytestmark = pytest.mark.attack(114)

SCOPES = ["notes:read", "notes:write"]
READ = (
    'Bearer realm="api", error="insufficient_scope", '
    'error_description="The access token does not have the required scope.", scope="notes:read"'
)
ALL = READ.replace('scope="notes:read"', 'scope="notes:read notes:write"')
MISSING = {"detail": "The access token does not have the required scope."}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}


class Yes(BasePermission):
    """Allows all requests and objects."""


class No(BasePermission):
    """Denies all requests."""

    def has_permission(self, request, view):
        return False


class NoObject(BasePermission):
    """Denies all objects, and no request."""

    def has_object_permission(self, request, view, obj):
        return False


class NotToday(BasePermission):
    """Denies all requests, with a message and a code."""

    message = "Not today."
    code = "not_today"

    def has_permission(self, request, view):
        return False


class OnlyNote(BasePermission):
    """Allows one object."""

    def has_object_permission(self, request, view, obj):
        return obj == "note"


class WithMessage(HasScope):
    message = "Ask for the scope notes:read."


class View(APIView):
    authentication_classes = (JWTAuthentication,)
    required_scopes = ("notes:read",)

    def get(self, request):
        return Response({})


class ObjectView(View):
    """A view that checks the permissions of an object."""

    def get(self, request):
        self.check_object_permissions(request, object())
        return Response({})


class NotFoundView(View):
    """A view that hides what it denies."""

    def permission_denied(self, request, message=None, code=None):
        raise Http404


class NoteView(View):
    def get(self, request):
        self.check_object_permissions(request, "note")
        return Response({})


class OwnChallengeView(View):
    """A view that denies with a challenge of its own."""

    def permission_denied(self, request, message=None, code=None):
        error = PermissionDenied()
        error.auth_header = 'Bearer realm="notes"'
        raise error


@pytest.fixture
def tokens(alice, settings):
    settings.TOKENAUTH = {"SCOPES": SCOPES}
    return {
        name: services.sign_in(alice, scope=scope).access_token
        for name, scope in {"with": ["notes:read"], "without": ["notes:write"]}.items()
    }


def call(view, token, *permissions, method="get", accept="application/json"):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = getattr(APIRequestFactory(), method)("/", headers={**headers, "Accept": accept})
    response = view.as_view(permission_classes=permissions)(request)
    return response.status_code, response.headers.get("WWW-Authenticate")


OK, PLAIN, NAMED = (200, None), (403, None), (403, READ)

#: The permission, and the result for a token with and without the scope.
COMBINED = [
    (HasScope, OK, NAMED),
    (HasScope & Yes, OK, NAMED),
    (Yes & HasScope, OK, NAMED),
    (HasScope & No, PLAIN, NAMED),
    (No & HasScope, PLAIN, PLAIN),
    (HasScope | Yes, OK, OK),
    (Yes | HasScope, OK, OK),
    (HasScope | No, OK, NAMED),
    (No | HasScope, OK, NAMED),
    (~HasScope, PLAIN, OK),
    (~~HasScope, OK, PLAIN),
    (~HasScope & Yes, PLAIN, OK),
    (~HasScope | HasScope, OK, OK),
    (~HasScope & HasScope, PLAIN, NAMED),
    (~(HasScope | No), PLAIN, OK),
    (~(HasScope & Yes), PLAIN, OK),
    ((No | HasScope) & Yes, OK, NAMED),
    ((Yes & HasScope) | No, OK, NAMED),
    ((No & HasScope) | No, PLAIN, PLAIN),
    (HasScope | HasScope, OK, NAMED),
]


class TestView:
    @pytest.mark.parametrize("view", [View, ObjectView])
    @pytest.mark.parametrize(("permission", "with_scope", "without_scope"), COMBINED)
    def test_permission_operators_decide_status_and_challenge(
        self, tokens, view, permission, with_scope, without_scope
    ):
        assert call(view, tokens["with"], permission) == with_scope
        assert call(view, tokens["without"], permission) == without_scope

    @pytest.mark.parametrize(
        "permissions",
        [(HasScope | Yes, No), (~HasScope, No), (~(HasScope | No), No), (No, HasScope)],
    )
    def test_denial_by_another_permission_names_no_scope(self, tokens, permissions):
        assert call(View, tokens["without"], *permissions) == PLAIN

    @pytest.mark.parametrize(
        "permissions", [(Yes, HasScope), (HasScope, No), (Yes, Yes & HasScope)]
    )
    def test_challenge_names_scope_of_the_first_denying_permission(self, tokens, permissions):
        assert call(View, tokens["without"], *permissions) == NAMED

    @pytest.mark.parametrize("permission", [HasScope, HasScope | No, ~HasScope, HasFullScope | No])
    def test_combined_permissions_without_a_token_return_401(self, permission):
        status, challenge = call(View, None, IsAuthenticated, permission)
        assert (status, challenge) == (401, BARE)

    @pytest.mark.parametrize(
        "permission", [HasFullScope, HasFullScope | No, Yes & HasFullScope, HasFullScope & HasScope]
    )
    def test_challenge_of_combined_has_full_scope_names_all_scopes(self, tokens, permission):
        assert call(View, tokens["without"], permission) == (403, ALL)
        assert call(View, tokens["without"], ~HasFullScope) == OK

    def test_denial_body_has_the_message_of_the_permission(self, tokens):
        for permission, body in (
            (HasScope, MISSING),
            (WithMessage, {"detail": WithMessage.message}),
            (HasScope | No, MISSING),
            (~HasScope | No, FORBIDDEN),
        ):
            token = tokens["with" if body is FORBIDDEN else "without"]
            request = APIRequestFactory().get("/", headers={"Authorization": f"Bearer {token}"})
            assert View.as_view(permission_classes=[permission])(request).data == body

    def test_permission_denied_override_of_a_view_is_kept(self, tokens):
        assert call(NotFoundView, tokens["without"], HasScope) == (404, None)

    def test_denial_of_a_method_without_scopes_names_no_scope(self, tokens):
        """The scope that HasFullScope misses would not allow the method."""

        class ReadView(View):
            required_scopes = {"POST": ["notes:read"]}

        assert call(ReadView, tokens["without"], HasFullScope | Yes, HasScope) == PLAIN

    def test_challenge_set_by_the_view_is_kept(self, tokens):
        assert call(OwnChallengeView, tokens["without"], HasScope) == (
            403,
            'Bearer realm="notes"',
        )

    def test_denial_by_another_permission_has_its_message_and_code(self, tokens):
        headers = {"Authorization": f"Bearer {tokens['without']}"}
        view = View.as_view(permission_classes=[HasScope | Yes, NotToday])
        detail = view(APIRequestFactory().get("/", headers=headers)).data["detail"]
        assert (detail, detail.code) == ("Not today.", "not_today")

    def test_full_scope_permission_passes_the_request_to_the_policy(self, tokens, settings):
        paths = []
        settings.TOKENAUTH = {
            "SCOPES": SCOPES,
            "SCOPE_POLICY": lambda user, scopes, request: paths.append(request.path) or scopes,
        }
        assert call(View, tokens["without"], HasFullScope) == (403, ALL)
        assert set(paths) == {"/"}

    def test_has_scope_outside_rest_framework_denies_missing_scope(self):
        token = issue_tokens(scope=["notes:write"]).access_token

        class Request:
            auth = services.authenticate_access_token(token)
            method = "GET"

        class Bare:
            required_scopes = ("notes:read",)

        view = Bare()
        assert HasScope().has_permission(Request, view) is False
        assert HasScope().has_object_permission(Request, view, object()) is False
        assert vars(view) == {}

    def test_required_scope_is_checked_for_each_request_to_a_view(self, tokens):
        view = View.as_view(permission_classes=[HasScope | No])
        for name, expected in [("with", 200), ("without", 403)] * 2:
            headers = {"Authorization": f"Bearer {tokens[name]}"}
            assert view(APIRequestFactory().get("/", headers=headers)).status_code == expected


class TestObject:
    @pytest.mark.parametrize(
        ("permissions", "with_scope", "without_scope"),
        [
            ((NoObject,), PLAIN, PLAIN),
            ((NoObject | HasScope,), OK, NAMED),
            ((HasScope | NoObject,), OK, NAMED),
            ((NoObject & HasScope,), PLAIN, NAMED),
            ((NoObject | (HasScope & Yes),), OK, NAMED),
            # The scope was missing, but the object is denied for another reason.
            ((HasScope | Yes, NoObject), PLAIN, PLAIN),
            ((HasScope, NoObject), PLAIN, NAMED),
            ((~HasScope, NoObject), PLAIN, PLAIN),
            ((~NoObject & ~HasScope,), PLAIN, PLAIN),
            ((NoObject | ~~HasScope,), OK, PLAIN),
        ],
    )
    def test_object_denial_names_the_scope_that_would_allow_it(
        self, tokens, permissions, with_scope, without_scope
    ):
        assert call(ObjectView, tokens["with"], *permissions) == with_scope
        assert call(ObjectView, tokens["without"], *permissions) == without_scope

    def test_object_permission_allows_an_alternative_to_a_scope(self, tokens):
        assert call(NoteView, tokens["without"], HasScope | OnlyNote) == OK
        assert call(ObjectView, tokens["without"], HasScope | OnlyNote) == NAMED

    def test_object_permissions_are_checked_again_after_a_denial(self, tokens):
        """A view may skip denied objects, and then deny the request itself."""

        class ListView(View):
            def get(self, request):
                skipped = [self.is_allowed(request) for _ in range(100)]
                assert skipped == ["InsufficientScope"] * 100
                self.permission_denied(request)

            def is_allowed(self, request):
                try:
                    self.check_object_permissions(request, object())
                except APIException as error:
                    return type(error).__name__
                return "allowed"

        for permission in (NoObject | HasScope, HasScope | NoObject):
            assert call(ListView, tokens["without"], permission) == NAMED


class TestWithoutToken:
    """The permissions of REST framework beside a scope, for users without a token."""

    @pytest.fixture
    def statuses(self, alice):
        def statuses(permission):
            found = []
            for user in (None, alice):
                for method in ("get", "post"):
                    request = getattr(APIRequestFactory(), method)("/")
                    force_authenticate(request, user)
                    view = WritableView.as_view(permission_classes=[permission])
                    found.append(view(request).status_code)
            return found

        return statuses

    @pytest.mark.parametrize(
        ("permission", "expected"),
        [
            (HasScope, [401, 401, 403, 403]),
            (IsAuthenticatedOrReadOnly | HasScope, [200, 401, 200, 200]),
            (HasScope | IsAuthenticatedOrReadOnly, [200, 401, 200, 200]),
            (IsAuthenticatedOrReadOnly & HasScope, [401, 401, 403, 403]),
            (HasScope | IsAuthenticated, [401, 401, 200, 200]),
            (~(HasScope | IsAuthenticated), [200, 200, 403, 403]),
            (~(HasScope & IsAuthenticated), [200, 200, 200, 200]),
            (HasScope & (IsAuthenticated | OnlyNote), [401, 401, 403, 403]),
            ((HasScope & ~OnlyNote) | (OnlyNote & ~HasScope), [401, 401, 403, 403]),
            ((HasScope & ~Yes) | (IsAuthenticated & ~HasScope), [401, 401, 200, 200]),
        ],
    )
    def test_permission_decides_without_a_token(self, statuses, permission, expected):
        assert statuses(permission) == expected


class WritableView(ObjectView):
    post = ObjectView.get


class GroupSerializer(ModelSerializer):
    class Meta:
        model = Group
        fields = ("name",)


class Groups(generics.RetrieveUpdateDestroyAPIView):
    """A view whose methods need different scopes, with all renderers."""

    authentication_classes = (JWTAuthentication,)
    renderer_classes = (JSONRenderer, BrowsableAPIRenderer)
    required_scopes = {"GET": ["notes:write"], "PUT": ["notes:read"], "DELETE": ["notes:read"]}
    queryset = Group.objects.all()
    serializer_class = GroupSerializer


class TestRenderersAndMetadata:
    @pytest.fixture
    def response(self, tokens):
        group = Group.objects.create(name="readers")

        def response(name, permission, method="get", accept="application/json"):
            request = getattr(APIRequestFactory(), method)(
                "/", headers={"Authorization": f"Bearer {tokens[name]}", "Accept": accept}
            )
            view = Groups.as_view(permission_classes=[permission])
            return view(request, pk=group.pk).render()

        return response

    @pytest.mark.parametrize("permission", [HasScope, HasScope & Yes, HasScope | No])
    def test_options_lists_the_actions_that_the_scope_allows(self, response, permission):
        assert list(response("with", permission, "options").data["actions"]) == ["PUT"]
        assert "actions" not in response("without", permission, "options").data

    @pytest.mark.parametrize("permission", [HasScope, HasScope & AllowAny, No | HasScope])
    def test_browsable_page_hides_forms_without_the_required_scope(self, response, permission):
        page = response("without", permission, accept="text/html")
        assert page.status_code == 200
        assert b'value="readers"' not in page.content
        denied = response("with", permission, accept="text/html")
        assert denied.status_code == 403
        assert 'scope="notes:write"' in denied.headers["WWW-Authenticate"]

    def test_browsable_page_hides_forms_that_a_negated_scope_denies(self, response):
        page = response("with", ~HasScope, accept="text/html")
        assert page.status_code == 200
        assert b'value="readers"' not in page.content
