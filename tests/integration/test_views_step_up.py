"""``POST token/`` with a refresh token: the user signs in again in the same session."""

from __future__ import annotations

import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication, StatelessJWTAuthentication
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import Session
from django_tokenauth.permissions import SignedInWithin
from django_tokenauth.views import TokenView
from tests.support.client import (
    FORM,
    INVALID_SCOPE,
    MEMBERS,
    STEP_UP_REJECTED,
    TOO_MANY_REQUESTS,
    WRONG_PASSWORD,
    log_messages,
    malformed,
    post,
    sign_in,
    status_and_json,
)
from tests.support.confidential_clients import SECRETS, clients_setting

pytestmark = pytest.mark.django_db
ALICE = {"username": "alice", "password": "correct horse"}
REJECTED = (400, STEP_UP_REJECTED)


class Payment(APIView):
    authentication_classes = (JWTAuthentication,)
    permission_classes = (SignedInWithin(minutes=10),)

    def post(self, request):
        return Response({"amr": list(request.auth.amr)})


class StatelessPayment(Payment):
    authentication_classes = (StatelessJWTAuthentication,)


@pytest.fixture
def tokens(alice, time_machine):
    time_machine.move_to("2026-11-23 12:00:00+00:00", tick=False)
    tokens = sign_in(device_name="phone")
    time_machine.move_to("2026-11-23 13:00:00+00:00", tick=False)
    return post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).json()


def step_up(tokens, **changes):
    return post("token/", {**ALICE, "refresh_token": tokens["refresh_token"], **changes})


def pay(tokens, view=Payment):
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return view.as_view()(APIRequestFactory().post("/", headers=headers))


def session_of(tokens):
    return services.authenticate_access_token(tokens["access_token"]).session_id


@pytest.mark.standard("rfc9470-3-1", "rfc9470-3-2", "rfc9470-6.1-1")
@pytest.mark.parametrize("view", [Payment, StatelessPayment])
def test_denied_request_succeeds_after_step_up_of_the_session(tokens, view):
    response = pay(tokens, view)
    assert response.status_code == 401
    assert 'insufficient_user_authentication"' in response.headers["WWW-Authenticate"]
    assert 'max_age="600"' in response.headers["WWW-Authenticate"]
    new = step_up(tokens)
    assert (new.status_code, new.json().keys()) == (200, MEMBERS)
    assert new.headers["Cache-Control"] == "no-store"
    assert session_of(new.json()) == session_of(tokens)
    assert pay(new.json(), view).data == {"amr": ["pwd"]}
    assert Session.objects.get().device_name == "phone"


def test_step_up_accepts_the_password_grant_as_a_form(tokens):
    body = "grant_type=password&username=alice&password=correct+horse&refresh_token="
    response = post("token/", body + tokens["refresh_token"], FORM)
    assert session_of(response.json()) == session_of(tokens)


def test_sign_in_with_an_empty_refresh_token_starts_a_session(tokens):
    response = post("token/", {**ALICE, "refresh_token": ""})
    assert response.status_code == 200
    assert Session.objects.count() == 2


@pytest.mark.parametrize("value", [1, ["a"], None])
def test_refresh_token_of_another_type_is_malformed(tokens, value):
    assert status_and_json(step_up(tokens, refresh_token=value)) == (
        400,
        malformed("refresh_token"),
    )


def test_error_of_the_project_is_kept_and_changes_nothing(tokens):
    class CodeRequired(InvalidGrant):
        error = "mfa_required"

    class CodeView(TokenView):
        def get_extra_data(self, user, pair):
            raise CodeRequired("Send the code too.")

    body = {**ALICE, "refresh_token": tokens["refresh_token"]}
    response = CodeView.as_view()(APIRequestFactory().post("/", body, format="json"))
    assert (response.status_code, response.data["error"]) == (400, "mfa_required")
    assert Session.objects.get().authenticated_at is None
    assert step_up(tokens).status_code == 200


class TestRejected:
    @pytest.mark.attack(205)
    def test_wrong_password_and_invalid_token_have_the_same_response(self, bob, tokens, caplog):
        caplog.set_level(logging.INFO, logger="django_tokenauth")
        others = sign_in("bob")
        assert status_and_json(step_up(tokens, password="wrong")) == REJECTED
        assert status_and_json(step_up(tokens, username="carol")) == REJECTED
        assert status_and_json(step_up(others)) == REJECTED
        assert status_and_json(step_up(tokens, refresh_token="a.b.c")) == REJECTED
        assert status_and_json(step_up(others, password="wrong")) == REJECTED
        assert "refresh rejected: user" in log_messages(caplog)
        assert status_and_json(post("token/", {**ALICE, "password": "x"})) == (400, WRONG_PASSWORD)

    @pytest.mark.attack(201)
    def test_refresh_token_of_another_user_changes_no_session(self, bob, tokens):
        others = sign_in("bob")
        assert status_and_json(step_up(others)) == REJECTED
        assert Session.objects.filter(authenticated_at=None).count() == 2
        assert post("token/refresh/", {"refresh_token": others["refresh_token"]}).status_code == 200

    @pytest.mark.attack(202)
    def test_refresh_token_of_an_ended_session_is_rejected(self, tokens):
        post("token/revoke/", {"token": tokens["refresh_token"]})
        assert status_and_json(step_up(tokens)) == REJECTED

    @pytest.mark.attack(202)
    def test_reused_refresh_token_ends_the_session(self, tokens):
        last = post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).json()
        last = post("token/refresh/", {"refresh_token": last["refresh_token"]}).json()
        assert status_and_json(step_up(tokens)) == REJECTED
        assert Session.objects.get().revoked_reason == "reused"
        assert status_and_json(step_up(last)) == REJECTED

    @pytest.mark.attack(204)
    def test_wider_scope_is_rejected_and_changes_nothing(self, alice, settings):
        settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"]}
        tokens = sign_in(scope="notes:read")
        response = step_up(tokens, scope="notes:read notes:write")
        assert status_and_json(response) == (400, INVALID_SCOPE)
        assert status_and_json(step_up(tokens, scope="other")) == (400, INVALID_SCOPE)
        assert step_up(tokens).json()["scope"] == "notes:read"

    @pytest.mark.attack(205)
    def test_step_ups_with_invalid_tokens_are_throttled(self, tokens, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "2/hour"}
        for _ in range(2):
            assert status_and_json(step_up(tokens, refresh_token="a.b.c")) == REJECTED
        assert status_and_json(step_up(tokens)) == (429, TOO_MANY_REQUESTS)

    def test_session_of_a_client_with_a_secret_needs_the_client(self, alice, settings):
        [client_id, *_] = SECRETS
        settings.TOKENAUTH = {"CLIENTS": clients_setting()}
        client = {"client_id": client_id, "client_secret": SECRETS[client_id]}
        tokens = sign_in(**client)
        response = step_up(tokens)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
        assert step_up(tokens, **client).status_code == 200


@pytest.mark.standard("rfc9470-6.2-1")
def test_introspection_shows_time_methods_and_context(alice, settings):
    settings.TOKENAUTH = {"ACR": lambda methods: "urn:example:mfa"}
    pair = services.sign_in(alice, amr=["pwd", "mfa"])
    members = services.introspect(pair.access_token)
    assert (members["acr"], members["amr"]) == ("urn:example:mfa", ["pwd", "mfa"])
    assert members["auth_time"] == int(pair.session.created_at.timestamp())


def test_extra_claims_cannot_set_the_context(alice, settings):
    settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda user, session, request: {"acr": "high"}}
    with pytest.raises(ImproperlyConfigured, match="reserved claims acr"):
        services.sign_in(alice)
