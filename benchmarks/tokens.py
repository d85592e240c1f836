"""Verify and sign an access token beside PyJWT, without a request.

PyJWT's ``decode`` checks the algorithm, issuer, audience, times and required claims, as we do, but
accepts more malformed tokens. The reference is the signature check of its algorithm object.
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import jwt
from jwt.utils import base64url_decode

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.tokens.access import access_tokens

from .catalog import Run
from .project import change_tokenauth, new_users
from .sampling import Subject, measure, unit
from .tables import OURS, RowKind, Table

ALGORITHMS = ("HS256", "ES256", "EdDSA", "RS256")
REQUIRED = ["iss", "aud", "sub", "client_id", "iat", "exp", "jti"]


def tables(run: Run) -> Iterator[Table]:
    [user] = new_users(1)
    subjects = [subject for name in ALGORITHMS for subject in subjects_of(name, user)]
    yield Table("Verify and sign an access token", measure(subjects, run), unit(run))


def access_tokens_of(user: Any, number: int) -> list[str]:
    """Return different access tokens of one sign-in."""
    tokens = access_tokens(load())
    claims = tokens.decode(services.sign_in(user).access_token, now=time.time())
    return [tokens.encode(claims._replace(jwt_id=uuid.uuid4().hex)) for _ in range(number)]


def subjects_of(name: str, user: Any) -> Iterator[Subject]:
    """Yield the subjects of one algorithm."""
    now = int(time.time())
    jwk = make_jwk(name, now=now, not_before=now)
    change_tokenauth(ALGORITHM=name, SIGNING_KEY=jwk, TOKEN_CACHE_SIZE=1)
    ours, issuer = access_tokens(load()), load().issuer
    [token, *others] = access_tokens_of(user, 64)
    turns, claims = itertools.cycle(others), ours.decode(token, now=time.time())
    payload, header = claims.to_payload(), {"typ": "at+jwt", "kid": jwk["kid"]}
    algorithm = jwt.get_algorithm_by_name(name)
    private: Any = algorithm.from_jwk(jwk)
    public = private if isinstance(private, bytes) else private.public_key()
    signed, _, encoded = token.encode().rpartition(b".")
    body, signature = base64url_decode(signed.partition(b".")[2]), base64url_decode(encoded)

    def decode() -> object:
        options: Any = {"require": REQUIRED}
        return jwt.decode(token, public, [name], options, issuer=issuer, audience=issuer)

    def encode() -> object:
        return jwt.encode(payload, private, name, header)

    def check() -> object:
        if not algorithm.verify(signed, public, signature):
            raise SystemExit("The reference rejected a valid token.")
        return json.loads(body)

    def subject(what: str, kind: RowKind, call: Callable[[], object], act: str) -> Subject:
        return Subject(what, kind, call, group=f"{act}, {name}")

    yield subject(OURS, RowKind.OURS, lambda: ours.decode(next(turns), now=time.time()), "verify")
    yield subject("PyJWT decode", RowKind.COMPETITOR, decode, "verify")
    yield subject("signature check and json.loads", RowKind.REFERENCE, check, "verify")
    yield subject(OURS, RowKind.OURS, lambda: ours.encode(claims), "sign")
    yield subject("PyJWT encode", RowKind.COMPETITOR, encode, "sign")
