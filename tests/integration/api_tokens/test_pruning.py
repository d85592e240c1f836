"""``manage.py tokenauth_prune`` deletes API tokens that ended long ago."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from django_tokenauth.api_tokens import services
from django_tokenauth.api_tokens.models import APIToken
from django_tokenauth.services import api_tokens
from django_tokenauth.signals import audit_event
from tests.support.api_tokens import issue
from tests.support.clock import NOW
from tests.support.signal_capture import received

SESSIONS = "Done: 0 expired or revoked sessions deleted."


def prune(*arguments):
    """Run the command. Return the printed lines and the names of the remaining API tokens."""
    output = StringIO()
    call_command("tokenauth_prune", *arguments, stdout=output, no_color=True)
    names = APIToken.objects.values_list("name", flat=True)
    return output.getvalue().splitlines(), sorted(names)


@pytest.fixture
def tokens(alice, bob):
    """Create API tokens: two ended more than 7 days ago, two ended later, and one is active."""
    week, second = timedelta(days=7), timedelta(seconds=1)
    start = NOW - timedelta(days=30)
    issue(alice, name="expired", now=start, expires_at=NOW - week - second)
    revoked = issue(bob, name="revoked", now=start).api_token
    services.revoke(bob, revoked.pk, now=NOW - week - second)
    issue(bob, name="expired lately", now=start, expires_at=NOW - week)
    revoked = issue(alice, name="revoked lately", now=start).api_token
    services.revoke(alice, revoked.pk, now=NOW - week)
    issue(alice, name="active", now=start)


KEPT = ["active", "expired lately", "revoked lately"]


def test_prune_deletes_api_tokens_past_their_retention(tokens):
    lines = [
        SESSIONS,
        "2 of 2 expired or revoked API tokens deleted",
        "Done: 2 expired or revoked API tokens deleted.",
    ]
    assert prune() == (lines, KEPT)
    assert prune() == ([SESSIONS], KEPT)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_prune_deletes_api_tokens_in_batches(alice, size):
    issue(alice, name="active")
    for number in range(3):
        issue(alice, name=str(number), now=NOW - timedelta(days=400))
    lines, names = prune("--batch-size", str(size))
    numbers = [*range(size, 3, size), 3]
    assert lines[1:-1] == [
        f"{number} of 3 expired or revoked API tokens deleted" for number in numbers
    ]
    assert names == ["active"]


def test_prune_counts_api_tokens_that_end_during_the_run(alice):
    start = NOW - timedelta(days=400)
    issue(alice, now=start)
    (store,) = api_tokens.connected()
    batches = store.prune_all(NOW, 1)
    issue(alice, now=start)
    assert next(batches) == 1
    issue(alice, now=start)
    issue(alice, now=start)
    assert sum(batches) == 3


def test_prune_dry_run_keeps_api_tokens(tokens):
    lines = [
        "0 expired or revoked sessions would be deleted.",
        "2 expired or revoked API tokens would be deleted.",
    ]
    assert prune("--dry-run") == (lines, sorted([*KEPT, "expired", "revoked"]))


def test_prune_of_api_tokens_sends_an_audit_event(tokens):
    with received(audit_event) as events:
        prune()
    assert [(event["action"], event["count"], event["ids"]) for event in events] == [
        ("sessions.prune", 0, ()),
        ("api_tokens.prune", 2, ()),
    ]


def test_prune_without_the_app_deletes_only_sessions(tokens, monkeypatch):
    monkeypatch.setattr(api_tokens, "_connected", [])
    assert prune() == ([SESSIONS], sorted([*KEPT, "expired", "revoked"]))
