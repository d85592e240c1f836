"""Clients that sign in, refresh and call protected views at a given rate, at any of the servers."""

from __future__ import annotations

import json
import random
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

from tests.campaigns.crash.clients import Answer, Gate, Line, claims
from tests.campaigns.rotation.consumer import Consumer
from tests.campaigns.rotation.processes import ServerProcess
from tests.support.client import PASSWORDS

DEVICES = 16
SECONDS_TO_REST = 60
VIEWS = ("/who/", "/who/stateless/")
_ALICE = {"username": "alice", "password": PASSWORDS["alice"]}


class Asked(NamedTuple):
    """A request and its answer: the status is 0 where none came."""

    what: str
    server: str
    kid: str
    status: int
    seconds: float


class Signed(NamedTuple):
    """An access token as it came: by which server and key, and when, as the token says."""

    server: str
    kid: str
    issued_at: int


def kid_of(token: str) -> str:
    header = json.loads(urlsafe_b64decode(token.partition(".")[0] + "=="))
    return str(header["kid"])


class Pace:
    """Lets so many through in a second, however many wait. Who is late goes at once."""

    def __init__(self, rate: float) -> None:
        self._seconds = 1 / rate
        self._began = time.monotonic()
        self._numbers = count()
        self.over = threading.Event()

    def wait(self) -> bool:
        """Wait for a turn; False when it is over."""
        turn = self._began + next(self._numbers) * self._seconds
        return not self.over.wait(max(0.0, turn - time.monotonic()))


class Load:
    """Everything that the clients have in common, and what came of their requests."""

    def __init__(
        self, servers: list[ServerProcess], consumers: list[Consumer], rate: float, keep: float
    ) -> None:
        #: More may come while it runs.
        self.servers = servers
        self.consumers = consumers
        self.pace = Pace(rate)
        #: How many seconds a client uses a token at most.
        self.keep = keep
        # Lists only grow, and at their end, so the threads share them.
        self.asked: list[Asked] = []
        self.signed: list[Signed] = []
        self.wrong: list[str] = []
        self.devices = [Device(self, number) for number in range(DEVICES)]

    def failed(self) -> int:
        return sum(asked.status != 200 for asked in self.asked)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The devices work meanwhile, in a thread each."""
        threads = [threading.Thread(target=device.live, daemon=True) for device in self.devices]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.pace.over.set()
            for thread in threads:
                thread.join(SECONDS_TO_REST)
            if any(thread.is_alive() for thread in threads):
                self.wrong.append("a client did not come to rest")


class Device:
    """One client with one session, that asks another server each time."""

    def __init__(self, load: Load, number: int) -> None:
        self._load = load
        self._random = random.Random(number)  # noqa: S311
        self._lines: dict[str, Line] = {}
        self._refresh_token = ""
        self._access_token = ""
        self._use_until = 0.0
        self._session = ""

    @property
    def kid(self) -> str:
        """The key of the token that it uses; nothing before it has signed in."""
        token = self._access_token
        return kid_of(token) if token else ""

    def live(self) -> None:
        """Work until it is over. Sign in at the beginning, and now and then a further device."""
        try:
            while self._load.pace.wait():
                if not self._session:
                    self.sign_in()
                elif time.monotonic() >= self._use_until:
                    self.refresh()
                elif self._random.random() < 0.05:
                    self._take(self._post("sign-in", "token/", **_ALICE))
                else:
                    self._call()
        except Exception as error:  # noqa: BLE001 - a thread that dies in silence fails nothing
            self._load.wrong.append(repr(error))
        finally:
            self.close()

    def close(self) -> None:
        for line in self._lines.values():
            line.close()

    def sign_in(self) -> None:
        body = self._take(self._post("sign-in", "token/", **_ALICE))
        if body:
            self._keep(body)
            self._session = claims(self._refresh_token)["sid"]

    def access_token(self) -> str:
        """Sign in, and do nothing else. Raises ``AssertionError`` if that fails."""
        self.sign_in()
        self.close()
        assert self._access_token, "nobody can sign in"
        return self._access_token

    def refresh(self) -> None:
        """Refresh at any server: the session goes on."""
        answer = self._post("refresh", "token/refresh/", refresh_token=self._refresh_token)
        body = self._take(answer)
        if body:
            self._keep(body)
            if claims(self._refresh_token)["sid"] != self._session:
                self._load.wrong.append("a refresh gave a token of another session")

    def _call(self) -> None:
        """Show the token to one of our servers and to all others that take it."""
        path = self._random.choice(VIEWS)
        server = self._random.choice(self._load.servers)
        began = time.monotonic()
        answer = self._line(server).call("GET", path, self._access_token)
        self._note(path, server, kid_of(self._access_token), answer, began)
        for consumer in self._load.consumers:
            if fault := consumer.fault(self._access_token):
                self._load.wrong.append(fault)

    def _post(self, what: str, path: str, **body: str) -> tuple[ServerProcess, Answer]:
        server = self._random.choice(self._load.servers)
        began = time.monotonic()
        answer = self._line(server).post(path, **body)
        self._note(what, server, "", answer, began)
        return server, answer

    def _note(
        self, what: str, server: ServerProcess, kid: str, answer: Answer, began: float
    ) -> None:
        seconds = time.monotonic() - began
        self._load.asked.append(Asked(what, server.name, kid, answer.status, seconds))
        if answer.status != 200:
            by = f" with a token of {kid}" if kid else ""
            self._load.wrong.append(f"{what} at {server.name}{by}: {answer}")

    def _take(self, given: tuple[ServerProcess, Answer]) -> dict[str, Any]:
        """The tokens of an answer, noted and shown to those that verify them by themselves."""
        server, answer = given
        if answer.status != 200:
            return {}
        token = answer.body["access_token"]
        self._load.signed.append(Signed(server.name, kid_of(token), claims(token)["iat"]))
        for consumer in self._load.consumers:
            if fault := consumer.fault(token):
                self._load.wrong.append(fault)
        return dict(answer.body)

    def _keep(self, body: dict[str, Any]) -> None:
        self._refresh_token = body["refresh_token"]
        self._access_token = body["access_token"]
        self._use_until = time.monotonic() + self._random.uniform(0, self._load.keep)

    def _line(self, server: ServerProcess) -> Line:
        if server.name not in self._lines:
            self._lines[server.name] = Line(server.address, Gate())
        return self._lines[server.name]
