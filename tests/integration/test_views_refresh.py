"""POST token/refresh/, and the refresh token grant of POST token/ (RFC 6749 section 6)."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.db import connections
from django.urls import resolve

from django_tokenauth.models import Session
from django_tokenauth.signals import refresh_token_reused, refreshed
from tests.support.client import (
    FORM,
    INVALID_GRANT,
    INVALID_SCOPE,
    JSON,
    UNAVAILABLE,
    get,
    logged,
    malformed,
    outcome,
    post,
    sign_in,
)
from tests.support.locks import unreadable, unwritable
from tests.support.reports import server_errors
from tests.support.signal_capture import received

SCOPES = {"SCOPES": ["notes:read", "notes:write"]}
START = "2030-01-01T12:00:00Z"
GRANT = {"grant_type": "refresh_token"}
# The address of its own, and the token endpoint.
BOTH = pytest.mark.parametrize(
    ("path", "more"), [("token/refresh/", {}), ("token/", GRANT)], ids=["refresh", "token"]
)


def refresh(token, **more):
    return post("token/refresh/", {"refresh_token": token, **more})


@pytest.mark.django_db
class TestRefresh:
    @BOTH
    @pytest.mark.parametrize(
        ("content_type", "write"), [(JSON, dict), (FORM, urlencode)], ids=["json", "form"]
    )
    def test_it_answers_with_two_new_tokens(self, alice, path, more, content_type, write):
        old = sign_in()
        answer = post(path, write({"refresh_token": old["refresh_token"], **more}), content_type)
        status, new = outcome(answer)
        assert status == 200
        assert new.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
        assert (new["token_type"], new["expires_in"]) == ("Bearer", 300)
        assert not {new["access_token"], new["refresh_token"]} & set(map(str, old.values()))
        assert get("/who/", new["access_token"]).json()["user"] == "alice"
        assert refresh(new["refresh_token"]).status_code == 200

    @BOTH
    def test_the_statements(self, alice, path, more, django_assert_num_queries):
        token = sign_in()["refresh_token"]
        with django_assert_num_queries(2):
            assert post(path, {"refresh_token": token, **more}).status_code == 200

    def test_the_access_token_of_before_is_still_good(self, alice):
        tokens = sign_in()
        refresh(tokens["refresh_token"])
        assert get("/who/", tokens["access_token"]).status_code == 200

    def test_others_hear_of_it(self, alice):
        token = sign_in()["refresh_token"]
        with received(refreshed) as calls:
            refresh(token)
        assert [(call["user"], call["request"].path) for call in calls] == [
            (alice, "/auth/token/refresh/")
        ]

    @pytest.mark.attack(143)
    def test_the_same_token_comes_again_within_the_grace(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            old = sign_in()["refresh_token"]
            clock.shift(60)
            first = refresh(old).json()
            clock.shift(10)
            second = refresh(old).json()
            assert second["refresh_token"] == first["refresh_token"]
            assert second["access_token"] != first["access_token"]
            assert refresh(second["refresh_token"]).status_code == 200

    @pytest.mark.attack(130, 138)
    def test_after_the_grace_it_is_reuse(self, alice, bob):
        with time_machine.travel(START, tick=False) as clock:
            other_device, other_user = sign_in(), sign_in("bob")
            old = sign_in()["refresh_token"]
            new = refresh(old).json()
            clock.shift(11)
            with received(refresh_token_reused) as calls:
                answer = refresh(old)
            assert outcome(answer) == (400, INVALID_GRANT)
            assert [call["user"] for call in calls] == [alice]
            # Whoever has the descendants: they end with the session, the other sessions do not.
            assert outcome(refresh(new["refresh_token"])) == (400, INVALID_GRANT)
            assert get("/who/", new["access_token"]).status_code == 401
            assert refresh(other_device["refresh_token"]).status_code == 200
            assert refresh(other_user["refresh_token"]).status_code == 200

    @pytest.mark.attack(132, 133)
    @pytest.mark.parametrize("seconds", [0, 10])
    def test_the_token_before_the_last_is_reuse_within_the_grace_too(self, alice, seconds):
        with time_machine.travel(START, tick=False) as clock:
            first = sign_in()["refresh_token"]
            second = refresh(first).json()["refresh_token"]
            third = refresh(second).json()["refresh_token"]
            clock.shift(seconds)
            assert outcome(refresh(first)) == (400, INVALID_GRANT)
            assert outcome(refresh(third)) == (400, INVALID_GRANT)

    def test_it_expires_when_it_is_not_used(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            token = sign_in()["refresh_token"]
            clock.shift(14 * 86_400 - 1)
            token = refresh(token).json()["refresh_token"]
            clock.shift(14 * 86_400)
            assert outcome(refresh(token)) == (400, INVALID_GRANT)

    @pytest.mark.attack(140)
    def test_the_end_of_the_session_is_never_moved(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            token = sign_in()["refresh_token"]
            for _ in range(8):
                clock.shift(11 * 86_400)
                token = refresh(token).json()["refresh_token"]
            clock.shift(2 * 86_400 - 60)
            answer = refresh(token)
            assert answer.json()["expires_in"] == 60
            clock.shift(60)
            assert outcome(refresh(answer.json()["refresh_token"])) == (400, INVALID_GRANT)


@pytest.mark.django_db
class TestRefused:
    @BOTH
    @pytest.mark.parametrize(
        "token", ["garbage", "a.b.c", " ", "é", "{access}", "{refresh} ", "{refresh}=", "x" * 9_000]
    )
    def test_a_bad_token_costs_no_statement(
        self, alice, path, more, token, caplog, django_assert_num_queries
    ):
        tokens = sign_in()
        token = token.format(access=tokens["access_token"], refresh=tokens["refresh_token"])
        with django_assert_num_queries(0):
            answer = post(path, {"refresh_token": token, **more})
        assert outcome(answer) == (400, INVALID_GRANT)
        assert "WWW-Authenticate" not in answer.headers
        assert refresh(tokens["refresh_token"]).status_code == 200

    @pytest.mark.parametrize("how", ["signed out", "password", "inactive", "deleted"])
    def test_an_ended_session_gives_the_same_answer(self, alice, how):
        tokens = sign_in()
        match how:
            case "signed out":
                post("token/revoke/", {"token": tokens["refresh_token"]})
            case "password":
                alice.set_password("another")
                alice.save()
            case "inactive":
                get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
            case "deleted":
                alice.delete()
        assert outcome(refresh(tokens["refresh_token"])) == (400, INVALID_GRANT)

    @pytest.mark.standard("rfc6749-10.4-4")
    def test_the_client_is_that_of_the_sign_in(self, alice):
        token = sign_in(client_id="phone")["refresh_token"]
        assert outcome(refresh(token, client_id="tablet")) == (400, INVALID_GRANT)
        assert refresh(token, client_id="phone").status_code == 200

    @pytest.mark.parametrize("client_id", [1, None, ["phone"], "x" * 256])
    def test_a_client_that_cannot_be_is_named(self, alice, client_id):
        answer = refresh(sign_in()["refresh_token"], client_id=client_id)
        assert outcome(answer) == (400, malformed("client_id"))

    @pytest.mark.standard("rfc6749-3.2-4")
    @pytest.mark.attack(121)
    def test_what_it_does_not_know_is_ignored(self, alice, bob):
        tokens = sign_in()
        answer = refresh(
            tokens["refresh_token"], user_id=bob.pk, sub=str(bob.pk), gen=9, exp=9_999_999_999
        )
        assert answer.json()["expires_in"] == 300
        assert get("/who/", answer.json()["access_token"]).json()["user"] == "alice"


@pytest.mark.django_db
class TestScope:
    @pytest.mark.standard("rfc6749-3.2-3")
    def test_it_may_be_narrowed(self, alice, settings):
        settings.TOKENAUTH = SCOPES
        narrow = refresh(sign_in()["refresh_token"], scope="notes:read").json()
        assert narrow["scope"] == "notes:read"
        # The access token is narrower, the session is not (RFC 6749 section 6).
        wide = refresh(narrow["refresh_token"]).json()
        assert wide["scope"] == "notes:read notes:write"
        same = refresh(wide["refresh_token"], scope="").json()
        assert same["scope"] == "notes:read notes:write"

    @pytest.mark.standard("rfc6749-5.2-2", "rfc6749-6-2")
    @pytest.mark.attack(115)
    def test_it_may_not_be_widened(self, alice, settings):
        settings.TOKENAUTH = SCOPES
        token = sign_in(scope="notes:read")["refresh_token"]
        answer = refresh(token, scope="notes:read notes:write")
        assert outcome(answer) == (400, INVALID_SCOPE)
        assert refresh(token).json()["scope"] == "notes:read"

    @pytest.mark.standard("rfc6749-5.2-2")
    @pytest.mark.parametrize("scope", ["a  b", 1, ["notes:read"], "x" * 1025])
    def test_what_is_no_scope_is_malformed(self, alice, settings, scope):
        settings.TOKENAUTH = SCOPES
        token = sign_in()["refresh_token"]
        assert outcome(refresh(token, scope=scope)) == (
            400,
            {**malformed("scope"), "error": "invalid_scope"},
        )
        assert refresh(token).status_code == 200


@pytest.mark.django_db(transaction=True)
class TestTransaction:
    """A revocation outlives the error that it ends with."""

    @pytest.mark.attack(130)
    def test_it_is_committed_with_atomic_requests(self, alice, monkeypatch):
        monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
        with time_machine.travel(START, tick=False) as clock:
            old = sign_in()["refresh_token"]
            new = refresh(old).json()
            clock.shift(11)
            assert outcome(refresh(old)) == (400, INVALID_GRANT)
            assert get("/who/", new["access_token"]).status_code == 401
            assert outcome(refresh(new["refresh_token"])) == (400, INVALID_GRANT)
        [session] = Session.objects.all()
        assert session.revoked_reason == "reused"

    @pytest.mark.parametrize("path", ["token/", "token/refresh/", "token/verify/", "token/revoke/"])
    def test_no_database_has_a_transaction_around_the_token_endpoints(self, path):
        view = resolve(f"/auth/{path}").func
        assert view._non_atomic_requests == set(connections)


@pytest.mark.django_db(transaction=True)
class TestFault:
    @BOTH
    @pytest.mark.parametrize("fault", [unreadable, unwritable])
    def test_a_database_that_does_not_answer_is_503(self, alice, path, more, fault, caplog):
        with time_machine.travel(START, tick=False) as clock:
            token = sign_in()["refresh_token"]
            clock.shift(60)
            with fault(Session):
                answer = post(path, {"refresh_token": token, **more})
            assert outcome(answer) == (503, UNAVAILABLE)
            assert answer.headers["Retry-After"] == "1"
            assert answer.headers["Cache-Control"] == "no-store"
            [line] = logged(caplog, "ERROR")
            assert line.startswith("database error (")
            assert token not in caplog.text
            # The same token works afterwards, and it is no reuse.
            clock.shift(60)
            answer = refresh(token)
            assert answer.status_code == 200
            clock.shift(60)
            assert refresh(answer.json()["refresh_token"]).status_code == 200

    @pytest.mark.parametrize(
        "wrong",
        [
            {"ISUER": "x"},
            {"SIGNING_KEY": "a secret of 22 letters"},
            {"EXTRA_CLAIMS": lambda *given: {"sub": "admin"}},
            "no dict",
        ],
    )
    def test_settings_that_cannot_be_used_are_503(self, alice, wrong, settings, caplog):
        token = sign_in()["refresh_token"]
        settings.TOKENAUTH = wrong
        answer = refresh(token)
        assert outcome(answer) == (503, UNAVAILABLE)
        assert answer.headers["Retry-After"] == "1"
        [line] = logged(caplog, "CRITICAL")
        assert line.startswith("TOKENAUTH cannot be used: ")
        assert "a secret of" not in caplog.text
        settings.TOKENAUTH = {}
        assert refresh(token).status_code == 200

    @pytest.mark.attack(173)
    def test_the_report_of_a_server_error_shows_no_token(self, alice, settings):
        token = sign_in()["refresh_token"]
        settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda *given: 1 / 0}
        with server_errors() as reports:
            assert refresh(token).status_code == 500
        [report] = reports
        assert "ZeroDivisionError" in report
        assert token not in report
        settings.TOKENAUTH = {}
        assert refresh(token).status_code == 200
