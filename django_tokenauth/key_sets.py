"""The keys that belong together, and the two sets that the settings make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from django.core.exceptions import ImproperlyConfigured

from .conf import HMAC_ALGORITHMS, Settings
from .errors import InvalidKey
from .keys import Key, derived_key, load_key


@dataclass(frozen=True, slots=True, eq=False)
class KeySet:
    """The keys of one issuer: at most one that signs, all verify, looked up by ``kid``."""

    signing: Key | None
    verifying: Mapping[str, Key]


def key_set(signing: Key | None, verifying: Iterable[Key]) -> KeySet:
    """A set of ``verifying`` keys of which ``signing`` (one of them) signs.

    Raises :class:`InvalidKey` for two keys of one ``kid`` and for secrets beside asymmetric keys,
    with which a public key could be passed off as a secret (RFC 8725 section 2.1).
    """
    by_kid: dict[str, Key] = {}
    for key in verifying:
        if key.kid in by_kid:
            raise InvalidKey(
                "Two keys have the same kid.",
                "Give each key its own kid, or leave it out: then it is made from the key.",
                number="E003",
            )
        by_kid[key.kid] = key
    if len({key.algorithm in HMAC_ALGORITHMS for key in by_kid.values()}) > 1:
        raise InvalidKey(
            "Secrets (HS256, HS384, HS512) and asymmetric keys stand in one key set.",
            "Set ALGORITHM and SIGNING_KEY for one family and remove the keys of the other.",
            number="E001",
        )
    return KeySet(signing, MappingProxyType(by_kid))


def _derived(settings: Settings, purpose: str, algorithm: str) -> list[Key]:
    """Of ``SECRET_KEY`` and of each of its fallbacks."""
    return [derived_key(root, purpose, algorithm) for root in dict.fromkeys(settings.secret_keys)]


def build_access_keys(settings: Settings) -> KeySet:
    """The keys of access tokens that ``settings`` ask for. Raises :class:`InvalidKey`."""
    algorithm = settings.algorithm
    further = [load_key(material, algorithm) for material in settings.verifying_keys]
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
                number="E001",
            )
        return key_set(signing, [signing, *further])
    if algorithm in HMAC_ALGORITHMS:
        own = _derived(settings, "access token", algorithm)
        return key_set(own[0], [*own, *further])
    if not further:
        raise InvalidKey(
            f"{algorithm} needs a private key in SIGNING_KEY.",
            "A service that only verifies gives the public keys in VERIFYING_KEYS.",
            number="E001",
        )
    return key_set(None, further)


@lru_cache(maxsize=1)
def access_keys(settings: Settings) -> KeySet:
    """The keys of access tokens, made once for each settings.

    Raises ``ImproperlyConfigured`` with what the system check says.
    """
    try:
        return build_access_keys(settings)
    except InvalidKey as error:
        raise ImproperlyConfigured(f"tokenauth.{error.number}: {error} {error.hint}") from None


@lru_cache(maxsize=1)
def refresh_keys(settings: Settings) -> KeySet:
    """The keys of refresh tokens: always secrets of this server, whatever signs access tokens."""
    own = _derived(settings, "refresh token", "HS256")
    return key_set(own[0], own)
