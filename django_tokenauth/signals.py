"""Signals about sessions, for receivers in other apps.

Each is sent with ``sender=Session`` and these keywords:

* ``session``: the row of the session;
* ``user``: the user, or ``None`` if the user was deleted;
* ``request``: Django's ``HttpRequest``, or ``None`` outside of a request.

They are sent with ``send_robust()`` after the change was written. If a receiver raises an error,
Django logs it and the client still gets its response.

With ``STATELESS_REFRESH`` there are no sessions. ``signed_in`` and ``refreshed`` are then sent with
``session=None`` and ``sender=None``.
"""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal
from django.http import HttpRequest

__all__ = ["refresh_token_reused", "refreshed", "session_revoked", "signed_in"]


class _SessionSignal(Signal):
    """A signal about a session."""

    def send_for(self, session: Any, user: Any, request: HttpRequest | None) -> None:
        """Send the signal about *session*, which is ``None`` with ``STATELESS_REFRESH``."""
        # The class, so that a receiver can be connected with sender=Session.
        sender = None if session is None else type(session)
        self.send_robust(sender=sender, session=session, user=user, request=request)


#: A user signed in and started the session.
signed_in = _SessionSignal()

#: The refresh token was rotated. Not sent if a request within the grace gets the same token again.
refreshed = _SessionSignal()

#: An old refresh token was presented. It was stolen, or the client restored an old state.
refresh_token_reused = _SessionSignal()

#: The session was revoked. ``session.revoked_reason`` says why.
session_revoked = _SessionSignal()
