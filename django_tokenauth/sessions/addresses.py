"""The IP addresses from which a user has signed in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from ..conf.settings import load
from ..models import Session
from .database import database_errors_as_unavailable

#: Number of latest sign-ins whose addresses are read.
_SIGN_INS = 200


def sign_in_addresses(username: str) -> set[str]:
    """Return the addresses of the latest sign-ins of the user *username*. One statement.

    *username* is a stored username. The set includes addresses of expired and revoked sessions
    until the sessions are pruned. With ``STATELESS_REFRESH``, return an empty set without a
    statement. Raises :class:`ServiceUnavailable`.
    """
    if load().stateless_refresh:
        return set()
    field: str = get_user_model().USERNAME_FIELD
    rows: Any = Session.objects.filter(ip__isnull=False, **{f"user__{field}": username})
    with database_errors_as_unavailable():
        return set(rows.order_by("-created_at").values_list("ip", flat=True)[:_SIGN_INS])
