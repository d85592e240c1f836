"""Forged tokens: any bytes in any part, with any signature.

The encoder is independent of the package, so a defect of the package cannot hide itself.
"""

from __future__ import annotations

import base64
import hmac
import json
from enum import Enum

import pytest

from django_tokenauth.conf import settings as conf
from django_tokenauth.errors import InvalidToken
from django_tokenauth.keys.sources import build_access_keys, refresh_keys
from django_tokenauth.tokens.access import AccessTokens
from django_tokenauth.tokens.refresh import RefreshTokens

NOW = 1_700_000_000
SECRET_KEY = b"the secret key of a project that makes tokens"
SIGNING_KEY = b"a secret of 64 bytes or more, which HS256, HS384 and HS512 can use"
SESSION = "0f8fad5b-d9cb-469f-a165-70867728950e"


class Missing(Enum):
    """The type of ``MISSING``: its ``repr`` is the same in each process, as test ids must be."""

    MISSING = "missing"


#: The value of an omitted member.
MISSING = Missing.MISSING


def read_settings(*, secret_keys=(SECRET_KEY,), **values):
    settings, problems = conf.read(values, secret_keys)
    assert not problems
    return settings


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def as_json(value):
    """Return *value* as JSON without spaces, like the package. Bytes are returned unchanged."""
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


def hmac_with(secret, digest="sha256"):
    return lambda message: hmac.digest(secret, message, digest)


def compact(header, payload, sign):
    """Return a compact JWS of *header* and *payload* (values or bytes), signed with *sign*."""
    signing_input = f"{base64url(as_json(header))}.{base64url(as_json(payload))}"
    return f"{signing_input}.{base64url(sign(signing_input.encode()))}"


def apply_changes(members, changes):
    merged = {**members, **changes}
    return {name: value for name, value in merged.items() if value is not MISSING}


def access_members(**changes):
    """Return the payload of an access token that is valid at ``NOW``."""
    usual = {
        "iss": "django-tokenauth",
        "aud": "django-tokenauth",
        "sub": "1",
        "client_id": "notes",
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "a1b2c3",
        "sid": SESSION,
        "scope": "notes:read notes:write",
        "auth_time": NOW,
        "amr": ["pwd"],
    }
    return apply_changes(usual, changes)


def refresh_members(**changes):
    """Return the payload of a refresh token that is valid at ``NOW``."""
    usual = {
        "iss": "django-tokenauth",
        "aud": "django-tokenauth",
        "sub": "1",
        "sid": SESSION,
        "gen": 3,
        "iat": NOW,
        "exp": NOW + 14 * 86400,
    }
    return apply_changes(usual, changes)


class Access:
    """A server whose access tokens are signed with a secret that the tests know."""

    typ = "at+jwt"

    def __init__(self, **values):
        self.settings = read_settings(SIGNING_KEY=SIGNING_KEY, **values)
        self.tokens = AccessTokens(self.settings, build_access_keys(self.settings))
        self.sign = hmac_with(SIGNING_KEY)
        self.kid = build_access_keys(self.settings).at(NOW).signing.kid

    def header(self, **changes):
        return apply_changes({"alg": "HS256", "kid": self.kid, "typ": self.typ}, changes)

    def members(self, **changes):
        return access_members(**changes)

    def token(self, header=None, payload=None):
        """Return a token that is valid except for the given *header* or *payload*."""
        return compact(
            self.header() if header is None else header,
            self.members() if payload is None else payload,
            self.sign,
        )

    def with_header(self, **changes):
        return self.token(header=self.header(**changes))

    def with_claims(self, **changes):
        return self.token(payload=self.members(**changes))

    def decode(self, token, now=NOW):
        return self.tokens.decode(token, now=now)

    def code(self, token, now=NOW):
        """Return the code of the error that rejects *token*. Its message is only the code."""
        with pytest.raises(InvalidToken) as caught:
            self.decode(token, now=now)
        assert str(caught.value) == caught.value.code.value
        return caught.value.code


class Refresh(Access):
    """A server whose refresh tokens are signed with a key derived from ``SECRET_KEY``."""

    typ = "rt+jwt"

    def __init__(self, **values):
        self.settings = read_settings(**values)
        self.tokens = RefreshTokens(self.settings, refresh_keys(self.settings))
        self.sign = hmac_with(derived_secret(SECRET_KEY, "refresh token"))
        self.kid = refresh_keys(self.settings).signing.kid

    def members(self, **changes):
        return refresh_members(**changes)


def derived_secret(secret_key, purpose, algorithm="HS256"):
    """Return the key that the server derives from ``SECRET_KEY``.

    Any change of the derivation would invalidate all sessions.
    """
    digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[algorithm]
    return hmac.digest(secret_key, f"django_tokenauth {purpose} {algorithm}".encode(), digest)
