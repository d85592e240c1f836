"""The requests to the API, with a token that can only read the notes of one user.

`demo.client` is a small HTTP client of the example. A service uses a library such as httpx.
"""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from pathlib import Path

import jwt
from django.conf import settings

from demo.client import Client, Response

CLIENT_ID = "service/reports"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

logger = logging.getLogger(__name__)


class SignedOut(Exception):
    """The token cannot be exchanged: its session has ended, or the token has expired."""


class Unavailable(Exception):
    """The API does not respond, rejects this service, or the key of this service is missing."""


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
        raise _unavailable("the exchange", response)
    return exchanged


def list_texts(token: str) -> list[str]:
    """Return the texts of the notes."""
    response = _api().get("/notes/", token=token)
    if response.status == 401:
        raise SignedOut
    try:
        return [str(note["text"]) for note in response.body]
    except (TypeError, KeyError):
        raise _unavailable("the list of notes", response) from None


def assertion() -> str:
    """Return a client assertion (RFC 7523), which is accepted once."""
    now = int(time.time())
    claims = {
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "aud": settings.TOKENAUTH["ISSUER"],
        "exp": now + 60,
        "jti": str(uuid.uuid4()),
    }
    try:
        # The private key of this service. The API knows only its public half.
        jwk = json.loads(Path(os.environ["EXAMPLE_REPORTS_KEY"]).read_text(encoding="utf-8"))
        headers = {"kid": jwk["kid"]}
        return jwt.encode(claims, jwt.PyJWK(jwk), algorithm=jwk["alg"], headers=headers)
    except (OSError, KeyError, TypeError, ValueError, jwt.PyJWTError) as error:
        # The text of the error could contain the key.
        logger.error("the key in EXAMPLE_REPORTS_KEY cannot be used (%s)", type(error).__name__)
        raise Unavailable from None


def _unavailable(what: str, response: Response) -> Unavailable:
    status, code = response.error
    logger.error("%s failed with status %s, error %s", what, status, code)
    return Unavailable()


def _api() -> Client:
    # The issuer of the tokens is the URL of the API.
    return Client(settings.TOKENAUTH["ISSUER"])
