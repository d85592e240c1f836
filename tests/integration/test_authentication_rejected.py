"""Access tokens that are refused, sessions that ended, and a server that cannot know."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import get_user_model

from django_tokenauth.models import Session
from tests.support.client import INVALID_TOKEN, TRY_AGAIN, call, get, logged, outcome, post, sign_in
from tests.support.locks import unreadable
from tests.support.reports import BrokenRouter, server_errors

BOTH = pytest.mark.parametrize("path", ["/who/", "/who/stateless/"])
REFUSED = {"detail": "The access token is not valid."}

# Each is what follows the scheme; the table is sent through Django's test client, and the odd ones
# through real sockets by test_http_headers.
BAD = {
    "nothing": "",
    "a blank": " ",
    "two blanks before it": "  {token}",
    "a blank in it": " {token} {token}",
    "a blank after it": " {token} ",
    "a tab before it": "\t{token}",
    "a list": " {token}, {token}",
    "a list without blanks": " {token},{token}",
    "two headers joined": " {token},Bearer {token}",
    "quotation marks": ' "{token}"',
    "padding": " {token}=",
    "latin-1": " {token}\xe9",
    "latin-1 in place of the token": " \x9d",
    "no latin-1 either": " {token}\u20ac",
    "half a surrogate pair": " {token}\ud800",
    "NUL": " {token}\0",
    "a control character": " {token}\x1b",
    "a line break": " {token}\n",
    "a folded line": "\r\n {token}",
    "digits of another script": " \u0661.\u0662.\u0663",
    "a word": " garbage",
    "dots": " ..",
    "a megabyte": " " + "a" * 1_000_000,
    "a megabyte of dots": " " + "." * 1_000_000,
    "quotation marks for the challenge": ' x", error="none',
}


@pytest.mark.django_db
class TestBadToken:
    @pytest.mark.standard("rfc9068-4-10")
    @pytest.mark.attack(110)
    @BOTH
    @pytest.mark.parametrize("text", BAD.values(), ids=BAD)
    def test_it_is_refused_without_a_statement(
        self, alice, path, text, caplog, django_assert_num_queries
    ):
        token = sign_in()["access_token"]
        caplog.clear()
        with caplog.at_level(logging.INFO, "django_tokenauth"), django_assert_num_queries(0):
            answer = get(path, Authorization="Bearer" + text.replace("{token}", token))
        assert outcome(answer) == (401, REFUSED)
        assert answer.headers["WWW-Authenticate"] == INVALID_TOKEN
        assert logged(caplog) == ["access token rejected: malformed"]

    @pytest.mark.promise(1)
    @pytest.mark.standard("rfc6749-7-1")
    @BOTH
    def test_a_forged_signature_is_refused_without_a_statement(
        self, alice, path, caplog, django_assert_num_queries
    ):
        head, _, _ = sign_in()["access_token"].rpartition(".")
        caplog.clear()
        with caplog.at_level(logging.INFO, "django_tokenauth"), django_assert_num_queries(0):
            answer = get(path, f"{head}.{'A' * 43}")
        assert outcome(answer) == (401, REFUSED)
        assert logged(caplog) == ["access token rejected: signature"]
        assert head not in str(answer.headers)

    @pytest.mark.standard("rfc9068-4-10")
    @pytest.mark.attack(98)
    @BOTH
    def test_a_refresh_token_is_refused(self, alice, path):
        answer = get(path, sign_in()["refresh_token"])
        assert outcome(answer) == (401, REFUSED)
        assert answer.headers["WWW-Authenticate"] == INVALID_TOKEN

    def test_an_open_view_refuses_it_too(self):
        answer = get("/open/", "garbage")
        assert outcome(answer) == (401, REFUSED)
        assert answer.headers["WWW-Authenticate"] == INVALID_TOKEN

    @pytest.mark.standard("rfc6749-7-1")
    @pytest.mark.attack(72)
    @BOTH
    def test_it_expires(self, alice, path):
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
            token = sign_in()["access_token"]
            clock.shift(299)
            assert get(path, token).status_code == 200
            clock.shift(1)
            answer = get(path, token)
        assert outcome(answer) == (401, REFUSED)
        assert answer.headers["WWW-Authenticate"] == INVALID_TOKEN

    @pytest.mark.attack(175)
    def test_why_is_said_by_the_log_only(self, alice, bob, caplog):
        """Expired, forged, revoked, without a user: one answer for all of them."""
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
            expired = sign_in()["access_token"]
            clock.shift(300)
            revoked, of_bob = sign_in(), sign_in("bob")
            post("token/revoke/", {"token": revoked["refresh_token"]})
            bob.is_active = False
            bob.save()
            caplog.clear()
            caplog.set_level(logging.INFO, "django_tokenauth")
            tokens = [expired, revoked["access_token"], of_bob["access_token"], "x"]
            answers = [get("/who/", token) for token in tokens]
        assert len({(answer.content, str(answer.headers)) for answer in answers}) == 1
        assert logged(caplog) == [
            f"access token rejected: {code}"
            for code in ("expired", "revoked", "revoked", "malformed")
        ]
        assert not [token for token in tokens[:3] if token in caplog.text]


@pytest.mark.django_db
class TestEndOfASession:
    @pytest.mark.promise(5)
    def test_a_sign_out_is_seen_at_once(self, alice):
        tokens = sign_in()
        post("token/revoke/", {"token": tokens["refresh_token"]})
        answer = get("/who/", tokens["access_token"])
        assert outcome(answer) == (401, REFUSED)
        assert answer.headers["WWW-Authenticate"] == INVALID_TOKEN

    @pytest.mark.promise(5)
    def test_a_new_password_is_seen_at_once(self, alice):
        token = sign_in()["access_token"]
        alice.set_password("another")
        alice.save()
        assert get("/who/", token).status_code == 401

    @pytest.mark.promise(5)
    @pytest.mark.attack(94)
    def test_a_deactivation_is_seen_at_once(self, alice):
        token = sign_in()["access_token"]
        get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
        assert get("/who/", token).status_code == 401

    @pytest.mark.promise(5)
    def test_a_deletion_is_seen_at_once(self, alice):
        token = sign_in()["access_token"]
        alice.delete()
        assert get("/who/", token).status_code == 401

    @pytest.mark.promise(5)
    @pytest.mark.standard("rfc7009-5-1")
    @pytest.mark.attack(94, 95, 129)
    @pytest.mark.parametrize("how", ["sign out", "password", "deactivation", "deletion"])
    def test_the_stateless_class_sees_it_after_the_poll(self, alice, how):
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
            tokens = sign_in()
            token = tokens["access_token"]
            assert get("/who/stateless/", token).status_code == 200
            match how:
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
            answer = get("/who/stateless/", token)
        assert outcome(answer) == (401, REFUSED)
        assert answer.headers["WWW-Authenticate"] == INVALID_TOKEN

    @pytest.mark.standard("rfc7009-5-1")
    def test_without_the_poll_it_is_good_until_it_expires(self, alice, settings):
        settings.TOKENAUTH = {"REVOCATION_POLL_INTERVAL": None}
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
            tokens = sign_in()
            post("token/revoke/", {"token": tokens["refresh_token"]})
            clock.shift(timedelta(seconds=299))
            assert get("/who/stateless/", tokens["access_token"]).status_code == 200
            clock.shift(timedelta(seconds=1))
            assert get("/who/stateless/", tokens["access_token"]).status_code == 401


class TestFault:
    @pytest.mark.django_db(transaction=True)
    def test_a_database_that_does_not_answer_is_503(self, alice, caplog):
        token = sign_in()["access_token"]
        with unreadable(Session):
            answer = get("/who/", token)
        assert outcome(answer) == (503, {"detail": TRY_AGAIN})
        assert answer.headers["Retry-After"] == "1"
        assert "WWW-Authenticate" not in answer.headers
        assert "database error" in caplog.text
        assert token not in caplog.text
        assert get("/who/", token).status_code == 200

    @pytest.mark.django_db(transaction=True)
    def test_the_stateless_class_goes_on_with_the_last_list(self, alice, caplog):
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
            good, bad = sign_in(), sign_in()
            post("token/revoke/", {"token": bad["refresh_token"]})
            assert get("/who/stateless/", bad["access_token"]).status_code == 401
            with unreadable(Session):
                clock.shift(60)
                assert get("/who/stateless/", good["access_token"]).status_code == 200
                assert get("/who/stateless/", bad["access_token"]).status_code == 401
        assert "the last snapshot stays in use" in caplog.text

    @BOTH
    @pytest.mark.parametrize(
        "wrong",
        [
            {"ISUER": "x"},
            {"SIGNING_KEY": "a secret of 22 letters"},
            {"ACCESS_TOKEN_LIFETIME": 300},
            None,
        ],
    )
    def test_settings_that_cannot_be_used_are_503(self, path, wrong, settings, caplog):
        settings.TOKENAUTH = wrong
        answer = get(path, "a.b.c")
        assert outcome(answer) == (503, {"detail": TRY_AGAIN})
        assert answer.headers["Retry-After"] == "1"
        [line] = logged(caplog, "CRITICAL")
        assert line.startswith("TOKENAUTH cannot be used: tokenauth.E0")
        assert "a secret of" not in line

    @pytest.mark.attack(173)
    @pytest.mark.django_db
    @BOTH
    def test_the_report_of_a_server_error_shows_no_token(self, alice, path, settings):
        token = sign_in()["access_token"]
        settings.DATABASE_ROUTERS = [BrokenRouter()]
        with server_errors() as reports:
            assert get(path, token).status_code == 500
        [report] = reports
        assert "RuntimeError" in report
        assert token not in report

    def test_they_do_not_concern_who_brings_no_token(self, settings):
        settings.TOKENAUTH = {"ISUER": "x"}
        assert get("/who/").status_code == 401
        assert get("/open/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE"])
def test_every_method_is_authenticated(method):
    answer = call(method, "/who/", "garbage")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == INVALID_TOKEN
