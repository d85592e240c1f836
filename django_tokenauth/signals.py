"""Signals about sessions and about actions of the staff, for receivers in other apps.

Each signal about a session is sent with ``sender=Session`` and these keyword arguments:

* ``session``: the row of the session;
* ``user``: the user, or ``None`` if the user was deleted;
* ``request``: Django's ``HttpRequest``, or ``None`` outside of a request.

Signals are sent with ``send_robust()`` after the change is written. If a receiver raises an error,
the error is logged, the other receivers are called, and the client still gets its response.

With ``STATELESS_REFRESH`` there are no sessions. The signals ``signed_in``, ``stepped_up`` and
``refreshed`` are then sent with ``session=None`` and ``sender=None``.

``audit_event`` is sent once for each action of the staff, with ``sender=None`` and these keyword
arguments:

* ``action``: a string of the list in the documentation, such as ``"sessions.revoke"``;
* ``actor``: the user of the admin, or ``None`` for a management command;
* ``count``: the number of sessions, keys or clients that changed;
* ``ids``: a tuple of strings that name at most 1,000 of the changed items: the log ids of sessions,
  the ``kid`` of keys, the names of clients;
* ``request``: Django's ``HttpRequest``, or ``None`` for a management command.
"""

from __future__ import annotations

import logging
from typing import Any

from django.dispatch import Signal
from django.http import HttpRequest

_logger = logging.getLogger("django_tokenauth")
_dispatch_logger = logging.getLogger("django.dispatch")

__all__ = [
    "audit_event",
    "impersonated",
    "network_changed",
    "refresh_token_reused",
    "refreshed",
    "session_revoked",
    "signed_in",
    "stepped_up",
]


class _RobustSignal(Signal):
    """A signal whose receivers can raise errors without affecting the response or other
    receivers."""

    def send_robust(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        """Send the signal, and log errors of the dispatch itself.

        Django raises an error, for example, if a receiver is asynchronous and this thread runs an
        event loop.
        """
        try:
            return super().send_robust(sender, **named)
        except Exception:
            _logger.exception("a signal could not be sent to all receivers")
            return []

    def _log_robust_failure(self, receiver: Any, err: Exception) -> None:
        """Log the error of a receiver as Django does.

        Django's method reads ``__qualname__``, which a ``functools.partial`` and other callable
        objects lack. The resulting ``AttributeError`` would skip all following receivers.
        """
        name = getattr(receiver, "__qualname__", None) or type(receiver).__qualname__
        _dispatch_logger.error(
            "Error calling %s in Signal.send_robust() (%s)", name, err, exc_info=err
        )


class _SessionSignal(_RobustSignal):
    """A signal about a session."""

    def send_for(
        self, session: Any, user: Any, request: HttpRequest | None, **details: Any
    ) -> None:
        """Send the signal about *session*, which is ``None`` with ``STATELESS_REFRESH``.

        *details* are additional keyword arguments for the receivers.
        """
        # The sender is the class, so that a receiver can be connected with sender=Session.
        sender = None if session is None else type(session)
        self.send_robust(sender=sender, session=session, user=user, request=request, **details)


#: A user signed in and started the session.
signed_in = _SessionSignal()

#: The user signed in again and continued the session (``services.step_up``). ``session.methods``
#: contains the methods of the new sign-in.
stepped_up = _SessionSignal()

#: A member of the staff started the session as ``user`` with ``services.impersonate``. ``actor`` is
#: the member of the staff. ``signed_in`` and Django's ``user_logged_in`` are not sent.
impersonated = _SessionSignal()

#: The refresh token was rotated. ``refreshed`` is not sent if a request within the grace period
#: gets the current refresh token again.
refreshed = _SessionSignal()

#: A rotation came from another network than the sign-in or rotation before it: another /24 (IPv4)
#: or /64 (IPv6). ``previous_ip`` is the previous address, and ``session.last_ip`` is the new one.
#: Phones change their network often; a session that moves to another country may be stolen.
network_changed = _SessionSignal()

#: An old refresh token was presented. Either the token was stolen, or the client restored an old
#: state or did not receive the response of its last refresh.
refresh_token_reused = _SessionSignal()

#: The session was revoked. ``session.revoked_reason`` contains the reason.
session_revoked = _SessionSignal()

#: A member of the staff or a management command revoked sessions, or changed keys or clients.
audit_event = _RobustSignal()
