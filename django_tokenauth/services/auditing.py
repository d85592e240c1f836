"""Log the actions of staff users and management commands, and send ``audit_event``."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.http import HttpRequest

from .. import signals

logger = logging.getLogger("django_tokenauth")

#: Maximum number of ids in an audit event. One action can revoke millions of sessions.
MAX_IDS = 1000


def audit(
    action: str,
    *,
    count: int,
    ids: Iterable[str] = (),
    actor: Any = None,
    request: HttpRequest | None = None,
) -> None:
    """Log *action* and send ``audit_event``. Call ``audit()`` after the change is written.

    *actor* is the user of the admin, or ``None`` for a management command. *count* is the number of
    changed objects. The event contains at most ``MAX_IDS`` of *ids*. The log record contains no
    ids, because a ``client_id`` is free text.
    """
    name = "a command" if actor is None else f"user {actor.pk}"
    logger.info("%s by %s: %d", action, name, count)
    signals.audit_event.send_robust(
        sender=None,
        action=action,
        actor=actor,
        count=count,
        ids=tuple(islice(ids, MAX_IDS)),
        request=request,
    )
