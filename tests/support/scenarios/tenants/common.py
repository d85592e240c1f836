"""The settings that both projects share, and the functions of the request."""

from __future__ import annotations

from typing import Any

from django.db import connection

from . import databases

SETTINGS: dict[str, Any] = {
    "SECRET_KEY": "the secret key of a project, longer than 32 bytes",
    "ALLOWED_HOSTS": [".example.com"],
    "ROOT_URLCONF": "tests.support.scenarios.urls",
    "USE_TZ": True,
    "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
}
APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    "django_tokenauth",
]


def current() -> str:
    """Return the name of the current tenant, also outside of a request."""
    return getattr(connection, "schema_name", None) or databases.current()


def issuer(request: object) -> str:
    return f"https://{current()}.example.com"


def audience(request: object) -> str:
    return current()
