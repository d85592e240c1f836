"""The settings of the project, with the database server of the test run."""

from __future__ import annotations

import os

from tests.settings import MIDDLEWARE, TEMPLATES, database

__all__ = ["MIDDLEWARE", "TEMPLATES"]

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "tests.urls"
USE_TZ = True
AUTH_USER_MODEL = "email_uuid_users.Account"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "drf_spectacular",
    "rest_framework",
    "django_tokenauth",
    "tests.support.scenarios.email_uuid_users",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
_NAME = ":memory:" if "sqlite" in database["ENGINE"] else f"test_email_uuid_users_{os.getpid()}"
DATABASES = {"default": {**database, "TEST": {"NAME": _NAME}}}
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
