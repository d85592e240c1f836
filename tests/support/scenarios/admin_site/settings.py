"""The settings of the tests, with the style sheets of the admin and a database in a file."""

from __future__ import annotations

import os

from tests import settings as tests_settings
from tests.settings import MIDDLEWARE, TEMPLATES

__all__ = ["MIDDLEWARE", "TEMPLATES"]

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.urls"
USE_TZ = True
DEBUG = True
STATIC_URL = "/static/"
INSTALLED_APPS = [*tests_settings.INSTALLED_APPS, "django.contrib.staticfiles"]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["ADMIN_DATABASE"]}
}
