"""The project of the processes under load: the app, its keys, and a SQLite database.

``TOKENAUTH_ROTATION`` contains the other values as JSON. ``database`` is a path. ``lifetime``
(of access tokens) and ``max_age`` (of public keys) are in seconds. The keys come from
``directory`` or ``keys``.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

from tests.settings import (
    ALLOWED_HOSTS,
    PASSWORD_HASHERS,
    REST_FRAMEWORK,
    SECRET_KEY,
    TIME_ZONE,
    USE_TZ,
)

__all__ = [
    "ALLOWED_HOSTS",
    "PASSWORD_HASHERS",
    "REST_FRAMEWORK",
    "SECRET_KEY",
    "TIME_ZONE",
    "USE_TZ",
]

_values = json.loads(os.environ["TOKENAUTH_ROTATION"])

ROOT_URLCONF = "tests.campaigns.rotation.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_tokenauth",
]
# It sets Content-Length, which persistent connections need.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _values["database"],
        "OPTIONS": {
            # A slow write must not fail a request.
            "timeout": 60,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
}
TOKENAUTH: dict[str, Any] = {
    "ISSUER": "https://auth.example.com",
    "AUDIENCE": "https://api.example.com",
    "ALGORITHM": "EdDSA",
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=_values["lifetime"]),
    "JWKS_MAX_AGE": timedelta(seconds=_values["max_age"]),
    # A slow machine must not exceed the grace period.
    "REFRESH_GRACE": timedelta(seconds=60),
    "MAX_SESSIONS_PER_USER": None,
    "SIGN_IN_RATE_USER": None,
    "SIGN_IN_RATE_IP": None,
    "REVOCATION_POLL_INTERVAL": timedelta(seconds=1),
}
if "keys" in _values:
    TOKENAUTH["KEYS"] = _values["keys"]
else:
    TOKENAUTH["KEY_DIRECTORY"] = _values["directory"]
