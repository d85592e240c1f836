"""The current tenant: the database of the sessions and its schema.

``tests/integration/test_tenants.py`` runs django-tenants itself.
"""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, connections

from django_tokenauth.conf.settings import load
from django_tokenauth.http.throttling import cache_key
from django_tokenauth.sessions import revocations, tenants
from django_tokenauth.sessions.revocations import RevokedSessionsOfTenants, revoked_sessions
from django_tokenauth.sessions.tenants import current_tenant, is_of_other_tenant, tenant_label


class Router:
    """A router that selects the database of the current tenant."""

    alias = "default"

    def db_for_read(self, model, **hints):
        return self.alias

    db_for_write = db_for_read


@pytest.fixture
def schema():
    """Return a function that sets the schema, as the backends for tenants do."""

    def set_schema(name):
        connection.schema_name = name
        tenants._has_schemas.cache_clear()

    yield set_schema
    del connection.schema_name
    tenants._has_schemas.cache_clear()


@pytest.fixture
def database(monkeypatch, settings):
    """Return a function that makes the database *alias* the current one."""
    own = connections.settings["default"]
    for alias in ("a", "b", "copy of a"):
        name = f"file:{alias[-1]}?mode=memory"
        monkeypatch.setitem(connections.settings, alias, {**own, "NAME": name})
    settings.DATABASE_ROUTERS = [f"{__name__}.Router"]
    yield lambda alias: monkeypatch.setattr(Router, "alias", alias)
    for alias in ("a", "b", "copy of a"):
        if hasattr(connections._connections, alias):
            del connections[alias]


class TestWithoutTenants:
    def test_project_without_tenants_has_one_tenant_without_a_label(self):
        assert (current_tenant(), tenant_label()) == (("default", ""), None)

    def test_project_without_tenants_accepts_any_label(self):
        assert not is_of_other_tenant("a")

    def test_router_with_one_database_gives_no_label(self, settings):
        settings.DATABASE_ROUTERS = [f"{__name__}.Router"]
        assert (current_tenant(), tenant_label()) == (("default", ""), None)


class TestSchemas:
    def test_label_depends_on_the_schema(self, schema):
        schema("a")
        label = tenant_label()
        assert (current_tenant(), is_of_other_tenant(label)) == (("default", "a"), False)
        schema("b")
        assert tenant_label() not in (None, label)
        assert is_of_other_tenant(label)

    def test_connection_without_a_current_schema_has_no_label(self, schema):
        schema(None)
        assert (current_tenant(), tenant_label()) == (("default", ""), None)

    def test_throttles_count_each_schema_separately(self, schema):
        schema("a")
        first = cache_key("sign_in", "user", "192.0.2.1", "alice")
        schema("b")
        assert cache_key("sign_in", "user", "192.0.2.1", "alice") != first


class TestDatabases:
    def test_label_depends_on_the_database(self, database):
        database("a")
        label = tenant_label()
        assert (current_tenant(), is_of_other_tenant(label)) == (("a", ""), False)
        database("b")
        assert tenant_label() not in (None, label)
        assert is_of_other_tenant(label)

    def test_two_aliases_of_one_database_are_one_tenant(self, database):
        database("a")
        label = tenant_label()
        database("copy of a")
        assert not is_of_other_tenant(label)

    def test_failover_to_the_replica_keeps_the_label(self, database):
        options = connections.settings
        database("a")
        label = tenant_label()
        options["a"]["NAME"], options["b"]["NAME"] = options["b"]["NAME"], options["a"]["NAME"]
        assert tenant_label() == label
        assert not is_of_other_tenant(label)
        database("b")
        assert is_of_other_tenant(label)

    @pytest.mark.parametrize("option", ["ENGINE", "HOST", "PORT", "NAME"])
    def test_label_is_the_same_after_a_move_of_the_database(self, database, option):
        database("b")
        label = tenant_label()
        connections.settings["b"][option] = "another"
        assert tenant_label() == label

    @pytest.mark.parametrize("reverse", [False, True])
    def test_label_does_not_depend_on_the_order_of_databases(self, database, monkeypatch, reverse):
        database("copy of a")
        label = tenant_label()
        ordered = dict(sorted(connections.settings.items(), reverse=reverse))
        monkeypatch.setattr(connections, "settings", ordered)
        assert tenant_label() == label

    def test_new_alias_of_the_default_database_keeps_its_label(self, database, monkeypatch):
        database("default")
        label = tenant_label()
        copy = dict(connections.settings["default"])
        monkeypatch.setitem(connections.settings, "another", copy)
        assert tenant_label() == label

    def test_database_added_with_few_options_keeps_labels(self, database, monkeypatch):
        """A project may add the database of a new tenant at run time."""
        database("a")
        label = tenant_label()
        few = {"ENGINE": "django.db.backends.sqlite3", "NAME": connections.settings["b"]["NAME"]}
        monkeypatch.setitem(connections.settings, "added", few)
        assert tenant_label() == label
        database("added")
        assert tenant_label() != label
        assert is_of_other_tenant(label)

    def test_second_alias_of_a_database_has_no_label(self, database):
        """A token with this label is of another project."""
        database("b")
        assert not is_of_other_tenant(tenants._database_label("copy of a"))

    def test_label_takes_no_connection_to_other_databases(self, database):
        database("a")
        assert is_of_other_tenant(tenant_label()) is False
        assert not hasattr(connections._connections, "b")

    def test_label_of_a_database_that_is_not_configured_is_accepted(self, database):
        """The issuer of the token may be another project."""
        database("a")
        assert not is_of_other_tenant("0" * 32)


def current_snapshot():
    return revoked_sessions(load()).current()


class TestSnapshots:
    def test_each_schema_has_its_own_snapshot(self, schema):
        schema("a")
        first = current_snapshot()
        assert current_snapshot() is first
        schema("b")
        assert current_snapshot() is not first
        schema("a")
        assert current_snapshot() is first

    def test_each_database_has_its_own_snapshot(self, database):
        database("a")
        first = current_snapshot()
        database("b")
        assert current_snapshot() is not first

    def test_number_of_snapshots_is_bounded(self, schema, monkeypatch):
        monkeypatch.setattr(revocations, "MAX_SNAPSHOTS", 2)
        found = []
        for name in "abcc":
            schema(name)
            found.append(current_snapshot())
        assert found[2] is found[3]
        schema("b")
        assert current_snapshot() is found[1]
        schema("a")
        assert current_snapshot() is not found[0]

    def test_threads_that_start_together_share_one_snapshot(self):
        snapshots = RevokedSessionsOfTenants(timedelta(seconds=10), timedelta(minutes=7))
        barrier, found = Barrier(8), []

        def add():
            barrier.wait()
            found.append(snapshots._add(("default", "")))

        threads = [Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, found))) == 1
