"""A project with a database for each tenant."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.scenarios.tenants.common import APPS, SETTINGS

globals().update(SETTINGS)
INSTALLED_APPS = APPS
MIDDLEWARE = ["tests.support.scenarios.tenants.databases.by_host"]
DATABASE_ROUTERS = ["tests.support.scenarios.tenants.databases.TenantRouter"]
DATABASES = {
    alias: {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(os.environ["DATABASE_FOLDER"]) / f"{alias}.sqlite3",
        # Do not wait for the disk.
        "OPTIONS": {"init_command": "PRAGMA synchronous = OFF"},
    }
    for alias in ("default", "a", "b")
}
