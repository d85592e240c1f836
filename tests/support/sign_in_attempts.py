"""Attempts to sign in, counted by the throttle alone."""

from __future__ import annotations

from datetime import timedelta

from django_tokenauth.conf.settings import load
from django_tokenauth.errors import TooManyRequests
from django_tokenauth.http.throttling import SignInThrottle
from tests.support.clock import NOW

HERE, THERE = "192.0.2.1", "192.0.2.2"
HOUR = int(timedelta(hours=1).total_seconds())
MINUTE = 60
START = NOW.timestamp()


def attempt(username="alice", address=HERE, *, at=START, good=False):
    """One attempt: None if it may go on, or the seconds to wait."""
    throttle = SignInThrottle(load(), address=address, username=username, now=at)
    try:
        throttle.acquire()
    except TooManyRequests as refused:
        return refused.retry_after
    if good:
        throttle.release()
    return None
