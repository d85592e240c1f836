"""A project that uses the URLs of the app without listing it in ``INSTALLED_APPS``."""

from __future__ import annotations

from django.core.management import call_command

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ROOT_URLCONF = "tests.support.scenarios.urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}


def scenario() -> str:
    """Run ``check`` and return its error. Every other command fails in the same way."""
    try:
        call_command("check")
    except RuntimeError as error:
        return f"RuntimeError: {error}"
    return "no error"
