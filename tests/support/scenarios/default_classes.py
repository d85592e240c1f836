"""A project whose REST framework defaults are the classes of this package."""

from __future__ import annotations

from django.core.management import call_command

from tests.support.client import BARE, get

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "tests.support.scenarios.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_tokenauth",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["django_tokenauth.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [
        "django_tokenauth.permissions.HasScope",
        "django_tokenauth.permissions.HasFullScope",
    ],
    "DEFAULT_PARSER_CLASSES": ["django_tokenauth.http.parsers.StrictJSONParser"],
}


def scenario() -> list[object]:
    """Check the project and return a view's response to a request without a token."""
    call_command("check", fail_level="WARNING")
    response = get("/auth/sessions/")
    return [response.status_code, response.headers["WWW-Authenticate"] == BARE]
