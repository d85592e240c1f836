"""Signals are sent after the commit, and failing receivers do not affect the client.

The tests of each service check the arguments of its signals.
"""

from __future__ import annotations

from functools import partial

import pytest
from django.db import connection

from django_tokenauth import services
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from tests.support.clock import NOW, after
from tests.support.signal_capture import ALL_SIGNALS, failing_receivers


@pytest.mark.django_db
class TestFailingReceivers:
    def test_services_succeed_despite_failing_receivers(self, alice, time_machine):
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

    def test_failing_receivers_do_not_prevent_reuse_detection(self, alice):
        pair = services.sign_in(alice, now=NOW)
        with failing_receivers():
            services.refresh(pair.refresh_token, now=after(minutes=1))
            with pytest.raises(InvalidGrant):
                services.refresh(pair.refresh_token, now=after(hours=1))
        assert Session.objects.get().revoked_reason == RevokedReason.REUSED


@pytest.mark.django_db
def test_services_succeed_despite_a_failing_partial_receiver(alice, caplog):
    """Django logs a failed receiver by its name, which such an object does not have."""

    def fail(reason, **keywords):
        raise LookupError(reason)

    receiver = partial(fail, "a receiver of another app")
    for signal in ALL_SIGNALS:
        signal.connect(receiver)
    try:
        pair = services.sign_in(alice, now=NOW)
        services.refresh(pair.refresh_token, now=after(minutes=1))
    finally:
        for signal in ALL_SIGNALS:
            signal.disconnect(receiver)
    assert Session.objects.get().generation == 2
    traces = [each.exc_text or each.exc_info for each in caplog.records if each.exc_info]
    assert len(traces) == 2


@pytest.mark.django_db(transaction=True)
def test_signals_are_sent_after_the_change_is_committed(alice):
    """Each receiver reads the row over a separate connection."""
    rows = []

    def read_row(*, signal, session, **keywords):
        separate = connection.copy()
        try:
            with separate.cursor() as cursor:
                cursor.execute("SELECT generation, revoked_reason FROM django_tokenauth_session")
                rows.append((ALL_SIGNALS.index(signal), *cursor.fetchone()))
        finally:
            separate.close()

    for signal in ALL_SIGNALS:
        signal.connect(read_row)
    try:
        pair = services.sign_in(alice, now=NOW)
        services.refresh(pair.refresh_token, now=after(minutes=1))
        with pytest.raises(InvalidGrant):
            services.refresh(pair.refresh_token, now=after(hours=1))
    finally:
        for signal in ALL_SIGNALS:
            signal.disconnect(read_row)
    assert rows == [(0, 1, ""), (1, 2, ""), (2, 2, "reused"), (3, 2, "reused")]
