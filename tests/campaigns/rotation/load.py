"""Clients that sign in, refresh and call protected views at a fixed rate on all servers."""

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

from tests.campaigns.crash.clients import Gate, KeptConnection, Response, claims
from tests.campaigns.rotation.consumer import Consumer
from tests.campaigns.rotation.processes import ServerProcess
from tests.support.client import PASSWORDS

DEVICES = 16
TIMEOUT = 60
PROTECTED_PATHS = ("/who/", "/who/stateless/")
_ALICE = {"username": "alice", "password": PASSWORDS["alice"]}


class RequestRecord(NamedTuple):
    """A request and the status of its response, 0 without a response."""

    title: str
    server: str
    kid: str
    status: int
    seconds: float


class TokenRecord(NamedTuple):
    """An issued access token: its server, its key and its ``iat``."""

    server: str
    kid: str
    issued_at: int


def kid_of(token: str) -> str:
    """Return the ``kid`` of a token."""
    header = json.loads(urlsafe_b64decode(token.partition(".")[0] + "=="))
    return str(header["kid"])


class RateLimiter:
    """Let ``rate`` callers per second continue. A late caller continues at once."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._started = time.monotonic()
        self._numbers = count()
        self.finished = threading.Event()

    def wait(self) -> bool:
        """Wait for the next slot. Return ``False`` after the load stopped."""
        slot = self._started + next(self._numbers) * self._interval
        return not self.finished.wait(max(0.0, slot - time.monotonic()))


class Load:
    """The shared state of the clients, and the records of their requests."""

    def __init__(
        self, servers: list[ServerProcess], consumers: list[Consumer], rate: float, use_time: float
    ) -> None:
        #: The list can grow during the load.
        self.servers = servers
        self.consumers = consumers
        self.limiter = RateLimiter(rate)
        #: The maximum time in seconds for which a client uses a token.
        self.use_time = use_time
        # Threads share these lists, because they only append.
        self.requests: list[RequestRecord] = []
        self.tokens: list[TokenRecord] = []
        self.errors: list[str] = []
        self.devices = [Device(self, number) for number in range(DEVICES)]

    def failed(self) -> int:
        """Return the number of failed requests."""
        return sum(record.status != 200 for record in self.requests)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the devices, each in its thread."""
        threads = [threading.Thread(target=device.run, daemon=True) for device in self.devices]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.limiter.finished.set()
            for thread in threads:
                thread.join(TIMEOUT)
            if any(thread.is_alive() for thread in threads):
                self.errors.append("a client did not stop")


class Device:
    """A client with one session, which sends each request to a random server."""

    def __init__(self, load: Load, number: int) -> None:
        self._load = load
        self._random = random.Random(number)  # noqa: S311
        self._connections: dict[str, KeptConnection] = {}
        self._refresh_token = ""
        self._access_token = ""
        self._used_until = 0.0
        self._session = ""

    @property
    def kid(self) -> str:
        """Return the ``kid`` of its access token, empty before the sign-in."""
        token = self._access_token
        return kid_of(token) if token else ""

    def run(self) -> None:
        """Send requests until the load stops. Sometimes sign another device in."""
        try:
            while self._load.limiter.wait():
                if not self._session:
                    self.sign_in()
                elif time.monotonic() >= self._used_until:
                    self.refresh()
                elif self._random.random() < 0.05:
                    self._record_tokens(self._post("sign-in", "token/", **_ALICE))
                else:
                    self._call()
        except Exception as error:  # noqa: BLE001 - a test does not see exceptions of threads
            self._load.errors.append(repr(error))
        finally:
            self.close()

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    def sign_in(self) -> None:
        body = self._record_tokens(self._post("sign-in", "token/", **_ALICE))
        if body:
            self._use(body)
            self._session = claims(self._refresh_token)["sid"]

    def access_token(self) -> str:
        """Sign in and return the token. Raises ``AssertionError`` if that fails."""
        self.sign_in()
        self.close()
        assert self._access_token, "the sign-in failed"
        return self._access_token

    def refresh(self) -> None:
        """Refresh at a random server."""
        response = self._post("refresh", "token/refresh/", refresh_token=self._refresh_token)
        body = self._record_tokens(response)
        if body:
            self._use(body)
            if claims(self._refresh_token)["sid"] != self._session:
                self._load.errors.append("a refresh returned a token of another session")

    def _call(self) -> None:
        """Send the token to one server and to all services with cached keys."""
        path = self._random.choice(PROTECTED_PATHS)
        server = self._random.choice(self._load.servers)
        started = time.monotonic()
        response = self._connection(server).call("GET", path, self._access_token)
        self._record(path, server, kid_of(self._access_token), response, started)
        for consumer in self._load.consumers:
            if error := consumer.find_error(self._access_token):
                self._load.errors.append(error)

    def _post(self, title: str, path: str, **body: str) -> tuple[ServerProcess, Response]:
        server = self._random.choice(self._load.servers)
        started = time.monotonic()
        response = self._connection(server).post(path, **body)
        self._record(title, server, "", response, started)
        return server, response

    def _record(
        self, title: str, server: ServerProcess, kid: str, response: Response, started: float
    ) -> None:
        seconds = time.monotonic() - started
        self._load.requests.append(RequestRecord(title, server.name, kid, response.status, seconds))
        if response.status != 200:
            suffix = f" with a token of {kid}" if kid else ""
            self._load.errors.append(f"{title} at {server.name}{suffix}: {response}")

    def _record_tokens(self, result: tuple[ServerProcess, Response]) -> dict[str, Any]:
        """Return the tokens of a response, after the services with cached keys verified them."""
        server, response = result
        if response.status != 200:
            return {}
        token = response.body["access_token"]
        self._load.tokens.append(TokenRecord(server.name, kid_of(token), claims(token)["iat"]))
        for consumer in self._load.consumers:
            if error := consumer.find_error(token):
                self._load.errors.append(error)
        return dict(response.body)

    def _use(self, body: dict[str, Any]) -> None:
        self._refresh_token = body["refresh_token"]
        self._access_token = body["access_token"]
        self._used_until = time.monotonic() + self._random.uniform(0, self._load.use_time)

    def _connection(self, server: ServerProcess) -> KeptConnection:
        if server.name not in self._connections:
            self._connections[server.name] = KeptConnection(server.address, Gate())
        return self._connections[server.name]
