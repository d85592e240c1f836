"""The attacked server, as a client over a socket sees it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from django_tokenauth.conf.settings import load
from django_tokenauth.models import Session
from django_tokenauth.services.issuing import TokenIssuer
from django_tokenauth.sessions.store import SessionState
from django_tokenauth.tokens.access import access_tokens
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.campaigns.attacks.activity import Activity, ActivityMonitor
from tests.support.client import EXPIRED_TOKEN, INVALID_TOKEN, JSON, PASSWORDS
from tests.support.http_server import Address, RawResponse, send_request

#: The response to every rejected access token, unless it expired.
REJECTED = {"detail": "The access token is not valid."}
AUTHENTICATED_PATHS = ("/who/", "/who/stateless/")


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


@dataclass
class Server:
    """Send requests and record their responses."""

    address: Address
    monitor: ActivityMonitor
    responses: list[RawResponse] = field(default_factory=list)

    @property
    def activity(self) -> Activity:
        """Return what the server did during the last request."""
        return self.monitor.requests[-1]

    def send(self, start: str | bytes, *lines: str | bytes, body: str | bytes = b"") -> RawResponse:
        """Send the request line, header lines and body without changes."""
        response = send_request(self.address, _bytes(start), *map(_bytes, lines), body=_bytes(body))
        self.responses.append(response)
        return response

    def get(self, path: str, token: str | bytes | None = None, *lines: str | bytes) -> RawResponse:
        if token is not None:
            lines = (b"Authorization: Bearer " + _bytes(token), *lines)
        return self.send(f"GET {path} HTTP/1.1", *lines)

    def post(
        self, path: str, body: object, *lines: str | bytes, content_type: str = JSON
    ) -> RawResponse:
        """POST to a route of the app. Encode ``body`` as JSON unless it is a string or bytes."""
        data = _bytes(body if isinstance(body, (str, bytes)) else json.dumps(body))
        return self.send(
            f"POST /auth/{path} HTTP/1.1",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(data)}",
            *lines,
            body=data,
        )

    def sign_in(self, username: str = "alice", **parameters: object) -> dict[str, Any]:
        """Sign in and return the tokens."""
        credentials = {"username": username, "password": PASSWORDS[username]}
        response = self.post("token/", {**credentials, **parameters})
        assert response.status == 200, response.body
        return dict(response.json())

    def assert_rejects(self, token: str | bytes) -> None:
        """Assert that both classes reject the access token, with one response and no query."""
        for path in AUTHENTICATED_PATHS:
            response = self.get(path, token)
            assert response.status == 401
            # An expired token with a valid signature says that it expired.
            assert (response.json(), response.challenge) in (
                (REJECTED, INVALID_TOKEN),
                ({"detail": "The access token expired."}, EXPIRED_TOKEN),
            )
            assert self.activity.statements == []

    def assert_accepts(self, token: str | bytes) -> None:
        """Assert that both authentication classes accept the access token."""
        for path in AUTHENTICATED_PATHS:
            assert self.get(path, token).status == 200

    def assert_verifies(self, token: str) -> None:
        """Assert that the access token is accepted, in the header and in a body."""
        self.assert_accepts(token)
        assert self.post("token/verify/", {"token": token}).json()["active"] is True

    def refresh(self, token: str) -> str:
        """Return the successor of the refresh token."""
        response = self.post("token/refresh/", {"refresh_token": token})
        assert response.status == 200, response.body
        return str(response.json()["refresh_token"])


class OfflineServer(Server):
    """A server without a database, which can only reject tokens.

    The tests read its valid tokens with the functions of the package that the server uses.
    """

    def sign_in(self, username: str = "alice", **parameters: object) -> dict[str, Any]:
        """Issue tokens for a session that is not stored."""
        settings, now = load(), timezone.now()
        fields: dict[str, Any] = {
            "user": get_user_model()(pk=1, username=username),
            "created_at": now,
            "refreshed_at": now,
            "idle_expires_at": now + timedelta(days=14),
            "client_id": settings.issuer,
            **parameters,
        }
        session = Session(**fields)
        issuer = TokenIssuer(settings=settings, request=None, now=now)
        state = SessionState.of(session)
        return issuer.issue_for_session(session, state, frozenset()).to_response()

    def assert_verifies(self, token: str) -> None:
        access_tokens(load()).decode(token, now=time.time())

    def refresh(self, token: str) -> str:
        refresh_tokens(load()).decode(token, now=time.time())
        return token
