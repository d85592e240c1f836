"""A project whose every secret is a canary, and its one user, who does all that there is to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.contrib.auth import get_user_model

from tests.campaigns.attacks.canaries import Collected, Secrets
from tests.support.client import Answer, post
from tests.support.raw_tokens import derived_secret
from tests.support.sample_keys import private_jwk, private_key, private_pem

PASSWORD = "a password to be found 4711"
GUESS = "a guess that is nearly right 4712"
SECRET_KEY = "the secret key to be found in this test, longer than 32 bytes"
SECRET = "the signing key to be found in this test, 32 bytes and more"
PAIR = private_key("EdDSA")
RSA_KEY = private_key("RS256")
RSA = private_jwk(RSA_KEY)
WHO = {"username": "alice", "password": PASSWORD}
#: What signs access tokens, and the secret texts in it.
KEYS: dict[str, tuple[dict[str, Any], list[str | bytes]]] = {
    "a key derived from SECRET_KEY": ({}, []),
    "a secret": ({"SIGNING_KEY": SECRET}, [SECRET]),
    "a PEM": (
        {"ALGORITHM": "EdDSA", "SIGNING_KEY": private_pem(PAIR).decode()},
        [private_pem(PAIR), private_jwk(PAIR)["d"]],
    ),
    "a JWK": (
        {"ALGORITHM": "RS256", "SIGNING_KEY": RSA},
        [json.dumps(RSA), *(RSA[name] for name in ("d", "p", "q", "dp", "dq", "qi"))],
    ),
}


def settings_with(values: Mapping[str, Any]) -> dict[str, Any]:
    """``TOKENAUTH`` of the mine."""
    return {"SCOPES": ["notes:read", "notes:write"], **values}


def secrets_of(keys: list[str | bytes]) -> Secrets:
    """All that is secret before anybody has signed in."""
    found = Secrets()
    found.add("password", PASSWORD)
    found.add("guess", GUESS)
    found.add_key("SECRET_KEY", SECRET_KEY)
    for purpose in ("access token", "refresh token"):
        found.add("derived key", derived_secret(SECRET_KEY.encode(), purpose))
    for key in keys:
        found.add_key("SIGNING_KEY", key)
    return found


def alice() -> Any:
    return get_user_model().objects.create_user("alice", password=PASSWORD)


def sign_in(collected: Collected, **parameters: object) -> tuple[str, str]:
    """The access and the refresh token of a sign-in."""
    return _tokens_of(collected, post("token/", {**WHO, "name": "lamp", **parameters}))


def refresh(collected: Collected, token: str, **parameters: object) -> tuple[str, str]:
    """The tokens of a refresh."""
    return _tokens_of(collected, post("token/refresh/", {"refresh_token": token, **parameters}))


def _tokens_of(collected: Collected, answer: Answer) -> tuple[str, str]:
    collected.answer(answer, is_secret=True)
    assert answer.status_code == HTTPStatus.OK, answer.content
    found = answer.json()
    for name in ("access_token", "refresh_token"):
        collected.secrets.add_token(found[name])
    return found["access_token"], found["refresh_token"]


def tampered(collected: Collected, token: str) -> str:
    """The token with another signature, which is a secret like the right one."""
    start, _, signature = token.rpartition(".")
    other = f"{start}.{signature[::-1]}"
    collected.secrets.add_token(other)
    return other
