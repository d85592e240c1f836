"""Service accounts with a secret or a key, and the assertions that they sign."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any

import jwt

from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.services.clients import encode_secret
from tests.support.client import ClientResponse, post

GRANT = {"grant_type": "client_credentials"}
SECRET, NEXT_SECRET = "correct battery", "horse staple"
ISSUER = "https://auth.example.com"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: The members of a JWK that a client publishes.
PUBLIC = ("kty", "crv", "x", "y", "n", "e", "kid", "alg", "use")


@cache
def _jwk(algorithm: str, number: int) -> dict[str, Any]:
    return make_jwk(algorithm, now=0, not_before=0)


def private_jwk(algorithm: str = "ES256", number: int = 0) -> dict[str, Any]:
    """Return a private key; another *number* gives another key."""
    return _jwk(algorithm, number)


def public_jwk(algorithm: str = "ES256", number: int = 0) -> dict[str, Any]:
    jwk = private_jwk(algorithm, number)
    return {name: jwk[name] for name in PUBLIC if name in jwk}


def account(**members: Any) -> dict[str, Any]:
    """Return an entry of ``CLIENTS``: a service account with a secret."""
    return {"secrets": [encode_secret(SECRET)], "scopes": ["notes:read", "statistics"], **members}


def request_token(client_id: str = "statistics", secret: str = SECRET, **parameters: Any) -> Any:
    """Return the response to the request of a token, with the secret in the body."""
    body = {**GRANT, "client_id": client_id, "client_secret": secret, **parameters}
    return post("token/", body)


def sign(claims: dict[str, Any], algorithm: str = "ES256", number: int = 0, **header: Any) -> str:
    """Return a JWT with *claims* of any type. A header of ``None`` is omitted."""
    jwk = private_jwk(algorithm, number)
    key = jwt.get_algorithm_by_name(algorithm).from_jwk(jwk)
    headers = {"typ": "JWT", "kid": jwk["kid"], **header}
    headers = {name: value for name, value in headers.items() if value is not None}
    # Unlike PyJWT.encode(), PyJWS.encode() does not check the claims.
    return jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm, headers)


def assertion_claims(client_id: str = "statistics", **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": ISSUER, "exp": now + 60, "iat": now}
    claims = {**claims, "jti": f"{time.time_ns()}", **changes}
    return {name: value for name, value in claims.items() if value is not None}


def with_assertion(path: str, assertion: object, **parameters: Any) -> ClientResponse:
    body = {"client_assertion": assertion, "client_assertion_type": JWT_BEARER, **parameters}
    return post(path, body)
