"""The server as an attacker meets it, over a socket."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.campaigns.attacks.watching import Seen, Watch
from tests.support.client import INVALID_TOKEN, JSON, PASSWORDS
from tests.support.http_server import Address, Answer, exchange

#: What every refused access token is answered, whatever is wrong with it.
REFUSED = {"detail": "The access token is not valid."}
VIEWS = ("/who/", "/who/stateless/")


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


@dataclass
class Server:
    """Makes requests and keeps their answers."""

    address: Address
    watch: Watch
    answers: list[Answer] = field(default_factory=list)

    @property
    def seen(self) -> Seen:
        """What the last request made the server do."""
        return self.watch.requests[-1]

    def send(self, start: str | bytes, *lines: str | bytes, body: str | bytes = b"") -> Answer:
        """Bytes as they are: the request line, header lines and the body."""
        answer = exchange(self.address, _bytes(start), *map(_bytes, lines), body=_bytes(body))
        self.answers.append(answer)
        return answer

    def get(self, path: str, token: str | bytes | None = None, *lines: str | bytes) -> Answer:
        if token is not None:
            lines = (b"Authorization: Bearer " + _bytes(token), *lines)
        return self.send(f"GET {path} HTTP/1.1", *lines)

    def post(
        self, path: str, body: object, *lines: str | bytes, content_type: str = JSON
    ) -> Answer:
        """POST to a route of the app; a ``body`` that is neither text nor bytes goes as JSON."""
        data = _bytes(body if isinstance(body, (str, bytes)) else json.dumps(body))
        return self.send(
            f"POST /auth/{path} HTTP/1.1",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(data)}",
            *lines,
            body=data,
        )

    def sign_in(self, username: str = "alice", **parameters: object) -> dict[str, Any]:
        """The tokens of a sign-in that works."""
        who = {"username": username, "password": PASSWORDS[username]}
        answer = self.post("token/", {**who, **parameters})
        assert answer.status == 200, answer.body
        return dict(answer.json())

    def refuses(self, token: str | bytes) -> None:
        """As an access token: by both classes, with one answer and without a statement."""
        for path in VIEWS:
            answer = self.get(path, token)
            assert (answer.status, answer.json()) == (401, REFUSED)
            assert answer.challenge == INVALID_TOKEN
            assert self.seen.statements == []

    def accepts(self, token: str | bytes) -> None:
        """As an access token, by both classes."""
        for path in VIEWS:
            assert self.get(path, token).status == 200
