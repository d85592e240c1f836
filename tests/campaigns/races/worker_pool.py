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

from django.db import connection, connections
from django.test.utils import override_settings

from tests.campaigns.races import calls, worker
from tests.campaigns.races.calls import Answer, Call

#: Makes a list of calls at the same moment and returns their answers, in the same order.
Crowd = Callable[[list[Call]], list[Answer]]


@contextmanager
def crowd(
    processes: int, threads: int, *, options: dict[str, Any] | None = None, **settings: Any
) -> Iterator[Crowd]:
    """So many processes with so many threads each, which have their own connections, and
    ``settings``. Without processes the threads are here. The connections of processes may have
    ``options`` of their own."""
    number = (processes or 1) * threads
    database = {"NAME": connection.settings_dict["NAME"]}
    if options is not None:
        database["OPTIONS"] = {**connection.settings_dict["OPTIONS"], **options}
    with (
        override_settings(**settings),
        _in_processes(processes, threads, database, settings)
        if processes
        else _here(threads) as make,
    ):
        # Who has nothing to do is there all the same: all start together.
        idle = [("connect", {})] * number
        make(idle)
        yield lambda wanted: make([*wanted, *idle][:number])[: len(wanted)]
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
def _in_processes(
    processes: int, threads: int, database: dict[str, Any], settings: dict[str, Any]
) -> Iterator[Crowd]:
    # Spawned, not forked: a connection to a database cannot be shared.
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(processes)
    pipes, workers = [], []
    try:
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=worker.start, args=(theirs, start, threads, database, settings), daemon=True
            )
            process.start()
            theirs.close()
            pipes.append(ours)
            workers.append(process)

        def make(wanted: list[Call]) -> list[Answer]:
            for number, pipe in enumerate(pipes):
                pipe.send(wanted[number::processes])
            answers = [pipe.recv() for pipe in pipes]
            return [
                answers[number % processes][number // processes] for number in range(len(wanted))
            ]

        yield make
    finally:
        for pipe in pipes:
            pipe.close()
        for process in workers:
            process.join(30)
            process.kill()


def serve(
    pipe: Connection,
    start: Barrier,
    threads: int,
    database: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    """A process of a crowd, until its pipe is closed."""
    connections.databases["default"].update(database)
    with override_settings(**settings), _here(threads, before=start.wait) as make:
        while True:
            try:
                wanted = pipe.recv()
            except EOFError:
                return
            pipe.send(make(wanted))
