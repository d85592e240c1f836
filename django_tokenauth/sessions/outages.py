"""Tell an outage of the database, after which a client may try again, from a bug.

A missing table, an error in the SQL of the project and an error of a receiver are bugs: the request
gets 500, and the log contains the traceback.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from traceback import walk_tb
from typing import Any

from django.contrib.auth.models import update_last_login
from django.db import Error as DatabaseError
from django.db import InterfaceError, InternalError, OperationalError
from django.dispatch import Signal

_PACKAGE = __name__.partition(".")[0]

# The classes of SQLSTATE (PostgreSQL, appendix A): connection, transaction rollback, resources,
# lock not available, operator intervention, system error.
_SQLSTATE_CLASSES = {"08", "40", "53", "55", "57", "58"}
# After a failover, the former primary is read-only.
_SQLSTATE_READ_ONLY = "25006"
_SQLITE_CODES = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT),
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL),
}
# SQLite returns extended codes, whose last byte is the code.
_SQLITE_MASK = 0xFF
# The errors of MySQL and MariaDB servers for connections, resources, locks, timeouts, shutdown and
# read-only servers. The other numbers of servers are bugs.
_MYSQL_NUMBERS = {
    *(1020, 1021, 1037, 1038, 1040, 1041, 1042, 1043, 1044, 1045, 1047, 1053, 1077, 1079, 1080),
    *(1114, 1152, *range(1156, 1162), 1180, 1184, 1203, 1205, 1206, 1213, 1226, 1290, 1317, 1412),
    *(1637, 1792, 1836, 1927, 1969, 3024, 3572, 4031),
}
# From this number on, the errors of MySQL and MariaDB come from the client library.
_MYSQL_CLIENT = 2000
_MYSQL_CLIENT_END = 3000


def is_outage(error: DatabaseError) -> bool:
    """Return whether *error* is an outage of the database during a statement of this package.

    Django's own receiver of ``user_logged_in`` belongs to the sign-in. An error of any other
    receiver is an error of the project.
    """
    if not isinstance(error, (OperationalError, InterfaceError, InternalError)):
        return False
    return not _is_raised_by_a_receiver(error) and _is_temporary(error)


def _is_temporary(error: DatabaseError) -> bool:
    cause: Any = error.__cause__
    sqlstate = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if sqlstate is not None:
        return sqlstate[:2] in _SQLSTATE_CLASSES or sqlstate == _SQLSTATE_READ_ONLY
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return code & _SQLITE_MASK in _SQLITE_CODES
    number = next(iter(getattr(cause, "args", ())), None)
    if isinstance(number, int):
        return number in _MYSQL_NUMBERS or _MYSQL_CLIENT <= number < _MYSQL_CLIENT_END
    # The driver reports no code, for example if PostgreSQL cannot be reached.
    return not isinstance(error, InternalError)


def _is_raised_by_a_receiver(error: DatabaseError) -> bool:
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    for frame in frames:
        if frame.f_code is Signal.send.__code__ and not _is_own_receiver(frames):
            return True
    return False


def _is_own_receiver(frames: Iterator[Any]) -> bool:
    """Return whether the receiver in *frames*, below ``Signal.send()``, belongs to a sign-in."""
    dispatcher = Signal.__module__
    called = next(each for each in frames if each.f_globals["__name__"] != dispatcher)
    module = called.f_globals["__name__"].partition(".")[0]
    return module == _PACKAGE or called.f_code is update_last_login.__code__
