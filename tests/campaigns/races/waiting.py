"""Whether another connection waits for this one, as the database itself sees it."""

from __future__ import annotations

import time

import pytest
from django.db import connection

_WAITING = {
    "postgresql": """
        SELECT count(*) FROM pg_stat_activity
        WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))""",
    "mysql": """
        SELECT count(*) FROM information_schema.innodb_lock_waits
        JOIN information_schema.innodb_trx ON trx_id = blocking_trx_id
        WHERE trx_mysql_thread_id = connection_id()""",
    # There nobody can tell, and nothing depends on it.
    "sqlite": "SELECT 1",
}
_TRIES = 150


def until_somebody_waits() -> None:
    """Return when another connection waits for what this transaction holds."""
    with connection.cursor() as cursor:
        for _ in range(_TRIES):
            cursor.execute(_WAITING[connection.vendor])
            if cursor.fetchone() == (1,):
                return
            # MariaDB shows the same again to those who ask more often than every 0.1 s.
            time.sleep(0.2)
    pytest.fail("Nobody waits.")
