"""Converters and parameters of compiled gets, for fields and query sets of a project."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Case, Value, When

from django_tokenauth.models import Session
from django_tokenauth.sessions.compiled import CompiledGet, CompiledGetColumns
from tests.support.session_rows import create_session


@pytest.fixture
def session(alice):
    return create_session(alice, device_name="phone")


class TestConverters:
    """A field of a project may define ``from_db_value``, for example to decrypt the value."""

    def test_compiled_get_calls_from_db_value_like_the_orm(self, session, monkeypatch, caplog):
        field = Session._meta.get_field("device_name")

        def from_db_value(value, expression, connection):
            return f"{value} {expression.target.name} {connection.alias}"

        monkeypatch.setattr(field, "from_db_value", from_db_value, raising=False)
        expected = Session.objects.get(pk=session.pk).device_name
        assert expected == "phone device_name default"
        assert CompiledGet(Session.objects.all(), "user").get(session.pk).device_name == expected
        columns = CompiledGetColumns(Session.objects.all(), "user", ["device_name"])
        assert columns.get(session.pk)[1:] == (expected,)
        # An error of from_db_value would select the ORM.
        assert caplog.messages == []

    def test_compiled_get_finds_converters_once_per_connection(self, session, monkeypatch):
        field, connections = Session._meta.get_field("device_name"), []

        def get_db_converters(connection):
            connections.append(connection)
            return []

        monkeypatch.setattr(field, "get_db_converters", get_db_converters)
        get = CompiledGet(Session.objects.all(), "user")
        assert [get.get(session.pk), get.get(session.pk)] == [session, session]
        assert connections == [connection]

    def test_compiled_get_columns_converts_no_other_columns(self, session, monkeypatch):
        """The statement also selects the primary key."""
        field, calls = Session._meta.pk, []
        monkeypatch.setattr(field, "get_db_converters", calls.append)
        columns = CompiledGetColumns(Session.objects.all(), "user", ["device_name"])
        assert columns.get(session.pk) == (session.user, "phone")
        assert calls == []


def test_compiled_get_keeps_parameters_after_the_key(session):
    """The parameters of ``ORDER BY`` follow the primary key in ``WHERE``."""
    phones_first = Case(When(device_name="phone", then=Value(0)), default=Value(1))
    rows = Session.objects.order_by(phones_first)
    assert CompiledGet(rows, "user").get(session.pk) == session
