"""An HTTP client that uses only the standard library."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

# The servers run on this machine, so ignore the proxies of the environment.
_open = build_opener(ProxyHandler({})).open


@dataclass(frozen=True)
class Response:
    """A response. The status is 0 if there is none; the body is None if it is not JSON."""

    status: int
    headers: Message
    body: Any = None

    def get(self, name: str) -> Any:
        """Return a member of the body, or None if the body has no such member."""
        return self.body.get(name) if isinstance(self.body, dict) else None

    @property
    def error(self) -> tuple[int, Any]:
        """The status, and the error code of RFC 6749 or RFC 6750."""
        _, _, after = self.headers.get("WWW-Authenticate", "").partition('error="')
        return self.status, self.get("error") or after.partition('"')[0] or None


class Client:
    """Sends requests to one origin."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request, with the body as JSON and the token as a bearer token."""
        url = f"{self.origin}{path}"
        request = Request(url, method=method, headers=dict(headers or {}))  # noqa: S310
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token is not None:
            # Not sent again after a redirect to another host.
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        try:
            with _open(request, timeout=30) as response:
                return Response(response.status, response.headers, _json(response.read()))
        except HTTPError as error:
            with error:
                return Response(error.code, error.headers, _json(error.read()))
        except (OSError, HTTPException):
            return Response(0, Message())

    def get(self, path: str, *, token: str | None = None) -> Response:
        return self.send("GET", path, token=token)

    def post(self, path: str, body: Mapping[str, str], *, token: str | None = None) -> Response:
        return self.send("POST", path, body, token=token)


def read_token(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of a token, without verifying it. Raises ValueError."""
    header, claims = (
        json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        for part in token.split(".")[:2]
    )
    if not (isinstance(header, dict) and isinstance(claims, dict)):
        raise ValueError("The header and the claims must be JSON objects.")
    return header, claims


def tamper(token: str) -> str:
    """Return the token with one character of its claims changed."""
    header, claims, signature = token.split(".")
    middle = len(claims) // 2
    other = "A" if claims[middle] != "A" else "B"
    return ".".join([header, f"{claims[:middle]}{other}{claims[middle + 1 :]}", signature])


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
