"""Connect receivers of Django's signals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.dispatch import Signal


def connect_first(signal: Signal, receiver: Callable[..., None], sender: Any = None) -> None:
    """Connect *receiver* before the receivers that are connected already.

    Django calls no receivers after one that raises an error, and outside of a transaction, a saved
    object is already stored then.
    """
    signal.connect(receiver, sender=sender)
    with signal.lock:
        # Each entry starts with the ids of its receiver and its sender.
        signal.receivers.sort(key=lambda entry: entry[0][0] != id(receiver))
        signal.sender_receivers_cache.clear()
