"""To verify and to sign an access token, and nothing else: no request, no database.

PyJWT's ``decode`` is asked for the same: the algorithm, the issuer, the audience, the times and the
claims that have to be there. It still lets more through than we do.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterator
from typing import Any

import jwt

from django_tokenauth.conf.settings import load
from django_tokenauth.tokens.access import AccessTokens, access_tokens
from django_tokenauth.tokens.claims import Claims

from . import project, signatures
from .our_tokens import settings_for
from .parts import Effort, Entry, measure
from .results import Kind, Table
from .rounds import Candidate

NEVER_SEEN = 64
REQUIRED = ["iss", "aud", "sub", "client_id", "iat", "exp", "jti"]


def tables(effort: Effort) -> Iterator[Table]:
    for title, entries_of in (
        ("Verifying an access token", _verifying),
        ("Signing an access token", _signing),
    ):
        entries = [entry for algorithm in signatures.usable() for entry in entries_of(algorithm)]
        rows = measure(entries, effort, statements=None)
        yield Table(title, rows, unit=effort.unit, note="PyJWT is the peer.")


def _kind_of_token(algorithm: str, cache_size: int) -> AccessTokens:
    project.use(**settings_for(algorithm), TOKEN_CACHE_SIZE=cache_size)
    return access_tokens(load())


def _claims() -> Claims:
    now = int(time.time())
    settings = load()
    return Claims(
        issuer=settings.issuer,
        audience=(settings.issuer,),
        subject="1",
        client_id=settings.issuer,
        issued_at=now,
        expires_at=now + int(settings.access_token_lifetime.total_seconds()),
        jwt_id=uuid.uuid4().hex,
        session_id=str(uuid.uuid4()),
        auth_time=now,
    )


def _verifying(algorithm: str) -> Iterator[Entry]:
    for what, number, size in (("seen before", 1, 4096), ("never seen", NEVER_SEEN, 1)):
        kind = _kind_of_token(algorithm, size)
        tokens = itertools.cycle([kind.encode(_claims()) for _ in range(number)])

        def act(kind: AccessTokens = kind, tokens: Iterator[str] = tokens) -> object:
            return kind.decode(next(tokens), now=time.time())

        yield Entry(f"ours, {what}", Kind.OURS, Candidate(act), algorithm)
    token, issuer = next(tokens), load().issuer
    _, public = signatures.key_objects(algorithm)

    def decode() -> object:
        return jwt.decode(
            token,
            public,
            algorithms=[algorithm],
            issuer=issuer,
            audience=issuer,
            options={"require": REQUIRED},
        )

    yield Entry("PyJWT decode", Kind.PEER, Candidate(decode), algorithm)
    bare = Candidate(signatures.bare_verification(token))
    yield Entry("bare signature, json.loads", Kind.LIMIT, bare, algorithm)


def _signing(algorithm: str) -> Iterator[Entry]:
    kind = _kind_of_token(algorithm, 1)
    claims = _claims()
    members: dict[str, Any] = dict(claims.to_payload())
    private, _ = signatures.key_objects(algorithm)
    header = {"typ": "at+jwt", "kid": signatures.jwk(algorithm)["kid"]}
    yield Entry("ours", Kind.OURS, Candidate(lambda: kind.encode(claims)), algorithm)
    peer = Candidate(lambda: jwt.encode(members, private, algorithm, headers=header))
    yield Entry("PyJWT encode", Kind.PEER, peer, algorithm)
    bare = Candidate(signatures.bare_signing(algorithm, members))
    yield Entry("json.dumps, bare signature", Kind.LIMIT, bare, algorithm)
