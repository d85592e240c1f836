"""API tokens: the optional app ``django_tokenauth.api_tokens`` connects its reader here.

The server recognizes an API token by its form alone. Without the app, no token is an API token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from django.http import HttpRequest

from ..tokens.claims import APITokenClaims


class APITokenReader(Protocol):
    """Reads and deletes API tokens. The app implements this protocol."""

    def matches(self, token: object) -> bool:
        """Return whether *token* has the form of an API token. No statement."""

    def authenticate(
        self,
        token: str,
        *,
        request: HttpRequest | None = None,
        audience: str | None = None,
        now: datetime | None = None,
    ) -> APITokenClaims:
        """Return the claims of *token*, which is for *audience*. At most one statement.

        Raises :class:`InvalidToken` and :class:`ServiceUnavailable`.
        """

    def get_user(self, claims: APITokenClaims) -> Any:
        """Return the user of *claims*. The first call for an object takes no statement.

        Raises :class:`InvalidToken` and :class:`ServiceUnavailable`.
        """

    def count_ended(self, before: datetime) -> int:
        """Return the number of API tokens that expired or were revoked before *before*.

        One statement.
        """

    def prune_all(self, before: datetime, size: int) -> Iterator[int]:
        """Delete the API tokens of :meth:`count_ended` and yield the number of rows of each batch.

        A batch has at most *size* rows.
        """


_connected: list[APITokenReader] = []


def connect(reader: APITokenReader) -> None:
    """Use *reader* for all API tokens of this process."""
    _connected[:] = [reader]


def connected() -> Sequence[APITokenReader]:
    """Return the connected reader, or nothing without the app."""
    return tuple(_connected)


def reader() -> APITokenReader:
    """Return the connected reader."""
    return _connected[0]


def reader_of(token: object) -> APITokenReader | None:
    """Return the reader of *token* if it has the form of an API token, or else ``None``."""
    for each in _connected:
        if each.matches(token):
            return each
    return None
