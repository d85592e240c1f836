"""Devices with sessions, over real HTTP. Each one continues with its last token."""

from __future__ import annotations

import base64
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

from tests.support.client import PASSWORDS

TIMEOUT = 60
# The delay after a 503, instead of the second in Retry-After.
RETRY_DELAY = 0.01


class Response(NamedTuple):
    """A response. Its status is 0 if the connection broke before it arrived."""

    status: int
    body: Any = None
    retry_after: str | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.body}"


class Gate:
    """A gate at which clients wait while it is closed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = True
        self._waiting = 0

    def pass_through(self) -> None:
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._open)
            self._waiting -= 1

    def close(self) -> None:
        with self._changed:
            self._open = False

    def wait_for(self, number: int) -> None:
        """Wait until ``number`` clients wait at the gate."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting == number, TIMEOUT):
                raise AssertionError(f"{self._waiting} of {number} clients wait at the gate.")

    def open(self) -> None:
        with self._changed:
            self._open = True
            self._changed.notify_all()


class KeptConnection:
    """A persistent connection to the application.

    Each request passes the ``gate``, so no request is pending soon after the gate is closed.
    """

    def __init__(self, address: tuple[str, int], gate: Gate) -> None:
        self._connection = HTTPConnection(*address, timeout=TIMEOUT)
        self.gate = gate
        #: Whether a request is pending.
        self.busy = False

    def post(self, path: str, **body: str) -> Response:
        return self.send("POST", f"/auth/{path}", json.dumps(body))

    def call(self, method: str, path: str, token: str) -> Response:
        return self.send(method, path, None, Authorization=f"Bearer {token}")

    def close(self) -> None:
        self._connection.close()

    def send(self, method: str, path: str, body: str | None, **headers: str) -> Response:
        if body is not None:
            headers["Content-Type"] = "application/json"
        self.gate.pass_through()
        self.busy = True
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, HTTPException):
            self._connection.close()
            return Response(0)
        finally:
            self.busy = False
        is_json = response.headers.get("Content-Type") == "application/json"
        return Response(
            response.status,
            json.loads(text) if is_json else text.decode(),
            response.headers.get("Retry-After"),
        )


def sign_in(connection: KeptConnection, username: str) -> Response:
    return connection.post("token/", username=username, password=PASSWORDS[username])


def claims(token: str) -> dict[str, Any]:
    """Return the unverified claims of a token."""
    payload = token.split(".")[1]
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return members


class Device:
    """A device with one session. It refreshes, calls the API, and records unexpected responses."""

    def __init__(
        self, connection: KeptConnection, username: str, seed: str, *, strict: bool
    ) -> None:
        response = sign_in(connection, username)
        assert response.status == 200, response
        tokens = response.body
        self.connection = connection
        self.errors: list[str] = []
        self.tally: Counter[str] = Counter()
        #: The last refresh token, and the previous one for repeated refreshes.
        self.token, self.previous = tokens["refresh_token"], ""
        self._access = tokens["access_token"]
        self._random = random.Random(seed)  # noqa: S311
        # A database that may lose rotations cannot repeat the same token.
        self._strict = strict
        self._lost_response = False

    @property
    def session(self) -> str:
        return str(claims(self.token)["sid"])

    @property
    def generation(self) -> int:
        return int(claims(self.token)["gen"])

    def run(self, finished: threading.Event) -> None:
        """Send requests until ``finished`` is set."""
        while not finished.is_set():
            self.refresh()
            if self._random.random() < 0.2:
                self.call_api()

    def refresh(self) -> None:
        response = self.connection.post("token/refresh/", refresh_token=self.token)
        if not self._is_ok("refresh", response):
            self._lost_response = self._lost_response or response.status == 0
            return
        generation = self.generation
        self.previous, self.token = self.token, response.body["refresh_token"]
        self._access = response.body["access_token"]
        if self.generation != generation + 1:
            self.errors.append(f"generation {self.generation} follows {generation}")
        # A client that lost the response sends its token again.
        if self._lost_response or self._random.random() < 0.1:
            self._lost_response = False
            self._repeat_refresh()

    def _repeat_refresh(self) -> None:
        response = self.connection.post("token/refresh/", refresh_token=self.previous)
        if not self._is_ok("previous token", response):
            self._lost_response = self._lost_response or response.status == 0
        elif self._strict:
            if response.body["refresh_token"] != self.token:
                self.errors.append("the previous token returns another successor")
        elif claims(response.body["refresh_token"])["gen"] != self.generation:
            self.errors.append("the previous token returns another generation")

    def call_api(self) -> None:
        self._is_ok("JWTAuthentication", self.connection.call("GET", "/who/", self._access))
        response = self.connection.call("GET", "/who/stateless/", self._access)
        if self._is_ok("StatelessJWTAuthentication", response) is None:
            self.errors.append("stateless authentication returned 503")

    def _is_ok(self, title: str, response: Response) -> bool | None:
        """Return ``None`` for a correct 503, and ``False`` without a response."""
        self.tally[f"{title}: {response.status}"] += 1
        if response.status == 200:
            return True
        if response.status == 503 and response.retry_after == "1":
            time.sleep(RETRY_DELAY)
            return None
        if response.status:
            self.errors.append(f"{title}: {response}")
            time.sleep(RETRY_DELAY)
        return False


def wait_for_outcome(devices: list[Device], outcome: str) -> None:
    """Wait until each device has had the outcome once more."""
    before = [device.tally[outcome] for device in devices]
    end = time.monotonic() + TIMEOUT
    for device, count in zip(devices, before, strict=True):
        while device.tally[outcome] == count:
            if device.errors or time.monotonic() > end:
                raise AssertionError(
                    f"{outcome!r} did not occur within {TIMEOUT} s. {device.errors}"
                )
            time.sleep(0.002)


def make_devices(
    address: tuple[str, int], number: int, seed: int, gate: Gate, *, strict: bool = True
) -> list[Device]:
    names = list(PASSWORDS)
    return [
        Device(KeptConnection(address, gate), names[i % len(names)], f"{seed}-{i}", strict=strict)
        for i in range(number)
    ]


@contextmanager
def running(devices: list[Device], errors: list[str]) -> Iterator[None]:
    """Run the devices in threads. At the end, open all gates and stop the devices.

    A timeout in the block is added to ``errors`` and ends the block.
    """
    finished = threading.Event()
    threads = [
        threading.Thread(target=device.run, args=[finished], daemon=True) for device in devices
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    except AssertionError as error:
        errors.append(str(error))
    finally:
        finished.set()
        for device in devices:
            device.connection.gate.open()
        for device, thread in zip(devices, threads, strict=True):
            thread.join(TIMEOUT)
            device.connection.close()
