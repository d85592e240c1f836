"""Checks of settings that resemble ``TOKENAUTH``, or remain from another package."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

from ..conf import other_packages
from ..conf.settings import setting_fields

_MIGRATING = "https://drf-tokenauth.readthedocs.io/en/latest/migrating.html"
# Minimum similarity of a setting's name to TOKENAUTH: TOKENAUTHS has 0.95, and OAUTH has 0.71.
_SIMILAR = 0.8


def name_messages() -> Iterator[CheckMessage]:
    """Report settings without effect, such as a misspelled ``TOKENAUTH``, which Django ignores."""
    known = setting_fields()
    is_set = hasattr(django_settings, "TOKENAUTH")
    # dir() lists an overridden setting twice.
    for name in sorted(set(dir(django_settings))):
        if name.removeprefix("TOKENAUTH_") in known and name not in known:
            setting = name.removeprefix("TOKENAUTH_")
            yield checks.Warning(
                f"The setting {name} has no effect.",
                hint=f'Write TOKENAUTH = {{"{setting}": ...}}.',
                id="tokenauth.W024",
            )
        elif is_set and name.endswith("_TOKENAUTH"):
            # A project may build TOKENAUTH from parts, such as BASE_TOKENAUTH.
            continue
        elif _resembles_tokenauth(name) and _is_meant(getattr(django_settings, name), known):
            yield checks.Warning(
                f"The setting {name} has no effect.",
                hint="Did you mean TOKENAUTH? If another package reads it, silence this check.",
                id="tokenauth.W024",
            )
    yield from _other_packages()


def _other_packages() -> Iterator[CheckMessage]:
    for name, (module, equivalents) in other_packages.DICTS.items():
        if hasattr(django_settings, name) and not _is_installed(module):
            value = getattr(django_settings, name)
            keys = value if isinstance(value, Mapping) else ()
            lines = [f"{key}: {equivalents[key]}" for key in keys if key in equivalents]
            yield checks.Warning(
                f"The setting {name} has no effect: {module} is not installed.",
                hint="\n".join(
                    [
                        "Remove it, and set what you need in TOKENAUTH.",
                        *lines,
                        f"See {_MIGRATING}",
                    ]
                ),
                id="tokenauth.W024",
            )
    for name, hint in other_packages.NAMES.items():
        if hasattr(django_settings, name) and not _is_installed("dj_rest_auth"):
            yield checks.Warning(
                f"The setting {name} has no effect: dj_rest_auth is not installed.",
                hint=hint,
                id="tokenauth.W024",
            )


def _resembles_tokenauth(name: str) -> bool:
    letters = name.replace("_", "")
    return name != "TOKENAUTH" and (
        "TOKENAUTH" in letters
        or bool(difflib.get_close_matches("TOKENAUTH", [letters], n=1, cutoff=_SIMILAR))
    )


def _is_meant(value: object, known: Mapping[str, object]) -> bool:
    """Return whether *value* is a dict with a key that resembles a setting of ``TOKENAUTH``.

    Return ``True`` for an empty dict too if the project does not set ``TOKENAUTH``.
    """
    if not isinstance(value, Mapping):
        return False
    if not value:
        return not hasattr(django_settings, "TOKENAUTH")
    return any(
        difflib.get_close_matches(str(each).upper(), known, n=1, cutoff=_SIMILAR) for each in value
    )


def _is_installed(module: str) -> bool:
    try:
        import_string(f"{module}.__name__")
    except ModuleNotFoundError:
        return False
    return True
