"""The packages that are compared, one module each.

A competitor need not be installed, so only :func:`load` imports its module. All modules have
``Authentication`` and ``credentials(user)``, and those whose users sign in have ``sign_in(user)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Competitor:
    name: str
    #: Its name on PyPI.
    package: str
    app: str

    @property
    def module(self) -> str:
        return f"{__name__}.{self.name.replace('-', '_')}"


COMPETITORS = {
    each.name: each
    for each in (
        Competitor(
            "simplejwt", "djangorestframework-simplejwt", "rest_framework_simplejwt.token_blacklist"
        ),
        Competitor("knox", "django-rest-knox", "knox"),
        Competitor("drf-jwt", "drf-jwt", "rest_framework_jwt"),
        Competitor("api-key", "djangorestframework-api-key", "rest_framework_api_key"),
    )
}


def load(name: str) -> ModuleType:
    """Import the module of a competitor. Django must be set up with its app."""
    return import_module(COMPETITORS[name].module)


def installed(package: str) -> str | None:
    """Return the version of ``package``, or ``None``."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
