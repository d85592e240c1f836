"""Narrow the access token of a refresh to a scope (RFC 6749 section 6) and an audience (RFC 8707).

A refresh never widens what the sign-in granted.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from ..conf.settings import Settings
from ..errors import InvalidScope, InvalidTarget
from ..models import Session
from ..sessions.log_ids import log_id
from ..sessions.users import get_key
from .audiences import choose_audience
from .issuing import granted_scope

logger = logging.getLogger("django_tokenauth")


@dataclass(frozen=True, slots=True)
class Requested:
    """The scope names and the audience of a refresh; ``None`` for those of the sign-in."""

    scope: Collection[str] | None
    audience: str | None


def narrow(
    settings: Settings,
    requested: Requested,
    session: Session | None,
    user: Any,
    scope: Collection[str],
    audiences: Sequence[str],
    request: HttpRequest | None,
) -> tuple[frozenset[str], str]:
    """Return the scope and the audience of the access token of a refresh.

    *scope* and *audiences* are what the sign-in granted; *audiences* has the form of
    ``Session.audiences``. *session* is for the log only. Raises :class:`InvalidScope` or
    :class:`InvalidTarget` if *requested* exceeds *scope* or *audiences*.
    """
    try:
        audience = choose_audience(settings, audiences, requested.audience)
        names = (audience,)
        return granted_scope(settings, user, requested.scope, scope, request, names), audience
    except (InvalidScope, InvalidTarget) as error:
        # Log the rejection, because the error shows an attacker that a stolen token is valid.
        logger.info(
            "refresh rejected: %s, session %s of user %s",
            "scope" if isinstance(error, InvalidScope) else "audience",
            session and log_id(session.pk),
            get_key(user),
        )
        raise
