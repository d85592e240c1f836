"""What happens to sessions, for receivers in other apps.

All are sent with ``sender=Session`` and the keywords ``session`` (the row), ``user`` (or ``None``
when the user is gone) and ``request`` (Django's ``HttpRequest``, or ``None`` outside of one). They
are sent after the change has been written, by ``send_robust``: a receiver that fails is logged and
takes nothing from the client.

With ``STATELESS_REFRESH`` there are no sessions and ``signed_in`` and ``refreshed`` carry
``session=None`` and ``sender=None``.
"""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal
from django.http import HttpRequest

#: A user signed in; the session is new.
signed_in = Signal()

#: The refresh token was rotated. Not sent for a repeated request within the grace.
refreshed = Signal()

#: A refresh token came that had been used before: stolen, or a client that lost its memory.
refresh_token_reused = Signal()

#: The session ended before its time; ``session.revoked_reason`` says why.
session_revoked = Signal()


def announce(signal: Signal, session: Any, user: Any, request: HttpRequest | None) -> None:
    """Send one of the signals above."""
    # The class and not the row, so that receivers can ask for it; None has none of interest.
    sender = None if session is None else type(session)
    signal.send_robust(sender=sender, session=session, user=user, request=request)
