"""Keys with times, and their files, looked at by ``manage.py check --deploy``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage

from ..conf.settings import Settings, read_project
from ..errors import InvalidKey
from ..keys.files import list_files
from ..keys.loading import load_key
from ..keys.rotating import shortest_delay
from ..keys.schedule import KeySchedule
from ..keys.sources import dated_jwks

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
