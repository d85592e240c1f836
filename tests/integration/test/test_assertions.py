"""Assertions about scopes and sign-outs: what passes, what fails, and what a failure says."""

from __future__ import annotations

import re

import pytest
from django.urls import path
from rest_framework.authentication import BasicAuthentication
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.permissions import HasScope
from django_tokenauth.signals import session_revoked
from django_tokenauth.test import (
    AsyncTokenClient,
    DjangoTokenClient,
    TokenClient,
    assert_needs_scope,
    assert_signed_out,
)
from tests.support.clock import NOW, after
from tests.support.signal_capture import received

pytestmark = pytest.mark.django_db

READ, WRITE = "notes:read", "notes:write"
REQUIRE = (
    "Require the scope with HasScope or @required_scopes('notes:read'), and check the path and the "
    "method."
)


class View(APIView):
    authentication_classes = (JWTAuthentication,)
    permission_classes = (HasScope,)
    required_scopes = (READ,)

    def get(self, request):
        return Response([])

    def post(self, request):
        return Response({"got": request.data, "language": request.headers.get("Accept-Language")})

    def put(self, request):
        return Response(status=request.data["status"])


class Basic(View):
    authentication_classes = (BasicAuthentication,)
    permission_classes = (IsAuthenticated,)


urlpatterns = [
    path("notes/", View.as_view()),
    path("both/", View.as_view(required_scopes=[READ, WRITE])),
    path("write/", View.as_view(required_scopes=[WRITE])),
    path("open/", View.as_view(permission_classes=[AllowAny])),
    path("basic/", Basic.as_view()),
    path("staff/", View.as_view(permission_classes=[IsAdminUser])),
    path("scope-and-staff/", View.as_view(permission_classes=[HasScope, IsAdminUser])),
    path("unknown/", View.as_view(required_scopes=[READ, "notes:archive"])),
]


@pytest.fixture(autouse=True)
def _project(settings):
    settings.ROOT_URLCONF = __name__
    settings.TOKENAUTH = {"SCOPES": [READ, WRITE]}


def failure(call, *arguments, **options):
    """Return the message of the failed assertion."""
    with pytest.raises(AssertionError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def failed_scope(user, url, scope, method="get"):
    return failure(assert_needs_scope, TokenClient(), user, method, url, scope=scope)


class TestNeedsScope:
    @pytest.mark.parametrize("client_class", [TokenClient, DjangoTokenClient])
    @pytest.mark.parametrize("method", ["get", "POST"])
    def test_view_that_needs_the_scope_passes(self, client_class, method, alice):
        assert_needs_scope(client_class(), alice, method, "/notes/", scope=READ)

    @pytest.mark.parametrize("scope", [f"{READ} {WRITE}", [READ, WRITE], {WRITE}])
    def test_view_that_needs_several_scopes_passes(self, scope, alice):
        assert_needs_scope(TokenClient(), alice, "get", "/both/", scope=scope)

    def test_only_scope_of_the_project_can_be_needed(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": [READ]}
        assert_needs_scope(TokenClient(), alice, "get", "/notes/", scope=READ)

    @pytest.mark.parametrize("status", [200, 201, 400, 404, 405, 409])
    def test_any_status_but_401_and_403_is_accepted(self, status, alice):
        data = {"status": status}
        assert_needs_scope(TokenClient(), alice, "put", "/notes/", data, scope=READ, format="json")

    @pytest.mark.parametrize("status", [401, 403])
    def test_denial_with_the_scope_fails(self, status, alice):
        message = failure(
            assert_needs_scope,
            *(TokenClient(), alice, "put", "/notes/", {"status": status}),
            scope=READ,
            format="json",
        )
        assert message.startswith(f"PUT /notes/ with the scope 'notes:read' got {status} (")
        assert "The token has the scopes 'notes:read', 'notes:write', and the challenge" in message

    def test_client_keeps_its_token_cookies_and_user(self, alice, bob):
        client = TokenClient()
        client.sign_in(bob)
        client.cookies["theme"] = "dark"
        token, handler = dict(client.defaults), client.handler
        assert_needs_scope(client, alice, "get", "/notes/", scope=READ)
        assert (client.defaults, client.handler) == (token, handler)
        assert client.cookies["theme"].value == "dark"
        client.sign_out()
        assert services.list_sessions(bob).count() == 0

    def test_forced_user_of_the_client_is_not_used(self, alice, bob):
        client = TokenClient()
        client.force_authenticate(bob)
        assert_needs_scope(client, alice, "get", "/notes/", scope=READ)
        assert client.handler._force_user == bob

    @pytest.mark.parametrize(
        ("url", "scope", "found", "advice"),
        [
            ("/open/", READ, "without the scope 'notes:read' got 200 (OK), not 403", REQUIRE),
            ("/write/", READ, "without the scope 'notes:read' got 200 (OK), not 403", REQUIRE),
            (
                *("/missing/", READ),
                "without the scope 'notes:read' got 404 (Not Found), not 403",
                REQUIRE,
            ),
            (
                *("/staff/", READ),
                (
                    "without the scope 'notes:read' got 403, but not because of a scope: the "
                    "challenge is ''"
                ),
                (
                    "Another permission denies the user, or the view uses no authentication class "
                    "of django_tokenauth."
                ),
            ),
            (
                *("/scope-and-staff/", READ),
                (
                    "with the scope 'notes:read' got 403 (Forbidden). The token has the scopes "
                    "'notes:read', 'notes:write', and the challenge is ''"
                ),
                (
                    "Another permission denies the user, or the view requires a scope that the "
                    "user may not have."
                ),
            ),
            (
                *("/unknown/", WRITE),
                (
                    "without the scope 'notes:write' got 403, but the challenge names the scope "
                    "'notes:archive notes:read'"
                ),
                "Correct required_scopes of the view, or the scope of the test.",
            ),
        ],
    )
    def test_failure_says_what_was_found_and_what_to_do(self, url, scope, found, advice, alice):
        assert failed_scope(alice, url, scope) == f"GET {url} {found}. {advice}"

    def test_scope_that_the_user_may_not_have_is_reported(self, alice):
        assert failed_scope(alice, "/notes/", "notes:archive") == (
            "User alice may not have the scope 'notes:archive', only 'notes:read', 'notes:write'. "
            "Add it to SCOPES of TOKENAUTH, or give the user the rights that SCOPE_POLICY requires."
        )

    def test_view_that_rejects_the_token_fails_with_its_challenge(self, alice):
        assert failed_scope(alice, "/basic/", READ) == (
            "GET /basic/ without the scope 'notes:read' got 401 (Unauthorized), not 403. The "
            "challenge is 'Basic realm=\"api\"'. The view must use an authentication class of "
            "django_tokenauth."
        )

    def test_user_without_any_scope_is_reported(self, alice, settings):
        settings.TOKENAUTH = {}
        assert failed_scope(alice, "/notes/", READ).startswith(
            "User alice may not have the scope 'notes:read', only none."
        )

    @pytest.mark.parametrize("client", [AsyncTokenClient(), None], ids=["async", "none"])
    def test_client_without_synchronous_sign_in_is_a_type_error(self, client, alice):
        with pytest.raises(TypeError, match="client must be a TokenClient or a DjangoTokenClient"):
            assert_needs_scope(client, alice, "get", "/notes/", scope=READ)

    @pytest.mark.parametrize("scope", ["", " ", []])
    def test_empty_scope_is_a_value_error(self, scope, alice):
        with pytest.raises(ValueError, match="scope must contain at least one name"):
            assert_needs_scope(TokenClient(), alice, "get", "/notes/", scope=scope)


def sign_in_over_http(settings):
    settings.ROOT_URLCONF = "tests.urls"
    body = {"username": "alice", "password": "correct horse"}
    return TokenClient().post("/auth/token/", body).json()


class TestSignedOut:
    def test_tokens_of_a_signed_out_session_pass(self, alice):
        client = TokenClient()
        pair, other = client.sign_in(alice), services.sign_in(alice)
        client.sign_out()
        assert_signed_out(pair)
        assert list(services.list_sessions(alice)) == [other.session]

    def test_token_response_of_the_routes_passes(self, alice, settings):
        tokens = sign_in_over_http(settings)
        failure(assert_signed_out, tokens)
        TokenClient().post("/auth/token/revoke/", {"token": tokens["refresh_token"]})
        assert_signed_out(tokens)

    def test_sign_out_after_a_poll_passes(self, alice, settings):
        """The snapshot of this process does not contain the revocation yet."""
        tokens = sign_in_over_http(settings)
        client = TokenClient()
        client.use_token(tokens["access_token"])
        assert client.get("/who/stateless/").status_code == 200
        client.post("/auth/token/revoke/", {"token": tokens["refresh_token"]})
        assert_signed_out(tokens)

    def test_user_without_active_sessions_passes(self, alice, bob):
        services.sign_in(bob)
        assert_signed_out(alice)
        services.sign_in(alice)
        services.sign_out_everywhere(alice)
        assert_signed_out(alice)

    def test_new_password_signs_out(self, alice):
        pair = services.sign_in(alice)
        alice.set_password("another")
        alice.save()
        assert_signed_out(pair)
        assert_signed_out(alice)

    def test_expired_session_passes(self, alice, time_machine):
        pair = services.sign_in(alice, now=NOW)
        time_machine.move_to(after(days=14))
        assert_signed_out(pair)
        assert_signed_out(alice)

    def test_session_from_before_not_before_passes(self, alice, settings, time_machine):
        time_machine.move_to(NOW, tick=False)
        pair = services.sign_in(alice)
        settings.TOKENAUTH = {"NOT_BEFORE": after(seconds=1)}
        assert_signed_out(pair)
        assert_signed_out(alice)

    def test_tokens_of_another_secret_key_pass(self, alice, settings):
        pair = services.sign_in(alice)
        settings.SECRET_KEY = "another secret key of the tests, longer than 32 bytes"
        assert_signed_out(pair)

    def test_revoked_session_passes_without_a_poll_of_revocations(self, alice, settings):
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        pair = services.sign_in(alice)
        services.sign_out(alice, pair.session.pk)
        assert_signed_out(pair)

    def test_active_session_fails_and_is_not_changed(self, alice):
        pair = services.sign_in(alice, device_name="laptop", now=NOW)
        Session.objects.update(idle_expires_at=after(days=10_000))
        before = Session.objects.values().get()
        with received(session_revoked) as revoked:
            assert failure(assert_signed_out, pair) == (
                "The session of user alice is active: 'laptop' since 2026-11-23 12:00:00. End it "
                "with client.sign_out(), services.sign_out() or a request to the revocation route."
            )
        assert (Session.objects.values().get(), revoked) == (before, [])

    def test_user_with_active_sessions_fails_with_their_names(self, alice):
        services.sign_in(alice, client_id="phone")
        message = failure(assert_signed_out, alice)
        assert re.fullmatch(
            r"User alice has 1 active session: 'phone' since [-\d]+ [:\d]+\. End them with "
            r"services\.sign_out_everywhere\(user\)\.",
            message,
        )
        services.sign_in(alice, device_name="laptop")
        assert failure(assert_signed_out, alice).startswith(
            "User alice has 2 active sessions: 'laptop' since "
        )

    def test_deleted_row_fails_in_the_stateless_class(self, alice):
        pair = services.sign_in(alice)
        Session.objects.all().delete()
        assert failure(assert_signed_out, pair) == (
            "The session has ended, but StatelessJWTAuthentication accepts its access token. Was "
            "the row of the session changed without services.sign_out()?"
        )

    def test_assertion_leaves_a_revoked_session_unchanged(self, alice):
        pair = services.sign_in(alice)
        services.sign_out(alice, pair.session.pk)
        before = Session.objects.values().get()
        assert_signed_out(pair)
        assert Session.objects.values().get() == before
        assert before["revoked_reason"] == RevokedReason.SIGNED_OUT

    def test_stateless_refresh_fails_with_the_reason(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        for signed_in in (services.sign_in(alice), alice):
            assert failure(assert_signed_out, signed_in).startswith(
                "With STATELESS_REFRESH, no session is stored: a sign-out cannot be observed"
            )

    @pytest.mark.parametrize("value", [None, "alice", 1])
    def test_other_object_is_a_type_error(self, value):
        with pytest.raises(TypeError, match="user must be a user that is stored"):
            assert_signed_out(value)
