"""The settings of the example: what django_tokenauth needs, and little else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent

# DEMO ONLY. Refresh tokens are signed with a key derived from this one, so an attacker who knows it
# can sign in as any user. A deployment sets the variable and turns DEBUG off.
SECRET_KEY = os.environ.get("EXAMPLE_SECRET_KEY", "django-insecure-demo-key-known-to-everybody")
DEBUG = True

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "django_tokenauth",
    "django_tokenauth.api_tokens",
    "notes",
    "demo",
]

# The API needs only the first three. The others are for the admin site, which lists the sessions.
MIDDLEWARE = [
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["django_tokenauth.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

# Swagger UI at /docs/, with scripts from this server. Its "Authorize" dialog signs in.
SPECTACULAR_SETTINGS = {
    "TITLE": "Notes",
    "DESCRIPTION": "The example of django_tokenauth.",
    "VERSION": "1",
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Without a validatorUrl, it would send the schema to a server of Swagger.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
}

# `manage.py demo` adds ISSUER and KEY_DIRECTORY, and the report service and the clients
# (demo/parties.py). Without KEY_DIRECTORY, the key of access tokens is derived from SECRET_KEY.
TOKENAUTH: dict[str, Any] = {
    "SCOPES": ("notes:read", "notes:write", "statistics:read"),
    "SCOPE_POLICY": "example.claims.permitted_scopes",
    "EXTRA_CLAIMS": "example.claims.user_name",
    "API_TOKEN_PREFIX": "example",
}

# The page has another origin. It sends the token in a header, so CORS needs no credentials. Scripts
# must be able to read these two response headers.
CORS_ALLOWED_ORIGINS = [os.environ.get("EXAMPLE_PAGE_ORIGIN", "http://127.0.0.1:8001")]
CORS_EXPOSE_HEADERS = ["WWW-Authenticate", "Retry-After"]

# Do not log rejected requests as warnings: the demo sends them on purpose.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django.request": {"level": "ERROR"}},
}

DATABASES: dict[str, Any] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
        # Requests run in threads. WAL lets them read while another writes. IMMEDIATE makes a writer
        # wait for the lock; SQLite's default fails with "database is locked".
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
        },
    }
}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

ROOT_URLCONF = "example.urls"
WSGI_APPLICATION = "example.wsgi.application"
STATIC_URL = "static/"
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
