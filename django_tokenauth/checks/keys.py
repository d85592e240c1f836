"""Keys that work and should not be deployed, said by ``manage.py check --deploy``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage
from django.urls import reverse
from jwt.utils import base64url_decode

from ..conf.settings import Settings, read_project
from ..conf.values import KeyMaterial
from ..errors import InvalidKey
from ..keys.files import list_files
from ..keys.loading import load_key
from ..keys.rotating import shortest_delay
from ..keys.schedule import KeySchedule, KeySet
from ..keys.sources import build_access_keys, dated_jwks
from ..keys.weak import is_guessable

_PRINTS_ONE = 'python -c "import secrets; print(secrets.token_urlsafe(64))" prints one.'


def check_keys(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Nobody else can make tokens; nothing while the keys cannot be used at all."""
    settings, _ = read_project()
    if settings is None:
        return []
    try:
        keys = build_access_keys(settings).at(time.time())
        dated = dated_jwks(settings)
    except InvalidKey:
        return []
    # All of them have ended: an error says so.
    if not keys.verifying:
        return []
    if all(key.public_jwk is None for key in keys.verifying.values()):
        return [*_roots(settings, keys), *_secrets(settings, dated), *_published()]
    return [*_roots(settings, keys), *_key_pairs(settings, keys)]


def _roots(settings: Settings, keys: KeySet) -> Iterator[CheckMessage]:
    """Refresh tokens are always signed with a key derived from ``SECRET_KEY``."""
    if keys.signing is None:
        return
    current, *former = map(_is_weak_root, settings.secret_keys)
    if current:
        yield checks.Warning(
            "Tokens are signed with a key derived from a weak SECRET_KEY: who guesses it can "
            "sign in as anybody.",
            hint="Give SECRET_KEY at least 50 random characters.",
            id="tokenauth.W001",
        )
    if any(former):
        yield checks.Warning(
            "A weak key in SECRET_KEY_FALLBACKS still verifies tokens: who guesses it can sign in "
            "as anybody.",
            hint="Remove it. Users whose last refresh was before the new key sign in once more.",
            id="tokenauth.W001",
        )


def _is_weak_root(root: bytes) -> bool:
    # At least as strict as Django's own check, which asks for 50 characters of 5 kinds.
    return len(root) < 50 or is_guessable(root)


def _secrets(settings: Settings, dated: Sequence[KeyMaterial]) -> Iterator[CheckMessage]:
    for name, materials in (
        ("SIGNING_KEY", [settings.signing_key] if settings.signing_key else []),
        ("VERIFYING_KEYS", settings.verifying_keys),
        ("KEYS" if settings.keys else "KEY_DIRECTORY", dated),
    ):
        secrets = [_secret(material) for material in materials]
        if any(map(is_guessable, secrets)):
            yield checks.Warning(
                f"{name} has a secret that is easy to guess, and who guesses it can make tokens.",
                hint=f"Give random bytes: {_PRINTS_ONE}",
                id="tokenauth.W001",
            )
        elif any(root in each or each in root for root in settings.secret_keys for each in secrets):
            yield checks.Warning(
                f"{name} shares a secret with SECRET_KEY: whoever verifies tokens with it can make "
                "session cookies and refresh tokens too.",
                hint=f"Leave it out, or give a secret of its own: {_PRINTS_ONE}",
                id="tokenauth.W001",
            )


def _published() -> Iterator[CheckMessage]:
    route = None
    # Whatever is wrong with the routes of the project, Django's own checks say it.
    with suppress(Exception):
        route = reverse("tokenauth_well_known:jwks")
    if route is not None:
        yield checks.Warning(
            f"{route} shows no key: tokens are signed with a secret, which nobody else may have.",
            hint="manage.py tokenauth_keys generate makes a key pair for KEY_DIRECTORY, with which "
            "others can verify. Or leave the routes of django_tokenauth.well_known out.",
            id="tokenauth.W002",
        )


def _secret(material: KeyMaterial) -> bytes:
    """The bytes of a secret that was read without a fault before."""
    if isinstance(material, Mapping):
        return base64url_decode(material["k"])
    data = material.encode() if isinstance(material, str) else material
    return _secret(json.loads(data)) if data.lstrip()[:1] == b"{" else data


def _key_pairs(settings: Settings, keys: KeySet) -> Iterator[CheckMessage]:
    # RFC 8414 section 2; others fetch the keys from there, and whoever can change those on the way
    # can sign in as anybody.
    if not settings.issuer.startswith("https://"):
        yield checks.Warning(
            "Access tokens are signed for others to verify, and ISSUER is not an https URL.",
            hint='Give the URL of this server, for example "https://auth.example.com".',
            id="tokenauth.W008",
        )
    if any(_exponent(key.public_jwk) < 65537 for key in keys.verifying.values()):
        yield checks.Warning(
            "An RSA key has a public exponent below 65537, which forgives no mistake of a library.",
            hint="Make a new key: openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:3072",
            id="tokenauth.W021",
        )
    # Those in KEY_DIRECTORY or KEYS that cannot sign now are an error, E002.
    dated = settings.key_directory is not None or settings.keys
    private = any(key.can_sign for key in keys.verifying.values())
    if keys.signing is None and private and not dated:
        yield checks.Warning(
            "VERIFYING_KEYS has a private key: this service could make tokens, and so could "
            "whoever breaks into it.",
            hint="Give it the public half: openssl pkey -in signing.pem -pubout",
            id="tokenauth.W022",
        )


def _exponent(jwk: Mapping[str, str] | None) -> int:
    # FIPS 186-4 appendix B.3.1 asks for more than 2 to the 16.
    return int.from_bytes(base64url_decode(jwk["e"]), "big") if jwk and "e" in jwk else 65537


_OLD = timedelta(days=180)
# Windows has other rights, and shows these modes for all files alike.
_FOR_OTHERS = 0 if os.name == "nt" else 0o077


def check_key_files(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Nobody else reads the files, and keys follow one another; nothing while they have faults."""
    settings, _ = read_project()
    if settings is None:
        return []
    try:
        jwks = dated_jwks(settings)
        keys = [load_key(jwk, settings.algorithm) for jwk in jwks]
        schedule = KeySchedule(keys)
    except InvalidKey:
        return []
    now = time.time()
    found = list(_published_late(settings, jwks, now))
    if settings.key_directory is not None:
        found += _exposed(settings.key_directory)
    # Where none signs now, an error says so, or it is a service that only verifies.
    if schedule.at(now).signing is not None:
        youngest = max(key.not_before for key in keys if key.can_sign)
        found += _ageing(youngest, ends=schedule.gaps(now), now=now)
    return found


def _exposed(directory: Path) -> Iterator[CheckMessage]:
    paths = [directory, *(directory / name for name in list_files(directory))]
    open_ones = [path for path in paths if path.stat().st_mode & _FOR_OTHERS]
    if open_ones:
        yield checks.Warning(
            f"Others on this machine have rights to {open_ones[0]}: who reads a key file can make "
            "tokens, and so can who adds one.",
            hint=f"chmod -R go= {directory}",
            id="tokenauth.W011",
        )
    for name in ("STATIC_ROOT", "MEDIA_ROOT"):
        root = getattr(django_settings, name)
        if root and directory.resolve().is_relative_to(Path(root).resolve()):
            yield checks.Warning(
                f"KEY_DIRECTORY is in {name}, whose files are shown to everybody.",
                hint="Move it out of there, and replace the keys: manage.py tokenauth_keys rotate "
                "--now",
                id="tokenauth.W011",
            )


def _ageing(youngest: int, *, ends: bool, now: float) -> Iterator[CheckMessage]:
    if ends:
        yield checks.Warning(
            "The key that signs ends, and no other one follows it: then nobody can sign in.",
            hint="manage.py tokenauth_keys rotate makes the next one.",
            id="tokenauth.W012",
        )
    elif 0 < youngest < now - _OLD.total_seconds():
        yield checks.Warning(
            f"The key that signs has done so for more than {_OLD.days} days.",
            hint="manage.py tokenauth_keys rotate makes the next one; nobody notices.",
            id="tokenauth.W012",
        )


def _published_late(
    settings: Settings, jwks: Sequence[Mapping[str, Any]], now: float
) -> Iterator[CheckMessage]:
    """A key that begins before all others can have fetched it since it was made."""
    shortest = shortest_delay(settings)
    times = [(jwk.get("iat"), jwk.get("nbf")) for jwk in jwks]
    if any(
        isinstance(made, int) and isinstance(begins, int) and now < begins < made + shortest
        for made, begins in times
    ):
        yield checks.Warning(
            "The next key begins to sign before all others have seen it: they may keep the keys "
            "that they know for JWKS_MAX_AGE, and refuse its tokens until then.",
            hint="Give it a later nbf, at least JWKS_MAX_AGE after it is published.",
            id="tokenauth.W018",
        )
