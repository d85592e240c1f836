"""The log of the API calls with tokens, for the page: caller, token sent and token received.

The page of the demo shows it to every visitor. It contains claims, and never tokens or ids.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from demo.client import read_token

LENGTH = 100
LONGEST = 255
TOKEN_ROUTES = "/auth/token/"  # noqa: S105
# Routes that require a token. At other routes, the token in the header may be forged.
PROTECTED = ("/auth/api-tokens/", "/auth/sessions/", "/notes/", "/statistics/", "/whoami/")
# As services.pattern() of django_tokenauth.api_tokens, with any prefix.
API_TOKEN = re.compile(r"\w+_[0-9A-Za-z]{38}")
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")


class CallLog:
    """The log of the last calls. Threads of the server append to it."""

    def __init__(self) -> None:
        self._calls = deque[dict[str, Any]](maxlen=LENGTH)

    def list(self) -> list[dict[str, Any]]:
        """Return the calls, newest first."""
        return [*reversed(self._calls.copy())]

    def recording(self, application: WSGIApplication) -> WSGIApplication:
        """Return the application, wrapped so that its calls are recorded."""

        def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            statuses: list[int] = []

            def start(status: str, *arguments: Any) -> Any:
                statuses.append(int(status.split(maxsplit=1)[0]))
                return start_response(status, *arguments)

            response = application(environ, start)
            if statuses:
                self._add(environ, statuses[-1], getattr(response, "content", b""))
            return response

        return respond

    def _add(self, environ: WSGIEnvironment, status: int, content: bytes) -> None:
        path = environ["PATH_INFO"]
        sent = received = None
        # Other responses, such as 404 and a redirect, are sent before the token is verified.
        if path.startswith(PROTECTED) and (200 <= status < 300 or status == 403):
            sent = _in_header(environ.get("HTTP_AUTHORIZATION", ""))
        elif path.startswith(TOKEN_ROUTES):
            received = _in_body(content)
        if not (sent or received):
            return
        self._calls.append(
            {
                "time": int(time.time() * 1000),
                "caller": _caller(sent or received or {}),
                "method": environ["REQUEST_METHOD"],
                "path": IDS.sub("…", path),
                "status": status,
                "sent": sent,
                "received": received,
            }
        )


def _in_header(header: str) -> dict[str, Any] | None:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    if API_TOKEN.fullmatch(token):
        return {"kind": "api_token", "last_four": token[-4:]}
    return _described(token)


def _in_body(content: bytes) -> dict[str, Any] | None:
    try:
        token = json.loads(content).get("access_token")
    except (ValueError, AttributeError):
        return None
    return _described(token) if isinstance(token, str) else None


def _described(token: str) -> dict[str, Any] | None:
    """Return the kind of an access token, its audience and scope, and the clients that use it."""
    try:
        _, claims = read_token(token)
    except (ValueError, RecursionError):
        return None
    act = claims.get("act")
    found = {
        "kind": claims.get("tokenauth_grant", "access_token"),
        "aud": claims.get("aud"),
        "scope": claims.get("scope"),
        "client_id": claims.get("client_id"),
        "actor": act.get("sub") if isinstance(act, dict) else None,
    }
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and len(value) <= LONGEST
    }


def _caller(token: dict[str, Any]) -> str:
    kind = token.get("kind")
    if kind == "api_token":
        return "script"
    return "browser" if kind == "access_token" else str(token.get("client_id", "?"))
