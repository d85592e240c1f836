"""The two tokens: made and verified in one strict pass, with the clock as an argument.

==============  =====================================  =====================================
kind            access token, ``typ: at+jwt``          refresh token, ``typ: rt+jwt``
read by         any API that trusts the issuer         only the server that issued it
signed with     the key set of the settings            a secret derived from ``SECRET_KEY``
==============  =====================================  =====================================
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from math import ceil
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from . import jws
from .claims import Claims, RefreshClaims, check_time
from .conf import Settings
from .errors import Code, InvalidToken
from .key_schedule import KeySet, KeySource
from .key_sets import access_keys, refresh_keys

#: RFC 9068 section 2.1.
ACCESS_TYP: Final = "at+jwt"
#: Of this package: RFC 8725 section 3.11 asks for a type of its own for each kind of token.
REFRESH_TYP: Final = "rt+jwt"


class VerifiedTokens:
    """The claims of tokens whose signature was verified, by the SHA-256 of the whole token.

    Bounded; the least recently used goes first. It holds no token, no failure, and nothing that
    depends on the time: expiry and revocation are asked at every use. Threads share it without a
    lock: each step on the ``OrderedDict`` is atomic, and what gets lost between two is a cached
    entry, never an answer.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._claims: OrderedDict[bytes, Claims] = OrderedDict()

    def __len__(self) -> int:
        return len(self._claims)

    def get(self, digest: bytes) -> Claims | None:
        claims = self._claims.get(digest)
        if claims is not None:
            # Another thread may have made room meanwhile.
            with suppress(KeyError):
                self._claims.move_to_end(digest)
        return claims

    def put(self, digest: bytes, claims: Claims) -> None:
        self._claims[digest] = claims
        while len(self._claims) > self._size:
            # Another thread may have emptied it meanwhile.
            with suppress(KeyError):
                self._claims.popitem(last=False)


class AccessTokens:
    """Makes and verifies access tokens with the keys that there are at the time."""

    def __init__(self, settings: Settings, source: KeySource) -> None:
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._longest = ceil(settings.access_token_lifetime.total_seconds())
        self._leeway = settings.leeway.total_seconds()
        self._source = source
        self._cache_size = settings.token_cache_size
        self._latest: tuple[KeySet | None, VerifiedTokens] = (None, VerifiedTokens(0))

    def encode(self, claims: Claims) -> str:
        """Sign ``claims`` with the key that signs at the time at which they are issued.

        Raises ``ImproperlyConfigured`` if there is none.
        """
        return _encode(claims.members(), ACCESS_TYP, self._source.at(claims.issued_at))

    def decode(self, token: object, *, now: float) -> Claims:
        """The claims of ``token`` (the compact form, a ``str``) if it is good at ``now``.

        ``now`` is in seconds since the epoch. Raises :class:`InvalidToken` and nothing else.
        """
        data = _ascii(token)
        digest = sha256(data).digest()
        keys, verified = self._keys_and_cache(now)
        claims = verified.get(digest)
        if claims is not None:
            self._check_time(claims, now)
            return claims
        claims = Claims.from_members(_verified_members(data, ACCESS_TYP, keys))
        if claims.issuer != self._issuer:
            raise InvalidToken(Code.ISSUER)
        if self._audience not in claims.audience:
            raise InvalidToken(Code.AUDIENCE)
        self._check_time(claims, now)
        verified.put(digest, claims)
        return claims

    def _keys_and_cache(self, now: float) -> tuple[KeySet, VerifiedTokens]:
        keys = self._source.at(now)
        known, verified = self._latest
        if known is not keys:
            # A new one, so that nothing that another thread is about to put into the old one, by a
            # key that is gone, is ever found.
            verified = VerifiedTokens(self._cache_size)
            self._latest = (keys, verified)
        return keys, verified

    def _check_time(self, claims: Claims, now: float) -> None:
        check_time(claims, now=now, leeway=self._leeway, longest=self._longest)


class RefreshTokens:
    """Makes and verifies refresh tokens."""

    def __init__(self, settings: Settings, keys: KeySet) -> None:
        self._issuer = settings.issuer
        self._leeway = settings.leeway.total_seconds()
        self._keys = keys

    def encode(self, claims: RefreshClaims) -> str:
        """Sign ``claims``. Equal claims and keys give the same token, to the letter."""
        return _encode(claims.members(), REFRESH_TYP, self._keys)

    def decode(self, token: object, *, now: float) -> RefreshClaims:
        """The claims of ``token`` if it is ours and good at ``now`` (seconds since the epoch).

        Raises :class:`InvalidToken` and nothing else.
        """
        claims = RefreshClaims.from_members(
            _verified_members(_ascii(token), REFRESH_TYP, self._keys)
        )
        if claims.issuer != self._issuer:
            raise InvalidToken(Code.ISSUER)
        # Only the end counts. A shorter REFRESH_TOKEN_LIFETIME must not sign out who is signed in,
        # nor a clock that is behind the one of the server that made the token.
        if now >= claims.expires_at + self._leeway:
            raise InvalidToken(Code.EXPIRED)
        return claims


@lru_cache(maxsize=1)
def access_tokens(settings: Settings) -> AccessTokens:
    """The access tokens of ``settings``, with the cache of those that were verified."""
    return AccessTokens(settings, access_keys(settings))


@lru_cache(maxsize=1)
def refresh_tokens(settings: Settings) -> RefreshTokens:
    """The refresh tokens of ``settings``."""
    return RefreshTokens(settings, refresh_keys(settings))


def _ascii(token: object) -> bytes:
    if not isinstance(token, str) or len(token) > jws.MAX_LENGTH or not token.isascii():
        raise InvalidToken(Code.MALFORMED)
    return token.encode("ascii")


def _verified_members(token: bytes, typ: str, keys: KeySet) -> dict[str, Any]:
    compact = jws.parse(token)
    found = compact.header.get("typ")
    # RFC 7515 section 4.1.9: a media type, so case does not count and application/ may lead it.
    if not isinstance(found, str) or found.lower().removeprefix("application/") != typ:
        raise InvalidToken(Code.TYP)
    jws.verify(compact, keys)
    return jws.json_object(compact.payload)


def _encode(members: Mapping[str, Any], typ: str, keys: KeySet) -> str:
    key = keys.signing
    if key is None:
        raise ImproperlyConfigured("TOKENAUTH has no key that signs now: it can verify, not sign.")
    return jws.encode(_header(key.algorithm, key.kid, typ), _json(members), key)


@lru_cache(maxsize=64)
def _header(algorithm: str, kid: str, typ: str) -> bytes:
    return jws.base64url(_json({"alg": algorithm, "kid": kid, "typ": typ}))


def _json(members: Mapping[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":"), allow_nan=False).encode("ascii")
