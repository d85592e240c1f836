"""The users alice and bob, and the reset of process state before each test."""

from __future__ import annotations

import gc

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.utils import translation

from django_tokenauth.conf.settings import load
from tests.support.collection import check_ids

DATABASE_FIXTURES = {"db", "transactional_db", "_django_db_helper", "live_server"}


# Django's own check of a JSONField would execute a statement on SQLite, also in tests without a
# database.
DatabaseWrapper.features_class.supports_json_field = True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the tests that touch a database, which ``tests.support.databases`` selects."""
    check_ids(item.nodeid for item in items)
    for item in items:
        fixtures = DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if fixtures or item.get_closest_marker("django_db"):
            item.add_marker("database")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Exempt the collected tests from garbage collection: each full one takes 0.3 s."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def tokenauth_isolation():
    """Clear Django's caches and the settings of the process, in place of the plugin's fixture.

    Verified tokens and the snapshot of revoked sessions are kept with the settings.
    """
    for cache in caches.all():
        cache.clear()
    load.cache_clear()
    # A request may have activated a language in this thread.
    translation.deactivate()


@pytest.fixture
def alice(db):
    return get_user_model().objects.create_user("alice", password="correct horse")


@pytest.fixture
def bob(db):
    return get_user_model().objects.create_user("bob", password="battery staple")
