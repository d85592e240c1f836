"""Access tokens: signed by the issuer, and verified by each API that trusts the issuer's keys.

An access token is a compact JWS of type ``at+jwt`` (RFC 9068). Each process caches the claims of
verified tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import blake2b, sha256
from math import ceil
from typing import Any, Final

from ..conf.per_request import cache_per_settings
from ..conf.settings import Settings
from ..errors import InvalidToken, TokenErrorCode
from ..keys.schedule import KeySet, KeySource
from ..keys.sources import access_keys
from . import jws
from .claims import Claims, validity_period
from .readable import check_readable, too_long
from .verified import ENTRY_COST, Verified, VerifiedTokens, estimate_cost, is_small

#: The type of an access token (RFC 9068 section 2.1).
ACCESS_TYP: Final = "at+jwt"


class VerifiedByKeySet:
    """The latest key set of a process, its reader, and the cache of tokens that it has verified.

    All tenants share the object, so that its limits apply to the process.
    """

    __slots__ = ("latest",)

    def __init__(self) -> None:
        # A new key set gets a new cache. A slower thread can add a token of a removed key to the
        # old cache only.
        self.latest: tuple[KeySet, jws.Reader, VerifiedTokens] | None = None


class AccessTokens:
    """Signs and verifies access tokens with the key set that is in use at the given time.

    *shared* contains the verified tokens. With functions of the request as ``ISSUER`` or
    ``AUDIENCE``, and with ``AUDIENCES``, there is an object for each pair of an issuer and an
    audience, and all objects have one *shared*.
    """

    def __init__(
        self, settings: Settings, source: KeySource, shared: VerifiedByKeySet | None = None
    ) -> None:
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._max_lifetime = ceil(settings.max_access_token_lifetime.total_seconds())
        self._leeway = settings.leeway.total_seconds()
        self._is_revoked_by_not_before = settings.is_revoked_by_not_before
        self._source = source
        self._cache_limits = settings.token_cache_size, settings.token_cache_bytes
        self._shared = shared or VerifiedByKeySet()
        self._hash = _token_hash()
        if settings.original is not None:
            # A token that was verified for one tenant or audience is not verified for another.
            # Issuers and audiences contain no NUL.
            parties = f"{settings.issuer}\0{settings.audience}\0".encode()
            self._hash = partial(_hash_with_prefix, self._hash, parties)

    def encode(self, claims: Claims) -> str:
        """Return *claims* as a token, signed with the key that signs at ``claims.issued_at``.

        Raises ``UnusableSettings`` if no key signs at that time, and ``ImproperlyConfigured`` if
        :meth:`decode` would reject a claim or the length of the token.
        """
        payload = claims.to_payload()
        check_readable(payload, claims.extra)
        token = jws.encode(payload, ACCESS_TYP, self._source.at(claims.issued_at))
        if len(token) > jws.MAX_LENGTH:
            # Error reports show local variables, so delete the token.
            del token
            raise too_long(payload, claims.extra)
        return token

    def decode(self, token: object, *, now: float) -> Claims:
        """Verify *token*, a string in compact form, at *now* and return its claims.

        *now* is in seconds since the epoch. Raises :class:`InvalidToken` and nothing else.
        """
        data = jws.token_bytes(token)
        digest = self._hash(data).digest()
        keys = self._source.at(now)
        latest = self._shared.latest
        if latest is None or latest[0] is not keys:
            reader = jws.Reader(keys, ACCESS_TYP)
            self._shared.latest = latest = (keys, reader, VerifiedTokens(*self._cache_limits))
        _, reader, cache = latest
        cached = cache.get(digest)
        claims, begin, end = cached or self._verify(reader, data)
        if now >= end:
            raise InvalidToken(TokenErrorCode.EXPIRED)
        if now < begin:
            raise InvalidToken(TokenErrorCode.NOT_YET_VALID)
        if cached is None:
            cost = ENTRY_COST if is_small(claims) else estimate_cost(jws.parse(data).payload)
            cache.put(digest, (claims, begin, end), cost)
        return claims

    def _verify(self, reader: jws.Reader, data: bytes) -> Verified:
        claims = Claims.from_payload(reader.read_payload(data))
        if claims.issuer != self._issuer:
            raise InvalidToken(TokenErrorCode.ISSUER)
        if self._audience not in claims.audience:
            raise InvalidToken(TokenErrorCode.AUDIENCE)
        signed_in = claims.issued_at if claims.auth_time is None else claims.auth_time
        if self._is_revoked_by_not_before(signed_in):
            raise InvalidToken(TokenErrorCode.REVOKED)
        return (
            claims,
            *validity_period(claims, leeway=self._leeway, max_lifetime=self._max_lifetime),
        )


@cache_per_settings
def access_tokens(settings: Settings) -> AccessTokens:
    """Return the object that signs and verifies access tokens with the keys of *settings*."""
    shared = settings.shared
    return AccessTokens(settings, access_keys(shared), _verified_tokens(shared))


@lru_cache(maxsize=1)
def _verified_tokens(settings: Settings) -> VerifiedByKeySet:
    return VerifiedByKeySet()


def _hash_with_prefix(hash_: Callable[[bytes], Any], prefix: bytes, data: bytes) -> Any:
    return hash_(prefix + data)


def _token_hash() -> Callable[[bytes], Any]:
    """Return the hash function of cache keys: BLAKE2b, or SHA-256 under FIPS 140.

    Python calls OpenSSL for SHA-256. In a busy server, SHA-256 takes 8 us per token, and BLAKE2b
    takes 4 us. A machine in FIPS mode may reject BLAKE2b.
    """
    try:
        blake2b(b"")
    except ValueError:
        return sha256
    return blake2b
