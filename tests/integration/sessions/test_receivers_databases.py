"""The databases of users and sessions for which the user receivers revoke sessions."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.db.transaction import atomic

from django_tokenauth import services
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import receivers, users
from tests.support.clock import NOW, after

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(after(minutes=1), tick=False)


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW)


def reason_of(pair):
    return Session.objects.get(pk=pair.session.pk).revoked_reason


class Router:
    """Record the models and objects whose database is chosen."""

    def __init__(self):
        self.read, self.written = [], []

    def db_for_read(self, model, **hints):
        self.read.append(model)

    def db_for_write(self, model, **hints):
        self.written.append((model, hints.get("instance")))


@pytest.fixture
def router(pair, settings):
    router = Router()
    settings.DATABASE_ROUTERS = [router]
    return router


class TestRouter:
    """A router may choose the database by the user object, for example by tenant."""

    def test_refetch_reads_the_user_from_the_primary(self, alice, router):
        assert users.refetch(alice) == alice
        assert router.read == []
        assert router.written == [(type(alice), alice)]

    def test_user_save_in_transaction_passes_the_user_to_routers(self, alice, router):
        with atomic():
            receivers.after_save(instance=alice, created=False)
        assert (type(alice), alice) in router.written


class TestLocation:
    """Two aliases of one database have the same engine, host, port and name."""

    @pytest.fixture
    def alias(self):
        # No test connects to the database of this alias.
        connections["other"] = connections["default"].copy("other")
        yield "other"
        del connections["other"]

    def test_user_change_by_another_alias_revokes_the_sessions(self, alice, pair, alias):
        alice.is_active = False
        receivers.after_save(instance=alice, created=False, using=alias)
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    @pytest.mark.parametrize("option", ["ENGINE", "HOST", "PORT", "NAME"])
    def test_user_change_in_another_database_keeps_the_sessions(self, alice, pair, alias, option):
        connections[alias].settings_dict[option] = "another"
        alice.is_active = False
        receivers.after_save(instance=alice, created=False, using=alias)
        receivers.after_parent_save(instance=alice, created=False, using=alias)
        rows = Session.objects.filter(user=alice)
        user = Session._meta.get_field("user")
        receivers.collect_sessions(collector=None, field=user, rows=rows, using=alias)
        assert reason_of(pair) == ""


class TestAfterParentSave:
    def test_parent_save_revokes_sessions_of_an_inactive_user(self, alice, pair):
        get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
        receivers.after_parent_save(instance=alice, created=False)
        assert reason_of(pair) == RevokedReason.USER_CHANGED

    @pytest.mark.parametrize(
        ("tokenauth", "options"),
        [
            ({}, {"created": True}),
            ({}, {"created": False, "raw": True}),
            ({"STATELESS_REFRESH": True}, {"created": False}),
        ],
        ids=str,
    )
    def test_parent_save_that_changes_no_user_takes_no_query(
        self, alice, settings, tokenauth, options, django_assert_num_queries
    ):
        settings.TOKENAUTH = tokenauth
        with django_assert_num_queries(0):
            receivers.after_parent_save(instance=alice, **options)
