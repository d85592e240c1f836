"""Clients that call at the same moment: threads in processes of their own, or threads here."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

import django
from django.db import connection, connections
from django.test.utils import override_settings

from tests.races import calls
from tests.races.calls import Answer, Call

#: Makes a list of calls at the same moment and returns their answers.
Crowd = Callable[[list[Call]], list[Answer]]


@contextmanager
def crowd(processes: int, threads: int, **settings: Any) -> Iterator[Crowd]:
    """So many processes with so many threads each, which have their own connections, and
    ``settings``. Without processes the threads are here."""
    number = (processes or 1) * threads
    with (
        override_settings(**settings),
        _in_processes(processes, threads, settings) if processes else _here(threads) as make,
    ):
        make([("connect", {})] * number)
        yield make
        make([("disconnect", {})] * number)


@contextmanager
def _here(threads: int, before: Callable[[], object] | None = None) -> Iterator[Crowd]:
    # It opens when all are there, and keeps each thread to one call.
    start = threading.Barrier(threads, action=before)

    def one(call: Call) -> Answer:
        start.wait()
        return calls.make(call)

    with ThreadPoolExecutor(threads) as pool:
        yield lambda wanted: list(pool.map(one, wanted))


@contextmanager
def _in_processes(processes: int, threads: int, settings: dict[str, Any]) -> Iterator[Crowd]:
    # Spawned, not forked: a connection to a database cannot be shared.
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(processes)
    database = connection.settings_dict["NAME"]
    pipes, workers = [], []
    try:
        for _ in range(processes):
            ours, theirs = context.Pipe()
            worker = context.Process(
                target=_work, args=(theirs, start, threads, database, settings), daemon=True
            )
            worker.start()
            theirs.close()
            pipes.append(ours)
            workers.append(worker)

        def make(wanted: list[Call]) -> list[Answer]:
            for number, pipe in enumerate(pipes):
                pipe.send(wanted[number::processes])
            return [answer for pipe in pipes for answer in pipe.recv()]

        yield make
    finally:
        for pipe in pipes:
            pipe.close()
        for worker in workers:
            worker.join(30)
            worker.kill()


def _work(
    pipe: Connection, start: Barrier, threads: int, database: str, settings: dict[str, Any]
) -> None:
    django.setup()
    connections.databases["default"]["NAME"] = database
    with override_settings(**settings), _here(threads, before=start.wait) as make:
        while True:
            try:
                wanted = pipe.recv()
            except EOFError:
                return
            pipe.send(make(wanted))
