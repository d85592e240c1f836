"""Wait for Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def stop_signal() -> Iterator[Callable[[], None]]:
    """Yield a function that returns at SIGINT or SIGTERM. Neither raises an exception."""
    stopped = Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    def wait() -> None:
        # With a timeout, because Windows does not deliver signals during an endless wait.
        while not stopped.wait(1):
            pass

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
