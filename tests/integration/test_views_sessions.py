"""GET sessions/, DELETE sessions/ and DELETE sessions/ID/: the user's devices."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
import time_machine

from django_tokenauth.signals import session_revoked
from tests.support.client import call, get, outcome, post, sign_in
from tests.support.signal_capture import received

START = "2030-01-01T12:00:00Z"
SESSIONS = "/auth/sessions/"
SCOPES = {"SCOPES": ["notes:read", "notes:write"]}


def ids(token):
    answer = get(SESSIONS, token)
    assert answer.status_code == 200
    return [session["id"] for session in answer.json()]


def current(token):
    [session] = [session for session in get(SESSIONS, token).json() if session["current"]]
    return session["id"]


@pytest.mark.django_db
class TestList:
    def test_a_session_as_its_user_sees_it(self, alice, settings):
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
            "created_at": "2030-01-01T12:00:00Z",
            "refreshed_at": "2030-01-01T12:01:00Z",
            "idle_expires_at": "2030-01-15T12:01:00Z",
            "absolute_expires_at": "2030-04-01T12:00:00Z",
            "current": True,
        }

    def test_the_newest_comes_first_and_one_is_current(self, alice, bob):
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
    def test_the_statements_do_not_grow(self, alice, django_assert_num_queries):
        for _ in range(5):
            token = sign_in()["access_token"]
        with django_assert_num_queries(3):
            assert len(ids(token)) == 5

    def test_ended_ones_are_not_there(self, alice):
        with time_machine.travel(START, tick=False) as clock:
            expired = sign_in()
            clock.shift(timedelta(days=13))
            revoked = sign_in()
            post("token/revoke/", {"token": revoked["refresh_token"]})
            clock.shift(timedelta(days=1))
            token = sign_in()["access_token"]
            assert ids(token) == [current(token)]
        assert expired["refresh_token"]

    def test_without_sessions_it_is_empty(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        assert outcome(get(SESSIONS, sign_in()["access_token"])) == (200, [])

    def test_it_has_one_shape_whatever_the_project_does_with_lists(self, alice, settings):
        settings.REST_FRAMEWORK = {
            "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
            "DEFAULT_FILTER_BACKENDS": ["rest_framework.filters.SearchFilter"],
            "PAGE_SIZE": 1,
        }
        sign_in()
        assert len(ids(sign_in()["access_token"])) == 2

    def test_times_are_readable(self, alice):
        [session] = get(SESSIONS, sign_in()["access_token"]).json()
        for name in ("created_at", "refreshed_at", "idle_expires_at", "absolute_expires_at"):
            assert datetime.fromisoformat(session[name]).tzinfo is not None

    def test_a_person_may_look_at_it_in_a_browser(self, alice):
        answer = get(
            SESSIONS, sign_in(device_name="<b>phone</b>")["access_token"], Accept="text/html"
        )
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "&lt;b&gt;phone&lt;/b&gt;" in answer.content.decode()

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
    def test_nothing_can_be_written(self, alice, method):
        answer = call(method, SESSIONS, sign_in()["access_token"])
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, DELETE, HEAD, OPTIONS"


@pytest.mark.django_db
class TestSignOutOne:
    def test_it_ends_that_one(self, alice, django_assert_num_queries):
        mine, other = sign_in(), sign_in()
        path = f"{SESSIONS}{current(other['access_token'])}/"
        with django_assert_num_queries(4):
            answer = call("DELETE", path, mine["access_token"])
        assert (answer.status_code, answer.content) == (204, b"")
        assert get("/who/", other["access_token"]).status_code == 401
        assert get("/who/", mine["access_token"]).status_code == 200
        assert call("DELETE", path, mine["access_token"]).status_code == 404

    def test_it_may_be_the_current_one(self, alice):
        token = sign_in()["access_token"]
        path = f"{SESSIONS}{current(token)}/"
        assert call("DELETE", path, token).status_code == 204
        assert call("DELETE", path, token).status_code == 401

    def test_others_hear_of_it(self, alice):
        token = sign_in()["access_token"]
        path = f"{SESSIONS}{current(token)}/"
        with received(session_revoked) as calls:
            call("DELETE", path, token)
        [heard] = calls
        assert (heard["user"], heard["request"].path) == (alice, path)
        assert heard["session"].revoked_reason == "signed_out"

    @pytest.mark.attack(127)
    def test_another_users_is_not_found(self, alice, bob):
        theirs = sign_in("bob")["access_token"]
        path = f"{SESSIONS}{current(theirs)}/"
        answer = call("DELETE", path, sign_in()["access_token"])
        unknown = call("DELETE", f"{SESSIONS}{uuid.uuid4()}/", sign_in()["access_token"])
        assert outcome(answer) == outcome(unknown) == (404, {"detail": "Not found."})
        assert get("/who/", theirs).status_code == 200

    @pytest.mark.parametrize("name", ["1", "current", "../token", "0" * 32, "%00", "x" * 2000])
    def test_what_is_no_id_is_not_found(self, alice, name):
        answer = call("DELETE", f"{SESSIONS}{name}/", sign_in()["access_token"])
        assert answer.status_code == 404

    def test_without_sessions_it_is_not_found(self, alice, settings):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        token = sign_in()["access_token"]
        assert call("DELETE", f"{SESSIONS}{uuid.uuid4()}/", token).status_code == 404

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH"])
    def test_it_can_only_be_ended(self, alice, method):
        token = sign_in()["access_token"]
        answer = call(method, f"{SESSIONS}{current(token)}/", token)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "DELETE, OPTIONS"


@pytest.mark.django_db
class TestSignOutEverywhere:
    def test_all_end(self, alice, bob, django_assert_num_queries):
        tokens = [sign_in()["access_token"] for _ in range(3)]
        theirs = sign_in("bob")["access_token"]
        with django_assert_num_queries(4):
            answer = call("DELETE", SESSIONS, tokens[1])
        assert (answer.status_code, answer.content) == (204, b"")
        assert [get("/who/", token).status_code for token in tokens] == [401, 401, 401]
        assert get("/who/", theirs).status_code == 200

    def test_all_others_end(self, alice, django_assert_num_queries):
        tokens = [sign_in()["access_token"] for _ in range(3)]
        with django_assert_num_queries(4):
            answer = call("DELETE", f"{SESSIONS}?keep=current", tokens[1])
        assert (answer.status_code, answer.content) == (204, b"")
        assert [get("/who/", token).status_code for token in tokens] == [401, 200, 401]

    @pytest.mark.parametrize("keep", ["curent", "", "all", "current ", "CURRENT", "1"])
    def test_a_slip_ends_none(self, alice, keep):
        """Rather than all of them, with the one that was to be kept."""
        tokens = [sign_in()["access_token"] for _ in range(2)]
        answer = call("DELETE", f"{SESSIONS}?keep={keep}", tokens[0])
        assert outcome(answer) == (400, {"keep": ['Must be "current" or omitted.']})
        assert len(ids(tokens[0])) == 2

    @pytest.mark.parametrize("query", ["", "?keep=current"])
    def test_without_sessions_there_is_nothing_to_end(self, alice, settings, query):
        settings.TOKENAUTH = {"STATELESS_REFRESH": True}
        token = sign_in()["access_token"]
        assert call("DELETE", SESSIONS + query, token).status_code == 204
        assert get("/who/", token).status_code == 200
