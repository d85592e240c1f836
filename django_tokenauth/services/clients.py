"""Check the secret of a client (RFC 6749 section 2.3) and the client that owns a token.

``manage.py tokenauth_client`` generates secrets of 256 random bits. An attacker cannot guess a
secret of 256 random bits, online or from its hash, so a single SHA-256 hash is sufficient. Slow
password hashes are necessary only for secrets that people choose.
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
    """The ``client_id`` and the secret of a request, not verified yet."""

    client_id: str
    secret: str = field(repr=False)


def generate_secret() -> str:
    """Return a new secret of 256 random bits, encoded in base64url."""
    return secrets.token_urlsafe(_SECRET_BYTES)


@sensitive_variables()
def encode_secret(secret: str) -> str:
    """Return the value for ``CLIENTS``: ``sha256$`` and the SHA-256 of *secret* in hex.

    A password hash of Django never equals an encoded secret. Django has no hasher with the name
    ``sha256``, and each hash by Django contains at least two ``$``.
    """
    return f"sha256${hashlib.sha256(secret.encode()).hexdigest()}"


@sensitive_variables()
def has_valid_secret(settings: Settings, credentials: Credentials) -> bool:
    """Return whether *credentials* contain a secret of their client.

    A disabled client has no valid secret.
    """
    client, encoded = settings.clients.get(credentials.client_id), encode_secret(credentials.secret)
    secrets_ = () if client is None else client.secrets
    return any(hmac.compare_digest(encoded, each) for each in secrets_)


def may_exchange(settings: Settings, client_id: str) -> bool:
    """Return whether ``CLIENTS`` permits an exchange of tokens to the client, which has a secret or
    a key."""
    client = settings.clients.get(client_id)
    return client is not None and bool(client.exchange and (client.secrets or client.keys))


def check_listed(settings: Settings, owner: str, *, authenticated: bool) -> None:
    """Reject a refresh token of a client that is no longer in ``CLIENTS``.

    *authenticated* is true if the client *owner* was in ``CLIENTS`` at the sign-in or at a refresh.
    Any client can send a ``client_id`` that has no entry in ``CLIENTS``.

    Raises :class:`InvalidClient`.
    """
    if authenticated and owner not in settings.clients:
        logger.info("token rejected: its client is no longer in CLIENTS")
        raise InvalidClient


def check_owner(settings: Settings, owner: str, client_id: str) -> None:
    """Reject a token of ``owner`` in a request of another client, if one of them has a secret.

    ``client_id`` is the client of the request, or empty if the request names no client. If
    ``client_id`` has a secret, the caller must have authenticated this client. If neither client
    has a secret, ``check_owner()`` accepts the token, because neither client can prove its
    identity. See RFC 6749 section 10.4 and RFC 7009 section 2.1.

    Raises :class:`InvalidClient` if no client was authenticated, and :class:`InvalidGrant` if
    another client was authenticated.
    """
    if owner == client_id or not {owner, client_id} & settings.clients.keys():
        return
    logger.info("token rejected: it belongs to another client")
    raise InvalidGrant if client_id in settings.clients else InvalidClient
