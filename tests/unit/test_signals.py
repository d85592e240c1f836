"""Signals: their sender, and receivers that fail."""

from __future__ import annotations

import logging

from django_tokenauth import signals
from django_tokenauth.models import Session
from tests.support.signal_capture import failing_receivers, received


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
