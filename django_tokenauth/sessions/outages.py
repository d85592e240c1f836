"""Classification of database errors: outages, after which a client may try again, and bugs.

Bugs are, for example, a missing table, an error in the SQL of the project, or an error of a
receiver of Django's signals. The request gets 500, and the log contains the traceback.
"""

from __future__ import annotations

import sqlite3
from traceback import walk_tb
from typing import Any

from django.contrib.auth.models import update_last_login
from django.db import Error as DatabaseError
from django.db import InterfaceError, InternalError, OperationalError
from django.dispatch import Signal

# The module with the receivers of this package.
_RECEIVERS = f"{__name__.rpartition('.')[0]}.receivers"

# The classes of SQLSTATE (PostgreSQL, appendix A): connection, transaction rollback, resources,
# object not in prerequisite state (such as locks), operator intervention, system error.
_SQLSTATE_CLASSES = {"08", "40", "53", "55", "57", "58"}
# After a failover, the former primary is read-only. PostgreSQL ends slow transactions.
_SQLSTATES = {"25006", "25P03", "25P04"}
_SQLITE_CODES = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT),
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL),
}
# SQLite returns extended codes, whose last byte is the code.
_SQLITE_MASK = 0xFF
# The errors of MySQL and MariaDB servers for connections, denied access, resources, locks,
# conflicts, timeouts, shutdown and read-only servers. Other numbers of servers are bugs.
_MYSQL_NUMBERS = {
    *(1020, 1021, 1037, 1038, 1040, 1041, 1042, 1043, 1044, 1045, 1047, 1053, 1077, 1079, 1080),
    *(1114, 1152, *range(1156, 1162), 1180, 1184, 1203, 1205, 1206, 1213, 1226, 1290, 1317, 1412),
    *(1637, 1792, 1836, 1927, 1969, 3024, 3572, 4031),
}
# The errors of the client library of MySQL and MariaDB have the numbers 2000 to 2999.
_MYSQL_CLIENT = range(2000, 3000)


def is_outage(error: DatabaseError) -> bool:
    """Return whether *error* is an outage of the database.

    An error of a receiver is a bug of the project. The exceptions are the receivers of this package
    and Django's ``update_last_login``, which belong to the statements of a sign-in.
    """
    if not isinstance(error, (OperationalError, InterfaceError, InternalError)):
        return False
    return not _is_raised_by_a_receiver(error) and _is_temporary(error)


def _is_temporary(error: DatabaseError) -> bool:
    if isinstance(error, InterfaceError):
        return True
    cause: Any = error.__cause__
    number = next(iter(getattr(cause, "args", ())), None)
    if isinstance(number, int):
        # PyMySQL also reports a SQLSTATE, which is HY000 for most errors.
        return number in _MYSQL_NUMBERS or number in _MYSQL_CLIENT
    sqlstate = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if sqlstate is not None:
        return sqlstate[:2] in _SQLSTATE_CLASSES or sqlstate in _SQLSTATES
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return code & _SQLITE_MASK in _SQLITE_CODES
    # The driver reports no code, for example if PostgreSQL cannot be reached.
    return not isinstance(error, InternalError)


def _is_raised_by_a_receiver(error: DatabaseError) -> bool:
    """Return whether a receiver of the project raised *error*.

    The frames between a receiver and its signal may be those of a monitoring tool.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    sent = [number for number, frame in enumerate(frames) if frame.f_code is Signal.send.__code__]
    ends = [*sent[1:], len(frames)]
    return not all(any(map(_is_own, frames[a:b])) for a, b in zip(sent, ends, strict=False))


def _is_own(frame: Any) -> bool:
    """Return whether *frame* is a receiver that belongs to the statements of a sign-in."""
    return (
        frame.f_code is update_last_login.__code__ or frame.f_globals.get("__name__") == _RECEIVERS
    )
