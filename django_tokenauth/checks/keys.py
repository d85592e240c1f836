"""Checks of keys in ``manage.py check --deploy``: guessable, exposed or old keys."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage

from .. import _base64url as base64url
from ..conf.settings import Settings
from ..errors import InvalidKey
from ..http.routes import route_parameters, route_path
from ..keys.files import list_files, read_files
from ..keys.loading import Key, load_key
from ..keys.rotating import shortest_delay
from ..keys.schedule import KeySchedule, KeySet
from ..keys.sources import build_access_keys
from ..keys.weak import is_guessable
from .settings import judge

_GENERATE = 'Generate one: python -c "import secrets; print(secrets.token_urlsafe(64))"'
_OLD = timedelta(days=180)
# FIPS 186-4 appendix B.3.1: the public exponent is greater than 2**16.
_MIN_RSA_EXPONENT = 65537
# The permission bits of the group and of other users. On Windows, the mode of a file does not show
# who can read the file.
_OTHERS = 0 if os.name == "nt" else 0o077

#: A key of KEY_DIRECTORY or KEYS with its JWK.
_DatedKey = tuple[Mapping[str, Any], Key]


def key_messages(settings: Settings, now: float) -> Iterator[CheckMessage]:
    """Check the keys at *now* (seconds since the epoch).

    Yield nothing about unusable keys, which ``check_settings`` reports as errors.
    """
    yield from judge(settings, lambda usable: _dated_key_messages(usable, now))
    yield from judge(settings, lambda usable: _key_set_messages(usable, now))


def _dated_key_messages(settings: Settings, now: float) -> Iterator[CheckMessage]:
    try:
        dated = _dated_keys(settings)
        schedule = KeySchedule([key for _, key in dated])
    except InvalidKey:
        return
    yield from judge(settings, lambda usable: _publication(usable, dated, now))
    if settings.key_directory is not None and settings.key_directory.is_dir():
        yield from _exposure(settings.key_directory)
    # If every key in KEY_DIRECTORY or KEYS has expired or signs later, check_settings reports E002.
    if schedule.at(now).signing is not None:
        yield from _age(schedule, [key for _, key in dated], now)


def _key_set_messages(settings: Settings, now: float) -> Iterator[CheckMessage]:
    try:
        dated = _dated_keys(settings)
        keys = build_access_keys(settings).at(now)
    except InvalidKey:
        return
    # check_settings reports E002 for a key set without keys.
    if not keys.verifying:
        return
    yield from judge(settings, lambda usable: _secret_keys(usable, keys))
    if all(key.public_jwk is None for key in keys.verifying.values()):
        yield from judge(settings, lambda usable: _secrets(usable, dated))
        yield from _empty_key_set()
    else:
        yield from judge(settings, lambda usable: _key_pairs(usable, keys))


def _dated_keys(settings: Settings) -> list[_DatedKey]:
    if settings.key_directory is not None:
        return [(file.jwk, file.key) for file in read_files(settings.key_directory)]
    return [(jwk, load_key(jwk, settings.algorithm)) for jwk in settings.keys]


def _secret_keys(settings: Settings, keys: KeySet) -> Iterator[CheckMessage]:
    """Check the secrets from which keys are derived: ``SECRET_KEY`` and ``REFRESH_SECRET_KEY``."""
    if keys.signing is None:
        return
    yield from _refresh_secret_keys(settings)
    current, *fallbacks = map(_is_weak_secret_key, settings.secret_keys)
    if current:
        yield checks.Warning(
            "Tokens are signed with a key derived from a weak SECRET_KEY. An attacker who guesses "
            "it can sign in as any user.",
            hint="Give SECRET_KEY at least 50 random characters.",
            id="tokenauth.W001",
        )
    if any(fallbacks):
        yield checks.Warning(
            "A weak key in SECRET_KEY_FALLBACKS still verifies tokens. An attacker who guesses it "
            "can sign in as any user.",
            hint="Remove it. Users who have not refreshed since the key changed sign in again.",
            id="tokenauth.W001",
        )


def _refresh_secret_keys(settings: Settings) -> Iterator[CheckMessage]:
    own = settings.refresh_secret_key
    for name, secrets in (
        ("REFRESH_SECRET_KEY", [] if own is None else [own]),
        ("REFRESH_SECRET_KEY_FALLBACKS", settings.refresh_secret_key_fallbacks),
    ):
        if any(map(_is_weak_secret_key, secrets)):
            yield checks.Warning(
                f"{name} contains a weak secret. An attacker who guesses it can make refresh "
                "tokens for any session.",
                hint="Give at least 50 random characters.",
                id="tokenauth.W001",
            )
    if own in settings.secret_keys:
        yield checks.Warning(
            "REFRESH_SECRET_KEY is also in SECRET_KEY or its fallbacks, so it does not separate "
            "refresh tokens from them.",
            hint="Give another secret. Keep SECRET_KEY in REFRESH_SECRET_KEY_FALLBACKS for "
            "REFRESH_TOKEN_LIFETIME.",
            id="tokenauth.W001",
        )


def _is_weak_secret_key(secret: bytes) -> bool:
    # This check is at least as strict as Django's security.W009: 50 characters, 5 of them distinct.
    return len(secret) < 50 or is_guessable(secret)


def _secrets(settings: Settings, dated: Iterable[_DatedKey]) -> Iterator[CheckMessage]:
    signing = [settings.signing_key] if settings.signing_key else []
    roots = {*settings.secret_keys, *settings.refresh_secrets}
    for name, keys in (
        ("SIGNING_KEY", [load_key(material, settings.algorithm) for material in signing]),
        (
            "VERIFYING_KEYS",
            [load_key(material, settings.algorithm) for material in settings.verifying_keys],
        ),
        ("KEYS" if settings.keys else "KEY_DIRECTORY", [key for _, key in dated]),
    ):
        secrets = [key.secret for key in keys if key.secret is not None]
        if any(map(is_guessable, secrets)):
            yield checks.Warning(
                f"{name} contains a guessable secret. An attacker who guesses it can sign tokens.",
                hint=f"Give random bytes. {_GENERATE}",
                id="tokenauth.W001",
            )
        elif any(root in each or each in root for root in roots for each in secrets):
            yield checks.Warning(
                f"{name} shares a secret with SECRET_KEY or REFRESH_SECRET_KEY. A service that "
                "verifies tokens with it can create session cookies or refresh tokens.",
                hint=f"Remove it, or give another secret. {_GENERATE}",
                id="tokenauth.W001",
            )


def _empty_key_set() -> Iterator[CheckMessage]:
    route = None
    # Django's own checks report routes that cannot be imported.
    with suppress(Exception):
        if route_parameters("jwks"):
            route = route_path("jwks") or "The JWK Set"
    if route:
        yield checks.Warning(
            f"{route} is empty: tokens are signed with a secret, which cannot be published.",
            hint="Set KEY_DIRECTORY and run manage.py tokenauth_keys generate, which creates a key "
            "pair. Or remove the routes of django_tokenauth.well_known.",
            id="tokenauth.W002",
        )


def _key_pairs(settings: Settings, keys: KeySet) -> Iterator[CheckMessage]:
    # RFC 8414 section 2: the issuer is an https URL. Services fetch the keys from the issuer. An
    # attacker who replaces the keys in transit can sign in as any user. The result of a function is
    # not known before a request.
    if "issuer" not in settings.by_request and not settings.issuer.startswith("https://"):
        yield checks.Warning(
            "Other services verify the access tokens, but ISSUER is not an https URL.",
            hint='Give the URL of this server, for example "https://auth.example.com".',
            id="tokenauth.W008",
        )
    if any(_rsa_exponent(key) < _MIN_RSA_EXPONENT for key in keys.verifying.values()):
        yield checks.Warning(
            f"An RSA key has a public exponent below {_MIN_RSA_EXPONENT}, which makes mistakes of "
            "libraries exploitable.",
            hint="Generate a new key: openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:3072",
            id="tokenauth.W021",
        )
    # With KEY_DIRECTORY or KEYS, check_settings reports E002 for private keys of which none signs.
    dated = settings.key_directory is not None or settings.keys
    private = any(key.can_sign for key in keys.verifying.values())
    if keys.signing is None and private and not dated:
        yield checks.Warning(
            "VERIFYING_KEYS contains a private key. This service only verifies tokens, but an "
            "attacker who breaks into it could sign them.",
            hint="Give the public key: openssl pkey -in signing.pem -pubout",
            id="tokenauth.W022",
        )


def _rsa_exponent(key: Key) -> int:
    if key.public_jwk is None or "e" not in key.public_jwk:
        return _MIN_RSA_EXPONENT
    return int.from_bytes(base64url.decode(key.public_jwk["e"].encode()), "big")


def _exposure(directory: Path) -> Iterator[CheckMessage]:
    paths = [directory, *(directory / name for name in list_files(directory))]
    exposed = [path for path in paths if path.stat().st_mode & _OTHERS]
    if exposed:
        yield checks.Warning(
            f"Other users of this machine have permissions for {exposed[0]}. A user who reads or "
            "adds a key file can sign tokens.",
            hint=f"chmod -R go= {directory}",
            id="tokenauth.W011",
        )
    for name in ("STATIC_ROOT", "MEDIA_ROOT"):
        root = getattr(django_settings, name)
        if root and directory.resolve().is_relative_to(Path(root).resolve()):
            yield checks.Warning(
                f"KEY_DIRECTORY is in {name}, whose files are public.",
                hint="Move it, and replace the keys: manage.py tokenauth_keys rotate --now",
                id="tokenauth.W011",
            )


def _age(schedule: KeySchedule, keys: Sequence[Key], now: float) -> Iterator[CheckMessage]:
    newest = max(key.not_before for key in keys if key.can_sign)
    if schedule.has_gaps(now):
        yield checks.Warning(
            "The signing key expires, and no key follows it. After that, users cannot sign in.",
            hint="To create the next key, run manage.py tokenauth_keys rotate.",
            id="tokenauth.W012",
        )
    elif 0 < newest < now - _OLD.total_seconds():
        yield checks.Warning(
            f"The signing key is older than {_OLD.days} days.",
            hint="Run manage.py tokenauth_keys rotate. Users and clients do not notice it.",
            id="tokenauth.W012",
        )


def _publication(
    settings: Settings, dated: Iterable[_DatedKey], now: float
) -> Iterator[CheckMessage]:
    """Check that every service can fetch the next key before that key signs."""
    shortest = shortest_delay(settings)
    times = [(jwk.get("iat"), jwk.get("nbf")) for jwk, _ in dated]
    if any(
        isinstance(issued, int) and isinstance(begins, int) and now < begins < issued + shortest
        for issued, begins in times
    ):
        yield checks.Warning(
            "The next key signs before every service has seen it. Services cache the published "
            "keys for JWKS_MAX_AGE and reject its tokens until then.",
            hint="Give it a later nbf, at least JWKS_MAX_AGE after it is published.",
            id="tokenauth.W018",
        )
