"""The values of registered claims: one parser for each kind of value.

Each parser returns the value in the form of the claims objects, and raises :class:`InvalidToken`
with the code ``CLAIMS``.
"""

from __future__ import annotations

import re
from typing import Any

from .._scope import parse_scope
from ..conf.values import LAST_SECOND, MAX_LIFETIME
from ..errors import InvalidToken, TokenErrorCode

#: The grant of service accounts (RFC 6749 section 4.4).
CLIENT_CREDENTIALS = "client_credentials"
#: The grant of access tokens that a client exchanged for another access token (RFC 8693).
TOKEN_EXCHANGE = "token_exchange"  # noqa: S105
#: The grant of access tokens that ``services.narrow()`` made from another access token.
NARROWED = "narrowed"
#: The longest chain of clients in the ``act`` claim.
MAX_ACTING_CLIENTS = 8

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def string(value: object) -> str:
    # isprintable() rejects control characters, NUL and unpaired surrogates.
    if not isinstance(value, str) or not 0 < len(value) <= 255 or not value.isprintable():
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return value


def strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return tuple(string(item) for item in value)


def audience(value: object) -> tuple[str, ...]:
    return strings(value) if isinstance(value, list) else (string(value),)


def time(value: object) -> int:
    # isinstance() accepts a bool as an int. RFC 7519 section 2 permits fractions of a second, but
    # this package issues none, and libraries round fractions differently.
    if type(value) is not int or not 0 <= value <= LAST_SECOND:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return value


def lifetime(value: object) -> int:
    # Adding a longer lifetime to a time could exceed the latest datetime.
    if type(value) is not int or not 1 <= value <= MAX_LIFETIME.total_seconds():
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return value


def generation(value: object) -> int:
    # The next generation must fit into a 64-bit column.
    if type(value) is not int or not 1 <= value < 2**63 - 1:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return value


def session_id(value: object) -> str:
    if not isinstance(value, str) or not _UUID.match(value):
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return value


def scope(value: object) -> frozenset[str]:
    names = parse_scope(value) if isinstance(value, str) else None
    if names is None:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return names


def actor(value: object) -> str:
    """Return the member of the staff in the ``act`` claim of a refresh token."""
    staff, clients = act(value)
    if staff is None or clients:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return staff


def act(value: object) -> tuple[str | None, tuple[str, ...]]:
    """Return the member of the staff and the clients in an ``act`` claim (RFC 8693 section 4.1).

    The client that acts now is the first one, and is the outermost object. The member of the staff
    is the innermost object, which has no ``client_id``.
    """
    clients: list[str] = []
    while isinstance(value, dict) and "client_id" in value:
        client = string(value.get("sub"))
        if value["client_id"] != client or not value.keys() <= {"sub", "client_id", "act"}:
            raise InvalidToken(TokenErrorCode.CLAIMS)
        clients.append(client)
        if len(clients) > MAX_ACTING_CLIENTS:
            raise InvalidToken(TokenErrorCode.CLAIMS)
        if "act" not in value:
            return None, tuple(clients)
        value = value["act"]
    if not isinstance(value, dict) or value.keys() != {"sub"}:
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return string(value["sub"]), tuple(clients)


def act_claim(staff: str | None, clients: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the ``act`` claim that :func:`act` reads, or ``None`` without an actor."""
    members: dict[str, Any] | None = None if staff is None else {"sub": staff}
    for client in reversed(clients):
        own = {"sub": client, "client_id": client}
        members = own if members is None else {**own, "act": members}
    return members


def grant(value: object) -> str:
    if value not in (CLIENT_CREDENTIALS, TOKEN_EXCHANGE, NARROWED):
        raise InvalidToken(TokenErrorCode.CLAIMS)
    return str(value)
