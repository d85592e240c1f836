"""The routes with which users manage their API tokens."""

from __future__ import annotations

import uuid
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django.test import Client

from django_tokenauth import services as core
from django_tokenauth.api_tokens import services
from django_tokenauth.api_tokens.models import APIToken
from django_tokenauth.errors import InvalidGrant, InvalidToken, TokenErrorCode
from tests.support.api_tokens import LIST, SCOPES, issue, send
from tests.support.client import JSON, call, get, post, sign_in
from tests.support.clock import NOW, after
from tests.support.slow_statements import before

MEMBERS = {
    *("id", "name", "scope", "audience", "last_four", "created_at", "rotated_at", "expires_at"),
    *("previous_expires_at", "last_used_at", "ends_with_password"),
}


@pytest.fixture
def access(alice):
    return sign_in()["access_token"]


def create(access, **body):
    return send("POST", LIST, access, {"name": "nightly", **body})


class TestCreate:
    def test_user_sees_the_token_once(self, access):
        response = create(access, scope="notes:read")
        body = response.json()
        assert response.status_code == 201
        assert response["Cache-Control"] == "no-store"
        assert body.keys() == {"token", *MEMBERS}
        assert (body["name"], body["scope"]) == ("nightly", "notes:read")
        assert (body["created_at"], body["expires_at"]) == (
            "2026-11-23T12:00:00Z",
            "2027-02-21T12:00:00Z",
        )
        assert body["last_four"] == body["token"][-4:]
        assert get("/who/", body["token"]).json()["user"] == "alice"
        [listed] = get(LIST, access).json()
        assert listed == {name: body[name] for name in MEMBERS} | {
            "last_used_at": "2026-11-23T12:00:00Z"
        }

    def test_token_without_a_scope_has_none(self, access):
        assert create(access).json()["scope"] == ""
        assert create(access, scope="").json()["scope"] == ""

    @pytest.mark.parametrize("kind", ["json", "urlencoded", "multipart"])
    def test_missing_choice_of_the_password_means_the_setting(self, access, settings, kind):
        settings.TOKENAUTH = {**SCOPES, "API_TOKENS_END_WITH_PASSWORD": True}
        for given, expected in (({}, True), ({"ends_with_password": "false"}, False)):
            body, options = {"name": "nightly", **given}, {}
            if kind == "json":
                options = {"content_type": JSON}
            elif kind == "urlencoded":
                options = {"content_type": "application/x-www-form-urlencoded"}
                body = urlencode(body)
            headers = {"Authorization": f"Bearer {access}"}
            response = Client().post(LIST, body, headers=headers, **options)
            assert response.json()["ends_with_password"] is expected

    def test_end_date_and_choice_of_the_password_are_stored(self, access):
        body = create(
            access, expires_at="2026-12-01T02:00:00+02:00", ends_with_password=True
        ).json()
        assert body["expires_at"] == "2026-12-01T00:00:00Z"
        assert body["ends_with_password"] is True

    def test_form_is_accepted(self, access):
        response = call("POST", LIST, access)
        assert response.status_code == 400
        response = send("POST", LIST, access)
        assert response.json() == {"name": ["This field is required."]}

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("name", "", "This field may not be blank."),
            ("name", "   ", "This field may not be blank."),
            ("name", 1, "Must be a string."),
            ("name", "x" * 101, "Ensure this field has no more than 100 characters."),
            ("name", "a\0b", "Null characters are not allowed."),
            ("scope", ["notes:read"], "Must be a string."),
            ("scope", "a  b", "Must be scope names separated by single spaces."),
            ("expires_at", "2026-11-24T12:00:00", "Add the offset from UTC, for example Z."),
            (
                "expires_at",
                "2026-11-23T12:00:00Z",
                "Must be in the future and not after 2027-11-24T12:00:00+00:00.",
            ),
            (
                "expires_at",
                "2027-11-24T12:00:01Z",
                "Must be in the future and not after 2027-11-24T12:00:00+00:00.",
            ),
            ("ends_with_password", "perhaps", "Must be a valid boolean."),
        ],
    )
    def test_invalid_parameter_is_named(self, access, name, value, message):
        response = create(access, **{name: value})
        assert (response.status_code, response.json()) == (400, {name: [message]})
        assert not APIToken.objects.exists()

    @pytest.mark.parametrize("end", ["never", 1, [], {}, "9999-12-31T23:59:59-14:00"])
    def test_malformed_end_date_is_a_client_error(self, access, end):
        response = create(access, expires_at=end)
        assert (response.status_code, [*response.json()]) == (400, ["expires_at"])

    @pytest.mark.parametrize("body", [None, [], "x", 1, {"name": "a", "scope": "unknown"}])
    def test_unusable_body_is_a_client_error(self, access, body):
        assert send("POST", LIST, access, body).status_code == 400

    @pytest.mark.parametrize(
        "body", [{"scopes": "notes:read"}, {"expires_in": 60}, {"resource": "x"}]
    )
    def test_unknown_parameter_is_a_client_error(self, access, body):
        """A misspelled parameter would otherwise create a token without scopes."""
        names = "name, scope, expires_at, ends_with_password"
        response = create(access, **body)
        assert (response.status_code, response.json()) == (
            400,
            {"non_field_errors": [f"The parameters are {names}."]},
        )
        assert not APIToken.objects.exists()

    def test_unknown_parameter_of_a_change_is_a_client_error(self, alice, access):
        path = f"{LIST}{issue(alice).api_token.pk}/"
        for method, place, body in (
            ("PATCH", path, {"name": "x", "scope": "notes:read"}),
            ("POST", f"{path}rotate/", {"overlaps": 0}),
        ):
            assert send(method, place, access, body).status_code == 400
        assert APIToken.objects.get().name == "nightly"

    def test_duplicate_member_is_a_client_error(self, access):
        assert call("PUT", LIST, access).status_code == 405


class TestRights:
    """API tokens and narrow access tokens must not create tokens with more rights."""

    @pytest.mark.attack(216)
    @pytest.mark.parametrize("kind", ["api_token", "narrow", "impersonated", "none"])
    def test_other_tokens_manage_no_api_tokens(self, alice, bob, settings, kind):
        settings.TOKENAUTH = {**SCOPES, "IMPERSONATION": lambda actor, user, request: True}
        issued = issue(alice, scope=SCOPES["SCOPES"])
        match kind:
            case "api_token":
                token, expected = issued.token, 403
            case "narrow":
                token, expected = sign_in(scope="notes:read")["access_token"], 403
            case "impersonated":
                token, expected = core.impersonate(bob, alice).access_token, 403
            case _:
                token, expected = "x", 401
        path = f"{LIST}{issued.api_token.pk}/"
        responses = [
            send("GET", LIST, token),
            send("POST", LIST, token, {"name": "x"}),
            send("PATCH", path, token, {"name": "x"}),
            send("POST", f"{path}rotate/", token, {}),
            send("DELETE", path, token),
        ]
        assert [response.status_code for response in responses] == [expected] * 5
        if kind == "api_token":
            detail = {"detail": "This view needs the access token of a user's sign-in."}
            assert [response.json() for response in responses] == [detail] * 5
        [row] = APIToken.objects.all()
        assert (row.name, row.digest, row.revoked_at) == (
            "nightly",
            issued.api_token.digest,
            None,
        )

    @pytest.mark.attack(216)
    def test_stateless_narrow_token_manages_no_api_tokens(self, alice, settings):
        settings.TOKENAUTH = {**SCOPES, "STATELESS_REFRESH": True}
        path = f"{LIST}{issue(alice).api_token.pk}/"
        pair = sign_in(scope="notes:read")
        refreshed = post(
            "token/refresh/", {"refresh_token": sign_in()["refresh_token"], "scope": "notes:read"}
        ).json()
        for narrow in (pair["access_token"], refreshed["access_token"]):
            responses = (
                get(LIST, narrow),
                create(narrow, scope="notes:read"),
                send("PATCH", path, narrow, {"name": "x"}),
                send("DELETE", path, narrow),
            )
            assert [response.status_code for response in responses] == [403] * 4
        full = sign_in()["access_token"]
        assert create(full, scope="notes:read").status_code == 201
        assert send("DELETE", path, full).status_code == 204

    def test_narrow_token_learns_the_scope_that_it_needs(self, alice):
        response = get(LIST, sign_in(scope="notes:read")["access_token"])
        assert 'scope="notes:read notes:write"' in response["WWW-Authenticate"]

    def test_token_of_another_user_is_not_found(self, access, bob):
        foreign = f"{LIST}{issue(bob).api_token.pk}/"
        for method, path, body in (
            ("PATCH", foreign, {"name": "x"}),
            ("POST", f"{foreign}rotate/", {}),
            ("DELETE", foreign, None),
            ("DELETE", f"{LIST}{uuid.uuid4()}/", None),
        ):
            assert send(method, path, access, body).status_code == 404
        assert APIToken.objects.get().revoked_at is None


class TestChangesMeanwhile:
    """The session, the user or the time changes between the authentication and the creation."""

    def create(self, access, name, replacement, monkeypatch, **body):
        monkeypatch.setattr(services, name, replacement)
        return create(access, **body)

    @pytest.mark.parametrize(
        "error", [InvalidToken(TokenErrorCode.REVOKED), InvalidGrant()], ids=["session", "user"]
    )
    def test_ended_session_or_user_gets_401(self, access, monkeypatch, error):
        def end(*args, **kwargs):
            raise error

        response = self.create(access, "grantable_scope", end, monkeypatch)
        assert response.status_code == 401
        assert 'error="invalid_token"' in response["WWW-Authenticate"]

    def test_end_date_that_has_passed_gets_400(self, access, time_machine, monkeypatch):
        grantable = services.grantable_scope

        def slow(*args, **kwargs):
            time_machine.shift(60)
            return grantable(*args, **kwargs)

        end = after(seconds=30).isoformat()
        response = self.create(access, "grantable_scope", slow, monkeypatch, expires_at=end)
        assert (response.status_code, [*response.json()]) == (400, ["expires_at"])


class TestManage:
    def test_user_renames_a_token(self, alice, access):
        path = f"{LIST}{issue(alice).api_token.pk}/"
        response = send("PATCH", path, access, {"name": "hourly"})
        assert (response.status_code, response.json()["name"]) == (200, "hourly")
        assert send("PATCH", path, access, {}).status_code == 400

    def test_user_revokes_a_token(self, alice, access):
        issued = issue(alice)
        path = f"{LIST}{issued.api_token.pk}/"
        assert send("DELETE", path, access).status_code == 204
        assert get("/who/", issued.token).status_code == 401
        assert send("DELETE", path, access).status_code == 404
        assert get(LIST, access).json() == []

    def test_user_rotates_a_token(self, alice, access, time_machine):
        old = issue(alice)
        path = f"{LIST}{old.api_token.pk}/rotate/"
        response = send("POST", path, access, {"overlap": 60})
        new = response.json()
        assert response.status_code == 200
        assert new["id"] == str(old.api_token.pk)
        assert new["previous_expires_at"] == "2026-11-23T12:01:00Z"
        for token in (old.token, new["token"]):
            assert get("/who/", token).status_code == 200
        time_machine.move_to(after(seconds=60), tick=False)
        statuses = [get("/who/", token).status_code for token in (old.token, new["token"])]
        assert statuses == [401, 200]

    def test_rotation_without_a_body_uses_the_setting(self, alice, access):
        path = f"{LIST}{issue(alice).api_token.pk}/rotate/"
        response = send("POST", path, access, {"expires_at": "2027-01-01T00:00:00Z"})
        assert response.json()["previous_expires_at"] == "2026-11-24T12:00:00Z"
        assert response.json()["expires_at"] == "2027-01-01T00:00:00Z"

    @pytest.mark.parametrize("overlap", [-1, 86401, "x", 1.5, [], 10**400])
    def test_unusable_overlap_is_a_client_error(self, alice, access, overlap):
        path = f"{LIST}{issue(alice).api_token.pk}/rotate/"
        response = send("POST", path, access, {"overlap": overlap})
        assert (response.status_code, [*response.json()]) == (400, ["overlap"])

    def test_concurrent_rotation_is_a_conflict(self, alice, access):
        key = issue(alice).api_token.pk
        with before("UPDATE", lambda: services.rotate(alice, key)):
            response = send("POST", f"{LIST}{key}/rotate/", access, {})
        assert response.status_code == 409

    @pytest.mark.parametrize(
        ("method", "route", "body"),
        [
            ("GET", "", None),
            ("POST", "", {"name": "x"}),
            ("PATCH", "{}/", {"name": "x"}),
            ("POST", "{}/rotate/", {}),
            ("DELETE", "{}/", None),
        ],
    )
    def test_outage_of_the_database_is_reported(self, alice, access, method, route, body):
        def fail(execute, sql, *arguments):
            if "tokenauth_api_tokens" in sql:
                raise OperationalError
            return execute(sql, *arguments)

        path = f"{LIST}{route.format(issue(alice).api_token.pk)}"
        with connection.execute_wrapper(fail):
            response = send(method, path, access, body)
        assert (response.status_code, response["Retry-After"]) == (503, "1")


def test_times_have_an_offset_without_time_zones(access, settings):
    settings.USE_TZ, settings.TIME_ZONE = False, "Asia/Seoul"
    body = create(access, expires_at="2026-12-01T00:00:00Z").json()
    assert (body["created_at"], body["expires_at"]) == (
        "2026-11-23T12:00:00Z",
        "2026-12-01T00:00:00Z",
    )
    assert get("/who/", body["token"]).status_code == 200
    assert APIToken.objects.get().created_at == NOW
    assert get_user_model().objects.get().tokenauth_api_tokens.exists()
