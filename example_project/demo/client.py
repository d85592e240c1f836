"""An HTTP client of the standard library: what a program without any package would write."""

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

# These servers are on this machine, whatever the environment says about proxies.
_open = build_opener(ProxyHandler({})).open


@dataclass(frozen=True)
class Answer:
    """Status 0 means that nothing answered; a body that is no JSON is None."""

    status: int
    headers: Message
    body: Any = None

    def get(self, name: str) -> Any:
        """The member `name` of the body, None if there is no such thing."""
        return self.body.get(name) if isinstance(self.body, dict) else None

    @property
    def error(self) -> tuple[int, Any]:
        """The status, and RFC 6749's or RFC 6750's word for what is wrong."""
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
    ) -> Answer:
        url = f"{self.origin}{path}"
        request = Request(url, method=method, headers=dict(headers or {}))  # noqa: S310
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with _open(request, timeout=30) as response:
                return Answer(response.status, response.headers, _json(response.read()))
        except HTTPError as error:
            with error:
                return Answer(error.code, error.headers, _json(error.read()))
        except (OSError, HTTPException):
            return Answer(0, Message())

    def get(self, path: str, *, token: str | None = None) -> Answer:
        return self.send("GET", path, token=token)

    def post(self, path: str, body: Mapping[str, str], *, token: str | None = None) -> Answer:
        return self.send("POST", path, body, token=token)


def read_token(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token. Anybody can read them; only a key can vouch for them."""
    header, claims = (
        json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        for part in token.split(".")[:2]
    )
    return header, claims


def tamper(token: str) -> str:
    """The same token with one character of its claims changed."""
    header, claims, signature = token.split(".")
    middle = len(claims) // 2
    other = "A" if claims[middle] != "A" else "B"
    return ".".join([header, f"{claims[:middle]}{other}{claims[middle + 1 :]}", signature])


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
