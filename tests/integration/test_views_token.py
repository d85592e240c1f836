"""POST token/: the token endpoint (RFC 6749 sections 3.2, 4.3, 5 and 6)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

import jwt
import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in
from django.db import connection
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.test import APIRequestFactory

from django_tokenauth import services
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.signals import signed_in
from django_tokenauth.views import TokenView, validated_data
from tests.support.client import (
    FORM,
    INVALID_GRANT,
    INVALID_SCOPE,
    JSON,
    MEMBERS,
    UNSUPPORTED_GRANT_TYPE,
    call,
    get,
    malformed,
    post,
    sign_in,
    status_and_json,
)
from tests.support.signal_capture import received

ALICE = {"username": "alice", "password": "correct horse"}
COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+\Z", re.ASCII)
SCOPES = {"SCOPES": ["notes:read", "notes:write"]}


class TestSignIn:
    @pytest.mark.standard("rfc6749-3.2-3", "rfc6749-4.3.2-1", "rfc6749-5.1-1", "rfc6749-5.1-2")
    @pytest.mark.parametrize("changes", [{}, {"grant_type": "password"}, {"grant_type": ""}])
    @pytest.mark.parametrize(
        ("content_type", "write"), [(JSON, dict), (FORM, urlencode)], ids=["json", "form"]
    )
    def test_sign_in_returns_access_and_refresh_tokens(self, alice, changes, content_type, write):
        response = post("token/", write({**ALICE, **changes}), content_type)
        status, body = status_and_json(response)
        assert status == 200
        assert COMPACT.match(body.pop("access_token"))
        assert COMPACT.match(body.pop("refresh_token"))
        assert body == {
            "token_type": "Bearer",
            "expires_in": 300,
            "refresh_token_expires_in": 1_209_600,
        }

    @pytest.mark.parametrize(
        "content_type",
        [f"{JSON}; charset=utf-8", f"{FORM}; charset=utf-8", "Application/JSON"],
    )
    def test_sign_in_accepts_content_type_with_charset_or_uppercase(self, alice, content_type):
        body = urlencode(ALICE) if "form" in content_type else ALICE
        assert post("token/", body, content_type).status_code == 200

    def test_tokens_of_a_sign_in_are_accepted(self, alice):
        tokens = sign_in()
        assert status_and_json(get("/who/", tokens["access_token"])) == (
            200,
            {"user": "alice", "sub": str(alice.pk)},
        )
        response = post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
        assert response.status_code == 200

    @pytest.mark.django_db(transaction=True)
    def test_sign_in_endpoint_takes_six_queries(self, alice, django_assert_num_queries):
        """The user, last_login, the session, the session again, the limit and the pruning.

        MySQL and MariaDB compare text loosely, so the stored username is read first.
        """
        with django_assert_num_queries(6 + (connection.vendor == "mysql")):
            sign_in()

    def test_sign_in_updates_last_login(self, alice):
        with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False):
            sign_in()
        alice.refresh_from_db()
        assert alice.last_login == datetime(2030, 1, 1, tzinfo=UTC)

    def test_sign_in_sends_user_logged_in_and_signed_in_signals(self, alice):
        with received(user_logged_in) as logins, received(signed_in) as sessions:
            sign_in()
        assert [(call["user"], call["request"].path) for call in logins] == [
            (alice, "/auth/token/")
        ]
        assert [(call["user"], call["request"].path) for call in sessions] == [
            (alice, "/auth/token/")
        ]

    def test_sign_in_sets_no_cookie(self, alice):
        response = post("token/", ALICE)
        assert response.status_code == 200
        assert not response.cookies

    @pytest.mark.parametrize(
        "password", ["p\N{GRINNING FACE}ss", " blanks around ", "x" * 4096, "\tline\nbreak", "ﬁ"]
    )
    @pytest.mark.parametrize(("content_type", "write"), [(JSON, dict), (FORM, urlencode)])
    def test_sign_in_compares_the_password_without_normalization(
        self, alice, password, content_type, write
    ):
        alice.set_password(password)
        alice.save()
        body = write({"username": "alice", "password": password})
        assert post("token/", body, content_type).status_code == 200
        body = write({"username": "alice", "password": f"{password[:-1]}~"})
        assert post("token/", body, content_type).status_code == 400

    @pytest.mark.standard("rfc6749-3.2-4", "rfc9068-3-1")
    @pytest.mark.attack(121)
    def test_sign_in_ignores_unknown_parameters(self, alice, bob):
        """Extra parameters must not change the user or the session (OWASP API3)."""
        extra = {
            "is_staff": True,
            "is_superuser": True,
            "user": bob.pk,
            "user_id": bob.pk,
            "sub": str(bob.pk),
            "exp": 9_999_999_999,
            "expires_in": 999_999,
            "amr": ["mfa"],
            "generation": 9,
            "ip": "192.0.2.1",
        }
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False):
            tokens = sign_in(**extra)
            assert tokens["expires_in"] == 300
            response = get("/who/", tokens["access_token"])
            assert response.json() == {"user": "alice", "sub": str(alice.pk)}
            [session] = get("/auth/sessions/", tokens["access_token"]).json()
        assert session["ip"] == "127.0.0.1"
        alice.refresh_from_db()
        assert (alice.is_staff, alice.is_superuser) == (False, False)

    def test_sign_in_stores_device_client_and_user_agent(self, alice):
        response = post(
            "token/",
            {**ALICE, "device_name": "Alice's phone", "client_id": "phone"},
            **{"User-Agent": "Mozilla/5.0 \N{SNOWMAN}\x1b[31m" + "x" * 300},
        )
        [session] = get("/auth/sessions/", response.json()["access_token"]).json()
        assert (session["device_name"], session["client_id"]) == ("Alice's phone", "phone")
        agent = "Mozilla/5.0 \N{SNOWMAN}[31m" + "x" * 300
        assert session["user_agent"] == agent[:255]

    @pytest.mark.standard("rfc9068-2.2-4")
    @pytest.mark.parametrize("changes", [{}, {"client_id": ""}])
    def test_sign_in_without_client_id_stores_the_issuer(self, alice, changes):
        token = sign_in(**changes)["access_token"]
        [session] = get("/auth/sessions/", token).json()
        assert session["client_id"] == "django-tokenauth"


class TestScope:
    @pytest.mark.standard("rfc6749-3.3-1", "rfc6749-3.3-2", "rfc9068-2.2.3-1")
    def test_sign_in_without_scope_grants_all_scopes(self, alice, settings):
        settings.TOKENAUTH = SCOPES
        assert sign_in()["scope"] == "notes:read notes:write"
        assert sign_in(scope="")["scope"] == "notes:read notes:write"

    @pytest.mark.standard("rfc6749-3.3-1", "rfc9068-2.2.3-1")
    def test_sign_in_with_narrower_scope_grants_that_scope(self, alice, settings):
        settings.TOKENAUTH = SCOPES
        tokens = sign_in(scope="notes:read")
        assert tokens["scope"] == "notes:read"
        assert call("POST", "/notes/", tokens["access_token"]).status_code == 403

    @pytest.mark.standard("rfc6749-5.2-1", "rfc6749-5.2-2")
    @pytest.mark.parametrize(
        "scope", ["notes:delete", "notes:read notes:delete", "notes", "NOTES:READ", "admin"]
    )
    def test_sign_in_with_an_unknown_scope_returns_invalid_scope(self, settings, scope):
        settings.TOKENAUTH = SCOPES
        response = post("token/", {**ALICE, "scope": scope})
        assert status_and_json(response) == (400, INVALID_SCOPE)

    def test_sign_in_without_configured_scopes_grants_none(self, alice):
        assert "scope" not in sign_in()
        assert status_and_json(post("token/", {**ALICE, "scope": "admin"})) == (400, INVALID_SCOPE)

    @pytest.mark.standard("rfc6749-5.2-2")
    @pytest.mark.parametrize(
        "scope", ["a  b", "a\tb", 'a"b', "é", 1, True, ["notes:read"], {"a": 1}, "x" * 1025]
    )
    def test_sign_in_with_a_malformed_scope_returns_invalid_scope(self, settings, scope):
        settings.TOKENAUTH = SCOPES
        response = post("token/", {**ALICE, "scope": scope})
        assert status_and_json(response) == (400, {**malformed("scope"), "error": "invalid_scope"})


class TestGrantType:
    @pytest.mark.standard("rfc6749-6-1")
    def test_token_endpoint_accepts_the_refresh_token_grant(self, alice):
        token = sign_in()["refresh_token"]
        body = {"grant_type": "refresh_token", "refresh_token": token}
        response = post("token/", urlencode(body), FORM)
        assert response.status_code == 200
        assert response.json().keys() == MEMBERS
        assert response.json()["refresh_token"] != token

    @pytest.mark.standard("rfc6749-5.2-1", "rfc9068-2.2-3")
    @pytest.mark.parametrize(
        "grant_type",
        ["client_credentials", "authorization_code", "Password", " password", "x" * 10_000, "\0"],
    )
    def test_unknown_grant_type_returns_unsupported_grant_type(self, grant_type):
        response = post("token/", {**ALICE, "grant_type": grant_type})
        assert status_and_json(response) == (400, UNSUPPORTED_GRANT_TYPE)

    @pytest.mark.parametrize("grant_type", [None, 1, True, ["password"], {"a": 1}, []])
    def test_non_string_grant_type_returns_invalid_request(self, grant_type):
        status, body = status_and_json(post("token/", {**ALICE, "grant_type": grant_type}))
        assert (status, body["error"]) == (400, "invalid_request")

    @pytest.mark.standard("rfc6749-6-1")
    def test_token_endpoint_names_missing_parameters_of_the_grant(self, alice):
        token = sign_in()["refresh_token"]
        response = post("token/", {"grant_type": "password", "refresh_token": token})
        assert status_and_json(response) == (400, malformed("password", "username"))
        response = post("token/", {**ALICE, "grant_type": "refresh_token"})
        assert status_and_json(response) == (400, malformed("refresh_token"))


def pin_grant(request):
    """A grant of a project: a sign-in with a PIN."""
    parameters = validated_data(PinSerializer, request)
    if parameters["pin"] != "1234":
        raise InvalidGrant
    user = get_user_model().objects.get(username=parameters["username"])
    return Response(services.sign_in(user, amr=["pin"]).to_response())


class PinSerializer(Serializer):
    username = CharField()
    pin = CharField()


class PinTokenView(TokenView):
    grants = {**TokenView.grants, "urn:example:pin": pin_grant}


class TestOwnGrant:
    PIN = {"grant_type": "urn:example:pin", "username": "alice", "pin": "1234"}

    def post(self, body):
        request = APIRequestFactory().post("/", body, format="json")
        response = PinTokenView.as_view()(request)
        return response.status_code, response.data

    def test_grant_of_a_subclass_issues_tokens(self, alice):
        status, pair = self.post(self.PIN)
        assert status == 200
        claims = jwt.decode(pair["access_token"], options={"verify_signature": False})
        assert claims["amr"] == ["pin"]
        assert get("/who/", pair["access_token"]).status_code == 200

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"pin": "4321"}, INVALID_GRANT),
            ({"pin": ""}, malformed("pin")),
            ({"grant_type": "urn:example:pan"}, UNSUPPORTED_GRANT_TYPE),
        ],
    )
    def test_error_of_a_subclass_grant_is_an_oauth_error(self, change, expected):
        assert self.post({**self.PIN, **change}) == (400, expected)

    @pytest.mark.parametrize("grant_type", [{}, {"grant_type": "password"}])
    def test_default_grants_issue_tokens_in_a_token_view_subclass(self, alice, grant_type):
        status, pair = self.post({**ALICE, **grant_type})
        assert status == 200
        body = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
        assert self.post(body)[0] == 200

    def test_grant_of_a_subclass_is_unsupported_by_the_default_view(self):
        assert status_and_json(post("token/", self.PIN)) == (400, UNSUPPORTED_GRANT_TYPE)


@pytest.mark.standard("rfc9068-2.2-1", "rfc9068-2.2-2", "rfc9068-3-3")
def test_access_token_has_the_claims_of_rfc_9068(alice, settings):
    settings.TOKENAUTH = {
        **SCOPES,
        "ISSUER": "https://auth.example.com",
        "AUDIENCE": "https://api.example.com",
    }
    with time_machine.travel("2030-01-01T12:00:00Z", tick=False):
        tokens = sign_in(client_id="phone")
        claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
        [session] = get("/auth/sessions/", tokens["access_token"]).json()
    assert len(claims.pop("jti")) == 32
    assert claims == {
        "iss": "https://auth.example.com",
        "aud": "https://api.example.com",
        "sub": str(alice.pk),
        "client_id": "phone",
        "sid": session["id"],
        "iat": 1893499200,
        "auth_time": 1893499200,
        "exp": 1893499500,
        "scope": "notes:read notes:write",
        "amr": ["pwd"],
    }
