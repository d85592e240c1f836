"""The tenant of the current request: the database of the sessions, and its schema.

Packages such as django-tenants give each tenant a schema of PostgreSQL, and the attribute
``schema_name`` of the connection is the current schema. Routers can give each tenant a database.
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
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
        return _database_label(_canonical_alias(alias))
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
    return bool(schema) or _is_label_of_a_database(label)


def location(alias: str) -> tuple[str, ...]:
    """Return the server and the name of the database *alias*. Several aliases can have one."""
    return _location(connections[alias].settings_dict)


def _location(options: dict[str, Any]) -> tuple[str, ...]:
    # An alias that the project adds at run time may lack options with a default value.
    return tuple(str(options.get(name, "")) for name in ("ENGINE", "HOST", "PORT", "NAME"))


def _databases() -> list[tuple[str, dict[str, Any]]]:
    """Return the aliases with their options. No connection object is created.

    The list is a copy, because another thread may add the database of a new tenant.
    """
    return list(connections.settings.items())


def _canonical_alias(alias: str) -> str:
    """Return the alias for all aliases of the database *alias*, for its label.

    It is the default alias, or the first in alphabetical order, and does not depend on the order of
    ``DATABASES``.
    """
    own = _location(connections.settings[alias])
    name = own[-1]
    # A project may have thousands of databases, and almost all names differ.
    aliases = [
        each
        for each, options in _databases()
        if str(options.get("NAME", "")) == name and _location(options) == own
    ]
    return DEFAULT_DB_ALIAS if DEFAULT_DB_ALIAS in aliases else min(aliases, default=alias)


def _is_label_of_a_database(label: str) -> bool:
    """Return whether a database of this project has *label*."""
    alias = next((each for each, _ in _databases() if _database_label(each) == label), None)
    # Other aliases of a database have no label.
    return alias is not None and _canonical_alias(alias) == alias


# Long enough for a project with thousands of databases.
@lru_cache(maxsize=65536)
def _database_label(alias: str) -> str:
    """Return the label of *alias*, which does not change when a failover changes its server."""
    return _digest("database", alias)


def _digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]
