"""The requests to the API, with a token that can only read the notes of one user."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path

import jwt
from django.conf import settings

from demo.client import Client

CLIENT_ID = "service/reports"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class SignedOut(Exception):
    """The token cannot be exchanged: its session has ended, or the token has expired."""


class Unavailable(Exception):
    """The API does not respond, or rejects this service."""


def exchange(token: str) -> str:
    """Exchange the token of a user for one that may read the notes (RFC 8693)."""
    response = _api().post(
        "/auth/token/",
        {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": token,
            "subject_token_type": ACCESS_TOKEN,
            "scope": "notes:read",
            "client_assertion_type": JWT_BEARER,
            "client_assertion": assertion(),
        },
    )
    # RFC 8693 section 2.2.2: the token of the user is not valid.
    if response.error == (400, "invalid_request"):
        raise SignedOut
    exchanged = response.get("access_token")
    if not isinstance(exchanged, str):
        raise Unavailable
    return exchanged


def list_texts(token: str) -> list[str]:
    """Return the texts of the notes."""
    response = _api().get("/notes/", token=token)
    if response.status == 401:
        raise SignedOut
    if response.status != 200:
        raise Unavailable
    return [note["text"] for note in response.body]


def assertion() -> str:
    """Return a signed statement that this service sends the request (RFC 7523), for one use."""
    # The private key of this service. The API knows only its public half.
    jwk = json.loads(Path(os.environ["EXAMPLE_REPORTS_KEY"]).read_text(encoding="utf-8"))
    claims = {
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "aud": settings.TOKENAUTH["ISSUER"],
        "exp": int(time.time()) + 60,
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, jwt.PyJWK(jwk), algorithm=jwk["alg"], headers={"kid": jwk["kid"]})


def _api() -> Client:
    # The issuer of the tokens is the URL of the API.
    return Client(settings.TOKENAUTH["ISSUER"])
