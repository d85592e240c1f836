"""The parameters ``resource`` and ``audience`` of the token endpoints (RFC 8707)."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.serializers import SignInSerializer
from django_tokenauth.test import assert_signed_out
from django_tokenauth.views import TokenView
from tests.support.client import (
    FORM,
    REPEATED,
    get,
    malformed,
    post,
    sign_in,
    status_and_json,
)
from tests.support.confidential_clients import SECRETS, clients_setting

pytestmark = pytest.mark.django_db
API, NOTES, REPORTS = (f"https://{name}.example.com" for name in ("api", "notes", "reports"))
BASE = {
    "AUDIENCE": API,
    "SCOPES": ["notes:read", "reports:read"],
    "AUDIENCES": {NOTES: ["notes:read"], REPORTS: ["reports:read"]},
}
ALICE = {"username": "alice", "password": "correct horse"}
INVALID_TARGET = {
    "error": "invalid_target",
    "error_description": "The requested audience is malformed, unknown, or exceeds what was "
    "granted.",
}
NAMES = pytest.mark.parametrize("name", ["resource", "audience"])


@pytest.fixture(autouse=True)
def configure(settings):
    """Return a function that changes the settings."""

    def configure(**changes):
        settings.TOKENAUTH = {**BASE, **changes}

    configure()
    return configure


def form(*pairs):
    return urlencode([*ALICE.items(), *pairs])


def audience_of(response, audience):
    token = response["access_token"]
    return services.authenticate_access_token(token, audience=audience).audience


def error_of(path, body, content_type="application/json"):
    response = post(path, body, content_type)
    assert response.status_code == 400
    return response.json()["error"]


@NAMES
class TestSignIn:
    @pytest.mark.parametrize("content_type", ["application/json", FORM])
    def test_sign_in_with_audience_gets_its_token_and_scopes(self, alice, name, content_type):
        body = {**ALICE, name: NOTES}
        response = post("token/", urlencode(body) if content_type == FORM else body, content_type)
        assert response.json()["scope"] == "notes:read"
        assert audience_of(response.json(), NOTES) == (NOTES,)

    @pytest.mark.standard("rfc8707-2-1", "rfc8707-2-2", "rfc8707-2-4")
    @pytest.mark.attack(209)
    @pytest.mark.parametrize(
        "value",
        [
            "https://a.example.com",
            f"{NOTES}/",
            NOTES.upper(),
            f"{NOTES}#a",
            f"{NOTES}#",
            "/notes",
            "notes",
            f"{NOTES} {REPORTS}",
            "\0",
            "a" * 10_000,
            [NOTES, REPORTS],
            [NOTES],
            {"a": NOTES},
            7,
            True,
            None,
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_invalid_audience_gets_invalid_target(self, alice, name, value):
        assert error_of("token/", {**ALICE, name: value}) == "invalid_target"
        assert not Session.objects.exists()

    def test_unknown_audience_is_rejected_before_the_password(self, db, name):
        body = {**ALICE, name: "https://a.example.com"}
        with CaptureQueriesContext(connection) as statements:
            assert status_and_json(post("token/", body)) == (400, INVALID_TARGET)
        assert len(statements) == 0

    def test_scope_of_other_audience_is_rejected_before_the_password(self, db, name):
        body = {**ALICE, name: NOTES, "scope": "reports:read"}
        with CaptureQueriesContext(connection) as statements:
            assert error_of("token/", body) == "invalid_scope"
        assert len(statements) == 0

    @pytest.mark.standard("rfc8707-3-1")
    @pytest.mark.attack(209)
    @pytest.mark.parametrize("second", [REPORTS, NOTES])
    def test_two_audiences_in_a_form_get_invalid_target(self, alice, name, second):
        body = form((name, NOTES), (name, second))
        assert status_and_json(post("token/", body, FORM)) == (400, INVALID_TARGET)

    def test_two_audiences_in_multipart_get_invalid_target(self, alice, name):
        response = Client().post("/auth/token/", {**ALICE, name: [NOTES, REPORTS]})
        assert status_and_json(response) == (400, INVALID_TARGET)

    def test_repeated_audience_and_another_name_are_malformed(self, alice, name):
        body = form((name, NOTES), (name, REPORTS), ("scope", "a"), ("scope", "b"))
        assert status_and_json(post("token/", body, FORM)) == (400, REPEATED)

    def test_invalid_audience_and_another_parameter_are_malformed(self, alice, name):
        response = post("token/", {"username": "alice", name: 7})
        assert status_and_json(response) == (400, malformed("password", name))

    def test_empty_audience_is_no_audience(self, alice, name):
        response = sign_in(**{name: ""})
        assert audience_of(response, API) == (API,)

    def test_audience_without_setting_is_ignored(self, alice, name, configure):
        configure(AUDIENCES={})
        for value in (NOTES, 7, [NOTES, REPORTS]):
            assert audience_of(sign_in(**{name: value}), API) == (API,)
        body = form((name, NOTES), (name, REPORTS))
        assert status_and_json(post("token/", body, FORM)) == (400, REPEATED)

    def test_refresh_narrows_to_an_audience(self, alice, name):
        for path, more in (("token/", {"grant_type": "refresh_token"}), ("token/refresh/", {})):
            tokens = sign_in()
            body = {"refresh_token": tokens["refresh_token"], name: REPORTS, **more}
            assert audience_of(post(path, body).json(), REPORTS) == (REPORTS,)

    @pytest.mark.attack(207)
    def test_refresh_beyond_the_audience_gets_invalid_target(self, alice, name):
        tokens = sign_in(**{name: NOTES})
        body = {"refresh_token": tokens["refresh_token"], name: REPORTS}
        response = post("token/refresh/", body)
        assert response.status_code == 400
        assert response.json()["error"] == "invalid_target"
        assert Session.objects.get().generation == 1


class TestBoth:
    def test_equal_resource_and_audience_are_one_audience(self, alice):
        assert audience_of(sign_in(resource=NOTES, audience=NOTES), NOTES) == (NOTES,)

    @pytest.mark.attack(209)
    def test_different_resource_and_audience_get_invalid_target(self, alice):
        body = {**ALICE, "resource": NOTES, "audience": REPORTS}
        assert error_of("token/", body) == "invalid_target"

    def test_audience_can_be_a_name_and_resource_cannot(self, alice, configure):
        configure(AUDIENCE="notes")
        assert audience_of(sign_in(audience="notes"), "notes") == ("notes",)
        assert error_of("token/", {**ALICE, "resource": "notes"}) == "invalid_target"


class TestProjectFields:
    class Serializer(SignInSerializer):
        audience = serializers.ListField(child=serializers.CharField())

    def test_field_of_the_project_stays_without_the_setting(self, alice, configure, rf):
        calls = []

        def lifetimes(user, client_id, request, fields):
            calls.append(fields)

        configure(AUDIENCES={}, LIFETIMES=lifetimes)
        view = TokenView.as_view(sign_in_serializer_class=self.Serializer)
        body = {**ALICE, "audience": ["a", "b"]}
        response = view(rf.post("/token/", body, content_type="application/json"))
        assert response.status_code == 200
        assert calls == [{"audience": ["a", "b"]}]


@pytest.mark.attack(206)
class TestOwnRoutes:
    @pytest.fixture
    def token(self, alice):
        return sign_in(resource=NOTES)["access_token"]

    def test_token_for_another_service_is_rejected_here(self, token):
        for path in ("/auth/sessions/", "/auth/token/forward-auth/"):
            assert get(path, token).status_code == 401

    def test_verify_route_accepts_the_named_audience_only(self, token):
        assert post("token/verify/", {"token": token}).status_code == 401
        assert post("token/verify/", {"token": token, "resource": REPORTS}).status_code == 401
        response = post("token/verify/", {"token": token, "resource": NOTES})
        assert (response.status_code, response.json()["active"]) == (200, True)

    def test_verify_route_rejects_an_unknown_audience(self, token):
        for resource in ("https://a.example.com", "notes"):
            body = {"token": token, "resource": resource}
            assert error_of("token/verify/", body) == "invalid_target"

    @pytest.mark.standard("rfc7662-4-5")
    def test_introspection_is_active_for_the_named_audience(self, token, configure):
        configure(CLIENTS=clients_setting())
        secret = SECRETS["reports"]
        caller = {"client_id": "reports", "client_secret": secret, "token": token}
        for more in ({}, {"resource": REPORTS}):
            assert post("token/introspect/", {**caller, **more}).json() == {"active": False}
        members = post("token/introspect/", {**caller, "audience": NOTES}).json()
        assert (members["active"], members["aud"]) == (True, NOTES)
        unknown = {**caller, "audience": "a"}
        assert error_of("token/introspect/", unknown) == "invalid_target"

    def test_revocation_route_accepts_any_audience(self, alice, configure):
        configure(REVOKE_BY_ACCESS_TOKEN=["phone"])
        tokens = sign_in(resource=NOTES, client_id="phone")
        with pytest.raises(AssertionError, match="is active"):
            assert_signed_out(tokens)
        body = {"token": tokens["access_token"], "resource": "unknown"}
        assert status_and_json(post("token/revoke/", body)) == (200, {})
        assert_signed_out(tokens)

    def test_full_scope_of_own_audience_permits_the_session_list(self, alice, configure):
        configure(AUDIENCES={**BASE["AUDIENCES"], API: ["notes:read"]})
        assert get("/auth/sessions/", sign_in()["access_token"]).status_code == 200
