"""What a receiver of another app gets to hear."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.dispatch import Signal


@contextmanager
def received(signal: Signal) -> Iterator[list[dict[str, Any]]]:
    """The keywords of each time that ``signal`` is sent meanwhile, ``sender`` among them."""
    calls: list[dict[str, Any]] = []

    def receive(*, signal: Signal, **keywords: Any) -> None:
        calls.append(keywords)

    signal.connect(receive)
    try:
        yield calls
    finally:
        signal.disconnect(receive)
