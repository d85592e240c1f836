"""An UPDATE that is compiled once: always what the plain query does."""

from __future__ import annotations

from threading import Thread

import pytest
from django.db import IntegrityError, connection
from django.db.models import F
from django.db.models.functions import Coalesce
from django.db.transaction import TransactionManagementError, atomic, set_rollback
from django.test.utils import CaptureQueriesContext

from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions import store as sessions
from django_tokenauth.sessions.compiled import CompiledUpdate
from tests.support.clock import NOW, after
from tests.support.session_rows import made

pytestmark = pytest.mark.django_db

#: One of each kind of field that there is.
CHANGES = {
    "generation": 2**62,
    "scope_limited": True,
    "refreshed_at": after(days=1, microseconds=1),
    "revoked_at": None,
    "revoked_reason": RevokedReason.ADMIN,
    "device_name": "앨리스의 노트북 %s ' OR 1=1 --",
    "ip": "2001:DB8::1",
}


def stored():
    """The fields of all rows that can be changed, by their key."""
    return {row.pk: [getattr(row, name) for name in CHANGES] for row in Session.objects.all()}


def unrevoked():
    return Session.objects.alias(end=Coalesce("revoked_at", "absolute_expires_at")).filter(
        end=F("absolute_expires_at")
    )


def update(session, rows=None, changes=CHANGES):
    rows = Session.objects.all() if rows is None else rows
    found = {"id": session.pk, "generation": session.generation}
    return CompiledUpdate(rows, found=found, changes=changes).run(found=found, changes=changes)


class TestChange:
    def test_it_is_that_of_the_plain_query(self, alice):
        session = made(alice, revoked_at=NOW)
        Session.objects.filter(pk=session.pk).update(**CHANGES)
        plain = stored()
        Session.objects.all().delete()
        made(alice, pk=session.pk, revoked_at=NOW)
        assert update(session) == 1
        assert stored() == plain

    def test_rows_that_have_something_else_stay(self, alice, bob):
        session, other = made(alice), made(bob)
        before = stored()
        assert update(session) == 1
        assert stored()[other.pk] == before[other.pk]

    def test_it_tells_that_there_was_none(self, alice):
        session = made(alice)
        before = stored()
        session.generation += 1
        assert update(session) == 0
        assert stored() == before

    def test_it_can_be_run_again_with_other_values(self, alice, bob):
        compiled = CompiledUpdate(Session.objects.all(), found=["id"], changes=["device_name"])
        for session, name in ((made(alice), "phone"), (made(bob), "laptop")):
            assert compiled.run(found={"id": session.pk}, changes={"device_name": name}) == 1
            assert Session.objects.get(pk=session.pk).device_name == name


class TestStatement:
    def test_it_is_that_of_the_plain_query(self, alice):
        session = made(alice)
        with CaptureQueriesContext(connection) as seen:
            found = Session.objects.filter(pk=session.pk, generation=1)
            found.update(generation=1, refreshed_at=NOW, auth_hash="hash")
            update(session, changes={"generation": 1, "refreshed_at": NOW, "auth_hash": "hash"})
        first, second = (query["sql"] for query in seen)
        assert first == second

    def test_that_of_a_rotation_is_too(self, alice):
        session = made(alice)
        changes = {
            "generation": 2,
            "retried": True,
            "refreshed_at": after(days=1),
            "idle_expires_at": after(days=2),
            "auth_hash": "new",
        }
        with CaptureQueriesContext(connection) as seen:
            found = unrevoked().filter(pk=session.pk, generation=1, auth_hash="hash")
            assert found.update(**changes) == 1
            given = {"idle_expires_at": after(days=2), "auth_hash": "new", "now": after(days=1)}
            assert sessions.rotate(session, 2, retried=True, **given) is False
        first, second = (query["sql"] for query in seen)
        assert first == second

    def test_that_of_a_revocation_is_too(self, alice):
        session, ended = made(alice), made(alice, revoked_at=NOW)
        changes = {
            "revoked_at": after(days=1),
            "revoked_reason": RevokedReason.ADMIN,
            "idle_expires_at": after(days=1),
        }
        for one, number in ((session, 1), (ended, 0)):
            with CaptureQueriesContext(connection) as seen, atomic():
                assert unrevoked().filter(pk=one.pk).update(**changes) == number
                set_rollback(True)
            with CaptureQueriesContext(connection) as compiled:
                revoked = sessions.revoke(one, RevokedReason.ADMIN, now=after(days=1))
            assert revoked is bool(number)
            assert [query["sql"] for query in compiled] == [
                query["sql"] for query in seen if query["sql"].startswith("UPDATE")
            ]

    def test_other_conditions_and_their_values_stay(self, alice):
        session = made(alice, device_name="phone")
        assert update(session, Session.objects.filter(device_name="laptop")) == 0
        assert (
            update(session, Session.objects.filter(device_name="phone", scope_limited=False)) == 1
        )


class TestFault:
    def test_it_is_that_of_the_plain_query(self, alice):
        session = made(alice)
        changes = {"auth_hash": None}
        with pytest.raises(IntegrityError), atomic():
            Session.objects.filter(pk=session.pk).update(**changes)
        with pytest.raises(IntegrityError), atomic():
            update(session, changes=changes)
        assert Session.objects.get().auth_hash == "hash"

    def test_a_transaction_around_it_can_only_be_taken_back(self, alice):
        session = made(alice)
        with atomic():
            with pytest.raises(IntegrityError):
                update(session, changes={"auth_hash": None})
            with pytest.raises(TransactionManagementError):
                Session.objects.count()


class TestThreads:
    @pytest.mark.django_db(transaction=True)
    def test_each_uses_its_own_connection(self, alice):
        compiled = CompiledUpdate(Session.objects.all(), found=["id"], changes=["device_name"])
        rows, changed = [made(alice) for _ in range(4)], []

        def change(session):
            changed.append(compiled.run(found={"id": session.pk}, changes={"device_name": "phone"}))
            connection.close()

        threads = [Thread(target=change, args=[session]) for session in rows]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert changed == [1] * 4
        assert set(Session.objects.values_list("device_name", flat=True)) == {"phone"}
