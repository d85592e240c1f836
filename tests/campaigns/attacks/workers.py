"""Processes that serve the app over HTTP on separate ports, as behind a load balancer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Any

import time_machine
from django.db import connection, connections
from django.test.utils import override_settings

from tests.support.clock import NOW
from tests.support.guessing import CountingHasher
from tests.support.http_server import Address, serve
from tests.support.worker_processes import fork_server


class Workers:
    """Control the worker processes through pipes."""

    def __init__(self, pipes: list[Connection]) -> None:
        self._pipes = pipes
        self.addresses: list[Address] = [pipe.recv() for pipe in pipes]

    def use(self, **settings: Any) -> None:
        """Apply these ``settings`` in every worker."""
        self._send(settings)

    def hash_count(self) -> int:
        """Return how many passwords all workers hashed under the current settings."""
        return sum(self._send({}))

    def _send(self, settings: dict[str, Any]) -> list[int]:
        for pipe in self._pipes:
            pipe.send(settings)
        return [pipe.recv() for pipe in self._pipes]


@contextmanager
def workers(number: int) -> Iterator[Workers]:
    """Run ``number`` worker processes on the test database."""
    context = fork_server()
    database = connection.settings_dict["NAME"]
    pipes: list[Connection] = []
    processes = []
    try:
        for _ in range(number):
            parent_end, child_end = context.Pipe()
            pipes.append(parent_end)
            processes.append(
                context.Process(target=_serve, args=(child_end, database), daemon=True)
            )
            processes[-1].start()
            child_end.close()
        yield Workers(pipes)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join(30)
            process.kill()


def _serve(pipe: Connection, database: str) -> None:
    connections.databases["default"]["NAME"] = database
    # The clock starts at noon, so no day ends during the tests.
    with time_machine.travel(NOW), serve() as address, ExitStack() as overrides:
        pipe.send(address)
        while True:
            try:
                settings = pipe.recv()
            except EOFError:
                return
            if settings:
                overrides.close()
                overrides.enter_context(override_settings(**settings))
                CountingHasher.rounds.clear()
            pipe.send(len(CountingHasher.rounds))
