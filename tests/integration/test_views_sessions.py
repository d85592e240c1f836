"""GET sessions/, DELETE sessions/ and DELETE sessions/ID/: the user's devices."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
import time_machine

from django_tokenauth import services
from django_tokenauth.signals import session_revoked
from tests.support.client import call, get, post, sign_in, status_and_json
from tests.support.signal_capture import received

START = "2030-01-01T12:00:00Z"
SESSIONS = "/auth/sessions/"
SCOPES = {"SCOPES": ["notes:read", "notes:write"]}


def session_ids(token):
    response = get(SESSIONS, token)
    assert response.status_code == 200
    return [session["id"] for session in response.json()]


def current_id(token):
    [session] = [session for session in get(SESSIONS, token).json() if session["current"]]
    return session["id"]


@pytest.mark.django_db
class TestList:
    def test_session_list_contains_all_public_fields(self, alice, settings):
        settings.TOKENAUTH, settings.TIME_ZONE = SCOPES, "UTC"
        with time_machine.travel(START, tick=False) as clock:
            tokens = sign_in(device_name="Alice's phone", client_id="phone")
            clock.shift(60)
            body = {"refresh_token": tokens["refresh_token"]}
            token = post("token/refresh/", body).json()["access_token"]
            [session] = get(SESSIONS, token).json()
        assert uuid.UUID(session.pop("id")).version == 7
        assert session == {
            "device_name": "Alice's phone",
            "client_id": "phone",
            "scope": "notes:read notes:write",
            "user_agent": "",
            "ip": "127.0.0.1",
            "last_user_agent": "",
            "last_ip": "127.0.0.1",
            "created_at": "2030-01-01T12:00:00Z",
            "refreshed_at": "2030-01-01T12:00:00Z",
            "idle_expires_at": "2030-01-15T14:00:00Z",
            "absolute_expires_at": "2030-04-01T12:00:00Z",
            "current": True,
            "impersonation": None,
        }

    def test_session_list_shows_the_idle_expiry_of_the_sign_in(self, alice):
        with time_machine.travel(START, tick=False):
            lifetimes = services.Lifetimes(idle=timedelta(days=1))
            pair = services.sign_in(alice, lifetimes=lifetimes)
            [session] = get(SESSIONS, pair.access_token).json()
        assert session["idle_expires_at"] == "2030-01-02T14:00:00Z"

    def test_session_list_is_newest_first_and_marks_the_current(self, alice, bob):
        with time_machine.travel(START, tick=False) as clock:
            tokens = []
            for name in ("first", "second", "third"):
                clock.shift(1)
                tokens.append(sign_in(device_name=name)["access_token"])
            sign_in("bob")
            listed = get(SESSIONS, tokens[1]).json()
        assert [(session["device_name"], session["current"]) for session in listed] == [
            ("third", False),
            ("second", True),
            ("first", False),
        ]

    @pytest.mark.attack(144)
    def test_session_list_takes_three_queries_for_many_sessions(
        self, alice, django_assert_num_queries
    ):
        for _ in range(5):
            token = sign_in()["access_token"]
        with django_assert_num_queries(3):
            assert len(session_ids(token)) == 5

    def test_session_list_omits_expired_and_revoked_sessions(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            sign_in()
            clock.shift(timedelta(days=13))
            revoked = sign_in()
            post("token/revoke/", {"token": revoked["refresh_token"]})
            clock.shift(timedelta(days=1))
            token = sign_in()["access_token"]
            assert session_ids(token) == [current_id(token)]

    def test_session_list_in_stateless_mode_is_empty(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        assert status_and_json(get(SESSIONS, sign_in()["access_token"])) == (200, [])

    def test_session_list_ignores_pagination_of_the_project(self, alice, settings):
        settings.REST_FRAMEWORK = {
            "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
            "DEFAULT_FILTER_BACKENDS": ["rest_framework.filters.SearchFilter"],
            "PAGE_SIZE": 1,
        }
        sign_in()
        assert len(session_ids(sign_in()["access_token"])) == 2

    def test_session_list_times_contain_a_time_zone(self, alice):
        [session] = get(SESSIONS, sign_in()["access_token"]).json()
        for name in ("created_at", "refreshed_at", "idle_expires_at", "absolute_expires_at"):
            assert datetime.fromisoformat(session[name]).tzinfo is not None

    def test_session_list_in_the_browsable_api_is_escaped(self, alice):
        response = get(
            SESSIONS, sign_in(device_name="<b>phone</b>")["access_token"], Accept="text/html"
        )
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "&lt;b&gt;phone&lt;/b&gt;" in response.content.decode()

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
    def test_session_list_rejects_post_put_and_patch(self, alice, method):
        response = call(method, SESSIONS, sign_in()["access_token"])
        assert response.status_code == 405
        assert response.headers["Allow"] == "GET, DELETE, HEAD, OPTIONS"


@pytest.mark.django_db
class TestSignOutOne:
    def test_delete_of_a_session_revokes_only_that_session(self, alice, django_assert_num_queries):
        token_pair, other = sign_in(), sign_in()
        path = f"{SESSIONS}{current_id(other['access_token'])}/"
        with django_assert_num_queries(4):
            response = call("DELETE", path, token_pair["access_token"])
        assert (response.status_code, response.content) == (204, b"")
        assert get("/who/", other["access_token"]).status_code == 401
        assert get("/who/", token_pair["access_token"]).status_code == 200
        assert call("DELETE", path, token_pair["access_token"]).status_code == 404

    def test_delete_of_the_current_session_signs_the_client_out(self, alice):
        token = sign_in()["access_token"]
        path = f"{SESSIONS}{current_id(token)}/"
        assert call("DELETE", path, token).status_code == 204
        assert call("DELETE", path, token).status_code == 401

    def test_delete_of_a_session_sends_session_revoked(self, alice):
        token = sign_in()["access_token"]
        path = f"{SESSIONS}{current_id(token)}/"
        with received(session_revoked) as calls:
            call("DELETE", path, token)
        [call_kwargs] = calls
        assert (call_kwargs["user"], call_kwargs["request"].path) == (alice, path)
        assert call_kwargs["session"].revoked_reason == "signed_out"

    @pytest.mark.attack(127)
    def test_delete_of_another_users_session_returns_404(self, alice, bob):
        bob_token = sign_in("bob")["access_token"]
        path = f"{SESSIONS}{current_id(bob_token)}/"
        response = call("DELETE", path, sign_in()["access_token"])
        unknown = call("DELETE", f"{SESSIONS}{uuid.uuid4()}/", sign_in()["access_token"])
        assert (
            status_and_json(response) == status_and_json(unknown) == (404, {"detail": "Not found."})
        )
        assert get("/who/", bob_token).status_code == 200

    @pytest.mark.parametrize("name", ["1", "current", "../token", "0" * 32, "%00", "x" * 2000])
    def test_delete_with_an_invalid_session_id_returns_404(self, alice, name):
        response = call("DELETE", f"{SESSIONS}{name}/", sign_in()["access_token"])
        assert response.status_code == 404

    def test_delete_of_a_session_in_stateless_mode_returns_404(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        token = sign_in()["access_token"]
        assert call("DELETE", f"{SESSIONS}{uuid.uuid4()}/", token).status_code == 404

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH"])
    def test_single_session_endpoint_allows_only_delete_and_options(self, alice, method):
        token = sign_in()["access_token"]
        response = call(method, f"{SESSIONS}{current_id(token)}/", token)
        assert response.status_code == 405
        assert response.headers["Allow"] == "DELETE, OPTIONS"


@pytest.mark.django_db
class TestSignOutEverywhere:
    def test_delete_of_all_sessions_revokes_only_own_sessions(
        self, alice, bob, django_assert_num_queries
    ):
        tokens = [sign_in()["access_token"] for _ in range(3)]
        bob_token = sign_in("bob")["access_token"]
        with django_assert_num_queries(4):
            response = call("DELETE", SESSIONS, tokens[1])
        assert (response.status_code, response.content) == (204, b"")
        assert [get("/who/", token).status_code for token in tokens] == [401, 401, 401]
        assert get("/who/", bob_token).status_code == 200

    @pytest.mark.parametrize(("query", "count"), [("", 2), ("?keep=current", 1)])
    def test_delete_of_all_sessions_sends_session_revoked(self, alice, query, count):
        tokens = [sign_in()["access_token"] for _ in range(2)]
        with received(session_revoked) as calls:
            call("DELETE", SESSIONS + query, tokens[0])
        sent = [(each["user"], each["request"].path) for each in calls]
        assert sent == [(alice, SESSIONS)] * count

    def test_delete_with_keep_current_revokes_all_other_sessions(
        self, alice, django_assert_num_queries
    ):
        tokens = [sign_in()["access_token"] for _ in range(3)]
        with django_assert_num_queries(4):
            response = call("DELETE", f"{SESSIONS}?keep=current", tokens[1])
        assert (response.status_code, response.content) == (204, b"")
        assert [get("/who/", token).status_code for token in tokens] == [401, 200, 401]

    @pytest.mark.parametrize("keep", ["curent", "", "all", "current ", "CURRENT", "1"])
    def test_delete_with_an_invalid_keep_revokes_no_session(self, alice, keep):
        """A misspelled ``keep`` must not revoke all sessions, including the current one."""
        tokens = [sign_in()["access_token"] for _ in range(2)]
        response = call("DELETE", f"{SESSIONS}?keep={keep}", tokens[0])
        assert status_and_json(response) == (400, {"keep": ['Must be "current" or omitted.']})
        assert len(session_ids(tokens[0])) == 2

    @pytest.mark.parametrize("query", ["", "?keep=current"])
    def test_delete_of_all_sessions_in_stateless_mode_returns_204(self, alice, settings, query):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        token = sign_in()["access_token"]
        assert call("DELETE", SESSIONS + query, token).status_code == 204
        assert get("/who/", token).status_code == 200
