"""Run the tests that use a database on PostgreSQL or MariaDB, with Redis as the cache.

Usage: ``python -m tests.support.databases SERVER [--or-sqlite] [pytest options]``.

An unreachable server is reported and skipped, or a failure if ``CI`` is set. The module
``tests.support.servers`` has their addresses.
"""

from __future__ import annotations

import argparse
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
#: In the order of their numbers: see ``redis_url``.
DATABASES = ("postgresql", "mariadb")
#: The tests to run, by whether there are a database and Redis for them.
MARKERS = {
    (True, True): "database or redis",
    (True, False): "database and not redis",
    (False, True): "redis",
    (False, False): None,
}


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
    """Return the URL of the Redis database with *number*, from 0.

    The tests empty their cache, so the suite of each server has a Redis database for itself.
    """
    first = servers.redis()
    return first._replace(path=f"/{int(first.path.strip('/') or 0) + number}").geturl()


def redis_version() -> str:
    with redis.Redis.from_url(
        redis_url(len(DATABASES) - 1), socket_connect_timeout=SECONDS_TO_CONNECT
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


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("server", choices=DATABASES)
    parser.add_argument(
        "--or-sqlite", action="store_true", help="use SQLite if the server is unreachable"
    )
    parsed, options = parser.parse_known_args(arguments)
    skips.clear_notes()
    services = {
        "postgresql": ("PostgreSQL", servers.postgresql(), postgresql_version),
        "mariadb": ("MariaDB", servers.mariadb(), mariadb_version),
    }
    has_server = is_reachable(*services[parsed.server])
    has_redis = is_reachable("Redis", servers.redis(), redis_version)
    marker = MARKERS[has_server or parsed.or_sqlite, has_redis]
    environment = {**os.environ, "DATABASE": parsed.server if has_server else "sqlite"}
    if has_redis:
        environment["REDIS_URL"] = redis_url(DATABASES.index(parsed.server))
    passed = True
    if marker:
        command = [sys.executable, "-m", "pytest", "-m", marker, *options]
        passed = subprocess.run(command, env=environment, check=False).returncode == 0
    complete = has_server and has_redis
    if skips.in_ci() and not complete:
        print("A server is unreachable, and CI is set.", file=sys.stderr)
    return int(not passed or (skips.in_ci() and not complete))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
