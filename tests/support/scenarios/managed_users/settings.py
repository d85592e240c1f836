"""A project with the user model named by the environment variable ``USER_MODEL``."""

from __future__ import annotations

import os
from typing import Any

from tests.settings import MIDDLEWARE, TEMPLATES

__all__ = ["MIDDLEWARE", "TEMPLATES"]

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "tests.urls"
USE_TZ = True
AUTH_USER_MODEL = f"managed_users.{os.environ['USER_MODEL']}"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "polymorphic",
    "rest_framework",
    "django_tokenauth",
    "tests.support.scenarios.managed_users",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}


def describe(user: Any) -> dict[str, Any]:
    """Return what only the default manager of the user model adds to a user."""
    added = {name: getattr(user, name, None) for name in ("loud", "notes", "subject")}
    return {"class": type(user).__name__, **added}


def extra_claims(user: Any, session: Any, request: Any) -> dict[str, Any]:
    return {"described": describe(user)}


TOKENAUTH = {"EXTRA_CLAIMS": extra_claims}
