"""Rejected access tokens, revoked sessions, and errors of the database or the settings."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.test import RequestFactory
from rest_framework.authentication import BasicAuthentication
from rest_framework.views import APIView

from django_tokenauth.authentication import AccessTokenRejected, JWTAuthentication
from django_tokenauth.errors import TokenErrorCode
from django_tokenauth.models import Session
from tests.support.client import (
    EXPIRED_TOKEN,
    INVALID_TOKEN,
    TRY_AGAIN,
    call,
    get,
    log_messages,
    post,
    sign_in,
    status_and_json,
)
from tests.support.locks import unreadable
from tests.support.reports import BrokenRouter, server_errors
from tests.support.unsaved import issue_tokens

BOTH = pytest.mark.parametrize("path", ["/who/", "/who/stateless/"])
REFUSED = {"detail": "The access token is not valid."}

# The rest of the Authorization header after "Bearer". Values that Django's test client cannot send
# are tested over real sockets in http/test_headers.py.
MALFORMED = {
    "empty": "",
    "space": " ",
    "two spaces before": "  {token}",
    "space inside": " {token} {token}",
    "space after": " {token} ",
    "tab before": "\t{token}",
    "list": " {token}, {token}",
    "list without spaces": " {token},{token}",
    "two headers joined": " {token},Bearer {token}",
    "quotation marks": ' "{token}"',
    "padding": " {token}=",
    "latin-1 after": " {token}\xe9",
    "only latin-1": " \x9d",
    "outside latin-1": " {token}\u20ac",
    "lone surrogate": " {token}\ud800",
    "NUL": " {token}\0",
    "control character": " {token}\x1b",
    "line break": " {token}\n",
    "folded line": "\r\n {token}",
    "arabic digits": " \u0661.\u0662.\u0663",
    "word": " garbage",
    "dots": " ..",
    "megabyte": " " + "a" * 1_000_000,
    "megabyte of dots": " " + "." * 1_000_000,
    "challenge injection": ' x", error="none',
}


class TestRejectedToken:
    @pytest.mark.standard("rfc9068-4-10")
    @pytest.mark.attack(110)
    @BOTH
    @pytest.mark.parametrize("credentials", MALFORMED.values(), ids=MALFORMED)
    def test_malformed_authorization_is_rejected_without_a_query(self, path, credentials, caplog):
        token = issue_tokens().access_token
        with caplog.at_level(logging.INFO, "django_tokenauth"):
            response = get(path, Authorization="Bearer" + credentials.replace("{token}", token))
        assert status_and_json(response) == (401, REFUSED)
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN
        assert log_messages(caplog) == ["access token rejected: malformed"]

    @pytest.mark.promise(1)
    @pytest.mark.standard("rfc6749-7-1")
    @BOTH
    def test_forged_signature_is_rejected_without_a_query(self, path, caplog):
        head, _, _ = issue_tokens().access_token.rpartition(".")
        with caplog.at_level(logging.INFO, "django_tokenauth"):
            response = get(path, f"{head}.{'A' * 43}")
        assert status_and_json(response) == (401, REFUSED)
        assert log_messages(caplog) == ["access token rejected: signature"]
        assert head not in str(response.headers)

    @pytest.mark.standard("rfc9068-4-10")
    @pytest.mark.attack(98)
    @BOTH
    def test_refresh_token_in_authorization_is_rejected(self, path):
        response = get(path, issue_tokens().refresh_token)
        assert status_and_json(response) == (401, REFUSED)
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN

    @pytest.mark.parametrize(
        ("classes", "status", "challenge"),
        [
            ([JWTAuthentication], 401, INVALID_TOKEN),
            # REST framework sends the challenge of the first class.
            ([BasicAuthentication, JWTAuthentication], 401, 'Basic realm="api"'),
            # Without a class, REST framework responds with 403.
            ([], 403, INVALID_TOKEN),
        ],
        ids=["bearer", "basic", "none"],
    )
    def test_view_rejects_a_token_after_its_authentication(self, alice, classes, status, challenge):
        class View(APIView):
            authentication_classes = classes
            permission_classes = []

            def get(self, request):
                raise AccessTokenRejected(TokenErrorCode.REVOKED)

        headers = {"Authorization": f"Bearer {sign_in()['access_token']}"}
        response = View.as_view()(RequestFactory().get("/", headers=headers))
        assert (response.status_code, response["WWW-Authenticate"]) == (status, challenge)

    def test_open_view_rejects_an_invalid_token(self):
        response = get("/open/", "garbage")
        assert status_and_json(response) == (401, REFUSED)
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN

    @pytest.mark.standard("rfc6749-7-1")
    @pytest.mark.attack(72)
    @BOTH
    def test_access_token_is_rejected_after_its_expiry(self, alice, path):
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
            token = sign_in()["access_token"]
            clock.shift(299)
            assert get(path, token).status_code == 200
            clock.shift(1)
            response = get(path, token)
        assert status_and_json(response) == (401, {"detail": "The access token expired."})
        assert response.headers["WWW-Authenticate"] == EXPIRED_TOKEN

    @pytest.mark.attack(175)
    def test_reason_of_a_rejected_access_token_is_only_logged(self, alice, bob, caplog):
        """The responses say only whether the token expired, and the log has the reason."""
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
            expired = sign_in()["access_token"]
            clock.shift(300)
            revoked, of_inactive_user = sign_in(), sign_in("bob")
            post("token/revoke/", {"token": revoked["refresh_token"]})
            bob.is_active = False
            bob.save()
            caplog.clear()
            caplog.set_level(logging.INFO, "django_tokenauth")
            tokens = [expired, revoked["access_token"], of_inactive_user["access_token"], "x"]
            responses = [get("/who/", token) for token in tokens]
        bodies = [(response.content, str(response.headers)) for response in responses]
        assert len(set(bodies[1:])) == 1
        assert responses[0].headers["WWW-Authenticate"] == EXPIRED_TOKEN
        assert log_messages(caplog) == [
            f"access token rejected: {code}"
            for code in ("expired", "revoked", "revoked", "malformed")
        ]
        assert not [token for token in tokens[:3] if token in caplog.text]


@pytest.mark.django_db
class TestEndedSession:
    @pytest.mark.promise(5)
    def test_access_token_is_rejected_at_once_after_sign_out(self, alice):
        tokens = sign_in()
        post("token/revoke/", {"token": tokens["refresh_token"]})
        response = get("/who/", tokens["access_token"])
        assert status_and_json(response) == (401, REFUSED)
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN

    @pytest.mark.promise(5)
    def test_access_token_is_rejected_at_once_after_new_password(self, alice):
        token = sign_in()["access_token"]
        alice.set_password("another")
        alice.save()
        assert get("/who/", token).status_code == 401

    @pytest.mark.promise(5)
    @pytest.mark.attack(94)
    def test_access_token_is_rejected_at_once_after_deactivation(self, alice):
        token = sign_in()["access_token"]
        get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
        assert get("/who/", token).status_code == 401

    @pytest.mark.promise(5)
    def test_access_token_is_rejected_at_once_after_user_deletion(self, alice):
        token = sign_in()["access_token"]
        alice.delete()
        assert get("/who/", token).status_code == 401

    @pytest.mark.promise(5)
    @pytest.mark.standard("rfc7009-5-1")
    @pytest.mark.attack(94, 95, 129)
    @pytest.mark.parametrize("cause", ["sign out", "password", "deactivation", "deletion"])
    def test_stateless_view_rejects_revoked_sessions_after_the_poll(self, alice, cause, caplog):
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
            tokens = sign_in()
            token = tokens["access_token"]
            assert get("/who/stateless/", token).status_code == 200
            match cause:
                case "sign out":
                    post("token/revoke/", {"token": tokens["refresh_token"]})
                case "password":
                    alice.set_password("another")
                    alice.save()
                case "deactivation":
                    alice.is_active = False
                    alice.save()
                case "deletion":
                    alice.delete()
            clock.shift(9)
            assert get("/who/stateless/", token).status_code == 200
            clock.shift(1)
            caplog.set_level(logging.INFO, "django_tokenauth")
            response = get("/who/stateless/", token)
        assert status_and_json(response) == (401, REFUSED)
        assert response.headers["WWW-Authenticate"] == INVALID_TOKEN
        assert log_messages(caplog) == ["access token rejected: revoked"]

    @pytest.mark.standard("rfc7009-5-1")
    def test_stateless_view_without_polls_accepts_token_until_expiry(self, alice, settings):
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
            tokens = sign_in()
            post("token/revoke/", {"token": tokens["refresh_token"]})
            clock.shift(timedelta(seconds=299))
            assert get("/who/stateless/", tokens["access_token"]).status_code == 200
            clock.shift(timedelta(seconds=1))
            assert get("/who/stateless/", tokens["access_token"]).status_code == 401


class TestErrors:
    @pytest.mark.django_db(transaction=True)
    def test_authentication_with_a_database_error_returns_503(self, alice, caplog):
        token = sign_in()["access_token"]
        with unreadable(Session):
            response = get("/who/", token)
        assert status_and_json(response) == (503, {"detail": TRY_AGAIN})
        assert response.headers["Retry-After"] == "1"
        assert "WWW-Authenticate" not in response.headers
        assert "database error" in caplog.text
        assert token not in caplog.text
        assert get("/who/", token).status_code == 200

    @pytest.mark.django_db(transaction=True)
    def test_stateless_view_uses_last_revocations_without_database(self, alice, caplog):
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
            valid, revoked_tokens = sign_in(), sign_in()
            post("token/revoke/", {"token": revoked_tokens["refresh_token"]})
            assert get("/who/stateless/", revoked_tokens["access_token"]).status_code == 401
            with unreadable(Session):
                clock.shift(60)
                assert get("/who/stateless/", valid["access_token"]).status_code == 200
                assert get("/who/stateless/", revoked_tokens["access_token"]).status_code == 401
        assert "the last snapshot stays in use" in caplog.text

    @BOTH
    @pytest.mark.parametrize(
        "values",
        [
            {"ISUER": "x"},
            {"SIGNING_KEY": "a secret of 22 letters"},
            {"ACCESS_TOKEN_LIFETIME": 300},
            None,
        ],
    )
    def test_authentication_with_invalid_settings_returns_503(self, path, values, settings, caplog):
        settings.TOKENAUTH = values
        response = get(path, "a.b.c")
        assert status_and_json(response) == (503, {"detail": TRY_AGAIN})
        assert response.headers["Retry-After"] == "1"
        [line] = log_messages(caplog, "CRITICAL")
        assert line.startswith("TOKENAUTH cannot be used: tokenauth.E0")
        assert "a secret of" not in line

    @pytest.mark.attack(173)
    @pytest.mark.django_db
    @BOTH
    def test_report_of_a_server_error_contains_no_access_token(self, alice, path, settings):
        token = sign_in()["access_token"]
        settings.DATABASE_ROUTERS = [BrokenRouter()]
        with server_errors() as reports:
            assert get(path, token).status_code == 500
        [report] = reports
        assert "RuntimeError" in report
        assert token not in report

    def test_invalid_settings_change_no_anonymous_response(self, settings):
        settings.TOKENAUTH = {"ISUER": "x"}
        assert get("/who/").status_code == 401
        assert get("/open/").status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
def test_every_http_method_rejects_an_invalid_token(method):
    response = call(method, "/who/", "garbage")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == INVALID_TOKEN
