"""``token/forward-auth/``: authenticates requests for a gateway."""

from __future__ import annotations

import time

import pytest
from django.db import connection
from rest_framework.test import APIRequestFactory

from django_tokenauth import services
from django_tokenauth.authentication import StatelessJWTAuthentication
from django_tokenauth.models import Session
from django_tokenauth.views import ForwardAuthView
from tests.support.client import (
    BARE,
    INVALID_TOKEN,
    TRY_AGAIN,
    call,
    get,
    post,
    sign_in,
    status_and_json,
)
from tests.support.locks import unreadable
from tests.support.raw_tokens import MISSING, SIGNING_KEY, Access

PATH = "/auth/token/forward-auth/"
SCOPES = {"SCOPES": ["notes:read", "notes:write"]}
UNKNOWN = {"detail": "Only these query parameters are allowed: scope, status."}
BAD_STATUS = {"status": ["Must be 200 or 204."]}
MALFORMED = {"scope": ["Must be scope names separated by single spaces."]}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]


def identity(response):
    """Return the status and the headers for the upstream."""
    names = ("X-Auth-User", "X-Auth-Scope", "X-Auth-Session", "X-Auth-Actor")
    return (response.status_code, *(response.headers.get(name) for name in names))


@pytest.mark.django_db
class TestAccepted:
    @pytest.mark.attack(185, 188)
    @pytest.mark.promise(26)
    @pytest.mark.parametrize("method", METHODS)
    def test_forward_auth_returns_identity_headers_in_one_query(
        self, alice, settings, method, django_assert_num_queries
    ):
        settings.TOKENAUTH = SCOPES
        token = sign_in()["access_token"]
        with django_assert_num_queries(1):
            response = call(method, PATH, token)
        session_id = str(Session.objects.get().pk)
        expected = (204, str(alice.pk), "notes:read notes:write", session_id, "")
        assert identity(response) == expected
        assert response.content == b""
        assert response.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        "content_type", ["application/json", "multipart/form-data; boundary=x", "image/png", "?"]
    )
    def test_forward_auth_ignores_content_type_and_accept_header(self, alice, content_type):
        bearer = {"Authorization": f"bearer {sign_in()['access_token']}", "Accept": "image/png"}
        response = post("token/forward-auth/", "{not read", content_type, **bearer)
        assert response.status_code == 204

    @pytest.mark.parametrize(
        ("query", "status"), [("", 204), ("?status=204", 204), ("?status=200", 200)]
    )
    def test_forward_auth_status_parameter_sets_204_or_200(self, alice, query, status):
        tokens = sign_in()
        token = tokens["access_token"]
        response = get(PATH + query, token)
        assert (response.status_code, response["X-Auth-User"]) == (status, str(alice.pk))
        assert response.content == b""
        post("token/revoke/", {"token": tokens["refresh_token"]})
        assert get(PATH + query, token).status_code == 401

    def test_forward_auth_does_not_return_forged_identity_headers(self, alice):
        forged = {"X-Auth-User": "2", "X-Auth-Scope": "admin", "X-Auth-Session": "x"}
        forged["X-Auth-Actor"] = "3"
        response = get(PATH, sign_in()["access_token"], **forged)
        assert identity(response) == (204, str(alice.pk), "", str(Session.objects.get().pk), "")


class TestRejected:
    @pytest.mark.attack(185, 188)
    @pytest.mark.promise(26)
    @pytest.mark.parametrize("method", METHODS)
    def test_forward_auth_challenge_without_token_has_no_error_code(self, method):
        response = call(method, PATH)
        assert (response.status_code, response["WWW-Authenticate"]) == (401, BARE)
        assert response.headers["Cache-Control"] == "no-store"
        assert "X-Auth-User" not in response.headers

    @pytest.mark.parametrize("name", ["junk", "access_token", "refresh_token"])
    def test_forward_auth_rejects_invalid_and_revoked_tokens(self, alice, name):
        tokens = {**sign_in(), "junk": "a.b.c"}
        post("token/revoke/", {"token": tokens["refresh_token"]})
        response = get(PATH, tokens[name])
        assert (response.status_code, response["WWW-Authenticate"]) == (401, INVALID_TOKEN)
        assert "X-Auth-User" not in response.headers

    def test_forward_auth_ignores_a_token_in_query_or_body(self, alice):
        token = sign_in()["access_token"]
        assert post("token/forward-auth/", {"token": token}).status_code == 401
        assert get(f"{PATH}?token={token}").status_code == 401
        assert get(f"{PATH}?access_token={token}").status_code == 401

    def test_forward_auth_with_invalid_settings_returns_503(self, alice, settings):
        token = sign_in()["access_token"]
        settings.TOKENAUTH = {"SIGNING_KEY": "a secret of 22 letters"}
        assert get(PATH, token).status_code == 503


@pytest.mark.attack(186)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("atomic", [False, True])
def test_forward_auth_with_a_database_error_returns_503(alice, atomic, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    token = sign_in()["access_token"]
    with unreadable(Session):
        response = get(PATH, token)
    assert status_and_json(response) == (503, {"detail": TRY_AGAIN})
    assert response.headers["Retry-After"] == "1"
    assert "X-Auth-User" not in response.headers
    assert get(PATH, token).status_code == 204


@pytest.mark.django_db
class TestRequiredScope:
    @pytest.fixture(autouse=True)
    def _scopes(self, settings):
        settings.TOKENAUTH = SCOPES

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("", 204),
            ("?scope=notes:read", 204),
            ("?scope=notes:write", 403),
            ("?scope=notes:read%20notes:write", 403),
            ("?scope=notes:read+notes:write", 403),
            # A client that could add to the query cannot lower the requirement.
            ("?scope=notes:write&scope=notes:read", 403),
            ("?scope=notes:read&scope=notes:write", 403),
            ("?scope=unknown", 403),
        ],
    )
    @pytest.mark.attack(184)
    def test_forward_auth_requires_the_scope_in_the_query(self, alice, query, status):
        response = get(PATH + query, sign_in(scope="notes:read")["access_token"])
        assert response.status_code == status
        if status == 403:
            assert 'error="insufficient_scope"' in response["WWW-Authenticate"]
            assert "X-Auth-User" not in response.headers

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            ("?scopes=notes:read", UNKNOWN),
            ("?a=b&scope=notes:read", UNKNOWN),
            ("?scope=", MALFORMED),
            ("?scope", MALFORMED),
            ("?scope=a%22", MALFORMED),
            ("?scope=notes:read&scope=", MALFORMED),
            ("?status=", BAD_STATUS),
            ("?status=401", BAD_STATUS),
        ],
    )
    @pytest.mark.attack(184)
    def test_forward_auth_with_an_invalid_query_returns_400(self, alice, query, error):
        assert status_and_json(get(PATH + query, sign_in()["access_token"])) == (400, error)

    def test_forward_auth_also_requires_the_scopes_of_a_subclass(self, alice):
        view = ForwardAuthView.as_view(required_scopes=["notes:write"])
        for scope, status in (("notes:read", 403), ("notes:read notes:write", 204)):
            bearer = {"Authorization": f"Bearer {sign_in(scope=scope)['access_token']}"}
            request = APIRequestFactory().get("/?scope=notes:read", headers=bearer)
            assert view(request).status_code == status


class TestStateless:
    @pytest.fixture
    def authorize(self, settings):
        settings.TOKENAUTH = {"SIGNING_KEY": SIGNING_KEY, "REVOCATION_POLL_INTERVAL": None}
        view = ForwardAuthView.as_view(authentication_classes=[StatelessJWTAuthentication])
        now = int(time.time())

        def send(**claims):
            token = Access().with_claims(iat=now, exp=now + 300, **claims)
            bearer = {"Authorization": f"Bearer {token}"}
            return view(APIRequestFactory().get("/", headers=bearer))

        return send

    @pytest.mark.attack(182)
    def test_forward_auth_without_session_has_empty_session_header(self, authorize):
        response = authorize(sid=MISSING, scope=MISSING)
        assert identity(response) == (204, "1", "", "", "")

    @pytest.mark.parametrize(
        ("subject", "header"),
        [
            ("0f8fad5b-d9cb-469f-a165-70867728950e", "0f8fad5b-d9cb-469f-a165-70867728950e"),
            ("alice+a@example.com", "alice+a@example.com"),
            ("urn:user:7", "urn:user:7"),
            ("Zoë, \U0001f40d", "Zo%C3%AB%2C%20%F0%9F%90%8D"),
            ('1", scope="admin', "1%22%2C%20scope%3D%22admin"),
            ("1;/\\=%0d%0aX", "1%3B%2F%5C%3D%250d%250aX"),
        ],
    )
    @pytest.mark.attack(183)
    def test_forward_auth_percent_encodes_the_user_id(self, authorize, subject, header):
        response = authorize(sub=subject)
        assert (response.status_code, response["X-Auth-User"]) == (204, header)

    @pytest.mark.parametrize(("actor", "header"), [("7", "7"), ("Zoë", "Zo%C3%AB")])
    def test_forward_auth_percent_encodes_the_actor(self, authorize, actor, header):
        response = authorize(act={"sub": actor})
        assert (response["X-Auth-User"], response["X-Auth-Actor"]) == ("1", header)

    @pytest.mark.attack(183)
    @pytest.mark.parametrize("subject", ["1\r\nX-Auth-Scope: admin", "1\n", "1\x00", "", 1, None])
    def test_forward_auth_rejects_malformed_user_ids(self, authorize, subject):
        response = authorize(sub=subject)
        assert response.status_code == 401
        assert "X-Auth-User" not in response.headers


@pytest.mark.django_db
def test_forward_auth_rejects_a_token_at_once_after_sign_out(alice):
    pair = services.sign_in(alice)
    assert get(PATH, pair.access_token).status_code == 204
    services.sign_out_everywhere(alice)
    assert get(PATH, pair.access_token).status_code == 401
