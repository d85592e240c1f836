"""A project with its accounts in a separate database that has a lagging replica.

The ``default`` database has no tables, so each query of it raises an error.
"""

from __future__ import annotations

import os
from pathlib import Path

_FOLDER = Path(os.environ["DATABASE_FOLDER"])

SECRET_KEY = "the secret key of a project, longer than 32 bytes"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "tests.support.scenarios.urls"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_tokenauth",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = {
    alias: {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _FOLDER / f"{alias}.sqlite3",
        "ATOMIC_REQUESTS": True,
        # Do not wait for the disk.
        "OPTIONS": {"init_command": "PRAGMA synchronous = OFF"},
    }
    for alias in ("default", "accounts", "copy")
}
DATABASE_ROUTERS = ["tests.support.scenarios.two_databases.routers.Accounts"]
TOKENAUTH = {"MAX_SESSIONS_PER_USER": 3}
