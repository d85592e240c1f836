"""Signals: their sender, and receivers that fail."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from functools import partial

import pytest
from django.http import HttpRequest

from django_tokenauth import signals
from django_tokenauth.models import Session
from tests.support.signal_capture import failing_receivers, received

ERROR = LookupError("a receiver of another app")


def fail(**keywords):
    raise ERROR


async def fail_later(**keywords):
    raise ERROR


class Receiver:
    """An object that is called, which has no ``__qualname__``."""

    def __call__(self, **keywords):
        raise ERROR


@contextmanager
def connected(*receivers):
    """Connect the receivers to ``audit_event`` in this order."""
    for receiver in receivers:
        signals.audit_event.connect(receiver, weak=False)
    try:
        yield
    finally:
        for receiver in receivers:
            signals.audit_event.disconnect(receiver)


class TestSend:
    def test_signal_sender_is_session_class_or_none(self):
        session = Session()
        with received(signals.signed_in) as calls:
            signals.signed_in.send_for(session, "alice", None)
            signals.signed_in.send_for(None, "alice", None)
        assert [(call["sender"], call["session"]) for call in calls] == [
            (Session, session),
            (None, None),
        ]

    def test_signal_receiver_gets_user_request_and_details(self):
        request = HttpRequest()
        with received(signals.network_changed) as calls:
            signals.network_changed.send_for(Session(), "alice", request, previous_ip="192.0.2.1")
        [call] = calls
        assert (call["user"], call["request"]) == ("alice", request)
        assert call["previous_ip"] == "192.0.2.1"

    def test_signal_receiver_can_filter_by_session_class(self):
        sessions = []

        def receive(*, session, **keywords):
            sessions.append(session)

        session = Session()
        signals.signed_in.connect(receive, sender=Session)
        try:
            signals.signed_in.send_for(session, "alice", None)
            signals.signed_in.send_for(None, "alice", None)
        finally:
            signals.signed_in.disconnect(receive, sender=Session)
        assert sessions == [session]

    def test_failing_signal_receiver_is_logged_and_skipped(self, caplog):
        with failing_receivers(), received(signals.refreshed) as calls:
            signals.refreshed.send_for(Session(), "alice", None)
        assert len(calls) == 1
        assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == [
            "django.dispatch"
        ]

    @pytest.mark.parametrize(
        ("receiver", "name"),
        [
            (fail, "fail"),
            (partial(fail, reason="x"), "partial"),
            (Receiver(), "Receiver"),
            (Receiver().__call__, "Receiver.__call__"),
            (fail_later, "fail_later"),
            (partial(fail_later, reason="x"), "partial"),
        ],
        ids=["function", "partial", "object", "method", "coroutine", "partial-coroutine"],
    )
    def test_failing_receiver_of_any_type_is_logged_and_skipped(self, receiver, name, caplog):
        def receive(**keywords):
            return "received"

        async def receive_later(**keywords):
            return "received later"

        with connected(receiver, receive, receive_later):
            responses = signals.audit_event.send_robust(sender=None)
        assert dict(responses) == {
            receiver: ERROR,
            receive: "received",
            receive_later: "received later",
        }
        [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
        message = f"Error calling {name} in Signal.send_robust() ({ERROR})"
        assert (record.name, record.getMessage()) == ("django.dispatch", message)
        assert record.exc_info[1] is ERROR

    def test_signal_dispatch_error_is_logged_and_not_raised(self, caplog):
        """Django cannot call asynchronous receivers in a thread that runs an event loop."""
        calls = []

        def receive(**keywords):
            calls.append(keywords)

        async def receive_later(**keywords):
            calls.append(keywords)

        async def send():
            return signals.audit_event.send_robust(sender=None)

        with connected(receive_later, receive):
            assert asyncio.run(send()) == []
        assert len(calls) == 1
        [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert (record.name, record.exc_info[0]) == ("django_tokenauth", RuntimeError)
        assert record.getMessage() == "a signal could not be sent to all receivers"
