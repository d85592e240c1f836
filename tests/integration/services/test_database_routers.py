"""Which database is asked, where the routers of a project know more than one.

``tests.support.scenarios.two_databases`` shows it with a replica that lags behind.
"""

from __future__ import annotations

import pytest

from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.sessions import pruning
from tests.support.clock import NOW, after

pytestmark = pytest.mark.django_db


class Router:
    """Sends nobody anywhere, and knows what was to be read and written."""

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


class TestRead:
    """A request may be answered by a replica."""

    def test_the_session_of_a_request_is(self, claims, router):
        services.get_user(claims)
        assert Session in router.read

    def test_its_whole_scope_is(self, claims, router):
        services.full_scope(claims)
        assert Session in router.read

    def test_the_snapshot_of_revoked_sessions_is(self, claims, router):
        services.is_revoked(claims, now=NOW)
        assert Session in router.read


class TestWritten:
    """What ends or prolongs a session must not be decided by what a replica has not heard of."""

    def test_the_sessions_that_a_sign_in_makes_room_for_are(self, alice, router):
        services.sign_in(alice, now=NOW)
        assert Session not in router.read
        # The last login of the user is written too.
        assert set(router.written) == {Session, type(alice)}

    def test_the_sessions_that_are_pruned_are(self, router):
        pruning.prune(after(days=15), 1)
        assert set(router.written) == {Session}

    def test_the_session_of_a_refresh_is(self, pair, router):
        services.refresh(pair.refresh_token, now=after(minutes=1))
        assert Session not in router.read

    def test_the_session_of_a_sign_out_is(self, pair, router):
        services.revoke_token(pair.refresh_token, now=after(minutes=1))
        assert Session not in router.read

    def test_the_sessions_that_are_listed_are(self, alice, pair, router):
        assert services.list_sessions(alice, now=NOW).get() == pair.session
        assert Session not in router.read
