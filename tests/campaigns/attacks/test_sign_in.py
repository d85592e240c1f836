"""Sign-ins that tell or cost something: who has an account, what a password may be, what a name."""

from __future__ import annotations

import io
import json
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend
from django.test import Client

from django_tokenauth.http.parsers import MAX_BODY
from django_tokenauth.models import Session
from tests.support.client import (
    FORM,
    INVALID_GRANT,
    INVALID_REQUEST,
    JSON,
    PASSWORDS,
    UNAVAILABLE,
    malformed,
    outcome,
    post,
)
from tests.support.clock import NOW
from tests.support.guessing import CountingHasher, counted
from tests.support.locks import unreadable

RIGHT = PASSWORDS["alice"]
ZOE = "zo\N{LATIN SMALL LETTER E WITH DIAERESIS}"
JOERG = "j\N{LATIN SMALL LETTER O WITH DIAERESIS}rg"

# Each of these cannot sign in, and each for a reason of its own. The first four are the usual ones.
REFUSED = [
    ("nobody", RIGHT),
    ("alice", "wrong"),
    ("inactive", RIGHT),
    ("unusable", RIGHT),
    ("staff", "wrong"),
    ("inactive", "wrong"),
    ("empty", "wrong"),
    ("foreign", "wrong"),
    ("unreadable", "wrong"),
    ("older", "wrong"),
]


@pytest.fixture
def hashed(settings):
    return counted(settings)


@pytest.fixture
def people(hashed, settings, db):
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": None, "SIGN_IN_RATE_IP": None}
    users = get_user_model().objects
    users.create_user("alice", password=RIGHT)
    users.create_user("staff", password=RIGHT, is_staff=True, is_superuser=True)
    users.create_user("inactive", password=RIGHT, is_active=False)
    users.create_user("unusable")
    for name, stored in (
        ("empty", ""),
        ("foreign", "of_another_project$12$abc"),
        ("unreadable", "?" * 64),
        # From a time when the hasher took fewer rounds than today.
        ("older", CountingHasher().encode(RIGHT, "salt" * 8, 60)),
    ):
        users.create(username=name, password=stored)
    hashed.clear()


@pytest.fixture
def costs(server, people, hashed):
    """Refused sign-ins over HTTP: what there was to see of each, and what it took."""
    seen, taken = set(), set()

    def refuse(body, content_type=JSON):
        hashed.clear()
        answer = server.post("token/", body, content_type=content_type)
        headers = [header for header in answer.headers.items() if header[0] != "Date"]
        statements = tuple(each for each in server.seen.statements if "auth_user" in each)
        seen.add((answer.status, answer.body, tuple(headers)))
        taken.add((sum(hashed), statements))

    def compare():
        [(status, text, _)] = seen
        assert (status, json.loads(text)) == (400, INVALID_GRANT)
        [(rounds, statements)] = taken
        assert rounds == CountingHasher.iterations
        return statements

    return refuse, compare


@pytest.mark.attack(145)
class TestWhoHasAnAccount:
    """All rejections have the same response, hashing rounds and number of statements."""

    @pytest.mark.promise(13)
    def test_is_not_told_by_a_refusal_of_json(self, costs):
        refuse, compare = costs
        for username, password in REFUSED:
            refuse({"username": username, "password": password})
        [statement] = compare()
        assert statement.startswith("SELECT")

    @pytest.mark.promise(13)
    def test_nor_by_that_of_a_form_or_of_the_password_grant(self, costs):
        refuse, compare = costs
        for username, password in REFUSED:
            body = {"username": username, "password": password, "grant_type": "password"}
            refuse(body)
            refuse(urlencode(body), FORM)
        assert len(compare()) == 1

    def test_nor_by_that_of_a_name_which_is_looked_up_twice(self, costs):
        """A name of more than ASCII costs a statement more, whether somebody has it or not."""
        get_user_model().objects.create_user(ZOE, password=RIGHT)
        refuse, compare = costs
        for username in (ZOE, JOERG, "ali\N{ZERO WIDTH JOINER}ce"):
            refuse({"username": username, "password": "wrong"})
        assert len(compare()) == 2

    @pytest.mark.promise(13)
    def test_nor_by_that_of_the_throttle(self, server, people, hashed, settings):
        settings.TOKENAUTH = {"SIGN_IN_RATE_USER": "3/day", "SIGN_IN_RATE_IP": None}
        statuses, last = [400, 400, 400, 429], set()
        for username, password in REFUSED[:4]:
            hashed.clear()
            body = {"username": username, "password": password}
            # No day ends meanwhile.
            with time_machine.travel(NOW, tick=False):
                answers = [server.post("token/", body) for _ in range(4)]
            assert [answer.status for answer in answers] == statuses
            assert server.seen.statements == []
            assert sum(hashed) == 3 * CountingHasher.iterations
            last.add(answers[-1].body)
        assert len(last) == 1


class Body(io.BytesIO):
    """Notes how much of it is read."""

    amount = 0

    def read(self, size=-1):
        data = super().read(size)
        self.amount += len(data)
        return data


@pytest.mark.attack(146)
class TestTooLongAPassword:
    @pytest.mark.parametrize("size", [1_000_000, 20_000_000], ids=["1 MB", "20 MB"])
    @pytest.mark.parametrize(
        ("start", "end", "content_type"),
        [
            (b'{"username": "alice", "password": "', b'"}', JSON),
            (b"username=alice&password=", b"", FORM),
        ],
        ids=["JSON", "form"],
    )
    def test_of_megabytes_is_neither_read_nor_hashed(
        self, people, hashed, size, start, end, content_type, django_assert_num_queries
    ):
        data = start + b"x" * size + end
        body = Body(data)
        wsgi = {"wsgi.input": body, "CONTENT_LENGTH": str(len(data))}
        with django_assert_num_queries(0):
            answer = Client().post("/auth/token/", content_type=content_type, **wsgi)
        assert outcome(answer) == (400, INVALID_REQUEST)
        assert hashed == []
        assert 0 < body.amount <= MAX_BODY + 1

    def test_of_a_character_more_than_4096_is_not_hashed(self, people, hashed):
        """However many bytes a character has."""
        letter = "\N{HANGUL SYLLABLE GA}"
        answer = post("token/", {"username": "alice", "password": letter * 4097})
        assert outcome(answer) == (400, malformed("password"))
        assert hashed == []
        answer = post("token/", {"username": "alice", "password": letter * 4096})
        assert outcome(answer) == (400, INVALID_GRANT)
        assert len(hashed) == 1


class ByEmail(BaseBackend):
    def authenticate(self, request, username, password):
        user = get_user_model().objects.filter(email=username).first()
        return user if user is not None and user.check_password(password) else None


class Broken:
    """A backend with a fault of its own."""

    def authenticate(self, request, username=None, password=None):
        raise ValueError("broken")


@pytest.mark.attack(148)
class TestAStrangeName:
    @pytest.mark.parametrize(
        ("username", "answer"),
        [
            ("alice\0", malformed("username")),
            ("\0", malformed("username")),
            ("\ud800", INVALID_REQUEST),
            ("alice\udfff", INVALID_REQUEST),
            ("x" * 255, malformed("username")),
            # Each becomes 18 characters in the form that is looked up.
            ("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 15, malformed("username")),
            ("x" * 20_000, malformed("username")),
            ("x" * 1_000_000, INVALID_REQUEST),
        ],
        ids=[
            "NUL",
            "only NUL",
            "surrogate",
            "surrogate at the end",
            "255",
            "grows",
            "20 kB",
            "1 MB",
        ],
    )
    def test_that_cannot_be_costs_nothing(
        self, people, hashed, username, answer, django_assert_num_queries
    ):
        with django_assert_num_queries(0):
            given = post("token/", {"username": username, "password": RIGHT})
        assert outcome(given) == (400, answer)
        assert hashed == []

    @pytest.mark.parametrize(
        "username",
        [
            "Alice",
            "ALICE",
            "alice ",
            " alice",
            "alice\n",
            "alice\x01",
            "\N{FULLWIDTH LATIN SMALL LETTER A}lice",
            "a\N{COMBINING ACUTE ACCENT}lice",
            "al\N{LATIN SMALL LETTER DOTLESS I}ce",
            "\N{CYRILLIC SMALL LETTER A}lice",
            "\N{MATHEMATICAL BOLD SMALL A}lice",
            "al\N{ZERO WIDTH SPACE}ice",
            "\N{RIGHT-TO-LEFT OVERRIDE}alice",
            "\N{ZERO WIDTH NO-BREAK SPACE}alice",
            "\N{REPLACEMENT CHARACTER}",
            "\uffff",
            "\U0010ffff",
            "\N{GRINNING FACE}" * 254,
            "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 14,
            "%",
            "alic_",
            "alice'--",
            "../alice",
            "${alice}",
        ],
        ids=lambda name: ascii(name[:12]),
    )
    def test_that_can_be_is_whose_the_database_says_it_is(self, people, hashed, username):
        """Nobody's, mostly. Many collations of MySQL and MariaDB overlook case and more."""
        written = get_user_model().normalize_username(username)
        users = get_user_model().objects.filter(username=written)
        owners = set(users.values_list("username", flat=True))
        assert owners <= {"alice"}
        answer = post("token/", {"username": username, "password": "wrong"})
        assert outcome(answer) == (400, INVALID_GRANT)
        answer = post("token/", {"username": username, "password": RIGHT})
        assert len(hashed) == 2
        if owners:
            assert answer.status_code == 200
        else:
            assert outcome(answer) == (400, INVALID_GRANT)
        signed_in = Session.objects.values_list("user__username", flat=True)
        assert set(signed_in) == owners

    def test_is_no_fault_where_the_names_of_the_database_are_numbers(
        self, people, monkeypatch, settings
    ):
        """And a backend of the project knows its users by something else."""
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.ByEmail"]
        get_user_model().objects.filter(username="alice").update(email=f"{ZOE}@example.com")
        monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "id")
        for username, status in ((f"{ZOE}@example.com", 200), (f"{JOERG}@example.com", 400)):
            answer = post("token/", {"username": username, "password": RIGHT})
            assert answer.status_code == status

    @pytest.mark.parametrize("username", ["alice", ZOE, "\N{DIGIT ONE}e9", "9" * 200, "-1"])
    def test_is_nobodys_where_the_names_are_numbers_and_it_is_none(
        self, people, monkeypatch, username
    ):
        monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "id")
        answer = post("token/", {"username": username, "password": RIGHT})
        assert outcome(answer) == (400, INVALID_GRANT)
        alice = get_user_model().objects.get(username="alice")
        answer = post("token/", {"username": str(alice.pk), "password": RIGHT})
        assert answer.status_code == 200

    def test_is_no_excuse_for_a_fault_of_a_backend(self, people, settings):
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Broken"]
        assert post("token/", {"username": "alice", "password": RIGHT}).status_code == 500


@pytest.mark.attack(148)
@pytest.mark.django_db(transaction=True)
def test_a_strange_name_that_the_database_cannot_look_up_now_is_503(alice):
    with unreadable(get_user_model()):
        answer = post("token/", {"username": ZOE, "password": RIGHT})
    assert outcome(answer) == (503, UNAVAILABLE)
