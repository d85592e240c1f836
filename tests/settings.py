"""Settings of the test project. ``DATABASE`` selects sqlite, postgresql or mariadb."""

from __future__ import annotations

import os
import tempfile
from importlib import import_module
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from tests.support import servers

SECRET_KEY = "the secret key of the tests, longer than 32 bytes"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
ROOT_URLCONF = "tests.urls"
USE_TZ = True
# With another zone MariaDB needs its time zone tables, which few installations have.
TIME_ZONE = "UTC"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "rest_framework",
    "django_tokenauth",
    "django_tokenauth.api_tokens",
    "tests",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
# MD5 is fast; PBKDF2 can still verify a password.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher",
    "tests.support.hashers.FastPBKDF2",
]

match os.environ.get("DATABASE", "sqlite"):
    case "sqlite":
        database: dict[str, Any] = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            # Each transaction takes the write lock before it reads, and waits for it.
            # Without waiting for the disk, whose power does not fail during a test.
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA synchronous = OFF",
            },
            # Threads of a test share this file, and each process has its own.
            "TEST": {"NAME": f"{tempfile.gettempdir()}/tokenauth-{os.getpid()}.sqlite3"},
        }
    case "postgresql":
        database = servers.as_database(servers.postgresql(), "postgresql")
    case "mariadb":
        # PyMySQL is pure Python and needs no compiler and no client library.
        import_module("pymysql").install_as_MySQLdb()
        # It would read the certificates of all authorities for each connection: 20 ms of CPU time.
        options = {"ssl_disabled": True}
        database = {**servers.as_database(servers.mariadb(), "mysql"), "OPTIONS": options}
    case unknown:
        raise ImproperlyConfigured(f"DATABASE={unknown} is not sqlite, postgresql or mariadb.")
DATABASES = {"default": database}

CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
if "REDIS_URL" in os.environ:
    CACHES["redis"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["REDIS_URL"],
    }

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["django_tokenauth.authentication.JWTAuthentication"],
}
