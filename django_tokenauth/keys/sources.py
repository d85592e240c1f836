"""The two sets of keys that the settings make: of access tokens and of refresh tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from ..conf.settings import HMAC_ALGORITHMS, Settings
from ..errors import InvalidKey
from .directory import KeyDirectory
from .files import read_jwks
from .loading import Key, derived_key, load_key
from .schedule import KeySchedule, KeySet, KeySource, key_set


def _derived(settings: Settings, purpose: str, algorithm: str) -> list[Key]:
    """Of ``SECRET_KEY`` and of each of its fallbacks."""
    return [derived_key(root, purpose, algorithm) for root in dict.fromkeys(settings.secret_keys)]


def build_access_keys(settings: Settings) -> KeySource:
    """The keys of access tokens that ``settings`` ask for. Raises :class:`InvalidKey`."""
    algorithm = settings.algorithm
    further = [load_key(material, algorithm) for material in settings.verifying_keys]
    if settings.key_directory is not None:
        return KeyDirectory(settings.key_directory, further)
    if settings.keys:
        return KeySchedule([load_key(jwk, algorithm) for jwk in settings.keys], further)
    if settings.signing_key is not None:
        signing = load_key(settings.signing_key, algorithm)
        if not signing.can_sign:
            raise InvalidKey(
                "SIGNING_KEY is a public key.",
                "Give the private key, or move it to VERIFYING_KEYS to verify only.",
            )
        if signing.algorithm != algorithm:
            raise InvalidKey(
                f"SIGNING_KEY is for {signing.algorithm} and ALGORITHM says {algorithm}.",
                f"Set ALGORITHM to {signing.algorithm!r}, or give a key for {algorithm}.",
                check_id="E001",
            )
        return KeySchedule([signing], further)
    if algorithm in HMAC_ALGORITHMS:
        own = _derived(settings, "access token", algorithm)
        return KeySchedule(own[:1], [*own[1:], *further])
    if not further:
        raise InvalidKey(
            f"{algorithm} needs a private key in SIGNING_KEY.",
            "Or in KEY_DIRECTORY or KEYS. A service that only verifies gives the public keys in "
            "VERIFYING_KEYS.",
            check_id="E001",
        )
    return KeySchedule([], further)


def dated_jwks(settings: Settings) -> Sequence[Mapping[str, Any]]:
    """The JWKs in ``KEY_DIRECTORY`` or ``KEYS``. Raises :class:`InvalidKey` for a bad file."""
    return settings.keys if settings.key_directory is None else read_jwks(settings.key_directory)


@lru_cache(maxsize=1)
def access_keys(settings: Settings) -> KeySource:
    """The keys of access tokens, made once for each settings; ask them for those of a time.

    Raises ``ImproperlyConfigured`` with what the system check says.
    """
    try:
        return build_access_keys(settings)
    except InvalidKey as error:
        raise ImproperlyConfigured(f"tokenauth.{error.check_id}: {error} {error.hint}") from None


@lru_cache(maxsize=1)
def refresh_keys(settings: Settings) -> KeySet:
    """The keys of refresh tokens: always secrets of this server, whatever signs access tokens."""
    own = _derived(settings, "refresh token", "HS256")
    return key_set(own[0], own)
