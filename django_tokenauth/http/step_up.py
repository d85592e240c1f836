"""The attempt of a step-up: a password, and the refresh token of the session to continue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from ..errors import InvalidGrant
from .attempts import sign_in_attempt

#: The description of ``invalid_grant`` for a step-up.
STEP_UP_REJECTED = _("Wrong username or password, or the session has ended.")


@contextmanager
def step_up_attempt(request: Request, username: str) -> Iterator[None]:
    """Count a failed step-up of *username* as a failed sign-in, and hide which part was wrong.

    The errors for a wrong password and for a refresh token are the same. With two errors, an
    attacker with a stolen refresh token could test it without a password, and an attacker without
    a refresh token could test passwords without starting a session.

    Raises :class:`InvalidGrant`, and the errors of :func:`sign_in_attempt`.
    """
    with sign_in_attempt(request, username):
        try:
            yield
        except InvalidGrant as error:
            # The project has its own errors, for example for a missing second factor.
            if type(error) is not InvalidGrant:
                raise
            raise InvalidGrant(STEP_UP_REJECTED) from None
