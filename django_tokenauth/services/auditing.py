"""Record the actions of the staff."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.http import HttpRequest

from .. import signals

logger = logging.getLogger("django_tokenauth")

#: How many ids a record contains at most. An action can end millions of sessions.
MAX_IDS = 1000


def audit(
    action: str,
    *,
    count: int,
    ids: Iterable[str] = (),
    actor: Any = None,
    request: HttpRequest | None = None,
) -> None:
    """Log *action* and send ``audit_event``, as soon as the change is written.

    *actor* is the user of the admin, or ``None`` for a command. *count* objects were changed, and
    *ids* name the first of them. The log contains no ids: staff choose the names of clients.
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
