"""Clients of the proxy, which retry failed requests and record the results."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, NamedTuple

from tests.campaigns.crash.clients import Gate, KeptConnection, Response, claims
from tests.campaigns.machines.deployment import Deployment
from tests.campaigns.rotation.load import PROTECTED_PATHS, TIMEOUT, RateLimiter, kid_of
from tests.support.client import PASSWORDS

WITH_USER, STATELESS = PROTECTED_PATHS

#: The statuses after which a client retries. 0 is a missing response.
RETRIED = frozenset({0, 502, 503, 504})
#: The delays in seconds before the retries.
RETRY_DELAYS = (0.05, 0.1, 0.2, 0.4, 0.8)
USERNAMES = ("alice", "bob")


class RequestRecord(NamedTuple):
    """A request with its final status, and the statuses of its failed attempts."""

    title: str
    status: int
    failed: tuple[int, ...]
    seconds: float


class Span(NamedTuple):
    """The duration of a request to stateless authentication."""

    started: float
    ended: float
    sender: object


class Results:
    """The results of all requests. Threads share the lists, because they only append."""

    def __init__(self) -> None:
        self.requests: list[RequestRecord] = []
        self.errors: list[str] = []
        #: The sessions whose rotation succeeded, but whose response was lost.
        self.lost_responses: list[str] = []
        self.stateless: list[Span] = []


class Client:
    """A client with its connection to the proxy."""

    def __init__(self, address: tuple[str, int], results: Results) -> None:
        self._connection = KeptConnection(address, Gate())
        self.results = results

    def close(self) -> None:
        self._connection.close()

    def send(
        self,
        title: str,
        method: str,
        path: str,
        *,
        token: str = "",
        body: dict[str, str] | None = None,
        expected: tuple[int, ...] = (200,),
        on_failure: Callable[[], object] | None = None,
    ) -> Response:
        """Send a request with retries, and call ``on_failure`` after each failed attempt.

        A final status that is not ``expected`` is an error.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        text = None if body is None else json.dumps(body)
        failed: list[int] = []
        started = time.monotonic()
        response = self._attempt(method, path, text, headers)
        for delay in RETRY_DELAYS:
            if response.status not in RETRIED:
                break
            failed.append(response.status)
            if on_failure is not None:
                on_failure()
            time.sleep(delay)
            response = self._attempt(method, path, text, headers)
        seconds = time.monotonic() - started
        record = RequestRecord(title, response.status, tuple(failed), seconds)
        self.results.requests.append(record)
        if response.status not in expected:
            self.results.errors.append(f"{title}: {response}, after {failed}")
        return response

    def _attempt(
        self, method: str, path: str, text: str | None, headers: dict[str, str]
    ) -> Response:
        started = time.monotonic()
        response = self._connection.send(method, path, text, **headers)
        if path == STATELESS:
            self.results.stateless.append(Span(started, time.monotonic(), self))
        return response

    def sign_in(self, username: str, password: str = PASSWORDS["alice"]) -> dict[str, Any]:
        """Return the tokens, or an empty dict after a failure."""
        body = {"username": username, "password": password}
        response = self.send("sign-in", "POST", "/auth/token/", body=body)
        return dict(response.body) if response.status == 200 else {}

    def refresh(
        self, token: str, title: str = "refresh", on_failure: Callable[[], object] | None = None
    ) -> dict[str, Any]:
        """Return the tokens, or an empty dict after a failure."""
        body = {"refresh_token": token}
        response = self.send(
            title, "POST", "/auth/token/refresh/", body=body, on_failure=on_failure
        )
        return dict(response.body) if response.status == 200 else {}


class Device:
    """A device with one session, which must work until its sign-out."""

    def __init__(self, client: Client, username: str, deployment: Deployment) -> None:
        self.client = client
        self._username = username
        self._deployment = deployment
        self._tokens: dict[str, Any] = {}
        #: Whether a refresh is pending.
        self.is_refreshing = False

    @property
    def access_token(self) -> str:
        return str(self._tokens["access_token"])

    @property
    def kid(self) -> str:
        return kid_of(self.access_token)

    def sign_in(self) -> None:
        """Sign in. Raises ``AssertionError`` if that fails."""
        self._tokens = self.client.sign_in(self._username)
        assert self._tokens, "the sign-in failed"

    def call(self, path: str) -> None:
        self.client.send(path, "GET", path, token=self.access_token)

    def refresh(self) -> None:
        """Refresh, and record a rotation whose response was lost."""
        token = str(self._tokens["refresh_token"])
        session, generation = claims(token)["sid"], claims(token)["gen"]

        def on_failure() -> None:
            if self._deployment.generation(session) > generation:
                self.client.results.lost_responses.append(session)

        self.is_refreshing = True
        tokens = self.client.refresh(token, on_failure=on_failure)
        self.is_refreshing = False
        if not tokens:
            return
        new = claims(tokens["refresh_token"])
        if (new["sid"], new["gen"]) != (session, generation + 1):
            self.client.results.errors.append(f"generation {new['gen']} follows {generation}")
        self._tokens = tokens

    def refresh_twice(self) -> None:
        """Refresh twice with one token, as two browser tabs do, and expect one successor."""
        token = str(self._tokens["refresh_token"])
        self.refresh()
        repeated = self.client.refresh(token, "repeated refresh")
        if repeated and repeated["refresh_token"] != self._tokens["refresh_token"]:
            self.client.results.errors.append("a repeated refresh returned another token")

    def sign_out(self) -> None:
        token = str(self._tokens["refresh_token"])
        self.client.send("sign-out", "POST", "/auth/token/revoke/", body={"token": token})
        self.client.send(
            "refresh after sign-out",
            *("POST", "/auth/token/refresh/"),
            body={"refresh_token": token},
            expected=(400,),
        )
        self.sign_in()


class Load:
    """Devices that send requests at a total rate."""

    def __init__(
        self, deployment: Deployment, address: tuple[str, int], rate: float, devices: int
    ) -> None:
        self.results = Results()
        self._limiter = RateLimiter(rate)
        self.devices = [
            Device(Client(address, self.results), USERNAMES[number % len(USERNAMES)], deployment)
            for number in range(devices)
        ]
        #: A device that signs in first and refreshes at the end.
        self.idle = Device(Client(address, self.results), "alice", deployment)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the devices, each in its thread. At the end, each session must work."""
        with ExitStack() as stack:
            for device in (self.idle, *self.devices):
                stack.enter_context(closing(device.client))
                device.sign_in()
            threads = [
                threading.Thread(target=self._run, args=(device, number), daemon=True)
                for number, device in enumerate(self.devices)
            ]
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                self._limiter.finished.set()
                for thread in threads:
                    thread.join(TIMEOUT)
                if any(thread.is_alive() for thread in threads):
                    self.results.errors.append("a client did not stop")
            for device in (self.idle, *self.devices):
                device.refresh()
                for path in PROTECTED_PATHS:
                    device.call(path)

    def _run(self, device: Device, number: int) -> None:
        generator = random.Random(number)  # noqa: S311
        try:
            while self._limiter.wait():
                device.call(generator.choice(PROTECTED_PATHS))
                if generator.random() < 0.4:
                    device.refresh()
                elif generator.random() < 0.1:
                    device.refresh_twice()
                elif generator.random() < 0.04:
                    device.sign_out()
        except Exception as error:  # noqa: BLE001 - a test does not see exceptions of threads
            self.results.errors.append(repr(error))
