"""Refresh tokens: signed with a key derived from a secret, and read by their issuer only."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Final

from ..conf.per_request import cache_per_settings
from ..conf.settings import Settings
from ..errors import InvalidToken, TokenErrorCode
from ..keys.schedule import KeySet
from ..keys.sources import refresh_keys
from . import jws
from .claims import RefreshClaims
from .readable import check_readable, too_long

#: The private type of a refresh token. Each kind of token has its own type (RFC 8725 section 3.11).
REFRESH_TYP: Final = "rt+jwt"


class RefreshTokens:
    """Signs and verifies refresh tokens."""

    def __init__(self, settings: Settings, keys: KeySet) -> None:
        self._issuer = settings.issuer
        # The issuer is the audience of a refresh token. If AUDIENCE is a function, the audiences of
        # the tenants may differ while their issuers are equal.
        self._tenant: str | None = None
        if "audience" in settings.by_request:
            self._tenant = sha256(settings.audience.encode()).hexdigest()
        self._leeway = settings.leeway.total_seconds()
        self._keys = keys
        self._reader = jws.Reader(keys, REFRESH_TYP)

    def encode(self, claims: RefreshClaims) -> str:
        """Return *claims* as a signed token. Equal claims and keys give equal tokens.

        Raises ``ImproperlyConfigured`` if :meth:`decode` would reject a claim or the length of the
        token.
        """
        if self._tenant is not None:
            claims = replace(claims, tenant=self._tenant)
        payload = claims.to_payload()
        check_readable(payload)
        token = jws.encode(payload, REFRESH_TYP, self._keys)
        if len(token) > jws.MAX_LENGTH:
            # Error reports show local variables, so delete the token.
            del token
            raise too_long(payload)
        return token

    def decode(self, token: object, *, now: float) -> RefreshClaims:
        """Verify *token*, a string in compact form, at *now* and return its claims.

        *now* is in seconds since the epoch. Raises :class:`InvalidToken` and nothing else.
        """
        claims = RefreshClaims.from_payload(self._reader.read_payload(jws.token_bytes(token)))
        if claims.issuer != self._issuer:
            raise InvalidToken(TokenErrorCode.ISSUER)
        if self._tenant is not None and claims.tenant != self._tenant:
            raise InvalidToken(TokenErrorCode.AUDIENCE)
        # Of the refresh token's times, check only exp. A shorter REFRESH_TOKEN_LIFETIME must not
        # sign users out. A clock that is behind the clock of the issuing server must not sign users
        # out.
        if now >= claims.expires_at + self._leeway:
            raise InvalidToken(TokenErrorCode.EXPIRED)
        return claims


@cache_per_settings
def refresh_tokens(settings: Settings) -> RefreshTokens:
    """Return the object that signs and verifies refresh tokens with the keys of *settings*."""
    return RefreshTokens(settings, refresh_keys(settings.shared))
