"""``audit_event``: a record of one action of the staff, of bounded size."""

from __future__ import annotations

from django_tokenauth.services.auditing import audit
from django_tokenauth.signals import audit_event
from tests.support.signal_capture import received


def test_audit_event_contains_at_most_1000_ids():
    with received(audit_event) as events:
        audit("sessions.revoke", count=1001, ids=map(str, range(1001)))
    [event] = events
    assert event["count"] == 1001
    assert event["ids"] == tuple(map(str, range(1000)))
