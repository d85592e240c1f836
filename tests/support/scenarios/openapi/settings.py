"""A project whose API is described by drf-spectacular."""

from __future__ import annotations

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ROOT_URLCONF = "tests.support.scenarios.openapi.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "drf_spectacular",
    "django_tokenauth",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["django_tokenauth.authentication.JWTAuthentication"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"]}
