"""Compiled gets return the results of the ORM, with known and unknown internals of Django."""

from __future__ import annotations

import uuid
from threading import Thread
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext

from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.sessions.compiled import CompiledGet, CompiledGetColumns, django_compiler
from tests.support.clock import NOW
from tests.support.compilers import changed_compiler, unknown_compiler
from tests.support.session_rows import create_session

FALLBACK = (
    "this version of Django cannot be used with compiled statements, so the ORM is used instead"
)
COLUMNS = ("scope_limited", "revoked_at", "ip")


def rows(*deferred):
    return Session.objects.defer(*deferred)


def orm_get(key, *deferred):
    """Return the session as the ORM loads it."""
    return rows(*deferred).select_related("user").get(pk=key)


def field_values(instance):
    """Return values and types of the loaded fields of *instance* and of its user."""
    own = {
        name: (type(value), value)
        for name, value in vars(instance).items()
        if not name.startswith("_")
    }
    user = instance._state.fields_cache.get("user")
    state = (instance._state.adding, instance._state.db)
    return own, state, None if user is None else field_values(user)


@pytest.fixture
def session(alice):
    return create_session(
        alice,
        revoked_at=NOW,
        revoked_reason=RevokedReason.ADMIN,
        ip="2001:db8::1",
        device_name="앨리스의 노트북",
        scope_limited=True,
        scope="notes:read notes:write",
    )


@pytest.fixture(params=["compiled", "orm"])
def compiler_of(request, caplog):
    yield {"compiled": django_compiler, "orm": unknown_compiler}[request.param]
    # The results of both are equal, so only the log shows which one was used.
    messages = [record.getMessage() for record in caplog.get_records("call")]
    expected = {f"{FALLBACK} (AttributeError)"} if request.param == "orm" else set()
    assert set(messages) == expected


@pytest.fixture
def get(compiler_of):
    return lambda key, *deferred: CompiledGet(rows(*deferred), "user", compiler_of=compiler_of).get(
        key
    )


@pytest.fixture
def get_columns(compiler_of):
    return lambda key, *columns: CompiledGetColumns(
        rows(), "user", columns or COLUMNS, compiler_of=compiler_of
    ).get(key)


class TestCompiledGet:
    @pytest.mark.parametrize(
        "deferred", [(), ("device_name", "idle_expires_at"), ("ip", "scope", "user_agent")]
    )
    def test_compiled_get_returns_the_same_fields_as_the_orm(self, session, get, deferred):
        result, expected = get(session.pk, *deferred), orm_get(session.pk, *deferred)
        assert type(result) is Session
        assert field_values(result) == field_values(expected)
        assert result.get_deferred_fields() == expected.get_deferred_fields() == set(deferred)

    def test_deferred_field_of_compiled_get_is_loaded_on_access(self, session, get):
        assert get(session.pk, "device_name").device_name == session.device_name

    def test_compiled_get_loads_the_user_in_one_statement(
        self, session, alice, get, django_assert_num_queries
    ):
        with django_assert_num_queries(1):
            assert get(session.pk).user == alice

    def test_compiled_get_without_a_user_takes_one_statement(
        self, session, get, django_assert_num_queries
    ):
        Session.objects.update(user=None)
        with django_assert_num_queries(1):
            result = get(session.pk)
            assert result.user is None
        assert field_values(result) == field_values(orm_get(session.pk))

    def test_instance_of_compiled_get_can_be_saved(self, session, get):
        result = get(session.pk)
        result.device_name = "another"
        result.save()
        assert orm_get(session.pk).device_name == "another"

    def test_compiled_get_keeps_conditions_of_the_queryset(self, session, bob, compiler_of):
        create_session(bob)
        matching = rows().filter(device_name=session.device_name, scope_limited=True)
        other = rows().filter(device_name="another")
        assert CompiledGet(matching, "user", compiler_of=compiler_of).get(session.pk) == session
        assert CompiledGet(other, "user", compiler_of=compiler_of).get(session.pk) is None

    def test_compiled_get_runs_the_same_statement_as_the_orm(self, session):
        with CaptureQueriesContext(connection) as queries:
            list(rows().select_related("user").filter(pk=session.pk))
            CompiledGet(rows(), "user").get(session.pk)
        first, second = (query["sql"] for query in queries)
        assert first == second


class TestCompiledGetColumns:
    def test_compiled_get_columns_returns_same_values_as_the_orm(
        self, session, get_columns, django_assert_num_queries
    ):
        expected = orm_get(session.pk)
        with django_assert_num_queries(1):
            user, *values = get_columns(session.pk)
        assert field_values(user) == field_values(expected.user)
        assert type(user) is type(expected.user)
        assert values == [True, NOW, "2001:db8::1"]
        assert [type(value) for value in values] == [
            type(getattr(expected, name)) for name in COLUMNS
        ]

    @pytest.mark.parametrize("columns", [("ip", "device_name"), ("device_name", "ip")])
    def test_compiled_get_columns_keeps_the_order_of_columns(self, session, get_columns, columns):
        values = tuple(getattr(session, name) for name in columns)
        assert get_columns(session.pk, *columns)[1:] == values

    def test_compiled_get_columns_accepts_the_key_as_a_column(self, session, get_columns):
        assert get_columns(session.pk, "id")[1:] == (session.pk,)

    def test_compiled_get_columns_without_user_returns_none_as_user(self, session, get_columns):
        Session.objects.update(user=None)
        assert get_columns(session.pk) == (None, True, NOW, "2001:db8::1")

    def test_compiled_get_columns_returns_the_user_of_each_row(self, session, bob, get_columns):
        another = create_session(bob)
        assert get_columns(session.pk)[0] == session.user
        assert get_columns(another.pk) == (bob, False, None, None)

    def test_compiled_get_columns_of_unknown_key_returns_none(self, session, get_columns):
        assert get_columns(uuid.uuid4()) is None

    def test_compiled_get_columns_runs_same_statement_as_the_orm(self, session):
        with CaptureQueriesContext(connection) as queries:
            list(rows().select_related("user").only("user", *COLUMNS).filter(pk=session.pk))
            CompiledGetColumns(rows(), "user", COLUMNS).get(session.pk)
        first, second = (query["sql"] for query in queries)
        assert first == second


class TestKey:
    @pytest.mark.parametrize(
        "spelling", [uuid.UUID, str, str.upper, lambda text: text.replace("-", "")]
    )
    def test_compiled_get_accepts_uuid_objects_and_strings(self, session, get, spelling):
        assert get(spelling(str(session.pk))) == session

    def test_compiled_get_of_an_unknown_key_returns_none(self, session, get):
        assert get(uuid.uuid4()) is None
        assert get(session.pk) == session

    @pytest.mark.parametrize("key", ["", "x", "' OR 1=1 --", "%s"])
    def test_compiled_get_rejects_malformed_keys_like_the_orm(self, session, get, key):
        with pytest.raises(ValidationError):
            orm_get(key)
        with pytest.raises(ValidationError):
            get(key)


def scatter_columns(known):
    known["klass_info"] = {**known["klass_info"], "select_fields": [0, 2]}


def add_column(known):
    known["select"] = [*known["select"], known["select"][-1]]


def lose_user(known):
    known["klass_info"] = {**known["klass_info"], "related_klass_infos": []}


def rename_targets(known):
    known["select"] = [(SimpleNamespace(), *column[1:]) for column in known["select"]]


def lose_key(known):
    known["as_sql"] = (known["as_sql"][0], ())


def return_sql_only(known):
    known["as_sql"] = 0


def lose_from_db(known):
    model = known["klass_info"]["model"]
    changed = SimpleNamespace(_meta=model._meta)
    known["klass_info"] = {**known["klass_info"], "model": changed}


@pytest.mark.usefixtures("session")
class TestFallback:
    def test_compiled_gets_log_no_warning_with_supported_django(self, session, caplog):
        for get in (CompiledGet(rows(), "user"), CompiledGetColumns(rows(), "user", COLUMNS)):
            assert get.get(session.pk) is not None
        assert FALLBACK not in caplog.text

    @pytest.mark.parametrize(
        "change",
        [
            dict.clear,
            scatter_columns,
            add_column,
            lose_user,
            rename_targets,
            lose_key,
            return_sql_only,
        ],
    )
    def test_compiled_gets_use_the_orm_with_unknown_django_internals(self, session, change, caplog):
        compiler_of = changed_compiler(change)
        get = CompiledGet(rows(), "user", compiler_of=compiler_of)
        columns = CompiledGetColumns(rows(), "user", COLUMNS, compiler_of=compiler_of)
        kinds = [message.removeprefix(FALLBACK) for message in caplog.messages]
        assert len(kinds) == 2
        assert set(kinds) <= {" (AttributeError)", " (KeyError)", " (TypeError)", " (ValueError)"}
        assert field_values(get.get(session.pk)) == field_values(orm_get(session.pk))
        assert columns.get(session.pk) == (session.user, True, NOW, "2001:db8::1")

    def test_compiled_get_uses_the_orm_if_from_db_is_missing(
        self, session, caplog, django_assert_num_queries
    ):
        get = CompiledGet(rows(), "user", compiler_of=changed_compiler(lose_from_db))
        assert get.get(uuid.uuid4()) is None
        assert FALLBACK not in caplog.text
        expected = field_values(orm_get(session.pk))
        with django_assert_num_queries(2):
            assert field_values(get.get(session.pk)) == expected
        assert caplog.messages == [f"{FALLBACK} (AttributeError)"]
        with django_assert_num_queries(1):
            assert get.get(session.pk) == session

    def test_error_while_loading_a_row_keeps_compiled_gets_in_use(self, session, bob, caplog):
        """An error while a row is loaded does not show that Django has changed."""
        broken = create_session(bob)
        gets = (CompiledGet(rows(), "user"), CompiledGetColumns(rows(), "user", COLUMNS))

        def reject_bob(instance, **kwargs):
            if instance.username == "bob":
                raise ValueError("bob cannot be loaded")

        post_init.connect(reject_bob, sender=type(bob))
        try:
            for get in gets:
                with pytest.raises(ValueError, match="bob cannot be loaded"):
                    get.get(broken.pk)
        finally:
            post_init.disconnect(reject_bob, sender=type(bob))
        assert FALLBACK not in caplog.text
        with CaptureQueriesContext(connection) as queries:
            assert [get.get(session.pk) is not None for get in gets] == [True, True]
        assert "LIMIT" not in str(queries.captured_queries)


class TestThreads:
    @pytest.mark.django_db(transaction=True)
    def test_compiled_get_uses_the_connection_of_each_thread(self, session):
        get, result = CompiledGet(rows(), "user"), []

        def run():
            result.append(get.get(session.pk))
            connection.close()

        threads = [Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert result == [session] * 4
