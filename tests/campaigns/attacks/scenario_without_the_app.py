"""A project that uses the routes of the app and did not put it into ``INSTALLED_APPS``."""

from __future__ import annotations

from django.core.management import call_command

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ROOT_URLCONF = "tests.support.scenarios.urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}


def scenario() -> str:
    """What every command of the project says, ``runserver`` and ``check`` among them."""
    try:
        call_command("check")
    except RuntimeError as error:
        return f"RuntimeError: {error}"
    return "nothing"
