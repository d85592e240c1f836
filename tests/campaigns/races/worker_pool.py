"""Clients that make concurrent calls: threads in worker processes, or in this process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

from django.db import connection, connections
from django.test.utils import override_settings

from tests.campaigns.races import calls
from tests.campaigns.races.calls import Call, Response
from tests.support.worker_processes import fork_server

#: Make concurrent calls and return their responses in the same order.
WorkerPool = Callable[[list[Call]], list[Response]]


@contextmanager
def worker_pool(
    processes: int, threads: int, *, options: dict[str, Any] | None = None, **settings: Any
) -> Iterator[WorkerPool]:
    """Run ``threads`` in each of ``processes``, or in this process if that is 0.

    Every thread has its own database connection. ``options`` are those of the connections of the
    processes.
    """
    size = (processes or 1) * threads
    database = {"NAME": connection.settings_dict["NAME"]}
    if options is not None:
        database["OPTIONS"] = {**connection.settings_dict["OPTIONS"], **options}
    with (
        override_settings(**settings),
        _in_processes(processes, threads, database, settings)
        if processes
        else _in_threads(threads) as make,
    ):
        # Idle clients also pass the barrier, so all calls start together.
        idle = [("connect", {})] * size
        make(idle)
        yield lambda requests: make([*requests, *idle][:size])[: len(requests)]
        make([("disconnect", {})] * size)


@contextmanager
def _in_threads(threads: int, before: Callable[[], object] | None = None) -> Iterator[WorkerPool]:
    # The barrier opens when all threads wait, so each thread makes one call.
    start = threading.Barrier(threads, action=before)

    def make_one(call: Call) -> Response:
        start.wait()
        return calls.make(call)

    with ThreadPoolExecutor(threads) as pool:
        yield lambda requests: list(pool.map(make_one, requests))


@contextmanager
def _in_processes(
    processes: int, threads: int, database: dict[str, Any], settings: dict[str, Any]
) -> Iterator[WorkerPool]:
    context = fork_server()
    start = context.Barrier(processes)
    pipes, workers = [], []
    try:
        for _ in range(processes):
            parent_end, child_end = context.Pipe()
            process = context.Process(
                target=serve,
                args=(child_end, start, threads, database, settings),
                daemon=True,
            )
            process.start()
            child_end.close()
            pipes.append(parent_end)
            workers.append(process)

        def make(requests: list[Call]) -> list[Response]:
            for number, pipe in enumerate(pipes):
                pipe.send(requests[number::processes])
            responses = [pipe.recv() for pipe in pipes]
            return [
                responses[number % processes][number // processes]
                for number in range(len(requests))
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
    """Make the calls that arrive on the pipe, until it is closed."""
    # The log lines of rejected requests would hide the results.
    logging.getLogger("django_tokenauth").addHandler(logging.NullHandler())
    connections.databases["default"].update(database)
    with override_settings(**settings), _in_threads(threads, before=start.wait) as make:
        while True:
            try:
                requests = pipe.recv()
            except EOFError:
                return
            pipe.send(make(requests))
