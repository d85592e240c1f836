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
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b, sha256
from math import ceil
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from ..conf.settings import Settings
from ..errors import InvalidToken, TokenErrorCode
from ..keys.loading import Key
from ..keys.schedule import KeySet, KeySource
from ..keys.sources import access_keys
from . import jws
from .claims import Claims, validity

#: RFC 9068 section 2.1.
ACCESS_TYP: Final = "at+jwt"


# The claims of a token whose signature is sound, and from when until when it is good: seconds.
_Verified = tuple[Claims, float, float]


class VerifiedTokens:
    """What tokens say whose signature was verified, by a digest of the whole token.

    Bounded; the least recently used goes first. It holds no token, no failure, and nothing that
    depends on the time: expiry and revocation are asked at every use. Threads share it without a
    lock: each step on the ``OrderedDict`` is atomic, and what gets lost between two is a cached
    entry, never an answer.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    def __len__(self) -> int:
        return len(self._verified)

    def get(self, digest: bytes) -> _Verified | None:
        verified = self._verified.get(digest)
        if verified is not None:
            # Another thread may have made room meanwhile. Not suppress(), which would take a tenth
            # of the time that a request with a token that was seen before costs.
            try:  # noqa: SIM105
                self._verified.move_to_end(digest)
            except KeyError:
                pass
        return verified

    def put(self, digest: bytes, verified: _Verified) -> None:
        self._verified[digest] = verified
        while len(self._verified) > self._size:
            # Another thread may have emptied it meanwhile.
            try:  # noqa: SIM105
                self._verified.popitem(last=False)
            except KeyError:
                pass


class _Reader:
    """Reads the tokens of one type that the keys of one set have signed."""

    def __init__(self, keys: KeySet, typ: str) -> None:
        self._keys = keys
        self._typ = typ
        # A header as we write it, to the letter, needs no reading: to read it takes a quarter of
        # the verification with HS256.
        self._as_written = {
            _header(key.algorithm, key.kid, typ): key for key in keys.verifying.values()
        }

    def members(self, token: bytes) -> dict[str, Any]:
        """The members of the payload of ``token``, whose signature is verified.

        Raises :class:`InvalidToken`.
        """
        compact = jws.parse(token)
        key = self._as_written.get(compact.header) or self._key_for(jws.read_header(compact.header))
        jws.verify(compact, key)
        return jws.json_object(compact.payload)

    def _key_for(self, header: Mapping[str, Any]) -> Key:
        found = header.get("typ")
        # RFC 7515 section 4.1.9: a media type, so case does not count and application/ may lead it.
        if not isinstance(found, str) or found.lower().removeprefix("application/") != self._typ:
            raise InvalidToken(TokenErrorCode.TYP)
        return jws.key_for(header, self._keys)


class AccessTokens:
    """Makes and verifies access tokens with the keys that there are at the time."""

    def __init__(self, settings: Settings, source: KeySource) -> None:
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._longest = ceil(settings.access_token_lifetime.total_seconds())
        self._leeway = settings.leeway.total_seconds()
        self._source = source
        self._cache_size = settings.token_cache_size
        self._hash = _hash()
        # With the keys that there were: a new one for new ones, so that nothing that another thread
        # is about to put into the old one, by a key that is gone, is ever found.
        self._latest: tuple[KeySet, _Reader, VerifiedTokens] | None = None

    def encode(self, claims: Claims) -> str:
        """Sign ``claims`` with the key that signs at the time at which they are issued.

        Raises ``ImproperlyConfigured`` if there is none.
        """
        return _encode(claims.to_payload(), ACCESS_TYP, self._source.at(claims.issued_at))

    def decode(self, token: object, *, now: float) -> Claims:
        """The claims of ``token`` (the compact form, a ``str``) if it is good at ``now``.

        ``now`` is in seconds since the epoch. Raises :class:`InvalidToken` and nothing else.
        """
        data = _ascii(token)
        digest = self._hash(data).digest()
        keys = self._source.at(now)
        latest = self._latest
        if latest is None or latest[0] is not keys:
            reader = _Reader(keys, ACCESS_TYP)
            self._latest = latest = (keys, reader, VerifiedTokens(self._cache_size))
        _, reader, verified = latest
        found = verified.get(digest)
        # When it is good is asked of the token once; the clock is asked each time.
        claims, begin, end = found or self._verify(reader, data)
        if now >= end:
            raise InvalidToken(TokenErrorCode.EXPIRED)
        if now < begin:
            raise InvalidToken(TokenErrorCode.NOT_YET_VALID)
        if found is None:
            verified.put(digest, (claims, begin, end))
        return claims

    def _verify(self, reader: _Reader, data: bytes) -> _Verified:
        claims = Claims.from_payload(reader.members(data))
        if claims.issuer != self._issuer:
            raise InvalidToken(TokenErrorCode.ISSUER)
        if self._audience not in claims.audience:
            raise InvalidToken(TokenErrorCode.AUDIENCE)
        return (claims, *validity(claims, leeway=self._leeway, longest=self._longest))


@lru_cache(maxsize=1)
def access_tokens(settings: Settings) -> AccessTokens:
    """The access tokens of ``settings``, with the cache of those that were verified."""
    return AccessTokens(settings, access_keys(settings))


def _hash() -> Callable[[bytes], Any]:
    """The hash by which verified tokens are known.

    Not SHA-256, for which Python goes through OpenSSL: in a server, which does much else between
    two requests, that costs 8 us instead of 4, a fifth of the authentication. But a machine may
    refuse what FIPS 140 does not approve.
    """
    try:
        blake2b(b"")
    except ValueError:
        return sha256
    return blake2b


def _ascii(token: object) -> bytes:
    if not isinstance(token, str) or len(token) > jws.MAX_LENGTH or not token.isascii():
        raise InvalidToken(TokenErrorCode.MALFORMED)
    return token.encode("ascii")


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
