"""``SignedInWithin`` and ``SignedInBy`` (RFC 9470), alone and combined."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from django_tokenauth.authentication import JWTAuthentication, TokenUser
from django_tokenauth.permissions import (
    HasScope,
    IsAuthenticatedWithoutToken,
    SignedInBy,
    SignedInWithin,
)
from django_tokenauth.tokens.claims import Claims
from tests.support.client import BARE
from tests.support.clock import NOW
from tests.support.unsaved import unsaved_alice

SENTENCE = "Sign in again. This request needs a newer or safer sign-in."
CHALLENGE = (
    'Bearer realm="api", error="insufficient_user_authentication", '
    f'error_description="{SENTENCE}", '
)
OLD = (401, f'{CHALLENGE}max_age="600"')
WEAK = (401, f'{CHALLENGE}acr_values="mfa"')
BOTH = (401, f'{CHALLENGE}acr_values="mfa", max_age="600"')
MISSING_SCOPE = (
    'Bearer realm="api", error="insufficient_scope", '
    'error_description="The access token does not have the required scope.", scope="notes:read"'
)
OK, PLAIN, NAMED = (200, None), (403, None), (403, MISSING_SCOPE)


class Yes(BasePermission):
    """Allows all requests and objects."""


class No(BasePermission):
    """Denies all requests."""

    def has_permission(self, request, view):
        return False


class Fails(BasePermission):
    """A permission that relies on the permissions before it."""

    def has_permission(self, request, view):
        raise AssertionError


class NoObject(BasePermission):
    def has_object_permission(self, request, view, obj):
        return False


class View(APIView):
    authentication_classes = (JWTAuthentication,)
    required_scopes = ("notes:read",)

    def get(self, request):
        return Response({})


class ObjectView(View):
    def get(self, request):
        self.check_object_permissions(request, object())
        return Response({})


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


def claims_of(*, age=0, **values):
    """Return claims of a user who signed in *age* seconds ago."""
    now = int(NOW.timestamp())
    claims = Claims("a", ("a",), "1", "a", now, now + 300, "1", auth_time=now - age)
    return claims._replace(**values)


RECENT, LATE = claims_of(), claims_of(age=601)
STRONG = claims_of(age=601, amr=("pwd", "otp", "mfa"))


def respond(claims, *permissions, view=View):
    request = APIRequestFactory().get("/")
    if claims is not None:
        force_authenticate(request, TokenUser(claims), claims)
    return view.as_view(permission_classes=permissions)(request)


def call(claims, *permissions, view=View):
    response = respond(claims, *permissions, view=view)
    return response.status_code, response.headers.get("WWW-Authenticate")


class TestSignedInWithin:
    @pytest.mark.standard("rfc9470-3-1", "rfc9470-3-2")
    @pytest.mark.parametrize(("age", "expected"), [(0, OK), (600, OK), (601, OLD)])
    def test_age_of_the_sign_in_decides_status_and_challenge(self, age, expected):
        assert call(claims_of(age=age), SignedInWithin(minutes=10)) == expected

    @pytest.mark.parametrize(
        ("limit", "seconds"),
        [
            ({"seconds": 90}, 90),
            ({"hours": 1}, 3600),
            ({"days": 1, "minutes": 1}, 86460),
            ({"minutes": 0.5}, 30),
        ],
    )
    def test_limit_may_have_several_units(self, limit, seconds):
        assert call(claims_of(age=seconds), SignedInWithin(**limit)) == OK
        expected = (401, f'{CHALLENGE}max_age="{seconds}"')
        assert call(claims_of(age=seconds + 1), SignedInWithin(**limit)) == expected

    def test_leeway_extends_the_limit(self, settings):
        settings.TOKENAUTH = {"LEEWAY": timedelta(seconds=30)}
        assert call(claims_of(age=630), SignedInWithin(minutes=10)) == OK
        assert call(claims_of(age=631), SignedInWithin(minutes=10)) == OLD

    def test_token_without_auth_time_is_denied(self):
        assert call(claims_of(auth_time=None), SignedInWithin(minutes=10)) == OLD

    @pytest.mark.parametrize("limit", [{}, {"seconds": 0}, {"minutes": -1}, {"seconds": 0.5}])
    def test_limit_below_a_second_is_rejected(self, limit):
        with pytest.raises(ValueError, match="needs a time"):
            SignedInWithin(**limit)

    def test_limit_that_is_not_a_number_is_rejected(self):
        with pytest.raises(TypeError):
            SignedInWithin(minutes="10")


class TestSignedInBy:
    @pytest.mark.standard("rfc9470-3-1", "rfc9470-3-3")
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ({"amr": ("pwd", "mfa")}, OK),
            ({"acr": "mfa"}, OK),
            ({"amr": ("pwd",)}, WEAK),
            ({"acr": "MFA"}, WEAK),
            ({}, WEAK),
        ],
    )
    def test_method_or_context_decides_status_and_challenge(self, values, expected):
        assert call(claims_of(**values), SignedInBy("mfa")) == expected

    @pytest.mark.standard("rfc9470-3-3")
    def test_challenge_lists_alternatives_in_order(self):
        permission = SignedInBy("urn:example:high", "hwk")
        assert call(claims_of(acr="urn:example:high"), permission) == OK
        assert call(claims_of(amr=("hwk",)), permission) == OK
        assert call(RECENT, permission) == (401, f'{CHALLENGE}acr_values="urn:example:high hwk"')

    def test_call_without_names_is_rejected(self):
        with pytest.raises(TypeError, match="needs a name"):
            SignedInBy()

    @pytest.mark.parametrize("names", [("",), ("two names",), ('quoted"',), ("mfa", "é")])
    def test_invalid_name_is_rejected(self, names):
        with pytest.raises(ValueError, match="printable ASCII"):
            SignedInBy(*names)

    def test_name_of_another_type_is_rejected(self):
        with pytest.raises(TypeError):
            SignedInBy(None)


WITHIN, BY = SignedInWithin(minutes=10), SignedInBy("mfa")


class TestCombined:
    @pytest.mark.parametrize("view", [View, ObjectView])
    @pytest.mark.parametrize(
        ("permission", "recent", "late"),
        [
            (WITHIN & Yes, OK, OLD),
            (Yes & WITHIN, OK, OLD),
            (WITHIN & No, PLAIN, OLD),
            (No & WITHIN, PLAIN, PLAIN),
            (WITHIN | Yes, OK, OK),
            (WITHIN | No, OK, OLD),
            (No | WITHIN, OK, OLD),
            (~WITHIN, PLAIN, OK),
            (~~WITHIN, OK, PLAIN),
            (WITHIN | HasScope, OK, OLD),
            (HasScope | WITHIN, OK, NAMED),
            (HasScope & WITHIN, NAMED, NAMED),
            (WITHIN & HasScope, NAMED, OLD),
            (WITHIN & BY, WEAK, BOTH),
            (BY & WITHIN, WEAK, BOTH),
            (BY & (Yes & WITHIN), WEAK, BOTH),
            (WITHIN & (BY | Yes), OK, OLD),
            (WITHIN & ~BY, OK, OLD),
        ],
    )
    def test_operators_decide_status_and_challenge(self, view, permission, recent, late):
        assert call(RECENT, permission, view=view) == recent
        assert call(LATE, permission, view=view) == late

    def test_challenge_lists_the_requirements_of_all_permissions(self):
        assert call(LATE, WITHIN, BY) == call(LATE, BY, Yes, WITHIN) == BOTH
        assert call(STRONG, WITHIN, BY) == OLD
        newest = (401, f'{CHALLENGE}max_age="300"')
        assert call(LATE, WITHIN, SignedInWithin(minutes=5), SignedInWithin(hours=1)) == newest
        assert call(claims_of(age=7200), SignedInWithin(hours=1), WITHIN) == OLD
        assert call(RECENT, BY, SignedInBy("hwk")) == WEAK

    def test_denial_does_not_call_later_permissions_of_the_project(self):
        assert call(LATE, WITHIN, Fails) == OLD
        assert call(LATE, WITHIN & Fails) == OLD

    def test_denial_by_another_permission_has_no_challenge(self):
        assert call(LATE, No, WITHIN) == PLAIN

    def test_denied_object_has_the_challenge_that_would_allow_it(self):
        assert call(LATE, NoObject | WITHIN, view=ObjectView) == OLD
        assert call(RECENT, NoObject | WITHIN, view=ObjectView) == OK

    def test_request_without_a_token_gets_the_bare_challenge(self):
        assert call(None, IsAuthenticated, WITHIN) == call(None, BY) == (401, BARE)

    @pytest.mark.parametrize("permission", [WITHIN, BY])
    def test_user_without_a_token_is_denied(self, permission):
        request = APIRequestFactory().get("/")
        force_authenticate(request, unsaved_alice())
        response = View.as_view(permission_classes=[permission])(request)
        assert response.status_code == 403
        assert response.data == {"detail": "This view needs an access token."}
        view = View.as_view(permission_classes=[permission | IsAuthenticatedWithoutToken])
        assert view(request).status_code == 200

    @pytest.mark.attack(203)
    def test_staff_who_act_as_the_user_are_denied(self):
        claims = claims_of(amr=("mfa",), actor="2")
        for permission in (WITHIN, BY):
            response = respond(claims, permission)
            assert response.status_code == 403
            assert response.data == {"detail": "The user must do this without the staff."}

    def test_body_has_the_message_of_the_permission(self):
        class Payment(SignedInWithin(minutes=10)):
            message = "Sign in again to pay."

        assert respond(LATE, WITHIN).data == {"detail": SENTENCE}
        assert respond(LATE, Payment).data == {"detail": "Sign in again to pay."}
        assert respond(claims_of(actor="2"), Payment).data == {"detail": "Sign in again to pay."}
