"""The settings of the report service: no database, and no secret of the API.

`manage.py verifier` adds the public keys of the API.
"""

from __future__ import annotations

import os
from typing import Any

from django.core.management.utils import get_random_secret_key

# Django requires SECRET_KEY; this service does not use it.
SECRET_KEY = get_random_secret_key()
# A page with the details of an error could show tokens.
DEBUG = False
# A query would raise ImproperlyConfigured, so a response proves that no query ran.
DATABASES: dict[str, Any] = {}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "corsheaders",
    "rest_framework",
    "django_tokenauth",
    "reports",
    "demo",
]
MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.common.CommonMiddleware",
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "django_tokenauth.authentication.StatelessJWTAuthentication"
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}

# The API issues tokens for this audience too, and this service accepts no others.
TOKENAUTH: dict[str, Any] = {
    "AUDIENCE": "https://reports.example.com",
    "SCOPES": ("reports:create", "notes:read"),
    "REVOCATION_POLL_INTERVAL": None,
}

CORS_ALLOWED_ORIGINS = [os.environ.get("EXAMPLE_PAGE_ORIGIN", "http://127.0.0.1:8001")]
CORS_EXPOSE_HEADERS = ["WWW-Authenticate", "Retry-After"]

# Do not log rejected requests as warnings: the demo sends them on purpose.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django.request": {"level": "ERROR"}},
}

ROOT_URLCONF = "reports.urls"
TIME_ZONE = "UTC"
USE_TZ = True
