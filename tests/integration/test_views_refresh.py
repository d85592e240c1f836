"""POST token/refresh/, and the refresh token grant of POST token/ (RFC 6749 section 6)."""

from __future__ import annotations

from html import unescape
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client
from django.urls import resolve

from django_tokenauth import urls
from django_tokenauth.models import Session
from django_tokenauth.signals import refresh_token_reused, refreshed
from tests.support.client import (
    FORM,
    INVALID_SCOPE,
    JSON,
    MEMBERS,
    SESSION_ENDED,
    UNAVAILABLE,
    get,
    log_messages,
    malformed,
    post,
    sign_in,
    status_and_json,
)
from tests.support.locks import unreadable, unwritable
from tests.support.reports import server_errors
from tests.support.signal_capture import received

SCOPES = {"SCOPES": ["notes:read", "notes:write"]}
START = "2030-01-01T12:00:00Z"
GRANT = {"grant_type": "refresh_token"}
# The refresh endpoint and the refresh token grant of the token endpoint.
BOTH_ENDPOINTS = pytest.mark.parametrize(
    ("path", "extra"), [("token/refresh/", {}), ("token/", GRANT)], ids=["refresh", "token"]
)


def refresh(token, **extra):
    return post("token/refresh/", {"refresh_token": token, **extra})


@pytest.mark.django_db
class TestRefresh:
    @BOTH_ENDPOINTS
    @pytest.mark.parametrize(
        ("content_type", "write"), [(JSON, dict), (FORM, urlencode)], ids=["json", "form"]
    )
    def test_refresh_returns_new_access_and_refresh_tokens(
        self, alice, path, extra, content_type, write
    ):
        old = sign_in()
        response = post(path, write({"refresh_token": old["refresh_token"], **extra}), content_type)
        status, new = status_and_json(response)
        assert status == 200
        assert new.keys() == MEMBERS
        assert (new["token_type"], new["expires_in"]) == ("Bearer", 300)
        assert not {new["access_token"], new["refresh_token"]} & set(map(str, old.values()))
        assert get("/who/", new["access_token"]).json()["user"] == "alice"
        assert refresh(new["refresh_token"]).status_code == 200

    @BOTH_ENDPOINTS
    def test_refresh_endpoint_takes_two_queries(
        self, alice, path, extra, django_assert_num_queries
    ):
        token = sign_in()["refresh_token"]
        with django_assert_num_queries(2):
            assert post(path, {"refresh_token": token, **extra}).status_code == 200

    def test_access_token_stays_valid_after_a_refresh(self, alice):
        tokens = sign_in()
        refresh(tokens["refresh_token"])
        assert get("/who/", tokens["access_token"]).status_code == 200

    def test_refresh_sends_refreshed_signal_with_the_request(self, alice):
        token = sign_in()["refresh_token"]
        with received(refreshed) as calls:
            refresh(token)
        assert [(call["user"], call["request"].path) for call in calls] == [
            (alice, "/auth/token/refresh/")
        ]

    def test_refresh_stores_address_and_user_agent_of_the_request(self, alice):
        token = sign_in()["refresh_token"]
        client = Client(REMOTE_ADDR="192.0.2.7", headers={"User-Agent": "Browser/2"})
        body = {"refresh_token": token}
        client.post("/auth/token/refresh/", body, content_type="application/json")
        session = Session.objects.get()
        assert (session.last_ip, session.last_user_agent) == ("192.0.2.7", "Browser/2")
        assert (session.ip, session.user_agent) == ("127.0.0.1", "")

    @pytest.mark.attack(143)
    def test_refresh_within_grace_returns_the_same_refresh_token(self, alice):
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
    def test_reuse_after_the_grace_revokes_only_its_session(self, alice, bob):
        with time_machine.travel(START, tick=False) as clock:
            other_device, other_user = sign_in(), sign_in("bob")
            old = sign_in()["refresh_token"]
            new = refresh(old).json()
            clock.shift(11)
            with received(refresh_token_reused) as calls:
                response = refresh(old)
            assert status_and_json(response) == (400, SESSION_ENDED)
            assert [call["user"] for call in calls] == [alice]
            # The newer tokens of the session are rejected, and other sessions continue.
            assert status_and_json(refresh(new["refresh_token"])) == (400, SESSION_ENDED)
            assert get("/who/", new["access_token"]).status_code == 401
            assert refresh(other_device["refresh_token"]).status_code == 200
            assert refresh(other_user["refresh_token"]).status_code == 200

    @pytest.mark.attack(132, 133)
    @pytest.mark.parametrize("seconds", [0, 10])
    def test_refresh_token_older_than_predecessor_in_grace_is_reuse(self, alice, seconds):
        with time_machine.travel(START, tick=False) as clock:
            first = sign_in()["refresh_token"]
            second = refresh(first).json()["refresh_token"]
            third = refresh(second).json()["refresh_token"]
            clock.shift(seconds)
            assert status_and_json(refresh(first)) == (400, SESSION_ENDED)
            assert status_and_json(refresh(third)) == (400, SESSION_ENDED)

    def test_refresh_token_unused_for_14_days_returns_400(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            token = sign_in()["refresh_token"]
            clock.shift(14 * 86_400 - 1)
            token = refresh(token).json()["refresh_token"]
            clock.shift(14 * 86_400)
            assert status_and_json(refresh(token)) == (400, SESSION_ENDED)

    @pytest.mark.attack(140)
    def test_refresh_endpoint_never_extends_absolute_expiry(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            token = sign_in()["refresh_token"]
            for _ in range(8):
                clock.shift(11 * 86_400)
                token = refresh(token).json()["refresh_token"]
            clock.shift(2 * 86_400 - 60)
            response = refresh(token)
            assert response.json()["expires_in"] == 60
            clock.shift(60)
            assert status_and_json(refresh(response.json()["refresh_token"])) == (
                400,
                SESSION_ENDED,
            )


@pytest.mark.django_db
class TestRejected:
    @BOTH_ENDPOINTS
    @pytest.mark.parametrize(
        "token", ["garbage", "a.b.c", " ", "é", "{access}", "{refresh} ", "{refresh}=", "x" * 9_000]
    )
    def test_malformed_refresh_token_returns_400_without_a_query(
        self, alice, path, extra, token, caplog, django_assert_num_queries
    ):
        tokens = sign_in()
        token = token.format(access=tokens["access_token"], refresh=tokens["refresh_token"])
        with django_assert_num_queries(0):
            response = post(path, {"refresh_token": token, **extra})
        assert status_and_json(response) == (400, SESSION_ENDED)
        assert "WWW-Authenticate" not in response.headers
        assert refresh(tokens["refresh_token"]).status_code == 200

    @pytest.mark.parametrize("cause", ["signed out", "password", "inactive", "deleted"])
    def test_refresh_of_an_invalidated_session_returns_invalid_grant(self, alice, cause):
        tokens = sign_in()
        match cause:
            case "signed out":
                post("token/revoke/", {"token": tokens["refresh_token"]})
            case "password":
                alice.set_password("another")
                alice.save()
            case "inactive":
                get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
            case "deleted":
                alice.delete()
        assert status_and_json(refresh(tokens["refresh_token"])) == (400, SESSION_ENDED)

    @pytest.mark.standard("rfc6749-10.4-4")
    def test_refresh_with_another_client_id_returns_invalid_grant(self, alice):
        token = sign_in(client_id="phone")["refresh_token"]
        assert status_and_json(refresh(token, client_id="tablet")) == (400, SESSION_ENDED)
        assert refresh(token, client_id="phone").status_code == 200

    @pytest.mark.parametrize("client_id", [1, None, ["phone"], "x" * 256])
    def test_refresh_with_malformed_client_id_names_the_parameter(self, alice, client_id):
        response = refresh(sign_in()["refresh_token"], client_id=client_id)
        assert status_and_json(response) == (400, malformed("client_id"))

    @pytest.mark.standard("rfc6749-3.2-4")
    @pytest.mark.attack(121)
    def test_refresh_ignores_unknown_parameters(self, alice, bob):
        tokens = sign_in()
        response = refresh(
            tokens["refresh_token"], user_id=bob.pk, sub=str(bob.pk), gen=9, exp=9_999_999_999
        )
        assert response.json()["expires_in"] == 300
        assert get("/who/", response.json()["access_token"]).json()["user"] == "alice"


@pytest.mark.django_db
class TestScope:
    @pytest.mark.standard("rfc6749-3.2-3")
    def test_refresh_narrows_the_scope_of_only_one_access_token(self, alice, settings):
        settings.TOKENAUTH = SCOPES
        narrow = refresh(sign_in()["refresh_token"], scope="notes:read").json()
        assert narrow["scope"] == "notes:read"
        # Only the access token is narrowed, not the session (RFC 6749 section 6).
        wide = refresh(narrow["refresh_token"]).json()
        assert wide["scope"] == "notes:read notes:write"
        unchanged = refresh(wide["refresh_token"], scope="").json()
        assert unchanged["scope"] == "notes:read notes:write"

    @pytest.mark.standard("rfc6749-5.2-2", "rfc6749-6-2", "rfc9700-4.14.2-1")
    @pytest.mark.attack(115)
    def test_refresh_with_a_wider_scope_is_rejected(self, alice, settings):
        settings.TOKENAUTH = SCOPES
        token = sign_in(scope="notes:read")["refresh_token"]
        response = refresh(token, scope="notes:read notes:write")
        assert status_and_json(response) == (400, INVALID_SCOPE)
        assert refresh(token).json()["scope"] == "notes:read"

    @pytest.mark.standard("rfc6749-5.2-2")
    @pytest.mark.parametrize("scope", ["a  b", 1, ["notes:read"], "x" * 1025])
    def test_refresh_with_a_malformed_scope_returns_invalid_scope(self, alice, settings, scope):
        settings.TOKENAUTH = SCOPES
        token = sign_in()["refresh_token"]
        assert status_and_json(refresh(token, scope=scope)) == (
            400,
            {**malformed("scope"), "error": "invalid_scope"},
        )
        assert refresh(token).status_code == 200


@pytest.mark.django_db(transaction=True)
class TestTransaction:
    """A revocation is committed although the request returns an error."""

    @pytest.mark.attack(130)
    def test_reuse_commits_the_revocation_with_atomic_requests(self, alice, monkeypatch):
        monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
        with time_machine.travel(START, tick=False) as clock:
            old = sign_in()["refresh_token"]
            new = refresh(old).json()
            clock.shift(11)
            assert status_and_json(refresh(old)) == (400, SESSION_ENDED)
            assert get("/who/", new["access_token"]).status_code == 401
            assert status_and_json(refresh(new["refresh_token"])) == (400, SESSION_ENDED)
        [session] = Session.objects.all()
        assert session.revoked_reason == "reused"


@pytest.mark.parametrize("route", [route.pattern for route in urls.urlpatterns], ids=str)
def test_each_route_is_non_atomic_for_all_databases(route):
    path = str(route).replace("<uuid:session_id>", str(uuid4()))
    view = resolve(f"/auth/{path}").func
    assert view._non_atomic_requests == set(connections)


@pytest.mark.django_db(transaction=True)
class TestErrors:
    @BOTH_ENDPOINTS
    @pytest.mark.parametrize("failure", [unreadable, unwritable])
    def test_refresh_with_a_database_error_returns_503(self, alice, path, extra, failure, caplog):
        with time_machine.travel(START, tick=False) as clock:
            token = sign_in()["refresh_token"]
            clock.shift(60)
            with failure(Session):
                response = post(path, {"refresh_token": token, **extra})
            assert status_and_json(response) == (503, UNAVAILABLE)
            assert response.headers["Retry-After"] == "1"
            assert response.headers["Cache-Control"] == "no-store"
            [line] = log_messages(caplog, "ERROR")
            assert line.startswith("database error (")
            assert token not in caplog.text
            # The same token works afterwards and does not count as reuse.
            clock.shift(60)
            response = refresh(token)
            assert response.status_code == 200
            clock.shift(60)
            assert refresh(response.json()["refresh_token"]).status_code == 200

    @pytest.mark.parametrize(
        "values",
        [
            {"ISUER": "x"},
            {"SIGNING_KEY": "a secret of 22 letters"},
            "no dict",
        ],
    )
    def test_refresh_with_invalid_settings_returns_503(self, alice, values, settings, caplog):
        token = sign_in()["refresh_token"]
        settings.TOKENAUTH = values
        response = refresh(token)
        assert status_and_json(response) == (503, UNAVAILABLE)
        assert response.headers["Retry-After"] == "1"
        [line] = log_messages(caplog, "CRITICAL")
        assert line.startswith("TOKENAUTH cannot be used: ")
        assert "a secret of" not in caplog.text
        settings.TOKENAUTH = {}
        assert refresh(token).status_code == 200

    @pytest.mark.attack(173)
    @pytest.mark.parametrize(
        ("hook", "error"),
        [
            ({"EXTRA_CLAIMS": {"tenant": {1: "a", "1": "b"}}}, "a claim 'tenant' that this server"),
            ({"EXTRA_CLAIMS": {"tenant": "x" * 8000}}, "The largest claim is 'tenant'."),
            ({"EXTRA_CLAIMS": {"sub": "admin"}}, "the reserved claims sub"),
            ({"EXTRA_CLAIMS": None}, "EXTRA_CLAIMS must return a dict"),
            ({"SCOPE_POLICY": None}, "SCOPE_POLICY must return a collection"),
        ],
    )
    def test_refresh_with_an_invalid_hook_result_returns_500(self, alice, settings, hook, error):
        """It is no outage: the client must not retry, and the traceback names the claim."""
        token = sign_in()["refresh_token"]
        [(name, result)] = hook.items()
        settings.TOKENAUTH = {name: lambda *arguments: result}
        with server_errors() as reports:
            assert refresh(token).status_code == 500
        [report] = reports
        assert "ImproperlyConfigured at " in report
        assert error in unescape(report)
        assert "eyJ" not in report
        settings.TOKENAUTH = {}
        assert refresh(token).status_code == 200

    @pytest.mark.attack(173)
    def test_report_of_a_failing_hook_contains_no_refresh_token(self, alice, settings):
        token = sign_in()["refresh_token"]
        settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda *arguments: 1 / 0}
        with server_errors() as reports:
            assert refresh(token).status_code == 500
        [report] = reports
        assert "ZeroDivisionError" in report
        assert token not in report
        settings.TOKENAUTH = {}
        assert refresh(token).status_code == 200
