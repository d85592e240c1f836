"""The log records that several modules write."""

from __future__ import annotations

import logging

logger = logging.getLogger("django_tokenauth")


def access_token_rejected(code: str) -> None:
    """Log why an access token was rejected: the ``TokenErrorCode``, which clients never see."""
    logger.info("access token rejected: %s", code)


def misconfigured(error: Exception) -> None:
    """Log an ``UnusableSettings`` error. Clients get a 503 response without the message."""
    logger.critical("TOKENAUTH cannot be used: %s", error)
