"""``audit_event``: a record of one action of the staff, of bounded size."""

from __future__ import annotations

from django_tokenauth.services.auditing import MAX_IDS, audit
from django_tokenauth.signals import audit_event
from tests.support.signal_capture import received


def test_audit_event_contains_at_most_the_maximum_number_of_ids():
    with received(audit_event) as events:
        audit("sessions.revoke", count=MAX_IDS + 1, ids=map(str, range(MAX_IDS + 1)))
    [event] = events
    assert event["count"] == MAX_IDS + 1
    assert event["ids"] == tuple(map(str, range(MAX_IDS)))
