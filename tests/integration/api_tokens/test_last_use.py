"""The last use of an API token is stored after the response, and at most once a minute."""

from __future__ import annotations

import uuid

import pytest
from django.core.signals import request_finished
from django.db import OperationalError, close_old_connections, connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth.api_tokens import last_use
from django_tokenauth.api_tokens.models import APIToken
from django_tokenauth.services import authenticate_token
from django_tokenauth.sessions.tenants import current_tenant
from tests.support.api_tokens import issue
from tests.support.client import get, log_messages
from tests.support.clock import NOW, after


@pytest.fixture
def token(alice):
    return issue(alice).token


def last_used():
    return APIToken.objects.get().last_used_at


def writes_of(*requests):
    with CaptureQueriesContext(connection) as queries:
        for request in requests:
            request()
    return [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]


def test_use_is_stored_after_the_response(token):
    assert last_used() is None
    authenticate_token(token)
    assert last_used() is None
    last_use.store_pending()
    assert last_used() == NOW


def test_requests_of_one_minute_take_one_write(token, time_machine):
    assert len(writes_of(*[lambda: get("/who/", token)] * 3)) == 1
    time_machine.move_to(after(seconds=59), tick=False)
    assert writes_of(lambda: get("/who/", token)) == []
    time_machine.move_to(after(seconds=60), tick=False)
    assert len(writes_of(*[lambda: get("/who/", token)] * 2)) == 1
    assert last_used() == after(seconds=60)


def test_other_processes_write_once_a_minute_together(token):
    """Each process has read the row before the others have written."""
    for seconds in (0, 1):
        last_use._recent.clear()
        pk = APIToken.objects.get().pk
        last_use.record(pk, None, after(seconds=seconds))
        last_use.store_pending()
    assert last_used() == NOW


def test_rejected_token_is_not_used(alice, token):
    APIToken.objects.update(revoked_at=NOW)
    assert writes_of(lambda: get("/who/", token)) == []


def test_clock_that_was_set_back_does_not_stop_the_writes(token, time_machine):
    get("/who/", token)
    time_machine.move_to(after(days=-1), tick=False)
    get("/who/", token)
    assert last_used() == after(days=-1)


def test_failed_write_does_not_fail_the_request(token, caplog):
    def fail(execute, sql, *arguments):
        if sql.startswith("UPDATE"):
            raise OperationalError("secret of the database")
        return execute(sql, *arguments)

    with connection.execute_wrapper(fail):
        assert get("/who/", token).status_code == 200
        # The next attempt follows in the next minute.
        assert get("/who/", token).status_code == 200
    lines = log_messages(caplog, "WARNING")
    assert lines == ["last use of an API token not stored (OperationalError)"]
    assert last_used() is None


def test_row_without_a_lock_is_written(token, monkeypatch):
    """SQLite has no locks of rows. The statements are those of the other databases."""
    if not connection.features.has_select_for_update_skip_locked:
        monkeypatch.setattr(connection.features, "has_select_for_update_skip_locked", True)
        monkeypatch.setattr(connection.features, "has_select_for_update", False)
    get("/who/", token)
    assert last_used() == NOW


def test_deleted_token_is_ignored(token):
    authenticate_token(token)
    APIToken.objects.all().delete()
    last_use.store_pending()
    assert not APIToken.objects.exists()


def test_next_request_does_not_store_earlier_uses(token):
    """The next request may be a test without a database, or belong to another tenant."""
    authenticate_token(token)
    assert writes_of(lambda: get("/open/")) == []
    assert last_used() is None


def test_uses_outside_of_requests_are_limited(db):
    for _ in range(last_use._MAX_PENDING + 1):
        last_use.record(uuid.uuid4(), None, NOW)
    assert len(last_use._request.pending) == last_use._MAX_PENDING


def test_memory_of_recent_writes_is_limited(token, monkeypatch):
    monkeypatch.setattr(last_use, "_MAX_RECENT", 2)
    last_use._recent.update({uuid.uuid4(): NOW, uuid.uuid4(): NOW})
    get("/who/", token)
    assert len(last_use._recent) == 1


def test_use_at_another_tenant_is_not_stored_here(token):
    pk = APIToken.objects.get().pk
    last_use._request.pending = {(("default", "other"), pk): NOW}
    assert current_tenant() != ("default", "other")
    last_use.store_pending()
    assert last_used() is None


def test_write_precedes_the_end_of_the_connection():
    receivers = [each() for _, each, *_ in request_finished.receivers]
    assert receivers.index(last_use.store_pending) < receivers.index(close_old_connections)
