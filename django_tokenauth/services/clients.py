"""Clients that have a secret (RFC 6749 section 2.3), and what belongs to whom of them.

``CLIENTS`` has a hash for each. A hash that makes guesses slow would make each request of a client
as slow, so a process remembers which secret was right, as a keyed digest.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from django.contrib.auth.hashers import (
    check_password,
    identify_hasher,
    is_password_usable,
)
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

from ..conf.settings import Settings
from ..errors import InvalidClient, InvalidGrant

logger = logging.getLogger("django_tokenauth")

#: Seconds from one guess to the next for who has no guess left, in each process.
PAUSE = 1


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody says to be a client, not checked yet."""

    client_id: str
    secret: str = field(repr=False)


class Clients:
    """The clients that have a secret, and what this process remembers of their secrets."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._listed = hashes
        self._key = secrets.token_bytes(32)
        # A client has one secret, so there are no more of them than clients.
        self._right: dict[str, bytes] = {}
        self._guessed: dict[str, float] = {}
        #: By the id of each client that some secret is right for. To be held around :meth:`check`:
        #: a crowd of requests of a client that this process has not seen yet then costs one hash.
        self.turns: Mapping[str, threading.Lock] = {
            client_id: threading.Lock()
            for client_id, encoded in hashes.items()
            if is_password_usable(encoded)
        }

    def __contains__(self, client_id: object) -> bool:
        return client_id in self._listed

    @sensitive_variables()
    def remembers(self, credentials: Credentials) -> bool:
        """Whether :meth:`check` found these right before. Costs no hash."""
        right = self._right.get(credentials.client_id)
        return right is not None and hmac.compare_digest(right, self._digest(credentials))

    @sensitive_variables()
    def check(self, credentials: Credentials) -> bool:
        """Whether the secret is that of the client, and remember it if so. Costs one hash.

        None for a client without a secret: which clients have one is told to anybody who names them
        and brings none. Raises ``ImproperlyConfigured`` if what stands in ``CLIENTS`` is no hash,
        or one that cannot be checked here.
        """
        if credentials.client_id not in self.turns:
            return False
        encoded = self._listed[credentials.client_id]
        if not is_hash(encoded):
            raise ImproperlyConfigured("tokenauth.E008: CLIENTS has a secret that is no hash.")
        try:
            right = check_password(credentials.secret, encoded)
        except ValueError as fault:
            if isinstance(fault.__context__, ImportError):
                raise ImproperlyConfigured(
                    "tokenauth.E008: CLIENTS has a hash by a library that is not installed."
                ) from None
            # Some hashers take no secret of more than so many bytes, bcrypt for one.
            logger.warning("a client secret cannot be checked: %s", type(fault).__name__)
            right = False
        if right:
            self._right[credentials.client_id] = self._digest(credentials)
        return right

    def pause(self, client_id: str, now: float) -> None:
        """Let no further guess be made for now, which is in seconds since the epoch."""
        self._guessed[client_id] = now

    def pauses(self, client_id: str, now: float) -> bool:
        """Whether the last :meth:`pause` was less than :data:`PAUSE` before ``now``."""
        # Either way, for the clock of a machine may be set back.
        return abs(now - self._guessed.get(client_id, -PAUSE)) < PAUSE

    def _digest(self, credentials: Credentials) -> bytes:
        return hmac.digest(self._key, credentials.secret.encode(), "sha256")


@lru_cache(maxsize=1)
def known_clients(settings: Settings) -> Clients:
    """The clients of ``settings``."""
    return Clients(settings.clients)


def is_hash(encoded: str) -> bool:
    """Whether one of Django's ``PASSWORD_HASHERS`` can check a secret against ``encoded``.

    So is what ``make_password(None)`` gives: of a client that is shut out, no secret is right.
    """
    if not is_password_usable(encoded):
        return True
    try:
        identify_hasher(encoded).safe_summary(encoded)
    except (ValueError, AssertionError):
        # Each hasher takes its text apart in its own way; Django's end in one of these.
        return False
    return True


def check_owner(settings: Settings, owner: str, client_id: str) -> None:
    """Let nobody but its client go on with what was issued to ``owner``, a ``client_id``.

    ``client_id`` is who asks, proved if it has a secret; empty if nobody says. Where neither has
    one there is nothing to prove. RFC 6749 section 10.4, RFC 7009 section 2.1. Raises
    :class:`InvalidClient` if no client was proved, :class:`InvalidGrant` if it is another one.
    """
    if owner == client_id or not {owner, client_id} & settings.clients.keys():
        return
    logger.info("token refused: it is not that of the client")
    raise InvalidGrant if client_id in settings.clients else InvalidClient
