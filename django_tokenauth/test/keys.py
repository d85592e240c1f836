"""Keys for tests, generated once per process and never written to a file."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings as django_settings
from django.test import override_settings

from ..conf.settings import ASYMMETRIC_ALGORITHMS
from ..keys.generating import make_jwk

#: The settings that :func:`with_test_keys` replaces.
_KEY_SETTINGS = ("SIGNING_KEY", "VERIFYING_KEYS", "KEY_DIRECTORY", "KEYS", "ALGORITHM")


def with_test_keys(algorithm: str | None = None) -> override_settings:
    """Return ``override_settings`` whose ``TOKENAUTH`` signs access tokens with a generated key.

    Use the result as a context manager, or as a decorator of a test class or a test. The key
    settings of the project are replaced, so the tests need no key file and no secret. The other
    settings of ``TOKENAUTH`` stay as they are at the time of this call. *algorithm* defaults to
    ``ALGORITHM`` if the project sets an asymmetric one, and otherwise to ``"EdDSA"``. Each process
    generates one key per algorithm.

    Raises :class:`~django_tokenauth.errors.InvalidKey` if *algorithm* needs the package
    cryptography and the package is not installed.
    """
    project = getattr(django_settings, "TOKENAUTH", {})
    if algorithm is None:
        own = project.get("ALGORITHM")
        algorithm = own if own in ASYMMETRIC_ALGORITHMS else "EdDSA"
    kept = {name: value for name, value in project.items() if name not in _KEY_SETTINGS}
    return override_settings(
        TOKENAUTH={**kept, "ALGORITHM": algorithm, "KEYS": [_generated_jwk(algorithm)]}
    )


@cache
def _generated_jwk(algorithm: str) -> dict[str, Any]:
    # The key signs at any time, because tests may set the clock back.
    return make_jwk(algorithm, now=0, not_before=0)
