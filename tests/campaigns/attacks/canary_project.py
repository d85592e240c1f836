"""A project with a canary for every secret, and the requests of its one user."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.contrib.auth import get_user_model

from tests.campaigns.attacks.canaries import Collected, Secrets
from tests.support.client import ClientResponse, post
from tests.support.raw_tokens import derived_secret
from tests.support.sample_keys import private_jwk, private_key, private_pem

PASSWORD = "a password to be found 4711"
GUESS = "a guess that is nearly right 4712"
SECRET_KEY = "the secret key to be found in this test, longer than 32 bytes"
SECRET = "the signing key to be found in this test, 32 bytes and more"
PAIR = private_key("EdDSA")
RSA_KEY = private_key("RS256")
RSA = private_jwk(RSA_KEY)
CREDENTIALS = {"username": "alice", "password": PASSWORD}
#: The signing keys under test: their settings, and the secret strings in them.
KEYS: dict[str, tuple[dict[str, Any], list[str | bytes]]] = {
    "derived": ({}, []),
    "secret": ({"SIGNING_KEY": SECRET}, [SECRET]),
    "pem": (
        {"ALGORITHM": "EdDSA", "SIGNING_KEY": private_pem(PAIR).decode()},
        [private_pem(PAIR), private_jwk(PAIR)["d"]],
    ),
    "jwk": (
        {"ALGORITHM": "RS256", "SIGNING_KEY": RSA},
        [json.dumps(RSA), *(RSA[name] for name in ("d", "p", "q", "dp", "dq", "qi"))],
    ),
}


def settings_with(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``TOKENAUTH`` of the canary project, with these values."""
    return {
        "SCOPES": ["notes:read", "notes:write"],
        "REVOKE_BY_ACCESS_TOKEN": ["django-tokenauth", "app"],
        **values,
    }


def secrets_of(keys: list[str | bytes]) -> Secrets:
    """Return all secrets that exist before the first sign-in."""
    secrets = Secrets()
    secrets.add("password", PASSWORD)
    secrets.add("guess", GUESS)
    secrets.add_key("SECRET_KEY", SECRET_KEY)
    for purpose in ("access token", "refresh token"):
        secrets.add("derived key", derived_secret(SECRET_KEY.encode(), purpose))
    for key in keys:
        secrets.add_key("SIGNING_KEY", key)
    return secrets


def create_alice() -> Any:
    return get_user_model().objects.create_user("alice", password=PASSWORD)


def sign_in(collected: Collected, **parameters: object) -> tuple[str, str]:
    """Sign in and return the access and refresh token."""
    return _tokens_of(
        collected, post("token/", {**CREDENTIALS, "device_name": "lamp", **parameters})
    )


def refresh(collected: Collected, token: str, **parameters: object) -> tuple[str, str]:
    """Refresh and return the new tokens."""
    return _tokens_of(collected, post("token/refresh/", {"refresh_token": token, **parameters}))


def _tokens_of(collected: Collected, response: ClientResponse) -> tuple[str, str]:
    collected.add_response(response, is_secret=True)
    assert response.status_code == HTTPStatus.OK, response.content
    tokens = response.json()
    for name in ("access_token", "refresh_token"):
        collected.secrets.add_token(tokens[name])
    return tokens["access_token"], tokens["refresh_token"]


def tampered(collected: Collected, token: str) -> str:
    """Return the token with another signature, and register it as a secret."""
    start, _, signature = token.rpartition(".")
    forged = f"{start}.{signature[::-1]}"
    collected.secrets.add_token(forged)
    return forged
