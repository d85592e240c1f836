"""Select the database of the sessions and convert database errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import connections, router
from django.db.models import QuerySet

from ..conf.settings import UnusableSettings
from ..errors import ServiceUnavailable
from ..models import Session
from .outages import is_outage

logger = logging.getLogger("django_tokenauth")


@contextmanager
def database_errors_as_unavailable() -> Iterator[None]:
    """Re-raise an outage of the database as :class:`ServiceUnavailable` and log its traceback.

    Other database errors are bugs, for example a missing table, and propagate. Raises
    :class:`UnusableSettings` in a service without a database.
    """
    try:
        with database_required():
            yield
    except DatabaseError as error:
        if not is_outage(error):
            raise
        logger.exception("database error (%s)", type(error).__name__)
        raise ServiceUnavailable from None


@contextmanager
def database_required() -> Iterator[None]:
    """Raise :class:`UnusableSettings` if the ``with`` block queries an unconfigured database."""
    try:
        yield
    except ImproperlyConfigured:
        alias = router.db_for_write(Session)
        if connections.settings[alias]["ENGINE"] != "django.db.backends.dummy":
            raise
        raise UnusableSettings(
            "DATABASES is empty. This service can verify tokens, but users cannot sign in or "
            "refresh here."
        ) from None


def primary_sessions(using: str | None = None) -> QuerySet[Session]:
    """Return the sessions in the database *using*, by default the database for writes.

    A replica may not have the latest rotation or revocation yet.
    """
    return Session.objects.using(using or router.db_for_write(Session))
