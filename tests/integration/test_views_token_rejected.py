"""POST token/ with rejected credentials, malformed parameters and server errors."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.signals import user_logged_in, user_login_failed

from django_tokenauth.models import Session
from tests.support.client import (
    FORM,
    INVALID_SCOPE,
    UNAVAILABLE,
    WRONG_PASSWORD,
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

ALICE = {"username": "alice", "password": "correct horse"}


class CountingHasher(MD5PasswordHasher):
    """Record each password that is hashed."""

    algorithm = "counting"
    hashed_passwords: list[str] = []

    def encode(self, password, salt):
        self.hashed_passwords.append(password)
        return super().encode(password, salt)


@pytest.fixture
def hashed_passwords(settings):
    """Use the counting hasher and return the list of hashed passwords."""
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    CountingHasher.hashed_passwords.clear()
    return CountingHasher.hashed_passwords


class TestRejected:
    @pytest.mark.standard("rfc6749-5.2-1")
    @pytest.mark.parametrize(
        "credentials",
        [
            {"username": "alice", "password": "wrong"},
            {"username": "alice", "password": "correct horse "},
            {"username": "alice ", "password": "wrong"},
            {"username": "nobody", "password": "correct horse"},
            {"username": "' OR 1=1 --", "password": "x"},
            {"username": "\N{REPLACEMENT CHARACTER}", "password": "x"},
        ],
    )
    def test_invalid_credentials_return_invalid_grant(self, alice, credentials):
        with received(user_login_failed) as failures, received(user_logged_in) as logins:
            response = post("token/", credentials)
        assert status_and_json(response) == (400, WRONG_PASSWORD)
        assert "WWW-Authenticate" not in response.headers
        [failure] = failures
        assert failure["credentials"]["username"] == credentials["username"]
        assert failure["credentials"]["password"] == "*" * 20
        assert failure["request"].path == "/auth/token/"
        assert logins == []

    @pytest.mark.standard("rfc6749-5.2-1")
    @pytest.mark.parametrize("field", ["username", "password"])
    @pytest.mark.parametrize("value", ["", None, 1, 1.5, False, ["alice"], {"a": "b"}, "a\0b"])
    def test_sign_in_names_a_malformed_parameter(self, field, value):
        with received(user_login_failed) as failures:
            response = post("token/", {**ALICE, field: value})
        assert status_and_json(response) == (400, malformed(field))
        assert failures == []

    @pytest.mark.attack(146, 148)
    @pytest.mark.parametrize(
        ("field", "limit"),
        [("username", 254), ("password", 4096), ("client_id", 255), ("device_name", 100)],
    )
    def test_sign_in_names_a_parameter_that_is_too_long(self, alice, field, limit):
        response = post("token/", {**ALICE, field: "x" * (limit + 1)})
        assert status_and_json(response) == (400, malformed(field))
        assert post("token/", {**ALICE, field: "x" * limit}).json() != malformed(field)

    @pytest.mark.standard("rfc6749-4.3.2-1")
    @pytest.mark.parametrize(
        ("body", "missing"),
        [
            ({}, ["password", "username"]),
            ({"username": "alice"}, ["password"]),
            ({"password": "correct horse"}, ["username"]),
            ({"Username": "alice", "PASSWORD": "x"}, ["password", "username"]),
            (
                {"username": 1, "password": "", "scope": 2, "device_name": []},
                ["device_name", "password", "scope", "username"],
            ),
        ],
    )
    @pytest.mark.parametrize("grant", [{}, {"grant_type": "password"}])
    def test_sign_in_names_all_missing_and_malformed_parameters(self, body, missing, grant):
        assert status_and_json(post("token/", {**body, **grant})) == (400, malformed(*missing))

    def test_form_sign_in_names_all_missing_and_malformed_fields(self):
        response = post("token/", urlencode({"username": "", "scope": "a  b"}), FORM)
        assert status_and_json(response) == (400, malformed("password", "scope", "username"))


class PermissiveBackend(ModelBackend):
    """A backend that accepts inactive users."""

    def user_can_authenticate(self, user):
        return True


class TestUniformResponse:
    """Neither the response nor its cost reveals whether an account exists."""

    @pytest.fixture
    def users(self, db, hashed_passwords):
        users = get_user_model().objects
        users.create_user("alice", password="correct horse")
        users.create_user("inactive", password="correct horse", is_active=False)
        users.create_user("unusable")
        hashed_passwords.clear()

    @pytest.mark.attack(145)
    @pytest.mark.parametrize("password", ["correct horse", "wrong", "x" * 4096])
    def test_sign_in_does_not_reveal_unknown_and_inactive_users(
        self, users, hashed_passwords, password
    ):
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False):
            responses = [
                post("token/", {"username": name, "password": password})
                for name in ("nobody", "inactive", "unusable")
            ]
            responses.append(post("token/", {"username": "alice", "password": "wrong!"}))
        assert len(hashed_passwords) == len(responses)
        assert {response.status_code for response in responses} == {400}
        assert {response.content for response in responses} == {responses[0].content}
        assert {str(response.headers) for response in responses} == {str(responses[0].headers)}

    @pytest.mark.attack(145)
    def test_inactive_user_passed_by_a_backend_is_rejected(self, users, settings):
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.PermissiveBackend"]
        response = post("token/", {"username": "inactive", "password": "correct horse"})
        assert status_and_json(response) == (400, WRONG_PASSWORD)

    @pytest.mark.attack(146, 148)
    @pytest.mark.attack(120)
    @pytest.mark.parametrize(
        "body",
        [
            {"username": "alice", "password": "x" * 4097},
            {"username": "alice", "password": "x" * 30_000},
            {"username": "x" * 255, "password": "correct horse"},
            {"username": "al\0ice", "password": "correct horse"},
            {"username": "alice", "password": "correct\0horse"},
            {"username": "\ud800", "password": "correct horse"},
            {"username": "alice", "password": "\udfff"},
            {"username": "alice", "password": "correct horse", "scope": "a  b"},
            {"username": "alice", "password": "correct horse", "grant_type": "x"},
        ],
        ids=lambda body: str(list(map(len, body.values()))),
    )
    def test_malformed_sign_in_hashes_no_password_and_runs_no_query(self, hashed_passwords, body):
        assert post("token/", body).status_code == 400
        assert hashed_passwords == []

    @pytest.mark.attack(196)
    @pytest.mark.parametrize("password", ["correct horse", "wrong"])
    def test_sign_in_with_unknown_scope_hashes_no_password(self, hashed_passwords, password):
        body = {"username": "alice", "password": password, "scope": "admin"}
        assert status_and_json(post("token/", body)) == (400, INVALID_SCOPE)
        assert hashed_passwords == []

    @pytest.mark.attack(196)
    def test_scope_denied_by_policy_is_logged_as_correct_password(self, users, settings, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        settings.TOKENAUTH = {"SCOPES": ["admin"], "SCOPE_POLICY": lambda *arguments: []}
        body = {**ALICE, "scope": "admin"}
        assert status_and_json(post("token/", body)) == (400, INVALID_SCOPE)
        alice = get_user_model().objects.get(username="alice")
        assert log_messages(caplog) == [f"user {alice.pk}: the password is correct"]
        assert not Session.objects.exists()
        body["password"] = "wrong"
        assert status_and_json(post("token/", body)) == (400, WRONG_PASSWORD)


@pytest.mark.django_db(transaction=True)
class TestErrors:
    @pytest.mark.standard("rfc6749-5.2-1")
    @pytest.mark.parametrize(
        ("failure", "model"),
        [(unreadable, get_user_model()), (unreadable, Session), (unwritable, Session)],
    )
    def test_sign_in_with_a_database_error_returns_503(self, alice, failure, model, caplog):
        with failure(model):
            response = post("token/", ALICE)
        assert status_and_json(response) == (503, UNAVAILABLE)
        assert response.headers["Retry-After"] == "1"
        assert response.headers["Cache-Control"] == "no-store"
        [line] = log_messages(caplog, "ERROR")
        assert re.fullmatch(r"database error \([A-Z]\w+Error\)", line)
        assert "correct horse" not in caplog.text
        assert len(get("/auth/sessions/", sign_in()["access_token"]).json()) == 1

    def test_database_error_does_not_count_as_a_failed_sign_in(self, alice, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "2/hour"}
        with unreadable(get_user_model()):
            responses = [post("token/", ALICE) for _ in range(4)]
        assert {response.status_code for response in responses} == {503}
        assert sign_in()


@pytest.mark.parametrize(
    "values",
    [
        {"ISUER": "x"},
        {"SIGNING_KEY": "a secret of 22 letters"},
        {"ACCESS_TOKEN_LIFETIME": 300},
        {"THROTTLE_CACHE": "nowhere"},
        "no dict",
    ],
)
def test_sign_in_with_invalid_settings_returns_503(alice, values, settings, caplog):
    """``manage.py check`` reports most of these; the client gets 503 and may retry."""
    settings.TOKENAUTH = values
    response = post("token/", ALICE)
    assert status_and_json(response) == (503, UNAVAILABLE)
    assert response.headers["Retry-After"] == "1"
    assert response.headers["Cache-Control"] == "no-store"
    [line] = log_messages(caplog, "CRITICAL")
    assert line.startswith("TOKENAUTH cannot be used: ")
    assert "a secret of" not in caplog.text
    settings.TOKENAUTH = {}
    assert len(get("/auth/sessions/", sign_in()["access_token"]).json()) == 1


@pytest.mark.attack(173)
@pytest.mark.django_db
def test_report_of_a_server_error_contains_no_password(alice, settings):
    """Django mails this report with the variables of all functions to ``ADMINS``."""
    settings.AUTHENTICATION_BACKENDS = ["tests.support.broken.BrokenBackend"]
    with server_errors() as reports:
        assert post("token/", ALICE).status_code == 500
    [report] = reports
    assert "RuntimeError" in report
    assert "correct horse" not in report
