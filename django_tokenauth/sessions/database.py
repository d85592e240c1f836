"""Select the database of the sessions and convert database errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import InterfaceError, InternalError, OperationalError, connections, router
from django.db.models import QuerySet

from ..conf.settings import UnusableSettings
from ..errors import ServiceUnavailable
from ..models import Session

logger = logging.getLogger("django_tokenauth")


@contextmanager
def database_errors_as_unavailable() -> Iterator[None]:
    """Re-raise database errors as :class:`ServiceUnavailable` and log their class.

    Raises :class:`UnusableSettings` in a service without a database.
    """
    try:
        with database_required():
            yield
    except DatabaseError as error:
        logger.error("database error (%s)", type(error).__name__)
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


@contextmanager
def outages_as_unavailable() -> Iterator[None]:
    """Re-raise an outage of the database in the project's code as :class:`ServiceUnavailable`.

    Call hooks, receivers and authentication backends in the context of
    ``outages_as_unavailable()``. Other errors of the project's code propagate, because they are
    bugs and need a traceback. The traceback of an outage is logged too, because SQLite reports a
    missing table as an outage.
    """
    try:
        yield
    except (OperationalError, InterfaceError, InternalError) as error:
        logger.exception("database error (%s)", type(error).__name__)
        raise ServiceUnavailable from None


def primary_sessions() -> QuerySet[Session]:
    """Return the sessions in the database for writes.

    A replica may not have the latest rotation or revocation yet.
    """
    return Session.objects.using(router.db_for_write(Session))
