"""What receivers of other apps hear, and that they take nothing from the client.

What each signal is sent with stands in the tests of what it tells of.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager

import pytest
from django.db import connection

from django_tokenauth import services, signals
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from tests.support.clock import NOW, after
from tests.support.signal_capture import received

ALL = (
    signals.signed_in,
    signals.refreshed,
    signals.refresh_token_reused,
    signals.session_revoked,
)


@contextmanager
def failing_receivers():
    def fail(**keywords):
        raise LookupError("a receiver of another app")

    for signal in ALL:
        signal.connect(fail)
    try:
        yield
    finally:
        for signal in ALL:
            signal.disconnect(fail)


class TestAnnounce:
    def test_the_sender_is_the_class_and_none_without_a_session(self):
        session = Session()
        with received(signals.signed_in) as calls:
            signals.announce(signals.signed_in, session, "alice", None)
            signals.announce(signals.signed_in, None, "alice", None)
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
            signals.announce(signals.signed_in, session, "alice", None)
            signals.announce(signals.signed_in, None, "alice", None)
        finally:
            signals.signed_in.disconnect(receive, sender=Session)
        assert heard == [session]

    def test_a_receiver_that_fails_is_logged_and_keeps_nobody_from_hearing(self, caplog):
        with failing_receivers(), received(signals.refreshed) as calls:
            signals.announce(signals.refreshed, Session(), "alice", None)
        assert len(calls) == 1
        assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == [
            "django.dispatch"
        ]


@pytest.mark.django_db
class TestFailingReceivers:
    def test_the_client_gets_what_it_asked_for(self, alice, time_machine):
        time_machine.move_to(NOW, tick=False)
        with failing_receivers():
            pair = services.sign_in(alice)
            current = services.refresh(pair.refresh_token)
            assert current.session.generation == 2
            services.revoke_token(current.refresh_token)
            assert Session.objects.get().revoked_reason == RevokedReason.SIGNED_OUT
            services.sign_in(alice)
            alice.set_password("another")
            alice.save()
        assert not services.list_sessions(alice).exists()

    def test_a_reuse_ends_the_session_all_the_same(self, alice):
        pair = services.sign_in(alice, now=NOW)
        with failing_receivers():
            services.refresh(pair.refresh_token, now=after(minutes=1))
            with pytest.raises(InvalidGrant):
                services.refresh(pair.refresh_token, now=after(hours=1))
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED


@pytest.mark.django_db(transaction=True)
def test_what_is_told_of_has_been_written(alice):
    """Each receiver asks the database over a connection of its own."""
    seen = []

    def look(*, signal, session, **keywords):
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT generation, revoked_reason FROM django_tokenauth_session")
                seen.append((ALL.index(signal), *cursor.fetchone()))
        finally:
            other.close()

    for signal in ALL:
        signal.connect(look)
    try:
        pair = services.sign_in(alice, now=NOW)
        services.refresh(pair.refresh_token, now=after(minutes=1))
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token, now=after(hours=1))
    finally:
        for signal in ALL:
            signal.disconnect(look)
    assert seen == [(0, 1, ""), (1, 2, ""), (2, 2, "reused"), (3, 2, "reused")]
