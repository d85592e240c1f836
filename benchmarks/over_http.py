"""Requests per second over HTTP: one view with each authentication class, and without.

The client runs on the machine of gunicorn and takes its share of the processors.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from django_tokenauth import services

from .authentication import DATABASE, STATELESS
from .catalog import Run
from .competitors import load
from .http_client import Connection, throughput
from .project import new_users
from .sampling import show_progress
from .tables import Row, RowKind, Table, summarize

WORKERS, THREADS, CONNECTIONS = 2, 4, 8


def tables(run: Run) -> Iterator[Table]:
    [user] = new_users(1)
    subjects = list(targets(user, run))
    seconds = 0.2 if run.quick else 0.5
    # Half of these samples are 6 to 8 % from the median, so more of them are needed.
    rounds = 1 if run.quick else 3 * run.rounds
    rates: dict[str, list[float]] = {path: [] for *_, path, _ in subjects}
    with served() as port:
        for _ in range(rounds):
            for *_, path, header in random.sample(subjects, len(subjects)):
                rate = throughput(port, path, header, connections=CONNECTIONS, seconds=seconds)
                rates[path].append(rate)
            show_progress()
    rows = [
        Row(name, kind, summarize(rates[path]), group=group)
        for name, kind, group, path, _ in subjects
    ]
    servers = f"{WORKERS} workers with {THREADS} threads, {CONNECTIONS} connections"
    note = f"{servers}; the client shares the {os.cpu_count()} processors."
    unit, title = "requests/s", "Requests over HTTP"
    yield Table(title, rows, unit, more_is_better=True, note=note, rounds=rounds)


def targets(user: Any, run: Run) -> Iterator[tuple[str, RowKind, str, str, str]]:
    """Yield name, kind, group, path and ``Authorization`` of each subject."""
    header = f"Bearer {services.sign_in(user).access_token}"
    # The view without authentication gets the header too, because the server reads it.
    yield "view without authentication", RowKind.REFERENCE, "", "/open/", header
    yield "JWTAuthentication", RowKind.OURS, DATABASE, "/user/", header
    yield "StatelessJWTAuthentication", RowKind.OURS, STATELESS, "/stateless/", header
    for name in run.competitors:
        competitor = load(name)
        header, kind = competitor.credentials(user), RowKind.COMPETITOR
        yield name, kind, DATABASE, f"/{name}/user/", header
        if hasattr(competitor, "StatelessAuthentication"):
            yield f"{name} stateless", kind, STATELESS, f"/{name}/stateless/", header


@contextmanager
def served() -> Iterator[int]:
    """Start gunicorn and yield its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        command = [
            *(sys.executable, "-m", "gunicorn", f"{__package__}.project:application()"),
            *("--bind", f"fd://{listening.fileno()}", "--workers", str(WORKERS)),
            *("--worker-class", "gthread", "--threads", str(THREADS)),
            *("--keep-alive", "60", "--log-level", "warning", "--no-control-socket"),
        ]
        server = subprocess.Popen(  # noqa: S603
            command, pass_fds=[listening.fileno()], stdout=sys.stderr
        )
        port: int = listening.getsockname()[1]
        try:
            with closing(Connection(port, "/open/", "")) as connection:
                connection.get()
            yield port
        finally:
            server.terminate()
            server.wait()
