"""Receivers of the app's signals: one records the calls, and one raises an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.dispatch import Signal

from django_tokenauth import signals

#: The signals about a session.
ALL_SIGNALS = (
    signals.signed_in,
    signals.refreshed,
    signals.refresh_token_reused,
    signals.session_revoked,
    signals.network_changed,
    signals.impersonated,
    signals.stepped_up,
)


@contextmanager
def received(signal: Signal) -> Iterator[list[dict[str, Any]]]:
    """Collect the keyword arguments, including ``sender``, of each call of *signal*."""
    calls: list[dict[str, Any]] = []

    def receive(*, signal: Signal, **keywords: Any) -> None:
        calls.append(keywords)

    signal.connect(receive)
    try:
        yield calls
    finally:
        signal.disconnect(receive)


@contextmanager
def failing_receivers() -> Iterator[None]:
    """Connect a receiver to each signal of the app that raises an error."""

    def fail(**keywords: Any) -> None:
        raise LookupError("a receiver of another app")

    for signal in (*ALL_SIGNALS, signals.audit_event):
        signal.connect(fail)
    try:
        yield
    finally:
        for signal in (*ALL_SIGNALS, signals.audit_event):
            signal.disconnect(fail)
