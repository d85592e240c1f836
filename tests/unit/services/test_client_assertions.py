"""Assertions of clients (RFC 7523 section 3): each rule, and one use."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from django_tokenauth.conf.settings import UnusableSettings
from django_tokenauth.errors import InvalidClient, InvalidKey
from django_tokenauth.services.client_assertions import (
    MAX_SECONDS,
    authenticate_by_assertion,
    load_client_keys,
)
from tests.support.client import log_messages
from tests.support.raw_tokens import base64url, read_settings
from tests.support.service_accounts import ISSUER, private_jwk, public_jwk, sign

NOW = 1_700_000_000
AUDIENCES = [ISSUER, f"{ISSUER}/token/"]
#: The value of an omitted claim.
MISSING = "missing"


def claims(**changes):
    members = {"iss": "statistics", "sub": "statistics", "aud": ISSUER, "exp": NOW + 60, "jti": "j"}
    return {name: value for name, value in {**members, **changes}.items() if value != MISSING}


class Memory:
    """Remembers assertions for one test."""

    def __init__(self):
        self.seen = []

    def __call__(self, client_id, jwt_id, seconds):
        self.seen.append((client_id, jwt_id, seconds))
        return [each[:2] for each in self.seen].count((client_id, jwt_id)) == 1


def settings_with(*jwks, **values):
    clients = {"statistics": {"jwks": {"keys": [*jwks]}}, "reports": None} if jwks else {}
    return read_settings(CLIENTS=clients, **values)


SETTINGS = settings_with(public_jwk())


def authenticate(assertion, *, settings=SETTINGS, remember=None, now=NOW):
    remember = Memory() if remember is None else remember
    return authenticate_by_assertion(
        settings, assertion, audiences=AUDIENCES, remember=remember, now=now
    )


def reason_of(caplog, assertion, **options):
    """Return the logged reason why *assertion* is rejected. It is never remembered."""
    memory = Memory()
    with caplog.at_level("INFO", "django_tokenauth"), pytest.raises(InvalidClient):
        authenticate(assertion, remember=memory, **options)
    assert memory.seen == []
    [message] = log_messages(caplog)
    caplog.clear()
    return message.removeprefix("client rejected: assertion, ")


class TestAccepted:
    @pytest.mark.standard("rfc7523-3-2")
    @pytest.mark.parametrize("audience", [ISSUER, f"{ISSUER}/token/", [ISSUER]], ids=str)
    def test_assertion_authenticates_its_client(self, audience):
        assert authenticate(sign(claims(aud=audience))) == "statistics"

    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": NOW + 60.5},
            {"iat": NOW, "nbf": NOW},
            {"iat": NOW - 86_400},
            {"exp": NOW + MAX_SECONDS + 60},
            {"iat": NOW + 60, "nbf": NOW + 60},
            {"jti": "x" * 255},
            {"extra": {"a": [1]}},
        ],
        ids=str,
    )
    def test_claims_within_the_limits_are_accepted(self, changes):
        assert authenticate(sign(claims(**changes))) == "statistics"

    @pytest.mark.standard("rfc7523-5-1")
    @pytest.mark.parametrize("algorithm", ["ES256", "ES384", "RS256", "PS256", "EdDSA"])
    def test_each_asymmetric_algorithm_is_accepted(self, algorithm):
        settings = settings_with(public_jwk(algorithm))
        assert authenticate(sign(claims(), algorithm), settings=settings) == "statistics"

    @pytest.mark.parametrize(
        "typ", ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"]
    )
    def test_types_of_assertions_are_accepted(self, typ):
        assert authenticate(sign(claims(), typ=typ)) == "statistics"

    def test_assertion_without_type_and_key_id_is_accepted(self):
        settings = settings_with(public_jwk(number=1), public_jwk("RS256"), public_jwk())
        assertion = sign(claims(), kid=None, typ=None)
        assert authenticate(assertion, settings=settings) == "statistics"

    def test_assertion_is_remembered_until_it_expires(self):
        memory = Memory()
        authenticate(sign(claims()), remember=memory)
        settings = settings_with(public_jwk(), LEEWAY=timedelta(seconds=30))
        authenticate(sign(claims(jti="k")), settings=settings, remember=memory)
        assert memory.seen == [("statistics", "j", 120), ("statistics", "k", 150)]


class TestRejected:
    @pytest.mark.attack(223)
    def test_replayed_assertion_is_rejected(self, caplog):
        memory, assertion = Memory(), sign(claims())
        authenticate(assertion, remember=memory)
        with caplog.at_level("INFO", "django_tokenauth"), pytest.raises(InvalidClient):
            authenticate(assertion, remember=memory)
        assert log_messages(caplog) == ["client rejected: assertion, revoked"]

    @pytest.mark.attack(224)
    @pytest.mark.standard(
        "rfc7523-3-1", "rfc7523-3-10", "rfc7523-3-11", "rfc7523-3-3", "rfc7523-3-4", "rfc7523-3-5"
    )
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            *(
                ({"iss": value}, "issuer")
                for value in (MISSING, None, 1, "reports", ["statistics"])
            ),
            *(({"sub": value}, "issuer") for value in (MISSING, None, "alice")),
            ({"iss": "reports", "sub": "reports"}, "key"),
            ({"iss": "unknown", "sub": "unknown"}, "key"),
            *(
                ({"aud": value}, "audience")
                for value in (
                    MISSING,
                    None,
                    1,
                    [],
                    [ISSUER, ISSUER],
                    [ISSUER, "https://other.example.com"],
                    [[ISSUER]],
                    "https://other.example.com",
                    f"{ISSUER}/",
                )
            ),
            *(({"exp": value}, "claims") for value in (MISSING, None, True, "1", [NOW], {})),
            ({"exp": NOW}, "expired"),
            ({"exp": NOW - 1}, "expired"),
            ({"exp": -1}, "expired"),
            ({"exp": NOW + MAX_SECONDS + 61}, "claims"),
            ({"exp": 10**30}, "claims"),
            *(({"jti": value}, "claims") for value in (MISSING, None, "", 1, "x" * 256, ["j"])),
            ({"iat": NOW + 61}, "not_yet_valid"),
            ({"nbf": NOW + 60.5}, "not_yet_valid"),
            ({"iat": "1"}, "claims"),
            *(({name: value}, "claims") for name in ("iat", "nbf") for value in (True, False)),
            *(
                ({name: sign * 10**309}, "claims")
                for name in ("exp", "iat", "nbf")
                for sign in (1, -1)
            ),
            ({"nbf": [1]}, "claims"),
        ],
        ids=str,
    )
    def test_invalid_claims_are_rejected(self, caplog, changes, reason):
        assert reason_of(caplog, sign(claims(**changes))) == reason

    @pytest.mark.attack(225)
    @pytest.mark.parametrize(
        "typ", ["at+jwt", "rt+jwt", "dpop+jwt", "logout+jwt", "", 1, []], ids=str
    )
    def test_token_of_another_kind_is_rejected(self, caplog, typ):
        encoded = sign(claims()).split(".")
        header = {"alg": "ES256", "kid": private_jwk()["kid"], "typ": typ}
        token = ".".join([base64url(json.dumps(header).encode()), *encoded[1:]])
        assert reason_of(caplog, token) == ("signature" if typ == "" else "typ")

    @pytest.mark.standard("rfc6749-2.3.2-1", "rfc7523-3-9")
    def test_signature_of_another_key_is_rejected(self, caplog):
        other = sign(claims(), number=1, kid=private_jwk()["kid"])
        assert reason_of(caplog, other) == "signature"
        assert reason_of(caplog, sign(claims(), number=1)) == "key"

    def test_algorithm_is_that_of_the_key(self, caplog):
        assert reason_of(caplog, sign(claims(), "RS256", kid=private_jwk()["kid"])) == "key"

    @pytest.mark.standard("rfc7523-2.2-2", "rfc7523-3-10")
    @pytest.mark.parametrize(
        "token", ["", "a.b", "a.b.c", "a.b.c.d", "..", "\u0661.a.b", "x" * 8193, "e30.e30."]
    )
    def test_malformed_assertion_is_rejected(self, caplog, token):
        assert reason_of(caplog, token) in ("malformed", "header")

    def test_unsigned_assertion_is_rejected(self, caplog):
        for algorithm in ("none", "HS256"):
            header = base64url(json.dumps({"alg": algorithm}).encode())
            token = f"{header}.{base64url(json.dumps(claims()).encode())}."
            assert reason_of(caplog, token) == "key"

    def test_leeway_extends_the_validity_at_both_ends(self, caplog):
        settings = settings_with(public_jwk(), LEEWAY=timedelta(seconds=30))
        for changes in ({"exp": NOW - 29}, {"iat": NOW + 90}, {"exp": NOW + MAX_SECONDS + 90}):
            assert authenticate(sign(claims(**changes)), settings=settings) == "statistics"
        for changes in ({"exp": NOW - 30}, {"iat": NOW + 91}, {"exp": NOW + MAX_SECONDS + 91}):
            reason_of(caplog, sign(claims(**changes)), settings=settings)


class TestKeys:
    def test_unusable_key_makes_the_settings_unusable_for_its_client(self):
        invalid = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}
        with pytest.raises(UnusableSettings, match="A key of a client in CLIENTS cannot be used"):
            authenticate(sign(claims()), settings=settings_with(invalid))

    @pytest.mark.parametrize(
        ("times", "reason"),
        [({"exp": NOW}, "key"), ({"nbf": NOW + 1}, "key"), ({"exp": NOW + 1, "nbf": NOW}, None)],
        ids=str,
    )
    def test_key_is_valid_within_its_times(self, caplog, times, reason):
        settings = settings_with({**public_jwk(), **times})
        if reason is None:
            assert authenticate(sign(claims()), settings=settings) == "statistics"
        else:
            assert reason_of(caplog, sign(claims()), settings=settings) == reason

    def test_key_for_encryption_is_ignored(self, caplog):
        settings = settings_with({**public_jwk(number=1), "use": "enc"}, public_jwk())
        assert authenticate(sign(claims()), settings=settings) == "statistics"
        assert reason_of(caplog, sign(claims(), number=1), settings=settings) == "key"

    def test_first_invalid_key_of_a_client_is_its_error(self):
        assert isinstance(load_client_keys([public_jwk(), {"kty": "EC"}]), InvalidKey)
        [key] = load_client_keys([public_jwk()])
        assert key.kid == private_jwk()["kid"]
        assert load_client_keys([]) == ()
