"""Compiled updates write the values of the ORM, with known and unknown internals of Django."""

from __future__ import annotations

from threading import Thread

import pytest
from django.db import IntegrityError, connection
from django.db.models import F
from django.db.models.functions import Coalesce
from django.db.transaction import TransactionManagementError, atomic
from django.test.utils import CaptureQueriesContext

from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import store as sessions
from django_tokenauth.sessions.compiled import CompiledUpdate, Placeholder, django_compiler
from tests.support.clock import NOW, after
from tests.support.compilers import changed_compiler, unknown_compiler
from tests.support.session_rows import create_session

FALLBACK = (
    "this version of Django cannot be used with compiled statements, so the ORM is used instead"
)
#: One value of each kind of field.
VALUES = {
    "generation": 2**62,
    "scope_limited": True,
    "refreshed_at": after(days=1, microseconds=1),
    "revoked_at": None,
    "revoked_reason": RevokedReason.ADMIN,
    "device_name": "앨리스의 노트북 %s ' OR 1=1 --",
    "ip": "2001:DB8::1",
}


def stored_values():
    """Return the changed fields of all rows, by primary key."""
    return {row.pk: [getattr(row, name) for name in VALUES] for row in Session.objects.all()}


def not_revoked():
    return Session.objects.alias(end=Coalesce("revoked_at", "absolute_expires_at")).filter(
        end=F("absolute_expires_at")
    )


@pytest.fixture(params=["compiled", "orm"])
def compiler_of(request):
    return {"compiled": django_compiler, "orm": unknown_compiler}[request.param]


@pytest.fixture
def update(compiler_of):
    def run(session, rows=None, values=VALUES):
        rows = Session.objects.all() if rows is None else rows
        where = {"id": session.pk, "generation": session.generation}
        compiled = CompiledUpdate(rows, where=where, values=values, compiler_of=compiler_of)
        return compiled.run(where=where, values=values)

    return run


class TestRun:
    def test_compiled_update_writes_the_same_values_as_the_orm(
        self, alice, update, django_assert_num_queries
    ):
        session = create_session(alice, revoked_at=NOW)
        Session.objects.filter(pk=session.pk).update(**VALUES)
        expected = stored_values()
        Session.objects.all().delete()
        create_session(alice, pk=session.pk, revoked_at=NOW)
        with django_assert_num_queries(1):
            assert update(session) == 1
        assert stored_values() == expected

    def test_compiled_update_changes_only_matching_rows(self, alice, bob, update):
        session, other = create_session(alice), create_session(bob)
        before = stored_values()
        assert update(session) == 1
        assert stored_values()[other.pk] == before[other.pk]

    def test_compiled_update_without_a_match_returns_zero(self, alice, update):
        session = create_session(alice)
        before = stored_values()
        session.generation += 1
        assert update(session) == 0
        assert stored_values() == before

    def test_compiled_update_runs_again_with_other_values(self, alice, bob, compiler_of):
        compiled = CompiledUpdate(
            Session.objects.all(), where=["id"], values=["device_name"], compiler_of=compiler_of
        )
        for session, name in ((create_session(alice), "phone"), (create_session(bob), "laptop")):
            assert compiled.run(where={"id": session.pk}, values={"device_name": name}) == 1
            assert Session.objects.get(pk=session.pk).device_name == name

    def test_compiled_update_keeps_conditions_of_the_queryset(self, alice, update):
        session = create_session(alice, device_name="phone")
        rows = Session.objects.filter(scope_limited=False)
        assert update(session, rows.filter(device_name="laptop")) == 0
        assert update(session, rows.filter(device_name="phone")) == 1


class TestStatement:
    def test_compiled_update_runs_the_same_statement_as_the_orm(self, alice):
        where = {"id": create_session(alice).pk, "generation": 1}
        values = {"generation": 1, "refreshed_at": NOW, "auth_hash": "hash"}
        with CaptureQueriesContext(connection) as queries:
            Session.objects.filter(**where).update(**values)
            CompiledUpdate(Session.objects.all(), where=where, values=values).run(
                where=where, values=values
            )
        first, second = (query["sql"] for query in queries)
        assert first == second

    def test_session_rotation_runs_the_same_statement_as_the_orm(self, alice):
        session = create_session(alice)
        state = sessions.SessionState(2, after(days=1), after(days=2))
        seen = sessions.LastSeen("192.0.2.1", "Browser/1.0", True)
        values = {**state._asdict(), **seen._asdict(), "retried": True, "auth_hash": "new"}
        with CaptureQueriesContext(connection) as queries:
            rows = not_revoked().filter(pk=session.pk, generation=1, auth_hash="hash")
            assert rows.update(**values) == 1
            rotated = sessions.rotate(session, state, seen=seen, auth_hash="new", retried=True)
            assert rotated is False
        first, second = (query["sql"] for query in queries)
        assert first == second


class TestErrors:
    def test_compiled_update_raises_the_same_error_as_the_orm(self, alice, update):
        session = create_session(alice)
        values = {"auth_hash": None}
        with pytest.raises(IntegrityError), atomic():
            Session.objects.filter(pk=session.pk).update(**values)
        with pytest.raises(IntegrityError), atomic():
            update(session, values=values)
        assert Session.objects.get().auth_hash == "hash"

    def test_failed_compiled_update_breaks_the_transaction(self, alice, update):
        session = create_session(alice)
        with atomic():
            with pytest.raises(IntegrityError):
                update(session, values={"auth_hash": None})
            with pytest.raises(TransactionManagementError):
                Session.objects.count()


def lose_placeholders(known):
    statement, parameters = known["as_sql"]
    known["as_sql"] = (
        statement,
        [None if isinstance(parameter, Placeholder) else parameter for parameter in parameters],
    )


def return_sql_only(known):
    known["as_sql"] = 0


class TestFallback:
    def test_compiled_update_logs_no_warning_with_supported_django(self, caplog):
        CompiledUpdate(Session.objects.all(), where=["id"], values=VALUES)
        assert FALLBACK not in caplog.text

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            (dict.clear, "AttributeError"),
            (lose_placeholders, "ValueError"),
            (return_sql_only, "TypeError"),
        ],
    )
    def test_compiled_update_uses_orm_with_unknown_django_internals(
        self, alice, change, error, caplog
    ):
        session = create_session(alice)
        compiled = CompiledUpdate(
            Session.objects.all(),
            where=["id"],
            values=VALUES,
            compiler_of=changed_compiler(change),
        )
        assert caplog.messages == [f"{FALLBACK} ({error})"]
        assert compiled.run(where={"id": session.pk}, values=VALUES) == 1
        assert Session.objects.get().device_name == VALUES["device_name"]


class TestThreads:
    @pytest.mark.django_db(transaction=True)
    def test_compiled_update_uses_the_connection_of_each_thread(self, alice):
        compiled = CompiledUpdate(Session.objects.all(), where=["id"], values=["device_name"])
        rows, changed = [create_session(alice) for _ in range(4)], []

        def run(session):
            changed.append(compiled.run(where={"id": session.pk}, values={"device_name": "phone"}))
            connection.close()

        threads = [Thread(target=run, args=[session]) for session in rows]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert changed == [1] * 4
        assert set(Session.objects.values_list("device_name", flat=True)) == {"phone"}
