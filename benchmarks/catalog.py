"""The list of benchmarks, and the description of one run that is passed to its process."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import NamedTuple

#: The packages whose users sign in.
COMPARED = ("simplejwt", "knox", "drf-jwt")
DATABASES = {
    "sqlite": "SQLite",  #: In memory.
    "sqlite-file": "SQLite, a file",
    "postgresql": "PostgreSQL",
    "mariadb": "MariaDB",
}
SERVERS = ("postgresql", "mariadb")


class Benchmark(NamedTuple):
    title: str
    databases: tuple[str, ...] = ("sqlite",)
    #: The names of the packages that are compared, if they are installed.
    competitors: tuple[str, ...] = COMPARED


#: By module. Its function ``tables(run)`` measures.
BENCHMARKS = {
    "authentication": Benchmark("Authenticate a request, without a network"),
    "api_tokens": Benchmark(
        "Serve a request with an API token", ("sqlite", "postgresql"), ("knox", "api-key")
    ),
    "tokens": Benchmark("Verify and sign an access token"),
    "sign_in": Benchmark("Sign in, without the password hash"),
    "refresh": Benchmark("Refresh with rotation and reuse detection", ("sqlite", *SERVERS)),
    "prune": Benchmark("Delete expired rows", SERVERS),
    "over_http": Benchmark("Serve requests over HTTP with gunicorn", ("sqlite-file",)),
    "scale": Benchmark("Cost by the number of sessions", ("postgresql",)),
    "load": Benchmark("Load of each operation, for the sizing", ("postgresql",)),
}
_VARIABLE = "TOKENAUTH_BENCHMARK"


@dataclass(frozen=True, slots=True)
class Run:
    """One benchmark on one database."""

    benchmark: str
    database: str = "sqlite"
    #: Names of the competitors that work here.
    competitors: tuple[str, ...] = ()
    quick: bool = True
    rounds: int = 1
    #: For files; deleted after the run.
    folder: str = ""

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that uses ``benchmarks.settings``."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": f"{__package__}.settings",
            _VARIABLE: json.dumps(asdict(self)),
        }

    @classmethod
    def from_environment(cls) -> Run:
        members = json.loads(os.environ[_VARIABLE])
        return cls(**{**members, "competitors": tuple(members["competitors"])})
