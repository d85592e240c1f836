"""The suite on the database servers that answer.

Run it with ``python -m tests.support.databases [pytest options]``.

A server that does not answer is left out and named; with ``CI`` set that is a failure. Where the
servers are looked for is told in ``tests.support.servers``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import SplitResult, unquote

import psycopg
import pymysql
import redis

from tests.support import servers, skips

SECONDS_TO_CONNECT = 5


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


def redis_version() -> str:
    with redis.Redis.from_url(
        servers.redis().geturl(), socket_connect_timeout=SECONDS_TO_CONNECT
    ) as client:
        return str(client.info("server")["redis_version"])


def answers(name: str, url: SplitResult, version: Callable[[], str]) -> bool:
    place = f"{url.hostname}:{url.port}" if url.port else url.hostname
    try:
        print(f"{name} {version()} answers at {place}.", flush=True)
    except (psycopg.OperationalError, pymysql.OperationalError, redis.RedisError) as error:
        reason = str(error).strip().splitlines()[0]
        skips.note(f"the tests on {name}, which cannot be used at {place} ({reason})")
        return False
    return True


def run_suite(database: str, options: list[str], environment: dict[str, str]) -> bool:
    print(f"The suite on {database}, {'with' if environment else 'without'} Redis:", flush=True)
    command = [sys.executable, "-m", "pytest", *options]
    ended = subprocess.run(
        command, env={**os.environ, "DATABASE": database, **environment}, check=False
    )
    return ended.returncode == 0


def main(options: list[str]) -> int:
    skips.forget()
    wanted = {
        "postgresql": ("PostgreSQL", servers.postgresql(), postgresql_version),
        "mariadb": ("MariaDB", servers.mariadb(), mariadb_version),
    }
    found = [database for database, service in wanted.items() if answers(*service)]
    environment: dict[str, str] = {}
    marker = "database and not redis"
    if answers("Redis", servers.redis(), redis_version):
        environment["REDIS_URL"] = servers.redis().geturl()
        marker = "database or redis"
        if not found:
            found, marker = ["sqlite"], "redis"
    good = [run_suite(database, ["-m", marker, *options], environment) for database in found]
    complete = len(found) == len(wanted) and bool(environment)
    if skips.in_ci() and not complete:
        print("A service is missing, and CI is set: that is a failure.", file=sys.stderr)
    return int(not all(good) or (skips.in_ci() and not complete))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
