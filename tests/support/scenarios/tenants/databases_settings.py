"""A project with a database for each tenant, configured as in ``docs/tenants.rst``."""

from __future__ import annotations

import os
from pathlib import Path

from .common import documented_settings
from .databases import PAGE

globals().update(documented_settings(PAGE, "databases"))
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    "django_tokenauth",
]
DATABASES = {
    alias: {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(os.environ["DATABASE_FOLDER"]) / f"{alias}.sqlite3",
        # Do not wait for the disk.
        "OPTIONS": {"init_command": "PRAGMA synchronous = OFF"},
    }
    for alias in ("default", "a", "b")
}
