"""Sign-in attempts, counted by the throttle without a sign-in."""

from __future__ import annotations

from datetime import timedelta

from django_tokenauth.conf.settings import load
from django_tokenauth.errors import TooManyRequests
from django_tokenauth.http.throttling import SignInThrottle
from tests.support.clock import NOW

CLIENT_IP, OTHER_IP = "192.0.2.1", "192.0.2.2"
HOUR = int(timedelta(hours=1).total_seconds())
MINUTE = 60
START = NOW.timestamp()


def attempt(username="alice", address=CLIENT_IP, *, at=START, successful=False):
    """Count one attempt. Return None if it is within the limits, or the seconds to wait."""
    throttle = SignInThrottle(load(), address=address, username=username, now=at)
    try:
        throttle.acquire()
    except TooManyRequests as error:
        return error.retry_after
    if successful:
        throttle.release()
    else:
        throttle.fail()
    return None
