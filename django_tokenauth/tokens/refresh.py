"""Refresh tokens: signed with a key derived from ``SECRET_KEY``, read by their issuer only."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ..conf.settings import Settings
from ..errors import InvalidToken, TokenErrorCode
from ..keys.schedule import KeySet
from ..keys.sources import refresh_keys
from .access import _ascii, _encode, _Reader
from .claims import RefreshClaims

#: Of this package: RFC 8725 section 3.11 asks for a type of its own for each kind of token.
REFRESH_TYP: Final = "rt+jwt"


class RefreshTokens:
    """Makes and verifies refresh tokens."""

    def __init__(self, settings: Settings, keys: KeySet) -> None:
        self._issuer = settings.issuer
        self._leeway = settings.leeway.total_seconds()
        self._keys = keys
        self._reader = _Reader(keys, REFRESH_TYP)

    def encode(self, claims: RefreshClaims) -> str:
        """Sign ``claims``. Equal claims and keys give the same token, to the letter."""
        return _encode(claims.to_payload(), REFRESH_TYP, self._keys)

    def decode(self, token: object, *, now: float) -> RefreshClaims:
        """The claims of ``token`` if it is ours and good at ``now`` (seconds since the epoch).

        Raises :class:`InvalidToken` and nothing else.
        """
        claims = RefreshClaims.from_payload(self._reader.members(_ascii(token)))
        if claims.issuer != self._issuer:
            raise InvalidToken(TokenErrorCode.ISSUER)
        # Only the end counts. A shorter REFRESH_TOKEN_LIFETIME must not sign out who is signed in,
        # nor a clock that is behind the one of the server that made the token.
        if now >= claims.expires_at + self._leeway:
            raise InvalidToken(TokenErrorCode.EXPIRED)
        return claims


@lru_cache(maxsize=1)
def refresh_tokens(settings: Settings) -> RefreshTokens:
    """The refresh tokens of ``settings``."""
    return RefreshTokens(settings, refresh_keys(settings))
