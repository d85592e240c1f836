"""The shared resources of the machines: a database, Redis, a key folder and users."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import psycopg
import redis

from tests.campaigns.crash.application import ROOT
from tests.campaigns.machines.machine import Machine, free_addresses
from tests.campaigns.machines.proxy import Proxy, find_nginx, proxy
from tests.support import databases, servers

MACHINES = 3
#: Defects to inject, which the run must report.
DEFECTS = ("grace", "keys", "list", "throttle", "user")
_GENERATION = "SELECT generation FROM django_tokenauth_session WHERE id = %s"


def missing_services() -> Iterator[str]:
    """Yield the names of the missing services."""
    if find_nginx() is None:
        yield "nginx"
    if find_spec("gunicorn") is None:
        yield "gunicorn"
    if not databases.is_reachable("PostgreSQL", servers.postgresql(), databases.postgresql_version):
        yield "PostgreSQL"
    if not databases.is_reachable("Redis", servers.redis(), databases.redis_version):
        yield "Redis"


@dataclass(frozen=True)
class Deployment:
    """A deployment with ``defects`` out of :data:`DEFECTS`; ``poll`` is in seconds."""

    folder: Path
    poll: float
    defects: tuple[str, ...] = ()
    #: A unique name, because other runs may use the same services.
    name: str = field(default_factory=lambda: f"tokenauth_machines_{secrets.token_hex(4)}")

    @contextmanager
    def running(self, names: list[str]) -> Iterator[tuple[list[Machine], Proxy]]:
        """Run the machines and the proxy. Create users with these ``names``."""
        with ExitStack() as stack:
            stack.enter_context(self._database())
            stack.callback(self._empty_redis)
            self.run("-m", "tests.campaigns.machines.fixtures", *names)
            for number in range(2, MACHINES + 1) if "keys" in self.defects else ():
                self.run("-m", "django", "tokenauth_keys", "generate", number=number)
            front, *addresses = free_addresses(1 + MACHINES)
            machines = [
                Machine(f"machine {number}", address, self._environment(number), self._log(number))
                for number, address in enumerate(addresses, start=1)
            ]
            for machine in machines:
                stack.callback(machine.kill)
                machine.start()
            for machine in machines:
                machine.wait()
            folder = self.folder / "proxy"
            folder.mkdir()
            yield machines, stack.enter_context(proxy(front, addresses, folder))

    def manage(self, *arguments: str) -> str:
        """Run a management command in a new process and return its output."""
        return self.run("-m", "django", *arguments)

    def run(self, *arguments: str, number: int = 1) -> str:
        """Run Python in a process with the settings of one of the machines."""
        completed = subprocess.run(  # noqa: S603
            [sys.executable, "-W", "error", *arguments],
            check=False,
            cwd=ROOT,
            env=self._environment(number),
            text=True,
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if completed.returncode:
            raise AssertionError(completed.stdout)
        return completed.stdout

    def generation(self, session: str) -> int:
        """Return the generation of the session row."""
        with self._connected(self.name) as connection:
            [row] = connection.execute(_GENERATION, [session]).fetchall()
            return int(row[0])

    @contextmanager
    def _database(self) -> Iterator[None]:
        with self._connected("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{self.name}"'.encode())
        try:
            yield
        finally:
            with self._connected("postgres") as connection:
                connection.execute(f'DROP DATABASE "{self.name}" WITH (FORCE)'.encode())

    def _connected(self, name: str) -> psycopg.Connection:
        url = servers.postgresql()
        return psycopg.connect(
            host=url.hostname,
            port=url.port,
            user=unquote(url.username or "") or None,
            password=unquote(url.password or "") or None,
            dbname=name,
            autocommit=True,
        )

    def _redis(self) -> str:
        # The suite clears its own Redis database at any time.
        url = servers.redis()
        number = (int(url.path.strip("/") or 0) - 1) % 16
        return url._replace(path=f"/{number}").geturl()

    def _empty_redis(self) -> None:
        with redis.Redis.from_url(self._redis()) as client:
            for key in client.scan_iter(f"{self.name}:*"):
                client.delete(key)

    def _log(self, number: int) -> Path:
        return self.folder / f"machine-{number}.log"

    def _keys(self, number: int) -> Path:
        return self.folder / (f"keys-{number}" if "keys" in self.defects else "keys")

    def _environment(self, number: int) -> dict[str, str]:
        # Coverage and the development mode would make the processes slow.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("COVERAGE_", "PYTHONDEVMODE"))
        }
        values = {"poll": self.poll, "prefix": self.name, "defects": self.defects}
        database = servers.postgresql()._replace(path=f"/{self.name}").geturl()
        return {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "tests.campaigns.machines.settings",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "example_project")]),
            "TOKENAUTH_MACHINES": json.dumps(values),
            "EXAMPLE_DATABASE_URL": database,
            "EXAMPLE_HOSTS": "127.0.0.1",
            "EXAMPLE_ISSUER": "https://auth.example.com",
            "EXAMPLE_KEY_DIRECTORY": str(self._keys(number)),
            "EXAMPLE_PAGE_ORIGIN": "https://www.example.com",
            "EXAMPLE_PROXIES": "1",
            "EXAMPLE_REDIS_URL": self._redis(),
            "EXAMPLE_SECRET_KEY": "the secret key of all machines: " * 2,
        }
