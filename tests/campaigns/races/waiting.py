"""Wait until the database reports a connection that this one blocks."""

from __future__ import annotations

import time

import pytest
from django.db import connection

_BLOCKED_COUNT = {
    "postgresql": """
        SELECT count(*) FROM pg_stat_activity
        WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))""",
    "mysql": """
        SELECT count(*) FROM information_schema.innodb_lock_waits
        JOIN information_schema.innodb_trx ON trx_id = blocking_trx_id
        WHERE trx_mysql_thread_id = connection_id()""",
    # SQLite cannot report it, and the tests do not need it there.
    "sqlite": "SELECT 1",
}
_MAXIMUM_QUERIES = 150


def wait_for_blocked_connection() -> None:
    """Return when another connection waits for a lock of this transaction."""
    with connection.cursor() as cursor:
        for _ in range(_MAXIMUM_QUERIES):
            cursor.execute(_BLOCKED_COUNT[connection.vendor])
            if cursor.fetchone() == (1,):
                return
            # MariaDB caches the table for 0.1 s.
            time.sleep(0.2)
    pytest.fail("No connection waits for this transaction.")
