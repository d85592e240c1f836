"""Clients that have a secret (RFC 6749 section 2.3), and the check of a token's owner.

A secret by ``manage.py tokenauth_client`` has 256 random bits. It cannot be guessed, online or from
its hash, so one SHA-256 protects it. Slow password hashes protect secrets that people choose.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass, field

from django.views.decorators.debug import sensitive_variables

from ..conf.settings import Settings
from ..errors import InvalidClient, InvalidGrant

logger = logging.getLogger("django_tokenauth")

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Credentials:
    """A ``client_id`` and a secret as a request has them, not verified."""

    client_id: str
    secret: str = field(repr=False)


def generate_secret() -> str:
    """Return a new secret of 256 random bits, in the characters of base64url."""
    return secrets.token_urlsafe(_SECRET_BYTES)


@sensitive_variables()
def encode_secret(secret: str) -> str:
    """Return the value for ``CLIENTS``: ``sha256$`` and the SHA-256 of the secret in hex.

    None of Django's hashers is named ``sha256``, and their values have more than one ``$``.
    """
    return f"sha256${hashlib.sha256(secret.encode()).hexdigest()}"


@sensitive_variables()
def has_valid_secret(settings: Settings, credentials: Credentials) -> bool:
    """Return whether the secret is that of the client. A disabled client has none."""
    encoded = settings.clients.get(credentials.client_id)
    return encoded is not None and hmac.compare_digest(encoded, encode_secret(credentials.secret))


def check_listed(settings: Settings, owner: str, *, authenticated: bool) -> None:
    """Reject a refresh token of a client that is no longer in ``CLIENTS``.

    *authenticated* says that the client *owner* had a secret when it used the session last. Without
    its entry, its ``client_id`` would be a label that any client can send.

    Raises :class:`InvalidClient`.
    """
    if authenticated and owner not in settings.clients:
        logger.info("token rejected: its client is no longer in CLIENTS")
        raise InvalidClient


def check_owner(settings: Settings, owner: str, client_id: str) -> None:
    """Reject a token of the client ``owner`` in a request of another client, ``client_id``.

    ``client_id`` is authenticated if it has a secret, and empty if the request names no client. If
    neither client has a secret, there is nothing to prove. RFC 6749 section 10.4, RFC 7009 section
    2.1. Raises :class:`InvalidClient` if no client was authenticated, and :class:`InvalidGrant` if
    another client was.
    """
    if owner == client_id or not {owner, client_id} & settings.clients.keys():
        return
    logger.info("token rejected: it belongs to another client")
    raise InvalidGrant if client_id in settings.clients else InvalidClient
