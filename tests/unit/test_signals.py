"""Signals are sent with their sender, and a receiver that fails is logged."""

from __future__ import annotations

import logging

from django_tokenauth import signals
from django_tokenauth.models import Session
from tests.support.signal_capture import failing_receivers, received


class TestAnnounce:
    def test_the_sender_is_the_class_and_none_without_a_session(self):
        session = Session()
        with received(signals.signed_in) as calls:
            signals.signed_in.send_for(session, "alice", None)
            signals.signed_in.send_for(None, "alice", None)
        assert [(call["sender"], call["session"]) for call in calls] == [
            (Session, session),
            (None, None),
        ]

    def test_a_receiver_can_ask_for_sessions_only(self):
        heard = []

        def receive(*, session, **keywords):
            heard.append(session)

        session = Session()
        signals.signed_in.connect(receive, sender=Session)
        try:
            signals.signed_in.send_for(session, "alice", None)
            signals.signed_in.send_for(None, "alice", None)
        finally:
            signals.signed_in.disconnect(receive, sender=Session)
        assert heard == [session]

    def test_a_receiver_that_fails_is_logged_and_keeps_nobody_from_hearing(self, caplog):
        with failing_receivers(), received(signals.refreshed) as calls:
            signals.refreshed.send_for(Session(), "alice", None)
        assert len(calls) == 1
        assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == [
            "django.dispatch"
        ]
