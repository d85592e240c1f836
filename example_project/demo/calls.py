"""The requests with tokens to the API, for the page: who calls, with which token, for a new one.

The page of the demo shows them to everybody. They contain what tokens permit, and no token.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from demo.client import read_token

LENGTH = 100
TOKEN_ROUTES = "/auth/token/"  # noqa: S105
SHOWN = ("aud", "scope", "client_id", "act")


class CallLog:
    """The last calls. Threads of the server add to it."""

    def __init__(self) -> None:
        self._calls = deque[dict[str, Any]](maxlen=LENGTH)

    def list(self) -> list[dict[str, Any]]:
        """Return the calls, newest first."""
        return [*reversed(self._calls.copy())]

    def recording(self, application: WSGIApplication) -> WSGIApplication:
        """Return the application with a record of its calls."""

        def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            statuses: list[int] = []

            def start(status: str, *arguments: Any) -> Any:
                statuses.append(int(status.split(maxsplit=1)[0]))
                return start_response(status, *arguments)

            response = application(environ, start)
            # 401 means that the token is not valid, so its claims may be invented.
            if statuses and statuses[-1] != 401:
                self._add(environ, statuses[-1], getattr(response, "content", b""))
            return response

        return respond

    def _add(self, environ: WSGIEnvironment, status: int, content: bytes) -> None:
        path = environ["PATH_INFO"]
        sent = _in_header(environ.get("HTTP_AUTHORIZATION", ""))
        received = _in_body(content) if path.startswith(TOKEN_ROUTES) else None
        if not (sent or received):
            return
        self._calls.append(
            {
                "time": int(time.time() * 1000),
                "caller": _caller(sent or received or {}),
                "method": environ["REQUEST_METHOD"],
                "path": path,
                "status": status,
                "sent": sent,
                "received": received,
            }
        )


def _in_header(header: str) -> dict[str, Any] | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    return _described(token) or {"kind": "api_token", "last_four": token[-4:]}


def _in_body(content: bytes) -> dict[str, Any] | None:
    try:
        token = json.loads(content).get("access_token")
    except (ValueError, AttributeError):
        return None
    return _described(token) if isinstance(token, str) else None


def _described(token: str) -> dict[str, Any] | None:
    try:
        _, claims = read_token(token)
    except (ValueError, RecursionError):
        return None
    # A view without authentication also receives tokens that nobody has verified.
    kind = str(claims.get("tokenauth_grant", "access_token"))
    return {"kind": kind, **{name: claims[name] for name in SHOWN if name in claims}}


def _caller(token: dict[str, Any]) -> str:
    if token["kind"] == "api_token":
        return "script"
    return "browser" if token["kind"] == "access_token" else str(token.get("client_id"))
