"""A project whose app is ready before this package."""

from __future__ import annotations

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "tests.support.scenarios.failing_receivers",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_tokenauth",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
