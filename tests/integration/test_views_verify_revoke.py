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
    FORM,
    INVALID_GRANT,
    UNAVAILABLE,
    UNSUPPORTED_TOKEN_TYPE,
    get,
    logged,
    outcome,
    post,
    sign_in,
)
from tests.support.locks import unreadable, unwritable
from tests.support.reports import BrokenRouter, server_errors
from tests.support.signal_capture import received

START = "2030-01-01T12:00:00Z"
INACTIVE = (200, {"active": False})
DONE = (200, {})


def verify(token):
    return outcome(post("token/verify/", {"token": token}))


def revoke(token):
    return outcome(post("token/revoke/", {"token": token}))


@pytest.mark.django_db
class TestVerify:
    def test_a_good_token_is_active(self, alice, django_assert_num_queries):
        with time_machine.travel(START, tick=False) as clock:
            token = sign_in()["access_token"]
            clock.shift(100)
            with django_assert_num_queries(1):
                assert verify(token) == (200, {"active": True, "expires_in": 200})
            clock.shift(199.5)
            assert verify(token) == (200, {"active": True, "expires_in": 0})
            clock.shift(0.5)
            assert verify(token) == INACTIVE

    def test_a_form_is_understood(self, alice):
        body = urlencode({"token": sign_in()["access_token"]})
        assert post("token/verify/", body, FORM).json()["active"] is True

    @pytest.mark.attack(103)
    @pytest.mark.parametrize(
        "token", ["garbage", "a.b.c", " ", "é", "{refresh}", "{access} ", "{access}=", "x" * 9_000]
    )
    def test_a_bad_token_is_not_and_costs_no_statement(
        self, alice, token, caplog, django_assert_num_queries
    ):
        tokens = sign_in()
        token = token.format(access=tokens["access_token"], refresh=tokens["refresh_token"])
        caplog.set_level(logging.INFO, "django_tokenauth")
        caplog.clear()
        with django_assert_num_queries(0):
            assert verify(token) == INACTIVE
        [line] = logged(caplog)
        assert line in ("access token rejected: malformed", "access token rejected: typ")

    @pytest.mark.attack(103, 129)
    @pytest.mark.parametrize("which", ["access_token", "refresh_token"])
    def test_a_revocation_is_seen_at_once(self, alice, which):
        tokens = sign_in()
        revoke(tokens[which])
        assert verify(tokens["access_token"]) == INACTIVE

    def test_an_inactive_user_is_seen_at_once(self, alice):
        token = sign_in()["access_token"]
        get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
        assert verify(token) == INACTIVE

    def test_a_deleted_user_is_seen_at_once(self, alice):
        token = sign_in()["access_token"]
        alice.delete()
        assert verify(token) == INACTIVE

    def test_a_new_password_is_seen_at_once(self, alice):
        token = sign_in()["access_token"]
        alice.set_password("another")
        alice.save()
        assert verify(token) == INACTIVE

    def test_without_sessions_it_is_good_until_it_expires(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        with time_machine.travel(START, tick=False):
            token = sign_in()["access_token"]
            assert verify(token) == (200, {"active": True, "expires_in": 300})
            get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
            assert verify(token) == INACTIVE


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
    @pytest.mark.parametrize("which", ["access_token", "refresh_token"])
    @pytest.mark.parametrize("hint", [{}, {"token_type_hint": "refresh_token"}])
    @pytest.mark.parametrize(
        ("content_type", "write"), [("application/json", dict), (FORM, urlencode)]
    )
    def test_either_token_ends_the_session(self, alice, which, hint, content_type, write):
        tokens, other = sign_in(), sign_in()
        answer = post("token/revoke/", write({"token": tokens[which], **hint}), content_type)
        assert outcome(answer) == DONE
        answer = post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
        assert outcome(answer) == (400, INVALID_GRANT)
        assert get("/who/", tokens["access_token"]).status_code == 401
        assert get("/who/", other["access_token"]).status_code == 200

    @pytest.mark.standard("rfc7009-2.1-3")
    def test_the_stateless_class_learns_of_it(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            tokens = sign_in()
            assert get("/who/stateless/", tokens["access_token"]).status_code == 200
            revoke(tokens["refresh_token"])
            clock.shift(10)
            assert get("/who/stateless/", tokens["access_token"]).status_code == 401

    @pytest.mark.standard("rfc7009-5-2", "rfc7009-5-3")
    def test_the_statements(self, alice, django_assert_num_queries):
        token = sign_in()["refresh_token"]
        with django_assert_num_queries(2):
            assert revoke(token) == DONE
        with django_assert_num_queries(1):
            assert revoke(token) == DONE

    def test_others_hear_of_it_once(self, alice):
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
    def test_a_malformed_token_is_as_good_as_revoked(self, alice, token, django_assert_num_queries):
        tokens = sign_in()
        token = token.format(access=tokens["access_token"], refresh=tokens["refresh_token"])
        with django_assert_num_queries(0):
            assert revoke(token) == DONE
        assert get("/who/", tokens["access_token"]).status_code == 200

    @pytest.mark.standard("rfc7009-2.2-1")
    @pytest.mark.attack(128)
    def test_so_is_one_that_is_unknown_here(self, alice, settings):
        tokens, own = sign_in(), settings.SECRET_KEY
        settings.SECRET_KEY = "another secret key, of another server, and long enough"
        assert revoke(tokens["refresh_token"]) == revoke(tokens["access_token"]) == DONE
        settings.SECRET_KEY = own
        assert get("/who/", tokens["access_token"]).status_code == 200

    @pytest.mark.standard("rfc7009-2.2-1")
    @pytest.mark.attack(128)
    def test_so_is_one_whose_session_was_pruned(self, alice):
        token = sign_in()["refresh_token"]
        Session.objects.all().delete()
        assert revoke(token) == DONE

    def test_an_old_refresh_token_signs_out_too(self, alice):
        """Its owner means this device, whatever happened to the answer of the last refresh."""
        first = sign_in()["refresh_token"]
        tokens = post("token/refresh/", {"refresh_token": first}).json()
        assert revoke(first) == DONE
        assert get("/who/", tokens["access_token"]).status_code == 401

    def test_an_expired_access_token_does_not(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            tokens = sign_in()
            clock.shift(300)
            assert revoke(tokens["access_token"]) == DONE
            answer = post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
            assert answer.status_code == 200

    @pytest.mark.standard("rfc7009-2-1", "rfc7009-2.2.1-1")
    @pytest.mark.parametrize("token", ["garbage", "{access}", "{refresh}"])
    def test_without_sessions_nothing_can_be_revoked(self, alice, settings, token):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        tokens = sign_in()
        token = token.format(access=tokens["access_token"], refresh=tokens["refresh_token"])
        assert revoke(token) == (400, UNSUPPORTED_TOKEN_TYPE)


@pytest.mark.django_db(transaction=True)
class TestFault:
    @pytest.mark.standard("rfc7009-2.2.1-2")
    @pytest.mark.parametrize(
        ("path", "fault"),
        [
            ("token/verify/", unreadable),
            ("token/revoke/", unreadable),
            ("token/revoke/", unwritable),
        ],
    )
    def test_a_database_that_does_not_answer_is_503(self, alice, path, fault, caplog):
        token = sign_in()["access_token"]
        with fault(Session):
            answer = post(path, {"token": token})
        assert outcome(answer) == (503, UNAVAILABLE)
        assert answer.headers["Retry-After"] == "1"
        [line] = logged(caplog, "ERROR")
        assert line.startswith("database error (")
        assert token not in caplog.text
        assert verify(token)[1]["active"] is True
        assert revoke(token) == DONE
        assert verify(token) == INACTIVE

    @pytest.mark.parametrize("path", ["token/verify/", "token/revoke/"])
    def test_settings_that_cannot_be_used_are_503(self, alice, path, settings, caplog):
        token = sign_in()["access_token"]
        settings.TOKENAUTH = {"SIGNING_KEY": "a secret of 22 letters"}
        answer = post(path, {"token": token})
        assert outcome(answer) == (503, UNAVAILABLE)
        [line] = logged(caplog, "CRITICAL")
        assert line.startswith("TOKENAUTH cannot be used: tokenauth.E002")

    @pytest.mark.attack(173)
    @pytest.mark.parametrize(
        ("path", "which"),
        [
            ("token/verify/", "access_token"),
            ("token/revoke/", "access_token"),
            ("token/revoke/", "refresh_token"),
        ],
    )
    def test_the_report_of_a_server_error_shows_no_token(self, alice, path, which, settings):
        token = sign_in()[which]
        settings.DATABASE_ROUTERS = [BrokenRouter()]
        with server_errors() as reports:
            assert post(path, {"token": token}).status_code == 500
        [report] = reports
        assert "RuntimeError" in report
        assert token not in report
