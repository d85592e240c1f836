"""The project of the processes under load: the app, its keys, and a database in a file.

``TOKENAUTH_ROTATION`` says the rest as JSON: where the ``database`` is, the ``lifetime`` of an
access token and the ``max_age`` of the keys in seconds, and the keys: their ``directory``, or the
``keys`` themselves.
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

_told = json.loads(os.environ["TOKENAUTH_ROTATION"])

ROOT_URLCONF = "tests.campaigns.rotation.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_tokenauth",
]
# It tells the length of each answer, without which no connection of a client is kept.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _told["database"],
        "OPTIONS": {
            # Who is slow to write is not what is tested.
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
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=_told["lifetime"]),
    "JWKS_MAX_AGE": timedelta(seconds=_told["max_age"]),
    # A machine that stands still for a while ends no session by that.
    "REFRESH_GRACE": timedelta(seconds=60),
    "MAX_SESSIONS_PER_USER": None,
    "SIGN_IN_RATE_USER": None,
    "SIGN_IN_RATE_IP": None,
    "REVOCATION_POLL_INTERVAL": timedelta(seconds=1),
}
if "keys" in _told:
    TOKENAUTH["KEYS"] = _told["keys"]
else:
    TOKENAUTH["KEY_DIRECTORY"] = _told["directory"]
