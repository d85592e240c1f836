"""The tenant of the current request: the database of the sessions, and its schema.

Packages such as django-tenants give each tenant a schema of PostgreSQL, and the attribute
``schema_name`` of the connection is the current schema. Routers can give each tenant a database.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, router

from ..models import Session

#: The alias of the database of the sessions and the name of the current schema, which is empty if
#: the connection has no attribute ``schema_name``.
Tenant = tuple[str, str]

_DEFAULT: Tenant = (DEFAULT_DB_ALIAS, "")


def current_tenant() -> Tenant:
    """Return the current tenant of this thread. No statement.

    Without routers and schemas, the result is always the same.
    """
    if not may_have_tenants():
        return _DEFAULT
    alias = router.db_for_write(Session)
    return alias, _schema_name(alias)


def may_have_tenants() -> bool:
    """Return whether the project has routers or schemas."""
    return bool(router.routers) or _has_schemas()


@cache
def _has_schemas() -> bool:
    return hasattr(connections[DEFAULT_DB_ALIAS], "schema_name")


def _schema_name(alias: str) -> str:
    return str(getattr(connections[alias], "schema_name", None) or "")


def tenant_label() -> str | None:
    """Return an identifier of the current tenant for tokens, or ``None`` without tenants.

    A project has tenants if its connection has a schema, or if it has routers and several
    databases. The identifier does not show the name of the tenant.
    """
    alias, schema = current_tenant()
    if schema:
        return _digest("schema", alias, schema)
    if router.routers and len(connections.settings) > 1:
        return _database_label(_by_location()[_location(connections.settings[alias])])
    return None


def is_of_other_tenant(label: str) -> bool:
    """Return whether *label*, from a token, identifies another tenant than the current one.

    A service without the aliases of the issuer, or with one database, accepts any label of a
    database.
    """
    own = tenant_label()
    if own is None or own == label:
        return False
    _, schema = current_tenant()
    return bool(schema) or label in map(_database_label, _by_location().values())


def location(alias: str) -> tuple[str, ...]:
    """Return the server and the name of the database *alias*. Several aliases can have one."""
    return _location(connections[alias].settings_dict)


def _location(options: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(options[name]) for name in ("ENGINE", "HOST", "PORT", "NAME"))


def _by_location() -> dict[tuple[str, ...], str]:
    """Return one alias for each location: the default alias, or the first in alphabetical order.

    The result does not depend on the order of ``DATABASES``, and no connection object is created.
    """
    aliases = sorted(connections.settings, key=lambda alias: (alias != DEFAULT_DB_ALIAS, alias))
    return {_location(connections.settings[alias]): alias for alias in reversed(aliases)}


def _database_label(alias: str) -> str:
    """Return the label of *alias*, which does not change when a failover changes its server."""
    return _digest("database", alias)


def _digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]
