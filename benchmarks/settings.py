"""Django's settings in the processes that ``python -m benchmarks`` starts."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from tests.support import servers

from .catalog import Run
from .competitors import COMPETITORS


def _database(name: str, folder: str) -> dict[str, Any]:
    if name in ("sqlite", "sqlite-file"):
        file = f"{folder}/benchmark.sqlite3" if name == "sqlite-file" else ":memory:"
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "CONN_MAX_AGE": None}
    if name == "postgresql":
        found = servers.as_database(servers.postgresql(), "postgresql")
    else:
        found = servers.as_database(servers.mariadb(), "mysql")
    # Two runs can use one server at the same time. Connections stay open between requests.
    name = f"{found['NAME']}_benchmark_{os.getpid()}"
    return {**found, "NAME": name, "CONN_MAX_AGE": None}


_run = Run.from_environment()
#: Longer than a run, so that no token expires.
_LIFETIME = timedelta(days=1)

SECRET_KEY = "the secret key of a benchmark, longer than 32 bytes"  # noqa: S105
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": _database(_run.database, _run.folder)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    *(COMPETITORS[name].app for name in _run.competitors),
    "django_tokenauth",
    # The other benchmarks measure a project without it.
    *(["django_tokenauth.api_tokens"] if _run.benchmark == "api_tokens" else []),
]
# Adds Content-Length, without which gunicorn closes each connection.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
# A slow hash would hide all other costs.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "benchmarks.urls"
USE_TZ = True

TOKENAUTH = {"ACCESS_TOKEN_LIFETIME": _LIFETIME, "SIGN_IN_RATE_USER": None, "SIGN_IN_RATE_IP": None}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": _LIFETIME,
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
}
JWT_AUTH = {"JWT_EXPIRATION_DELTA": _LIFETIME}
