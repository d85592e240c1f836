"""A project of django-tenants, configured as in ``docs/tenants.rst``."""

from __future__ import annotations

import os

from tests.support import servers

from .common import documented_settings
from .schemas import PAGE

_DOCUMENTED = documented_settings(PAGE, "schemas")
globals().update(_DOCUMENTED)
INSTALLED_APPS = list(dict.fromkeys([*_DOCUMENTED["SHARED_APPS"], *_DOCUMENTED["TENANT_APPS"]]))
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
DATABASES = {
    "default": {
        **servers.as_database(servers.postgresql(), "postgresql"),
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": os.environ["DATABASE_NAME"],
    }
}
