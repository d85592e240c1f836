"""Store when an API token was last used: after the response, and at most once a minute.

A request never waits for this write, and a failed write is only logged. With PostgreSQL, MySQL and
MariaDB, the write is skipped if another transaction has locked the row.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta
from typing import Any

from asgiref.local import Local
from django.db import Error as DatabaseError
from django.db import connections, router, transaction
from django.db.models import Q

from ..sessions.tenants import Tenant, current_tenant
from .models import APIToken

logger = logging.getLogger("django_tokenauth")

#: Minimum time between two writes for one API token.
INTERVAL = timedelta(minutes=1)
_MAX_RECENT = 10_000

# The uses that wait for the end of the current request, by tenant and id. Code outside of requests
# uses the reader too, so the number is limited.
_request = Local()
_MAX_PENDING = 100
# The last write of this process for each API token, or the last attempt.
_recent: dict[uuid.UUID, datetime] = {}


def record(token_id: uuid.UUID, last_used_at: datetime | None, now: datetime) -> None:
    """Store after the current request that the API token was used at *now*. No statement."""
    if not _is_due(last_used_at, now) or not _is_due(_recent.get(token_id), now):
        return
    pending = getattr(_request, "pending", None)
    if pending is None:
        pending = _request.pending = {}
    if len(pending) < _MAX_PENDING:
        pending[current_tenant(), token_id] = now


def _is_due(earlier: datetime | None, now: datetime) -> bool:
    # After the clock was set back, the earlier time is in the future.
    return earlier is None or abs(now - earlier) >= INTERVAL


def forget_pending(**kwargs: Any) -> None:
    """Drop the uses of code outside of requests, before a request starts."""
    _request.pending = None


def store_pending(**kwargs: Any) -> None:
    """Store the uses of the request that has finished. Database errors are logged."""
    pending: dict[tuple[Tenant, uuid.UUID], datetime] = getattr(_request, "pending", None) or {}
    if not pending:
        return
    _request.pending = None
    tenant = current_tenant()
    for (own, token_id), now in pending.items():
        # The connection of this thread may have another schema now.
        if own != tenant:
            continue
        if len(_recent) >= _MAX_RECENT:
            _recent.clear()
        _recent[token_id] = now
        try:
            _store(token_id, now)
        except DatabaseError as error:
            logger.warning("last use of an API token not stored (%s)", type(error).__name__)


def _store(token_id: uuid.UUID, now: datetime) -> None:
    using = router.db_for_write(APIToken)
    with transaction.atomic(using=using):
        # As _is_due(): another process may have stored a use since this one has read the row.
        due = Q(last_used_at=None) | Q(last_used_at__lte=now - INTERVAL)
        due |= Q(last_used_at__gte=now + INTERVAL)
        rows = APIToken._default_manager.using(using).filter(due, pk=token_id)
        if connections[using].features.has_select_for_update_skip_locked:
            free = rows.select_for_update(skip_locked=True).values_list("pk", flat=True)
            rows = APIToken._default_manager.using(using).filter(pk__in=list(free))
        rows.update(last_used_at=now)
