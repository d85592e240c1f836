"""Rows with a statement that is compiled once: always what the plain query gives."""

from __future__ import annotations

import uuid
from threading import Thread

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions.compiled import (
    CompiledGet,
    CompiledGetColumns,
    Selection,
    placeholder,
)
from tests.support.clock import NOW, after
from tests.support.session_rows import made

pytestmark = pytest.mark.django_db


def rows(*deferred):
    return Session.objects.select_related("user").defer(*deferred)


def everything(instance):
    """The values of the fields that were read, with their types, and those of the user."""
    own = {
        name: (type(value), value)
        for name, value in vars(instance).items()
        if not name.startswith("_")
    }
    user = instance._state.fields_cache.get("user")
    state = (instance._state.adding, instance._state.db)
    return own, state, None if user is None else everything(user)


@pytest.fixture
def session(alice):
    return made(
        alice,
        revoked_at=NOW,
        revoked_reason=RevokedReason.ADMIN,
        ip="2001:db8::1",
        device_name="앨리스의 노트북",
        scope_limited=True,
        scope="notes:read notes:write",
    )


class TestRow:
    @pytest.mark.parametrize(
        "deferred", [(), ("device_name", "idle_expires_at"), ("ip", "scope", "user_agent")]
    )
    def test_it_is_that_of_the_plain_query(self, session, deferred):
        plain = rows(*deferred).get(pk=session.pk)
        found = CompiledGet(rows(*deferred)).get(session.pk)
        assert type(found) is Session
        assert everything(found) == everything(plain)
        assert found.get_deferred_fields() == plain.get_deferred_fields() == set(deferred)

    def test_a_field_that_was_left_out_is_read_when_it_is_asked(self, session):
        found = CompiledGet(rows("device_name")).get(session.pk)
        assert found.device_name == session.device_name

    def test_its_user_comes_with_it(self, session, alice, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert CompiledGet(rows()).get(session.pk).user == alice

    def test_without_a_user_there_is_none(self, session, django_assert_num_queries):
        Session.objects.update(user=None)
        with django_assert_num_queries(1):
            found = CompiledGet(rows()).get(session.pk)
            assert found.user is None
        assert everything(found) == everything(rows().get(pk=session.pk))

    def test_it_can_be_saved_as_any_other(self, session):
        found = CompiledGet(rows()).get(session.pk)
        found.device_name = "another"
        found.save()
        assert rows().get(pk=session.pk).device_name == "another"


class TestPart:
    """What a foreign key points to, and a few values beside it."""

    NAMES = ("scope_limited", "revoked_at", "ip")

    @staticmethod
    def rows(*names):
        return Session.objects.select_related("user").only("user", *names)

    def part(self, session):
        return CompiledGetColumns(self.rows(*self.NAMES), *self.NAMES).get(session.pk)

    def test_it_is_as_an_instance_has_it(self, session, django_assert_num_queries):
        plain = self.rows(*self.NAMES).get(pk=session.pk)
        with django_assert_num_queries(1):
            user, *values = self.part(session)
        assert everything(user) == everything(plain.user)
        assert type(user) is type(plain.user)
        assert values == [True, NOW, "2001:db8::1"]
        assert [type(value) for value in values] == [
            type(getattr(plain, name)) for name in self.NAMES
        ]

    def test_values_come_in_the_order_in_which_they_are_named(self, session):
        rows = self.rows("ip", "device_name")
        assert CompiledGetColumns(rows, "device_name", "ip").get(session.pk)[1:] == (
            session.device_name,
            session.ip,
        )
        assert CompiledGetColumns(rows, "ip", "device_name").get(session.pk)[1:] == (
            session.ip,
            session.device_name,
        )

    def test_the_key_can_be_one_of_them(self, session):
        assert CompiledGetColumns(self.rows(), "id").get(session.pk)[1:] == (session.pk,)

    def test_what_the_foreign_key_points_to_may_be_missing(self, session):
        Session.objects.update(user=None)
        assert self.part(session) == (None, True, NOW, "2001:db8::1")

    def test_each_row_has_its_own(self, session, bob):
        another = made(bob)
        assert self.part(session)[0] == session.user
        assert self.part(another) == (bob, False, None, None)

    def test_an_unknown_key_has_no_row(self, session):
        lookup = CompiledGetColumns(self.rows("device_name"), "device_name")
        assert lookup.get(uuid.uuid4()) is None

    def test_its_statement_is_that_of_the_plain_query(self, session):
        with CaptureQueriesContext(connection) as seen:
            list(self.rows(*self.NAMES).filter(pk=session.pk))
            self.part(session)
        first, second = (query["sql"] for query in seen)
        assert first == second


class TestKey:
    @pytest.mark.parametrize(
        "form", [uuid.UUID, str, str.upper, lambda text: text.replace("-", "")]
    )
    def test_it_may_be_in_any_form_that_the_field_takes(self, session, form):
        assert CompiledGet(rows()).get(form(str(session.pk))) == session

    def test_an_unknown_one_has_no_row(self, session):
        lookup = CompiledGet(rows())
        assert lookup.get(uuid.uuid4()) is None
        assert lookup.get(session.pk) == session

    @pytest.mark.parametrize("key", ["", "x", "' OR 1=1 --", "%s"])
    def test_what_is_none_is_refused_as_by_the_plain_query(self, session, key):
        with pytest.raises(ValidationError):
            rows().get(pk=key)
        with pytest.raises(ValidationError):
            CompiledGet(rows()).get(key)


class TestStatement:
    def test_it_is_that_of_the_plain_query(self, session):
        with CaptureQueriesContext(connection) as seen:
            list(rows().filter(pk=session.pk))
            CompiledGet(rows()).get(session.pk)
        first, second = (query["sql"] for query in seen)
        assert first == second

    def test_other_conditions_and_their_values_stay(self, session, bob):
        made(bob)
        lookup = CompiledGet(rows().filter(device_name=session.device_name, scope_limited=True))
        assert lookup.get(session.pk) == session
        assert CompiledGet(rows().filter(device_name="another")).get(session.pk) is None


class TestThreads:
    @pytest.mark.django_db(transaction=True)
    def test_each_uses_its_own_connection(self, session):
        lookup, found = CompiledGet(rows()), []

        def ask():
            found.append(lookup.get(session.pk))
            connection.close()

        threads = [Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [session] * 4


class TestSelection:
    """Rows by values of three kinds: a key of another table, a moment and a key."""

    @staticmethod
    def plain(user, moment, key):
        found = rows().filter(user_id=user, idle_expires_at__gt=moment, scope_limited=True)
        return found.exclude(pk=key).order_by("-created_at", "pk")[1:3]

    @pytest.fixture
    def selection(self):
        places = [placeholder(Session, name) for name in ("user", "idle_expires_at", "id")]
        return Selection(self.plain(*places))

    def test_it_finds_what_the_plain_query_finds(self, session, alice, bob, selection):
        for day in range(1, 5):
            made(
                alice,
                scope_limited=True,
                created_at=after(days=day),
                ip="192.0.2.1",
                device_name=f"{day}",
            )
        (
            made(alice),
            made(bob, scope_limited=True),
            made(alice, scope_limited=True, idle_expires_at=NOW),
        )
        for user, moment, key in [
            (alice.pk, NOW, session.pk),
            (alice.pk, NOW, Session.objects.get(device_name="3").pk),
            (alice.pk, after(days=365), session.pk),
            (bob.pk, NOW, session.pk),
        ]:
            found = selection.all(user=user, idle_expires_at=moment, id=key)
            plain = list(self.plain(user, moment, key))
            assert [everything(one) for one in found] == [everything(one) for one in plain]
        found = selection.all(user=alice.pk, idle_expires_at=NOW, id=session.pk)
        assert [one.device_name for one in found] == ["3", "2"]

    def test_its_statement_is_that_of_the_plain_query(self, session, alice, selection):
        with CaptureQueriesContext(connection) as seen:
            list(self.plain(alice.pk, NOW, session.pk))
            selection.all(user=alice.pk, idle_expires_at=NOW, id=session.pk)
        first, second = (query["sql"] for query in seen)
        assert first == second
