"""The two key sets of the settings: one for access tokens and one for refresh tokens."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from ..conf.settings import HMAC_ALGORITHMS, Settings, UnusableSettings
from ..errors import InvalidKey
from .directory import KeyDirectory
from .loading import Key, derive_key, load_key
from .schedule import KeySchedule, KeySet, KeySource, make_key_set


@lru_cache(maxsize=1)
def access_keys(settings: Settings) -> KeySource:
    """Return the keys of access tokens, built once per ``Settings`` object.

    Raises :class:`UnusableSettings` with the message of the system check.
    """
    try:
        return build_access_keys(settings)
    except InvalidKey as error:
        raise UnusableSettings(f"tokenauth.{error.check_id}: {error} {error.hint}") from None


@lru_cache(maxsize=1)
def refresh_keys(settings: Settings) -> KeySet:
    """Return the keys of refresh tokens, which are always HMAC secrets of this server."""
    keys = _derived_keys(settings.refresh_secrets, "refresh token", "HS256")
    return make_key_set(keys[0], keys)


def build_access_keys(settings: Settings) -> KeySource:
    """Build the keys of access tokens from *settings*. Raises :class:`InvalidKey`."""
    algorithm = settings.algorithm
    verifiers = [load_key(material, algorithm) for material in settings.verifying_keys]
    if settings.key_directory is not None:
        return KeyDirectory(settings.key_directory, verifiers)
    if settings.keys:
        return KeySchedule([load_key(jwk, algorithm) for jwk in settings.keys], verifiers)
    if settings.signing_key is not None:
        signing = load_key(settings.signing_key, algorithm)
        if not signing.can_sign:
            raise InvalidKey(
                "SIGNING_KEY is a public key.",
                "Give the private key. To verify only, move it to VERIFYING_KEYS.",
            )
        if signing.algorithm != algorithm:
            raise InvalidKey(
                f"SIGNING_KEY is for {signing.algorithm} and ALGORITHM is {algorithm}.",
                f"Set ALGORITHM to {signing.algorithm!r}, or give a key for {algorithm}.",
                check_id="E001",
            )
        return KeySchedule([signing], verifiers)
    if algorithm in HMAC_ALGORITHMS:
        derived = _derived_keys(settings.secret_keys, "access token", algorithm)
        return KeySchedule(derived[:1], [*derived[1:], *verifiers])
    if not verifiers:
        raise InvalidKey(
            f"{algorithm} needs a private key in SIGNING_KEY, KEY_DIRECTORY or KEYS.",
            "Set one of them. In a service that only verifies, set VERIFYING_KEYS to the public "
            "keys.",
            check_id="E001",
        )
    return KeySchedule([], verifiers)


def _derived_keys(secrets: Iterable[bytes], purpose: str, algorithm: str) -> list[Key]:
    """Derive one key from each distinct secret in *secrets*, in their order."""
    return [derive_key(root, purpose, algorithm) for root in dict.fromkeys(secrets)]
