"""Waiting for Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def stop_signal() -> Iterator[Callable[[], None]]:
    """A function that returns at Ctrl-C or a polite kill; neither raises just anywhere."""
    stopped = Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    def wait() -> None:
        # In slices: on Windows a signal is not seen while a wait without an end goes on.
        while not stopped.wait(1):
            pass

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
