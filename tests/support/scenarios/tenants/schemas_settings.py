"""A project of django-tenants, with a schema of PostgreSQL for each tenant."""

from __future__ import annotations

import os

from tests.support import servers
from tests.support.scenarios.tenants.common import APPS, SETTINGS

globals().update(SETTINGS)
SHARED_APPS = ["django_tenants", "tests.support.scenarios.tenants", *APPS]
TENANT_APPS = APPS
INSTALLED_APPS = SHARED_APPS
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware"]
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DATABASES = {
    "default": {
        **servers.as_database(servers.postgresql(), "postgresql"),
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": os.environ["DATABASE_NAME"],
    }
}
