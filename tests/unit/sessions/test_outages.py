"""An outage of the database is told from a bug by the code that its driver reports."""

from __future__ import annotations

import sqlite3

import pytest
from django.contrib.auth.models import update_last_login
from django.db import (
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from django.dispatch import Signal

from django_tokenauth.sessions.outages import is_outage


def raised(kind, cause=None):
    """Return an error of Django as its database backends raise it."""
    try:
        raise kind("message") from cause
    except Error as error:
        return error


def sqlite_error(code):
    error = sqlite3.OperationalError("message")
    error.sqlite_errorcode = code
    return error


class PyMySQLError(Exception):
    """An error of PyMySQL, which has a number and a SQLSTATE."""

    sqlstate = "HY000"


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_connection_error_without_a_code_is_an_outage(kind):
    assert is_outage(raised(kind))
    assert is_outage(raised(kind, Exception()))
    assert is_outage(raised(kind, Exception("cannot connect")))


@pytest.mark.parametrize(
    "kind", [DataError, IntegrityError, InternalError, NotSupportedError, ProgrammingError]
)
def test_other_database_error_is_a_bug(kind):
    assert not is_outage(raised(kind))


@pytest.mark.parametrize(
    ("code", "outage"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_LOCKED, True),
        (sqlite3.SQLITE_IOERR, True),
        (sqlite3.SQLITE_IOERR_READ, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_CANTOPEN, True),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_NOMEM, True),
        (sqlite3.SQLITE_INTERRUPT, True),
        (sqlite3.SQLITE_PROTOCOL, True),
        (sqlite3.SQLITE_ERROR, False),
        (sqlite3.SQLITE_READONLY, False),
        (sqlite3.SQLITE_CORRUPT, False),
        (sqlite3.SQLITE_NOTADB, False),
    ],
)
def test_sqlite_error_is_an_outage_by_its_code(code, outage):
    assert is_outage(raised(OperationalError, sqlite_error(code))) is outage


@pytest.mark.parametrize(
    ("kind", "code", "outage"),
    [
        (OperationalError, "40P01", True),
        (OperationalError, "40001", True),
        (OperationalError, "55P03", True),
        (OperationalError, "57014", True),
        (OperationalError, "57P01", True),
        (OperationalError, "53300", True),
        (OperationalError, "53100", True),
        (OperationalError, "08006", True),
        (OperationalError, "58030", True),
        (OperationalError, "34000", False),
        (InternalError, "25006", True),
        (InternalError, "25P03", True),
        (InternalError, "25P02", False),
        (OperationalError, "54000", False),
        (ProgrammingError, "42P01", False),
        (ProgrammingError, "42501", False),
    ],
)
def test_postgresql_error_is_an_outage_by_its_code(kind, code, outage):
    """The codes are those of PostgreSQL, appendix A."""
    for name in ("sqlstate", "pgcode"):
        cause = Exception("message")
        setattr(cause, name, code)
        assert is_outage(raised(kind, cause)) is outage


@pytest.mark.parametrize(
    ("number", "outage"),
    [
        *((number, True) for number in (1020, 1040, 1045, 1053, 1159, 1205, 1213, 1290, 1317)),
        *((number, True) for number in (1836, 1969, 2000, 2002, 2003, 2006, 2013, 2999, 3024)),
        *((number, False) for number in (1054, 1142, 1305, 1364, 1999, 3000, 1146, 4025)),
    ],
)
def test_mysql_error_is_an_outage_by_its_number(number, outage):
    assert is_outage(raised(OperationalError, PyMySQLError(number, "message"))) is outage


def test_closed_connection_of_pymysql_is_an_outage():
    assert is_outage(raised(InterfaceError, PyMySQLError(0, "")))


class TestReceivers:
    """An error of the project's receiver is a bug of the project, even during an outage."""

    def error(self, signal, receiver):
        class User:
            def save(self, **keywords):
                raise OperationalError

        signal.connect(receiver)
        try:
            signal.send(sender=None, user=User(), request=None)
        except OperationalError as error:
            return error
        finally:
            signal.disconnect(receiver)

    def test_outage_in_a_receiver_of_the_project_is_a_bug(self):
        def receiver(**keywords):
            raise OperationalError

        assert not is_outage(self.error(Signal(), receiver))

    def test_outage_in_a_receiver_of_this_package_is_an_outage(self):
        def receiver(**keywords):
            raise OperationalError

        assert is_outage(self.error(Signal(), as_of_package(receiver)))

    def test_outage_below_a_nested_receiver_of_the_project_is_a_bug(self):
        inner = Signal()

        def fail(**keywords):
            raise OperationalError

        def outer(**keywords):
            inner.send(sender=None)

        inner.connect(fail)
        assert not is_outage(self.error(Signal(), as_of_package(outer)))

    def test_outage_in_the_last_login_update_is_an_outage(self):
        assert is_outage(self.error(Signal(), update_last_login))

    def test_receiver_below_a_wrapper_of_a_monitor_is_found(self):
        def wrapper(**keywords):
            update_last_login(**keywords)

        assert is_outage(self.error(Signal(), wrapper))


def as_of_package(function):
    """Return a copy of *function* as if a module of this package defined it."""
    names = {**function.__globals__, "__name__": "django_tokenauth.sessions.receivers"}
    return type(function)(function.__code__, names, closure=function.__closure__)
