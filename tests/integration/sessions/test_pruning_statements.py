"""The statements that delete sessions, also those for databases that this run does not use."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import connection

from django_tokenauth.sessions import pruning
from django_tokenauth.sessions.pruning import _prune_between, prune
from tests.support.clock import NOW, after

#: The statement of each vendor that deletes the rows of a subquery.
DELETE_IN = {
    "sqlite": (
        "DELETE FROM django_tokenauth_session WHERE id IN (SELECT pruned_id FROM (SUBQUERY) pruned)"
    ),
    "mysql": (
        "DELETE django_tokenauth_session FROM (SUBQUERY) pruned"
        " STRAIGHT_JOIN django_tokenauth_session"
        " ON django_tokenauth_session.id = pruned.pruned_id"
    ),
}
#: The statement of each vendor that deletes the rows of a range.
DELETE_BETWEEN = {
    "sqlite": (
        "DELETE FROM django_tokenauth_session WHERE idle_expires_at >= %s AND idle_expires_at < %s"
    ),
    "mysql": (
        "DELETE django_tokenauth_session FROM django_tokenauth_session pruned"
        " STRAIGHT_JOIN django_tokenauth_session ON django_tokenauth_session.id = pruned.id"
        " WHERE pruned.idle_expires_at >= %s AND pruned.idle_expires_at < %s"
    ),
}


@pytest.fixture(params=["sqlite", "mysql"])
def vendor(request, monkeypatch):
    """Pretend that the database is of this vendor."""
    other = SimpleNamespace(
        vendor=request.param,
        features=SimpleNamespace(supports_timezones=True),
        ops=SimpleNamespace(quote_name=str, adapt_datetimefield_value=lambda value: value),
        cursor=connection.cursor,
    )
    monkeypatch.setattr(pruning, "connections", {"default": other})
    return request.param


@pytest.fixture
def statements(vendor, db):
    """Record the statements and their parameters, and execute none."""
    recorded = []
    with connection.execute_wrapper(lambda execute, *statement: recorded.append(statement[:2])):
        yield recorded


def test_prune_statement_deletes_the_oldest_keys_of_a_subquery(vendor, statements):
    prune(NOW, 20)
    [(statement, parameters)] = statements
    expected = DELETE_IN[vendor]
    before, after_subquery = expected.split("SUBQUERY")
    subquery = statement.removeprefix(before).removesuffix(after_subquery)
    assert before + subquery + after_subquery == statement
    assert subquery.startswith("SELECT ")
    assert "ORDER BY" in subquery
    assert len(parameters) == 1


def test_prune_between_statement_deletes_a_range_of_expiries(vendor, statements):
    _prune_between(NOW, after(days=1))
    assert statements == [(DELETE_BETWEEN[vendor], [NOW, after(days=1)])]
