"""User enumeration, long passwords and unusual usernames at sign-in."""

from __future__ import annotations

import io
import json
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend
from django.db import connection
from django.test import Client

from django_tokenauth.http.parsers import MAX_BODY
from django_tokenauth.models import Session
from tests.support.client import (
    FORM,
    JSON,
    NOT_JSON,
    PASSWORDS,
    TOO_LARGE,
    UNAVAILABLE,
    WRONG_PASSWORD,
    malformed,
    post,
    status_and_json,
)
from tests.support.clock import NOW
from tests.support.guessing import CountingHasher, count_hash_rounds
from tests.support.locks import unreadable

PASSWORD = PASSWORDS["alice"]
ZOE = "zo\N{LATIN SMALL LETTER E WITH DIAERESIS}"
JOERG = "j\N{LATIN SMALL LETTER O WITH DIAERESIS}rg"

# Each of these sign-ins is rejected for another reason. The first four are the common ones.
REJECTED = [
    ("unknown", PASSWORD),
    ("alice", "wrong"),
    ("inactive", PASSWORD),
    ("unusable", PASSWORD),
    ("staff", "wrong"),
    ("inactive", "wrong"),
    ("empty", "wrong"),
    ("foreign", "wrong"),
    ("unreadable", "wrong"),
    ("older", "wrong"),
]


# Usernames that resemble "alice", or need escaping.
UNUSUAL = {
    "capitalized": "Alice",
    "upper-case": "ALICE",
    "trailing-space": "alice ",
    "leading-space": " alice",
    "newline": "alice\n",
    "control": "alice\x01",
    "fullwidth": "\N{FULLWIDTH LATIN SMALL LETTER A}lice",
    "combining-accent": "a\N{COMBINING ACUTE ACCENT}lice",
    "dotless-i": "al\N{LATIN SMALL LETTER DOTLESS I}ce",
    "cyrillic": "\N{CYRILLIC SMALL LETTER A}lice",
    "mathematical": "\N{MATHEMATICAL BOLD SMALL A}lice",
    "zero-width-space": "al\N{ZERO WIDTH SPACE}ice",
    "right-to-left": "\N{RIGHT-TO-LEFT OVERRIDE}alice",
    "byte-order-mark": "\N{ZERO WIDTH NO-BREAK SPACE}alice",
    "replacement": "\N{REPLACEMENT CHARACTER}",
    "noncharacter": "\uffff",
    "last-code-point": "\U0010ffff",
    "emoji": "\N{GRINNING FACE}" * 254,
    "ligature": "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 14,
    "percent": "%",
    "underscore": "alic_",
    "sql": "alice'--",
    "path": "../alice",
    "template": "${alice}",
}


@pytest.fixture
def hashed(settings):
    return count_hash_rounds(settings)


#: MySQL and MariaDB compare text loosely, so the stored username is read before each attempt.
LOOSE = connection.vendor == "mysql"
USERNAME_ONLY = ["SELECT `auth_user`.`username` AS `username`"] * LOOSE


@pytest.fixture
def fixture_users(hashed, settings, db):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": None, "SIGN_IN_RATE_IP": None}
    users = get_user_model().objects
    users.create_user("alice", password=PASSWORD)
    users.create_user("staff", password=PASSWORD, is_staff=True, is_superuser=True)
    users.create_user("inactive", password=PASSWORD, is_active=False)
    users.create_user("unusable")
    for name, stored in (
        ("empty", ""),
        ("foreign", "of_another_project$12$abc"),
        ("unreadable", "?" * 64),
        # A hash with fewer rounds than the current setting.
        ("older", CountingHasher().encode(PASSWORD, "salt" * 8, 60)),
    ):
        users.create(username=name, password=stored)
    hashed.clear()


@pytest.fixture
def compare_costs(server, fixture_users, hashed):
    """Send rejected sign-ins, then compare their responses, hashing and queries."""
    responses, costs = set(), set()

    def send(body, content_type=JSON):
        hashed.clear()
        response = server.post("token/", body, content_type=content_type)
        headers = [header for header in response.headers.items() if header[0] != "Date"]
        statements = tuple(each for each in server.activity.statements if "auth_user" in each)
        responses.add((response.status, response.body, tuple(headers)))
        costs.add((sum(hashed), statements))

    def compare():
        [(status, text, _)] = responses
        assert (status, json.loads(text)) == (400, WRONG_PASSWORD)
        [(rounds, statements)] = costs
        assert rounds == CountingHasher.iterations
        return statements

    return send, compare


@pytest.mark.attack(145)
class TestUserEnumeration:
    """Responses, hashing and queries do not reveal whether a username exists."""

    @pytest.mark.promise(13)
    def test_rejected_json_sign_in_does_not_reveal_users(self, compare_costs):
        send, compare = compare_costs
        for username, password in REJECTED:
            send({"username": username, "password": password})
        statements = compare()
        assert len(statements) == 1 + LOOSE
        assert statements[-1].startswith("SELECT")

    @pytest.mark.promise(13)
    def test_rejected_password_grant_does_not_reveal_users(self, compare_costs):
        send, compare = compare_costs
        for username, password in REJECTED:
            body = {"username": username, "password": password, "grant_type": "password"}
            send(body)
            send(urlencode(body), FORM)
        assert len(compare()) == 1 + LOOSE

    def test_rejected_non_ascii_name_does_not_reveal_users(self, compare_costs):
        """A non-ASCII name costs one more query, whether it exists or not."""
        get_user_model().objects.create_user(ZOE, password=PASSWORD)
        send, compare = compare_costs
        for username in (ZOE, JOERG, "ali\N{ZERO WIDTH JOINER}ce"):
            send({"username": username, "password": "wrong"})
        assert len(compare()) == 2

    @pytest.mark.promise(13)
    def test_throttled_sign_in_does_not_reveal_users(self, server, fixture_users, hashed, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/day", "SIGN_IN_RATE_IP": None}
        statuses, last = [400, 400, 400, 429], set()
        for username, password in REJECTED[:4]:
            hashed.clear()
            body = {"username": username, "password": password}
            # The fixed clock keeps all attempts in one day.
            with time_machine.travel(NOW, tick=False):
                responses = [server.post("token/", body) for _ in range(4)]
            assert [response.status for response in responses] == statuses
            users = [each for each in server.activity.statements if "auth_user" in each]
            assert [each.partition(" FROM")[0] for each in users] == USERNAME_ONLY
            assert sum(hashed) == 3 * CountingHasher.iterations
            last.add(responses[-1].body)
        assert len(last) == 1


class Body(io.BytesIO):
    """Count the bytes that are read."""

    amount = 0

    def read(self, size=-1):
        data = super().read(size)
        self.amount += len(data)
        return data


@pytest.mark.attack(146)
class TestLongPassword:
    @pytest.mark.parametrize("size", [1_000_000, 20_000_000], ids=["1MB", "20MB"])
    @pytest.mark.parametrize(
        ("start", "end", "content_type"),
        [
            (b'{"username": "alice", "password": "', b'"}', JSON),
            (b"username=alice&password=", b"", FORM),
        ],
        ids=["JSON", "form"],
    )
    def test_password_of_megabytes_is_read_to_32_kib_and_not_hashed(
        self, hashed, size, start, end, content_type
    ):
        data = start + b"x" * size + end
        body = Body(data)
        wsgi = {"wsgi.input": body, "CONTENT_LENGTH": str(len(data))}
        response = Client().post("/auth/token/", content_type=content_type, **wsgi)
        assert status_and_json(response) == (400, TOO_LARGE)
        assert hashed == []
        assert 0 < body.amount <= MAX_BODY + 1

    def test_password_over_4096_characters_is_not_hashed(self, fixture_users, hashed):
        """The limit counts characters, not bytes."""
        letter = "\N{HANGUL SYLLABLE GA}"
        response = post("token/", {"username": "alice", "password": letter * 4097})
        assert status_and_json(response) == (400, malformed("password"))
        assert hashed == []
        response = post("token/", {"username": "alice", "password": letter * 4096})
        assert status_and_json(response) == (400, WRONG_PASSWORD)
        assert len(hashed) == 1


class EmailBackend(BaseBackend):
    def authenticate(self, request, username, password):
        user = get_user_model().objects.filter(email=username).first()
        return user if user is not None and user.check_password(password) else None


class FailingBackend:
    """A backend that raises an error."""

    def authenticate(self, request, username=None, password=None):
        raise ValueError("broken")


@pytest.mark.attack(148)
class TestUnusualUsername:
    @pytest.mark.parametrize(
        ("username", "error"),
        [
            ("alice\0", malformed("username")),
            ("\0", malformed("username")),
            ("\ud800", NOT_JSON),
            ("alice\udfff", NOT_JSON),
            ("x" * 255, malformed("username")),
            # Normalization turns each into 18 characters.
            ("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 15, malformed("username")),
            ("x" * 20_000, malformed("username")),
            ("x" * 1_000_000, TOO_LARGE),
        ],
        ids=[
            "NUL",
            "only-NUL",
            "surrogate",
            "trailing-surrogate",
            "255",
            "expanding",
            "20kB",
            "1MB",
        ],
    )
    def test_invalid_username_causes_no_query_or_hash(self, hashed, username, error):
        response = post("token/", {"username": username, "password": PASSWORD})
        assert status_and_json(response) == (400, error)
        assert hashed == []

    @pytest.mark.parametrize("username", UNUSUAL.values(), ids=UNUSUAL)
    def test_unusual_username_signs_in_the_user_the_database_finds(
        self, fixture_users, hashed, username
    ):
        """Most match no user. Many collations of MySQL and MariaDB ignore case and more."""
        normalized = get_user_model().normalize_username(username)
        users = get_user_model().objects.filter(username=normalized)
        owners = set(users.values_list("username", flat=True))
        assert owners <= {"alice"}
        response = post("token/", {"username": username, "password": "wrong"})
        assert status_and_json(response) == (400, WRONG_PASSWORD)
        response = post("token/", {"username": username, "password": PASSWORD})
        assert len(hashed) == 2
        if owners:
            assert response.status_code == 200
        else:
            assert status_and_json(response) == (400, WRONG_PASSWORD)
        signed_in = Session.objects.values_list("user__username", flat=True)
        assert set(signed_in) == owners

    def test_email_backend_signs_in_despite_numeric_username_field(
        self, fixture_users, monkeypatch, settings
    ):
        """A backend of the project authenticates users by email."""
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.EmailBackend"]
        get_user_model().objects.filter(username="alice").update(email=f"{ZOE}@example.com")
        monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "id")
        for username, status in ((f"{ZOE}@example.com", 200), (f"{JOERG}@example.com", 400)):
            response = post("token/", {"username": username, "password": PASSWORD})
            assert response.status_code == status

    @pytest.mark.parametrize(
        "username",
        ["alice", ZOE, "\N{DIGIT ONE}e9", "9" * 200, "-1"],
        ids=["letters", "non-ascii", "exponent", "long-number", "negative"],
    )
    def test_invalid_number_is_rejected_as_numeric_username(
        self, fixture_users, monkeypatch, username
    ):
        monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "id")
        response = post("token/", {"username": username, "password": PASSWORD})
        assert status_and_json(response) == (400, WRONG_PASSWORD)
        alice = get_user_model().objects.get(username="alice")
        response = post("token/", {"username": str(alice.pk), "password": PASSWORD})
        assert response.status_code == 200

    def test_error_in_authentication_backend_returns_500(self, fixture_users, settings):
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.FailingBackend"]
        assert post("token/", {"username": "alice", "password": PASSWORD}).status_code == 500


@pytest.mark.attack(148)
@pytest.mark.django_db(transaction=True)
def test_unusual_username_without_database_returns_503(alice):
    with unreadable(get_user_model()):
        response = post("token/", {"username": ZOE, "password": PASSWORD})
    assert status_and_json(response) == (503, UNAVAILABLE)
