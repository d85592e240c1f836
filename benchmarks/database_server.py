"""What PostgreSQL and the system tell of the process that serves us."""

from __future__ import annotations

from pathlib import Path

from django.db import connection


def checkpoint() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def written_and_served() -> tuple[int, int | None]:
    """The bytes that the log has had, and the nanoseconds that the process serving us took."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        pid, written = cursor.fetchone()
    return int(written), _nanoseconds(int(pid))


def _nanoseconds(pid: int) -> int | None:
    """What a process of PostgreSQL took of the processors; ``None`` if it runs elsewhere."""
    process = Path(f"/proc/{pid}")
    try:
        if not (process / "comm").read_text(encoding="ascii").startswith("postgres"):
            return None
        return int((process / "schedstat").read_text(encoding="ascii").split()[0])
    except OSError:
        return None
