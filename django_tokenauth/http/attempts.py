"""Count the attempts of a sign-in, with a password or another secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from rest_framework.request import Request

from ..conf.settings import load
from ..services.signing_in import NOT_CHECKED
from ..sessions.addresses import sign_in_addresses
from ..sessions.usernames import get_stored_username
from .account_delay import AccountDelay
from .throttling import SignInThrottle, client_address


@contextmanager
def sign_in_attempt(
    request: Request, username: str, *not_failed: type[Exception]
) -> Iterator[None]:
    """Count a failed sign-in of *username* unless the ``with`` block succeeds.

    Check a password, a code or another secret that can be guessed in the ``with`` block, and raise
    :class:`InvalidGrant` if it is wrong. Any error except *not_failed* counts as a failure. The
    limits are ``SIGN_IN_RATE_IP``, ``SIGN_IN_RATE_USER`` and ``SIGN_IN_DELAY_USER``, also for
    parallel requests. *username* may also be another name of the account, such as a phone number.

    Raises :class:`TooManyRequests` before the ``with`` block runs.
    """
    settings, address, stored = load(), client_address(request), get_stored_username(username)
    throttle = SignInThrottle(settings, address=address, username=stored)
    delay = AccountDelay(
        settings,
        address=address,
        username=stored,
        known_addresses=partial(sign_in_addresses, stored),
    )
    not_failed = (*NOT_CHECKED, *not_failed)
    with (
        throttle.counting(*not_failed, precondition=delay.check),
        delay.counting(*not_failed),
    ):
        yield
