"""How the store uses the database: where it reads and writes, and its errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as DatabaseFault
from django.db import router
from django.db.models import QuerySet

from ..errors import ServiceUnavailable
from ..models import Session

logger = logging.getLogger("django_tokenauth")


@contextmanager
def database_errors_as_unavailable() -> Iterator[None]:
    """Turn a fault of the database into :class:`ServiceUnavailable`, and log its kind."""
    try:
        yield
    except DatabaseFault as fault:
        logger.error("the database did not answer (%s)", type(fault).__name__)
        raise ServiceUnavailable from None


def _written() -> QuerySet[Session]:
    """Sessions where they are written: a replica may lag behind a rotation or a revocation."""
    return Session.objects.using(router.db_for_write(Session))
