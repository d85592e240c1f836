"""The database alias that each service uses in a project with routers.

``tests.support.scenarios.two_databases`` runs the services with a lagging replica.
"""

from __future__ import annotations

import pytest

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.sessions import pruning
from tests.support.clock import NOW, after

pytestmark = pytest.mark.django_db


class Router:
    """Record the models that are read and written, and leave the choice to Django."""

    def __init__(self):
        self.read, self.written = [], []

    def db_for_read(self, model, **hints):
        self.read.append(model)

    def db_for_write(self, model, **hints):
        self.written.append(model)


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


@pytest.fixture
def claims(pair):
    return services.authenticate_access_token(pair.access_token, now=NOW)


@pytest.fixture
def router(pair, settings):
    router = Router()
    settings.DATABASE_ROUTERS = [router]
    return router


class TestReplica:
    """An authenticated request may read from a replica."""

    def test_get_user_reads_the_session_from_a_replica(self, claims, router):
        services.get_user(claims)
        assert Session in router.read

    def test_full_scope_reads_from_a_replica(self, claims, router):
        services.full_scope(claims)
        assert Session in router.read

    def test_revocation_snapshot_reads_from_a_replica(self, claims, router):
        services.is_revoked(claims, now=NOW)
        assert Session in router.read


class TestPrimary:
    """Services that revoke or extend a session must read the primary, because a replica may lag."""

    def test_sign_in_counts_sessions_on_the_primary(self, alice, router):
        services.sign_in(alice, now=NOW)
        assert Session not in router.read
        # Django also writes the user's last_login.
        assert set(router.written) == {Session, type(alice)}

    def test_prune_deletes_sessions_on_the_primary(self, router):
        pruning.prune(after(days=15), 1)
        assert set(router.written) == {Session}

    def test_refresh_reads_the_session_from_the_primary(self, pair, router):
        services.refresh(pair.refresh_token, now=after(minutes=1))
        assert Session not in router.read

    def test_revoke_token_reads_the_session_from_the_primary(self, pair, router):
        services.revoke_token(pair.refresh_token, now=after(minutes=1))
        assert Session not in router.read

    def test_list_sessions_reads_from_the_primary(self, alice, pair, router):
        assert services.list_sessions(alice, now=NOW).get() == pair.session
        assert Session not in router.read
