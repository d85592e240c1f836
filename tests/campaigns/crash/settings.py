"""The project under test: the app, and little else.

``TOKENAUTH_CRASH`` is JSON that overrides the database settings of the suite.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta

from tests.settings import (
    ALLOWED_HOSTS,
    DATABASES,
    PASSWORD_HASHERS,
    REST_FRAMEWORK,
    SECRET_KEY,
    TIME_ZONE,
    USE_TZ,
)

__all__ = [
    "ALLOWED_HOSTS",
    "DATABASES",
    "PASSWORD_HASHERS",
    "REST_FRAMEWORK",
    "SECRET_KEY",
    "TIME_ZONE",
    "USE_TZ",
]

ROOT_URLCONF = "tests.support.scenarios.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_tokenauth",
]
# It sets Content-Length, which persistent connections need.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
# A slow machine must not exceed the grace period.
TOKENAUTH = {
    "REFRESH_GRACE": timedelta(seconds=60),
    "MAX_SESSIONS_PER_USER": None,
    "SIGN_IN_RATE_USER": None,
    "SIGN_IN_RATE_IP": None,
    "REVOCATION_POLL_INTERVAL": timedelta(seconds=1),
}
DATABASES["default"].update(json.loads(os.environ.get("TOKENAUTH_CRASH", "{}")))
