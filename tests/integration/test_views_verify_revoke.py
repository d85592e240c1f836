"""POST token/verify/, and POST token/revoke/ (RFC 7009)."""

from __future__ import annotations

import logging
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth import get_user_model

from django_tokenauth.models import Session
from django_tokenauth.signals import session_revoked
from tests.support.client import (
    ACCESS_TOKEN_NOT_REVOCABLE,
    EXPIRED_ACCESS_TOKEN,
    EXPIRED_TOKEN,
    FORM,
    INVALID_ACCESS_TOKEN,
    SESSION_ENDED,
    UNAVAILABLE,
    UNSUPPORTED_TOKEN_TYPE,
    get,
    log_messages,
    post,
    sign_in,
    status_and_json,
)
from tests.support.locks import unreadable, unwritable
from tests.support.reports import BrokenRouter, server_errors
from tests.support.signal_capture import received
from tests.support.unsaved import issue_tokens

START = "2030-01-01T12:00:00Z"
REJECTED = (401, INVALID_ACCESS_TOKEN)
DONE = (200, {})


def verify(token):
    return status_and_json(post("token/verify/", {"token": token}))


def revoke(token):
    return status_and_json(post("token/revoke/", {"token": token}))


class TestVerify:
    def test_verify_of_a_valid_token_returns_remaining_seconds(
        self, alice, django_assert_num_queries
    ):
        with time_machine.travel(START, tick=False) as clock:
            token = sign_in()["access_token"]
            clock.shift(100)
            with django_assert_num_queries(1):
                assert verify(token) == (200, {"active": True, "expires_in": 200})
            clock.shift(199.5)
            assert verify(token) == (200, {"active": True, "expires_in": 0})
            clock.shift(0.5)
            assert verify(token) == (401, EXPIRED_ACCESS_TOKEN)

    def test_verify_endpoint_accepts_a_form_encoded_token(self, alice):
        body = urlencode({"token": sign_in()["access_token"]})
        assert post("token/verify/", body, FORM).json()["active"] is True

    @pytest.mark.attack(103)
    @pytest.mark.parametrize(
        "token", ["garbage", "a.b.c", " ", "é", "{refresh}", "{access} ", "{access}=", "x" * 9_000]
    )
    def test_verify_of_malformed_token_is_rejected_without_a_query(self, token, caplog):
        tokens = issue_tokens()
        token = token.format(access=tokens.access_token, refresh=tokens.refresh_token)
        caplog.set_level(logging.INFO, "django_tokenauth")
        assert verify(token) == REJECTED
        [line] = log_messages(caplog)
        assert line in ("access token rejected: malformed", "access token rejected: typ")

    @pytest.mark.attack(103, 129)
    @pytest.mark.parametrize("token_name", ["access_token", "refresh_token"])
    def test_verify_after_a_revocation_is_rejected(self, alice, token_name, settings):
        settings.TOKENAUTH = {"REVOKE_BY_ACCESS_TOKEN": ["django-tokenauth"]}
        tokens = sign_in()
        revoke(tokens[token_name])
        assert verify(tokens["access_token"]) == REJECTED

    def test_verify_of_an_expired_token_has_a_bearer_challenge(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            token = sign_in()["access_token"]
            clock.shift(300)
            response = post("token/verify/", {"token": token})
        assert status_and_json(response) == (401, EXPIRED_ACCESS_TOKEN)
        assert response["WWW-Authenticate"] == EXPIRED_TOKEN
        assert response["Cache-Control"] == "no-store"

    def test_verify_of_an_inactive_user_is_rejected(self, alice):
        token = sign_in()["access_token"]
        get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
        assert verify(token) == REJECTED

    def test_verify_of_a_deleted_user_is_rejected(self, alice):
        token = sign_in()["access_token"]
        alice.delete()
        assert verify(token) == REJECTED

    def test_verify_after_a_new_password_is_rejected(self, alice):
        token = sign_in()["access_token"]
        alice.set_password("another")
        alice.save()
        assert verify(token) == REJECTED

    def test_verify_in_stateless_mode_rejects_an_inactive_user(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        with time_machine.travel(START, tick=False):
            token = sign_in()["access_token"]
            assert verify(token) == (200, {"active": True, "expires_in": 300})
            get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
            assert verify(token) == REJECTED


@pytest.mark.django_db
class TestRevoke:
    @pytest.mark.standard(
        "rfc7009-2-1",
        "rfc7009-2-2",
        "rfc7009-2.1-1",
        "rfc7009-2.1-2",
        "rfc7009-2.1-3",
        "rfc7009-5-3",
    )
    @pytest.mark.attack(129)
    @pytest.mark.parametrize("token_name", ["access_token", "refresh_token"])
    @pytest.mark.parametrize("hint", [{}, {"token_type_hint": "refresh_token"}])
    @pytest.mark.parametrize(
        ("content_type", "write"), [("application/json", dict), (FORM, urlencode)]
    )
    def test_revoke_with_either_token_revokes_only_its_session(
        self, alice, token_name, hint, content_type, write, settings
    ):
        settings.TOKENAUTH = {"REVOKE_BY_ACCESS_TOKEN": ["django-tokenauth"]}
        tokens, other = sign_in(), sign_in()
        response = post("token/revoke/", write({"token": tokens[token_name], **hint}), content_type)
        assert status_and_json(response) == DONE
        response = post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
        assert status_and_json(response) == (400, SESSION_ENDED)
        assert get("/who/", tokens["access_token"]).status_code == 401
        assert get("/who/", other["access_token"]).status_code == 200

    @pytest.mark.standard("rfc7009-2.1-4", "rfc7009-2.2.1-1")
    @pytest.mark.attack(199)
    @pytest.mark.parametrize("parameters", [{}, {"client_id": "django-tokenauth"}])
    def test_access_token_cannot_revoke_its_session_by_default(self, alice, parameters):
        """A resource server receives access tokens, and could revoke the sessions of its users."""
        tokens = sign_in()
        response = post("token/revoke/", {"token": tokens["access_token"], **parameters})
        assert status_and_json(response) == (400, ACCESS_TOKEN_NOT_REVOCABLE)
        assert get("/who/", tokens["access_token"]).status_code == 200

    @pytest.mark.standard("rfc7009-2.1-3")
    def test_revoke_takes_effect_in_stateless_views_after_the_poll(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            tokens = sign_in()
            assert get("/who/stateless/", tokens["access_token"]).status_code == 200
            revoke(tokens["refresh_token"])
            clock.shift(10)
            assert get("/who/stateless/", tokens["access_token"]).status_code == 401

    @pytest.mark.standard("rfc7009-5-2", "rfc7009-5-3")
    def test_revoke_takes_two_queries_and_repeated_revoke_takes_one(
        self, alice, django_assert_num_queries
    ):
        token = sign_in()["refresh_token"]
        with django_assert_num_queries(2):
            assert revoke(token) == DONE
        with django_assert_num_queries(1):
            assert revoke(token) == DONE

    def test_revoke_sends_session_revoked_once(self, alice):
        token = sign_in()["refresh_token"]
        with received(session_revoked) as calls:
            revoke(token)
            revoke(token)
        [call] = calls
        assert (call["user"], call["session"].revoked_reason) == (alice, "signed_out")
        assert call["request"].path == "/auth/token/revoke/"

    @pytest.mark.standard("rfc7009-2.2-1", "rfc7009-5-2")
    @pytest.mark.attack(128)
    @pytest.mark.parametrize(
        "token", ["garbage", "a.b.c", " ", "é", "{refresh} ", "{access}=", "x" * 9_000]
    )
    def test_revoke_of_a_malformed_token_returns_200_without_query(
        self, alice, token, django_assert_num_queries
    ):
        tokens = sign_in()
        token = token.format(access=tokens["access_token"], refresh=tokens["refresh_token"])
        with django_assert_num_queries(0):
            assert revoke(token) == DONE
        assert get("/who/", tokens["access_token"]).status_code == 200

    @pytest.mark.standard("rfc7009-2.2-1")
    @pytest.mark.attack(128)
    def test_revoke_of_a_token_of_another_server_returns_200(self, alice, settings):
        tokens, secret_key = sign_in(), settings.SECRET_KEY
        settings.SECRET_KEY = "another secret key, of another server, and long enough"
        assert revoke(tokens["refresh_token"]) == revoke(tokens["access_token"]) == DONE
        settings.SECRET_KEY = secret_key
        assert get("/who/", tokens["access_token"]).status_code == 200

    @pytest.mark.standard("rfc7009-2.2-1")
    @pytest.mark.attack(128)
    def test_revoke_of_a_token_of_a_pruned_session_returns_200(self, alice):
        token = sign_in()["refresh_token"]
        Session.objects.all().delete()
        assert revoke(token) == DONE

    def test_revoke_with_a_rotated_refresh_token_revokes_the_session(self, alice):
        """The client may have lost the response to its last refresh."""
        first = sign_in()["refresh_token"]
        tokens = post("token/refresh/", {"refresh_token": first}).json()
        assert revoke(first) == DONE
        assert get("/who/", tokens["access_token"]).status_code == 401

    def test_revoke_with_an_expired_access_token_keeps_the_session(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            tokens = sign_in()
            clock.shift(300)
            assert revoke(tokens["access_token"]) == DONE
            response = post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
            assert response.status_code == 200

    @pytest.mark.standard("rfc7009-2-1", "rfc7009-2.2.1-1")
    @pytest.mark.parametrize("token", ["garbage", "{access}", "{refresh}"])
    def test_revoke_in_stateless_mode_is_unsupported(self, alice, settings, token):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        tokens = sign_in()
        token = token.format(access=tokens["access_token"], refresh=tokens["refresh_token"])
        assert revoke(token) == (400, UNSUPPORTED_TOKEN_TYPE)


@pytest.mark.django_db(transaction=True)
class TestErrors:
    @pytest.mark.standard("rfc7009-2.2.1-2")
    @pytest.mark.parametrize(
        ("path", "failure"),
        [
            ("token/verify/", unreadable),
            ("token/revoke/", unreadable),
            ("token/revoke/", unwritable),
        ],
    )
    def test_verify_and_revoke_with_a_database_error_return_503(
        self, alice, path, failure, caplog, settings
    ):
        settings.TOKENAUTH = {"REVOKE_BY_ACCESS_TOKEN": ["django-tokenauth"]}
        token = sign_in()["access_token"]
        with failure(Session):
            response = post(path, {"token": token})
        assert status_and_json(response) == (503, UNAVAILABLE)
        assert response.headers["Retry-After"] == "1"
        [line] = log_messages(caplog, "ERROR")
        assert line.startswith("database error (")
        assert token not in caplog.text
        assert verify(token)[1]["active"] is True
        assert revoke(token) == DONE
        assert verify(token) == REJECTED

    @pytest.mark.parametrize("path", ["token/verify/", "token/revoke/"])
    def test_verify_and_revoke_with_invalid_settings_return_503(
        self, alice, path, settings, caplog
    ):
        token = sign_in()["access_token"]
        settings.TOKENAUTH = {"SIGNING_KEY": "a secret of 22 letters"}
        response = post(path, {"token": token})
        assert status_and_json(response) == (503, UNAVAILABLE)
        [line] = log_messages(caplog, "CRITICAL")
        assert line.startswith("TOKENAUTH cannot be used: tokenauth.E002")

    @pytest.mark.attack(173)
    @pytest.mark.parametrize(
        ("path", "token_name"),
        [
            ("token/verify/", "access_token"),
            ("token/revoke/", "access_token"),
            ("token/revoke/", "refresh_token"),
        ],
    )
    def test_server_error_report_of_verify_and_revoke_has_no_token(
        self, alice, path, token_name, settings
    ):
        settings.TOKENAUTH = {"REVOKE_BY_ACCESS_TOKEN": ["django-tokenauth"]}
        token = sign_in()[token_name]
        settings.DATABASE_ROUTERS = [BrokenRouter()]
        with server_errors() as reports:
            assert post(path, {"token": token}).status_code == 500
        [report] = reports
        assert "RuntimeError" in report
        assert token not in report
