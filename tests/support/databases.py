"""Run the suite on each reachable database server, on all at the same time.

Usage: ``python -m tests.support.databases [pytest options]``.

Unreachable servers are reported and skipped, or a failure if ``CI`` is set. The module
``tests.support.servers`` has their addresses.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from urllib.parse import SplitResult, unquote

import psycopg
import pymysql
import redis

from tests.support import servers, skips

SECONDS_TO_CONNECT = 5
NUMBER_OF_SUITES = 2


def postgresql_version() -> str:
    url = servers.postgresql()
    with psycopg.connect(
        host=url.hostname,
        port=url.port,
        user=unquote(url.username or "") or None,
        password=unquote(url.password or "") or None,
        dbname="postgres",
        connect_timeout=SECONDS_TO_CONNECT,
    ) as connection:
        return connection.info.parameter_status("server_version") or ""


def mariadb_version() -> str:
    url = servers.mariadb()
    with (
        pymysql.connect(
            host=url.hostname,
            port=url.port or 3306,
            user=unquote(url.username or "") or None,
            password=unquote(url.password or ""),
            connect_timeout=SECONDS_TO_CONNECT,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT VERSION()")
        [row] = cursor.fetchall()
        return str(row[0])


def redis_url(number: int) -> str:
    """Return the URL of the database of Redis for the suite with *number*, from 0.

    The tests empty their cache, so each suite has a database for itself.
    """
    first = servers.redis()
    return first._replace(path=f"/{int(first.path.strip('/') or 0) + number}").geturl()


def redis_version() -> str:
    with redis.Redis.from_url(
        redis_url(NUMBER_OF_SUITES - 1), socket_connect_timeout=SECONDS_TO_CONNECT
    ) as client:
        return str(client.info("server")["redis_version"])


def is_reachable(name: str, url: SplitResult, version: Callable[[], str]) -> bool:
    address = f"{url.hostname}:{url.port}" if url.port else url.hostname
    try:
        print(f"{name} {version()} is reachable at {address}.", flush=True)
    except (psycopg.OperationalError, pymysql.OperationalError, redis.RedisError) as error:
        reason = str(error).strip().splitlines()[0]
        skips.note(f"the tests on {name}, which is unreachable at {address} ({reason})")
        return False
    return True


def run_suites(databases: list[str], options: list[str], *, has_redis: bool) -> bool:
    """Run the suite on all *databases* at the same time, and return whether all passed.

    The output of the first is shown at once, and that of the others after it.
    """
    suites = []
    for number, database in enumerate(databases):
        environment = {**os.environ, "DATABASE": database}
        if has_redis:
            environment["REDIS_URL"] = redis_url(number)
        output = tempfile.TemporaryFile() if number else None  # noqa: SIM115
        command = [sys.executable, "-m", "pytest", *options]
        suites.append((database, output, subprocess.Popen(command, env=environment, stdout=output)))
    passed = True
    for database, output, process in suites:
        redis_used = "with" if has_redis else "without"
        print(f"The suite on {database}, {redis_used} Redis:", flush=True)
        passed = process.wait() == 0 and passed
        if output is not None:
            output.seek(0)
            shutil.copyfileobj(output, sys.stdout.buffer)
            sys.stdout.flush()
            output.close()
    return passed


def main(options: list[str]) -> int:
    skips.clear_notes()
    database_servers = {
        "postgresql": ("PostgreSQL", servers.postgresql(), postgresql_version),
        "mariadb": ("MariaDB", servers.mariadb(), mariadb_version),
    }
    reachable = [
        database for database, service in database_servers.items() if is_reachable(*service)
    ]
    has_redis = is_reachable("Redis", servers.redis(), redis_version)
    marker = "database and not redis"
    if has_redis:
        marker = "database or redis"
        if not reachable:
            reachable, marker = ["sqlite"], "redis"
    passed = run_suites(reachable, ["-m", marker, *options], has_redis=has_redis)
    complete = len(reachable) == len(database_servers) and has_redis
    if skips.in_ci() and not complete:
        print("A database server is unreachable, and CI is set.", file=sys.stderr)
    return int(not passed or (skips.in_ci() and not complete))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
