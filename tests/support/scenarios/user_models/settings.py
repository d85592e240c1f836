"""A project with the user model named by the environment variable ``USER_MODEL``."""

from __future__ import annotations

import json
import os

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "tests.support.scenarios.urls"
USE_TZ = True
AUTH_USER_MODEL = f"user_models.{os.environ['USER_MODEL']}"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_tokenauth",
    "tests.support.scenarios.user_models",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
TOKENAUTH = json.loads(os.environ.get("TOKENAUTH", "{}"))
