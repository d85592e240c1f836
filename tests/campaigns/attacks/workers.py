"""Processes that serve the app over HTTP, each at a port of its own, as behind a balancer."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Any

import django
import time_machine
from django.db import connection, connections
from django.test.utils import override_settings

from tests.support.clock import NOW
from tests.support.guessing import CountingHasher
from tests.support.http_server import Address, serving


class Workers:
    def __init__(self, pipes: list[Connection]) -> None:
        self._pipes = pipes
        self.addresses: list[Address] = [pipe.recv() for pipe in pipes]

    def use(self, **settings: Any) -> None:
        """Serve with these ``settings`` from now on."""
        self._tell(settings)

    def hashed(self) -> int:
        """How often all of them hashed a password since they use their settings."""
        return sum(self._tell({}))

    def _tell(self, settings: dict[str, Any]) -> list[int]:
        for pipe in self._pipes:
            pipe.send(settings)
        return [pipe.recv() for pipe in self._pipes]


@contextmanager
def workers(number: int) -> Iterator[Workers]:
    # Spawned, not forked: a connection to a database cannot be shared.
    context = multiprocessing.get_context("spawn")
    database = connection.settings_dict["NAME"]
    pipes: list[Connection] = []
    processes = []
    try:
        for _ in range(number):
            ours, theirs = context.Pipe()
            pipes.append(ours)
            processes.append(context.Process(target=_work, args=(theirs, database), daemon=True))
            processes[-1].start()
            theirs.close()
        yield Workers(pipes)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join(30)
            process.kill()


def _work(pipe: Connection, database: str) -> None:
    django.setup()
    connections.databases["default"]["NAME"] = database
    # From noon on: no day ends while the tests are under way.
    with time_machine.travel(NOW), serving() as address, ExitStack() as used:
        pipe.send(address)
        while True:
            try:
                settings = pipe.recv()
            except EOFError:
                return
            if settings:
                used.close()
                used.enter_context(override_settings(**settings))
                CountingHasher.rounds.clear()
            pipe.send(len(CountingHasher.rounds))
