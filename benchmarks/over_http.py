"""Requests per second over HTTP with gunicorn, of the same view with and without authentication.

The client runs on the same machine and takes its part of it. With as many workers as there are
processors, it takes from them what they could have used.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from django.db import connection
from rest_framework.authtoken.models import Token

from django_tokenauth import services

from . import project, system
from .load import Connection, ask
from .parts import Effort
from .results import Kind, Row, Table
from .rounds import figure

CONNECTIONS, THREADS = 8, 4
WORKERS = (1, 2)
#: What is asked for: its name, whose it is, the path and the header.
_RefreshRequest = tuple[str, Kind, str, str]


def tables(effort: Effort) -> Iterator[Table]:
    [alice] = project.users(1)
    asked = list(_questions(alice, effort))
    # Long beside its begin and its end, and short beside what else the machine does: two that are
    # compared are to meet the same.
    seconds = 0.2 if effort.quick else 0.5
    # More than of the others: with threads, and a client beside them, half of the turns are 4 to
    # 12 % away from the median, and twenty of them could not tell a loss of 5 %.
    rounds = 1 if effort.quick else 3 * effort.rounds
    found: dict[tuple[int, str], list[float]] = {}
    costs: dict[tuple[int, str], list[float]] = {}
    with ExitStack() as stack:
        servers = {workers: stack.enter_context(_served(workers, effort)) for workers in WORKERS}
        turns = [(workers, *once) for workers in WORKERS for once in asked]
        for _ in range(rounds):
            for workers, name, _, path, authorization in random.sample(turns, len(turns)):
                port, pid = servers[workers]
                before = system.processor_seconds(pid)
                answered = ask(
                    partial(Connection, port, path, authorization),
                    connections=CONNECTIONS,
                    seconds=seconds,
                )
                after = system.processor_seconds(pid)
                found.setdefault((workers, name), []).append(answered.per_second)
                if before is not None and after is not None:
                    cost = (after - before) / answered.requests * 1e6
                    costs.setdefault((workers, name), []).append(cost)
    note = (
        f"gunicorn with {THREADS} threads in each worker, {CONNECTIONS} connections at once; the "
        f"client has its part of {os.cpu_count()} processors."
    )
    yield Table(
        "Requests over HTTP",
        _rows(asked, found),
        "requests/s",
        more_is_better=True,
        note=note,
        rounds=rounds,
    )
    if costs:
        note = "Of the server, whatever else the machine does."
        yield Table(
            "Requests over HTTP: the processor",
            _rows(asked, costs),
            "CPU us",
            note=note,
            rounds=rounds,
        )


def _rows(
    asked: Sequence[_RefreshRequest], found: Mapping[tuple[int, str], Sequence[float]]
) -> list[Row]:
    return [
        Row(name, kind, figure(found[workers, name]), group=_group(workers))
        for workers in WORKERS
        for name, kind, *_ in asked
    ]


def _group(workers: int) -> str:
    return f"{workers} workers" if workers > 1 else "1 worker"


def _questions(alice: Any, effort: Effort) -> Iterator[_RefreshRequest]:
    bearer = f"Bearer {services.sign_in(alice).access_token}"
    # With the header too, which the server has to read whether a view asks for it or not.
    yield "the view without authentication", Kind.LIMIT, "/open/", bearer
    yield "StatelessJWTAuthentication", Kind.OURS, "/stateless/", bearer
    yield "JWTAuthentication", Kind.OURS, "/user/", bearer
    if "simplejwt" in effort.peers:
        tokens = import_module("rest_framework_simplejwt.tokens")
        theirs = f"Bearer {tokens.AccessToken.for_user(alice)}"
        yield "simplejwt stateless", Kind.PEER, "/simplejwt-stateless/", theirs
        yield "simplejwt", Kind.PEER, "/simplejwt-user/", theirs
    key = Token.objects.create(user=alice).key
    yield "REST framework's token", Kind.PEER, "/token/", f"Token {key}"


@contextmanager
def _served(workers: int, effort: Effort) -> Iterator[tuple[int, int]]:
    """A gunicorn with so many workers: its port, and its process."""
    database: dict[str, Any] = {name: connection.settings_dict[name] for name in ("ENGINE", "NAME")}
    # Connections stay open, as one has it where requests come often.
    database["CONN_MAX_AGE"] = None
    given = json.dumps({"database": database, "peers": effort.peers})
    log = Path(effort.folder) / f"gunicorn-{workers}.log"
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening, log.open("wb") as output:
        command = _gunicorn(workers, listening.fileno())
        server = subprocess.Popen(  # noqa: S603
            command,
            env={**os.environ, "BENCHMARK": given},
            pass_fds=[listening.fileno()],
            stdout=output,
            stderr=output,
        )
        port: int = listening.getsockname()[1]
        try:
            Connection(port, "/open/", "").ask()
            yield port, server.pid
        except BaseException:
            sys.stderr.write(log.read_text(encoding="utf-8", errors="replace"))
            raise
        finally:
            server.terminate()
            server.wait()


def _gunicorn(workers: int, descriptor: int) -> Sequence[str]:
    return [
        *(sys.executable, "-m", "gunicorn", f"{__package__}.served:application"),
        *("--bind", f"fd://{descriptor}", "--workers", str(workers)),
        *("--worker-class", "gthread", "--threads", str(THREADS)),
        # As long as a turn of another may take: a connection that waits is not closed meanwhile.
        *("--keep-alive", "60", "--log-level", "warning"),
        "--no-control-socket",
    ]
