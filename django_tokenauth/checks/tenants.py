"""A check of the settings of projects with several tenants."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.core import checks
from django.core.checks import CheckMessage

from ..conf.settings import Settings

#: Packages that give each tenant a schema of PostgreSQL.
PACKAGES = ("django_tenants", "tenant_schemas", "django_pgschemas")


def tenant_messages(settings: Settings) -> Iterator[CheckMessage]:
    """Report constant ``ISSUER`` and ``AUDIENCE`` in a project with a package for tenants."""
    installed = [name for name in PACKAGES if apps.is_installed(name)]
    if installed and not settings.by_request:
        yield checks.Warning(
            f"{installed[0]} is installed, but ISSUER and AUDIENCE are the same for all tenants. "
            "Other services cannot determine the tenant of a token.",
            hint="Set ISSUER to a function of the request, or to its dotted path, that returns the "
            "URL of the tenant.",
            id="tokenauth.W029",
        )
