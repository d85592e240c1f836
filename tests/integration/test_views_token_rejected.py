"""POST token/ where it refuses or cannot know: one answer and one cost for all credentials."""

from __future__ import annotations

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
    INVALID_GRANT,
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

ALICE = {"username": "alice", "password": "correct horse"}


class CountingHasher(MD5PasswordHasher):
    """Notes each password that it hashes."""

    algorithm = "counting"
    hashed: list[str] = []

    def encode(self, password, salt):
        self.hashed.append(password)
        return super().encode(password, salt)


@pytest.fixture
def hashed(settings):
    """What was hashed, of passwords that are stored so."""
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    CountingHasher.hashed.clear()
    return CountingHasher.hashed


@pytest.mark.django_db
class TestRefused:
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
    def test_it_is_an_invalid_grant(self, alice, credentials):
        with received(user_login_failed) as failures, received(user_logged_in) as logins:
            answer = post("token/", credentials)
        assert outcome(answer) == (400, INVALID_GRANT)
        assert "WWW-Authenticate" not in answer.headers
        [failure] = failures
        assert failure["credentials"]["username"] == credentials["username"]
        assert failure["credentials"]["password"] == "*" * 20
        assert failure["request"].path == "/auth/token/"
        assert logins == []

    @pytest.mark.standard("rfc6749-5.2-1")
    @pytest.mark.parametrize("field", ["username", "password"])
    @pytest.mark.parametrize("value", ["", None, 1, 1.5, False, ["alice"], {"a": "b"}, "a\0b"])
    def test_a_parameter_that_cannot_be_is_named(self, alice, field, value):
        with received(user_login_failed) as failures:
            answer = post("token/", {**ALICE, field: value})
        assert outcome(answer) == (400, malformed(field))
        assert failures == []

    @pytest.mark.attack(146, 148)
    @pytest.mark.parametrize(
        ("field", "most"),
        [("username", 254), ("password", 4096), ("client_id", 255), ("device_name", 100)],
    )
    def test_one_that_is_too_long_is_named(self, alice, field, most):
        answer = post("token/", {**ALICE, field: "x" * (most + 1)})
        assert outcome(answer) == (400, malformed(field))
        assert post("token/", {**ALICE, field: "x" * most}).json() != malformed(field)

    @pytest.mark.standard("rfc6749-4.3.2-1")
    @pytest.mark.parametrize(
        ("body", "names"),
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
    def test_all_that_are_missing_are_named(self, body, names, grant):
        assert outcome(post("token/", {**body, **grant})) == (400, malformed(*names))

    def test_a_form_says_the_same(self):
        answer = post("token/", urlencode({"username": "", "scope": "a  b"}), FORM)
        assert outcome(answer) == (400, malformed("password", "scope", "username"))


class RefusingBackend(ModelBackend):
    """Signs in whom Django's own refuses."""

    def user_can_authenticate(self, user):
        return True


@pytest.mark.django_db
class TestOneAnswer:
    """Nobody learns from an answer, nor from its cost, who has an account."""

    @pytest.fixture
    def people(self, hashed):
        people = get_user_model().objects
        people.create_user("alice", password="correct horse")
        people.create_user("inactive", password="correct horse", is_active=False)
        people.create_user("unusable")
        hashed.clear()

    @pytest.mark.attack(145)
    @pytest.mark.parametrize("password", ["correct horse", "wrong", "x" * 4096])
    def test_for_all_who_cannot_sign_in(self, people, hashed, password):
        with time_machine.travel("2030-01-01T12:00:00Z", tick=False):
            answers = [
                post("token/", {"username": name, "password": password})
                for name in ("nobody", "inactive", "unusable")
            ]
            answers.append(post("token/", {"username": "alice", "password": "wrong!"}))
        assert len(hashed) == len(answers)
        assert {answer.status_code for answer in answers} == {400}
        assert {answer.content for answer in answers} == {answers[0].content}
        assert {str(answer.headers) for answer in answers} == {str(answers[0].headers)}

    @pytest.mark.attack(145)
    def test_nor_if_a_backend_lets_the_inactive_pass(self, people, settings):
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.RefusingBackend"]
        answer = post("token/", {"username": "inactive", "password": "correct horse"})
        assert outcome(answer) == (400, INVALID_GRANT)

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
    def test_what_is_malformed_costs_no_hash_and_no_statement(
        self, people, hashed, body, django_assert_num_queries
    ):
        with django_assert_num_queries(0):
            assert post("token/", body).status_code == 400
        assert hashed == []

    def test_a_scope_that_is_refused_is_refused_to_who_knows_the_password(self, people):
        answer = post("token/", {"username": "alice", "password": "wrong", "scope": "admin"})
        assert outcome(answer) == (400, INVALID_GRANT)
        answer = post("token/", {**ALICE, "scope": "admin"})
        assert answer.json()["error"] == "invalid_scope"


@pytest.mark.django_db(transaction=True)
class TestFault:
    @pytest.mark.standard("rfc6749-5.2-1")
    @pytest.mark.parametrize(
        ("fault", "model"),
        [(unreadable, get_user_model()), (unreadable, Session), (unwritable, Session)],
    )
    def test_a_database_that_does_not_answer_is_503(self, alice, fault, model, caplog):
        with fault(model):
            answer = post("token/", ALICE)
        assert outcome(answer) == (503, UNAVAILABLE)
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"
        [line] = logged(caplog, "ERROR")
        assert line.startswith("database error (")
        assert "correct horse" not in caplog.text
        assert len(get("/auth/sessions/", sign_in()["access_token"]).json()) == 1

    def test_it_is_no_failed_attempt(self, alice, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "2/hour"}
        with unreadable(get_user_model()):
            answers = [post("token/", ALICE) for _ in range(4)]
        assert {answer.status_code for answer in answers} == {503}
        assert sign_in()


@pytest.mark.parametrize(
    "wrong",
    [
        {"ISUER": "x"},
        {"SIGNING_KEY": "a secret of 22 letters"},
        {"ACCESS_TOKEN_LIFETIME": 300},
        {"THROTTLE_CACHE": "nowhere"},
        {"EXTRA_CLAIMS": lambda *given: {"sub": "admin"}},
        "no dict",
    ],
)
@pytest.mark.django_db
def test_settings_that_cannot_be_used_are_503(alice, wrong, settings, caplog):
    """Most of it is said by ``manage.py check``; the client is not to blame and may come back."""
    settings.TOKENAUTH = wrong
    answer = post("token/", ALICE)
    assert outcome(answer) == (503, UNAVAILABLE)
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"
    [line] = logged(caplog, "CRITICAL")
    assert line.startswith("TOKENAUTH cannot be used: ")
    assert "a secret of" not in caplog.text
    settings.TOKENAUTH = {}
    assert len(get("/auth/sessions/", sign_in()["access_token"]).json()) == 1


@pytest.mark.attack(173)
@pytest.mark.django_db
def test_the_report_of_a_server_error_shows_no_password(alice, settings):
    """Django sends it to ``ADMINS`` by mail, with the variables of all functions."""
    settings.AUTHENTICATION_BACKENDS = ["tests.support.broken.BrokenBackend"]
    with server_errors() as reports:
        assert post("token/", ALICE).status_code == 500
    [report] = reports
    assert "RuntimeError" in report
    assert "correct horse" not in report
