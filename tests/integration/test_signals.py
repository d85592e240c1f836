"""What receivers of other apps hear, and that they take nothing from the client.

What each signal is sent with stands in the tests of what it tells of.
"""

from __future__ import annotations

import pytest
from django.db import connection

from django_tokenauth import services
from django_tokenauth.errors import InvalidGrant
from django_tokenauth.models import RevokedReason, Session
from tests.support.clock import NOW, after
from tests.support.signal_capture import ALL, failing_receivers


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
