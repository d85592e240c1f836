"""Client authentication by a signed assertion: ``private_key_jwt`` (RFC 7523 section 3).

The client signs a JWT with its private key, and ``CLIENTS`` contains the public keys of the client.
An assertion is accepted once.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.views.decorators.debug import sensitive_variables

from ..conf.per_request import cache_per_settings
from ..conf.settings import Settings, UnusableSettings
from ..conf.values import LAST_SECOND
from ..errors import InvalidClient, InvalidKey, InvalidToken, TokenErrorCode
from ..keys.loading import Key, load_key
from ..tokens import jws

logger = logging.getLogger("django_tokenauth")

#: The latest accepted expiry of an assertion, in seconds from now. Libraries use up to one hour.
MAX_SECONDS = 3600
_MAX_JWT_ID = 255
# Maximum difference between the clocks of a client and this server, in seconds.
_CLOCK_DIFFERENCE = 60
# RFC 7523 requires no type. An assertion of another type is another kind of token.
_TYPES = ("", "jwt", "client-authentication+jwt")

#: Remembers an assertion by its client and its ``jti`` for some seconds, and returns whether it is
#: new.
Remember = Callable[[str, str, int], bool]


@sensitive_variables()
def authenticate_by_assertion(
    settings: Settings,
    assertion: str,
    *,
    audiences: Collection[str],
    remember: Remember,
    now: float,
) -> str:
    """Return the client id of *assertion*, a JWT in compact form that its client has signed.

    *audiences* are the names of this server, of which the assertion must have exactly one.
    *remember* is called for an otherwise valid assertion only. *now* is in seconds since the epoch.

    Raises :class:`InvalidClient`, and the errors of *remember*. Raises ``UnusableSettings`` if a
    key of the client cannot be used.
    """
    try:
        compact = jws.parse(jws.token_bytes(assertion))
        header, claims = jws.read_header(compact.header), jws.json_object(compact.payload)
        client_id = claims.get("iss")
        if not isinstance(client_id, str) or claims.get("sub") != client_id:
            raise InvalidToken(TokenErrorCode.ISSUER)
        _check_type(header)
        _verify(compact, _keys_for(header, _keys_of(settings, client_id), now))
        seconds = _seconds_to_remember(claims, audiences, settings.leeway.total_seconds(), now)
        if not remember(client_id, claims["jti"], seconds):
            raise InvalidToken(TokenErrorCode.REVOKED)
    except InvalidToken as error:
        logger.info("client rejected: assertion, %s", error.code)
        raise InvalidClient from None
    return client_id


def _check_type(header: Mapping[str, Any]) -> None:
    typ = header.get("typ", "")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in _TYPES:
        raise InvalidToken(TokenErrorCode.TYP)


def _keys_for(header: Mapping[str, Any], keys: Collection[Key], now: float) -> list[Key]:
    """Return the keys that are valid now, with the algorithm and the ``kid`` of *header*."""
    kid = header.get("kid")
    valid = [key for key in keys if key.not_before <= now and not key.has_expired(now)]
    return [key for key in valid if key.algorithm == header["alg"] and kid in (None, key.kid)]


@sensitive_variables()
def _verify(compact: jws.Compact, keys: Collection[Key]) -> None:
    if not keys:
        raise InvalidToken(TokenErrorCode.KEY)
    if not any(key.verify(compact.signing_input, compact.signature) for key in keys):
        raise InvalidToken(TokenErrorCode.SIGNATURE)


def _seconds_to_remember(
    claims: Mapping[str, Any], audiences: Collection[str], leeway: float, now: float
) -> int:
    """Check the claims (RFC 7523 section 3), and return the seconds until the assertion expires."""
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    # With two audiences, the other one could send the assertion here.
    if not isinstance(audience, str) or audience not in audiences:
        raise InvalidToken(TokenErrorCode.AUDIENCE)
    jwt_id, expiry = claims.get("jti"), _time(claims, "exp")
    if not isinstance(jwt_id, str) or not 0 < len(jwt_id) <= _MAX_JWT_ID or expiry is None:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    rest = expiry + leeway - now
    if rest <= 0:
        raise InvalidToken(TokenErrorCode.EXPIRED)
    leeway += _CLOCK_DIFFERENCE
    if expiry - leeway - now > MAX_SECONDS:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    if any((_time(claims, name) or 0) - leeway > now for name in ("iat", "nbf")):
        raise InvalidToken(TokenErrorCode.NOT_YET_VALID)
    # The clock of another server may be behind.
    return math.ceil(rest) + _CLOCK_DIFFERENCE


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a time, which may have a fraction (RFC 7519 section 2), or ``None``."""
    value = claims.get(name)
    if value is None:
        return None
    # In Python, bool is a subclass of int. A sum with a larger int would overflow.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > LAST_SECOND:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return value


def _keys_of(settings: Settings, client_id: str) -> Collection[Key]:
    found = _client_keys(settings.shared).get(client_id, ())
    if isinstance(found, InvalidKey):
        raise UnusableSettings(f"A key of a client in CLIENTS cannot be used. {found}")
    return found


@cache_per_settings
def _client_keys(settings: Settings) -> dict[str, tuple[Key, ...] | InvalidKey]:
    """Return the keys of each client that has keys, or the error of its first invalid key."""
    found: dict[str, tuple[Key, ...] | InvalidKey] = {}
    for client_id, client in settings.clients.items():
        if client.keys:
            found[client_id] = load_client_keys(client.keys)
    return found


def load_client_keys(jwks: Collection[Mapping[str, Any]]) -> tuple[Key, ...] | InvalidKey:
    """Return the keys in *jwks*, or the error of the first key that cannot be used.

    A key without ``alg`` gets the default algorithm of its type, such as RS256 for RSA. Keys for
    encryption are ignored (RFC 7517 section 5).
    """
    try:
        return tuple(load_key(jwk, "RS256") for jwk in jwks if jwk.get("use") != "enc")
    except InvalidKey as error:
        return error
