"""Updates that are compiled once write what the ORM writes, with known and unknown internals."""

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
from tests.support.session_rows import made

pytestmark = pytest.mark.django_db

FALLBACK = "compiled statements, so the ORM is used instead"
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


def stored():
    """The changed fields of all rows, by their keys."""
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
    def test_run_writes_what_the_orm_writes(self, alice, update, django_assert_num_queries):
        session = made(alice, revoked_at=NOW)
        Session.objects.filter(pk=session.pk).update(**VALUES)
        plain = stored()
        Session.objects.all().delete()
        made(alice, pk=session.pk, revoked_at=NOW)
        with django_assert_num_queries(1):
            assert update(session) == 1
        assert stored() == plain

    def test_run_changes_only_the_rows_that_match(self, alice, bob, update):
        session, other = made(alice), made(bob)
        before = stored()
        assert update(session) == 1
        assert stored()[other.pk] == before[other.pk]

    def test_run_without_a_matching_row_returns_zero(self, alice, update):
        session = made(alice)
        before = stored()
        session.generation += 1
        assert update(session) == 0
        assert stored() == before

    def test_run_again_with_other_values_writes_them(self, alice, bob, compiler_of):
        compiled = CompiledUpdate(
            Session.objects.all(), where=["id"], values=["device_name"], compiler_of=compiler_of
        )
        for session, name in ((made(alice), "phone"), (made(bob), "laptop")):
            assert compiled.run(where={"id": session.pk}, values={"device_name": name}) == 1
            assert Session.objects.get(pk=session.pk).device_name == name

    def test_conditions_of_the_rows_still_apply(self, alice, update):
        session = made(alice, device_name="phone")
        rows = Session.objects.filter(scope_limited=False)
        assert update(session, rows.filter(device_name="laptop")) == 0
        assert update(session, rows.filter(device_name="phone")) == 1


class TestStatement:
    def test_the_statement_is_that_of_the_orm(self, alice):
        where = {"id": made(alice).pk, "generation": 1}
        values = {"generation": 1, "refreshed_at": NOW, "auth_hash": "hash"}
        with CaptureQueriesContext(connection) as seen:
            Session.objects.filter(**where).update(**values)
            CompiledUpdate(Session.objects.all(), where=where, values=values).run(
                where=where, values=values
            )
        first, second = (query["sql"] for query in seen)
        assert first == second

    def test_the_statement_of_a_rotation_is_that_of_the_orm(self, alice):
        session = made(alice)
        state = sessions.SessionState(2, after(days=1), after(days=2))
        values = {**state._asdict(), "retried": True, "auth_hash": "new"}
        with CaptureQueriesContext(connection) as seen:
            rows = not_revoked().filter(pk=session.pk, generation=1, auth_hash="hash")
            assert rows.update(**values) == 1
            assert sessions.rotate(session, state, auth_hash="new", retried=True) is False
        first, second = (query["sql"] for query in seen)
        assert first == second


class TestErrors:
    def test_a_database_error_is_that_of_the_orm(self, alice, update):
        session = made(alice)
        values = {"auth_hash": None}
        with pytest.raises(IntegrityError), atomic():
            Session.objects.filter(pk=session.pk).update(**values)
        with pytest.raises(IntegrityError), atomic():
            update(session, values=values)
        assert Session.objects.get().auth_hash == "hash"

    def test_a_transaction_must_be_rolled_back_after_an_error(self, alice, update):
        session = made(alice)
        with atomic():
            with pytest.raises(IntegrityError):
                update(session, values={"auth_hash": None})
            with pytest.raises(TransactionManagementError):
                Session.objects.count()


def lose_placeholders(known):
    statement, parameters = known["as_sql"]
    known["as_sql"] = (
        statement,
        [None if isinstance(one, Placeholder) else one for one in parameters],
    )


def return_sql_only(known):
    known["as_sql"] = 0


class TestFallback:
    def test_known_internals_are_used_without_a_warning(self, caplog):
        CompiledUpdate(Session.objects.all(), where=["id"], values=VALUES)
        assert FALLBACK not in caplog.text

    @pytest.mark.parametrize("change", [dict.clear, lose_placeholders, return_sql_only])
    def test_unknown_internals_fall_back_to_the_orm(self, alice, change, caplog):
        session = made(alice)
        compiled = CompiledUpdate(
            Session.objects.all(),
            where=["id"],
            values=VALUES,
            compiler_of=changed_compiler(change),
        )
        assert caplog.text.count(FALLBACK) == 1
        assert compiled.run(where={"id": session.pk}, values=VALUES) == 1
        assert Session.objects.get().device_name == VALUES["device_name"]


class TestThreads:
    @pytest.mark.django_db(transaction=True)
    def test_each_thread_uses_its_own_connection(self, alice):
        compiled = CompiledUpdate(Session.objects.all(), where=["id"], values=["device_name"])
        rows, changed = [made(alice) for _ in range(4)], []

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
