"""Devices that are signed in, over real HTTP: each goes on with the last token it holds."""

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

SECONDS_TO_ANSWER = 60
# What a client of a test waits after a 503, instead of the second that it is asked to.
PAUSE = 0.01


class Answer(NamedTuple):
    """The status is 0 where the connection broke before the answer was there."""

    status: int
    body: Any = None
    retry_after: str | None = None

    def __str__(self) -> str:
        return f"{self.status} {self.body}"


class Gate:
    """Where clients wait while it is closed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = True
        self._waiting = 0

    def walk_through(self) -> None:
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._open)
            self._waiting -= 1

    def close(self) -> None:
        with self._changed:
            self._open = False

    def wait_for(self, number: int) -> None:
        """Until so many wait at the gate."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting == number, SECONDS_TO_ANSWER):
                raise AssertionError(f"{self._waiting} of {number} clients came to rest.")

    def open(self) -> None:
        with self._changed:
            self._open = True
            self._changed.notify_all()


class Line:
    """A connection to the application that is kept as long as it holds.

    Each request goes through the ``gate``: where it is closed, nothing is under way after a while.
    """

    def __init__(self, address: tuple[str, int], gate: Gate) -> None:
        self._connection = HTTPConnection(*address, timeout=SECONDS_TO_ANSWER)
        self.gate = gate
        #: Whether an answer is awaited.
        self.busy = False

    def post(self, path: str, **body: str) -> Answer:
        return self.ask("POST", f"/auth/{path}", json.dumps(body))

    def call(self, method: str, path: str, token: str) -> Answer:
        return self.ask(method, path, None, Authorization=f"Bearer {token}")

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: str | None, **headers: str) -> Answer:
        if body is not None:
            headers["Content-Type"] = "application/json"
        self.gate.walk_through()
        self.busy = True
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, HTTPException):
            self._connection.close()
            return Answer(0)
        finally:
            self.busy = False
        is_json = response.headers.get("Content-Type") == "application/json"
        return Answer(
            response.status,
            json.loads(text) if is_json else text.decode(),
            response.headers.get("Retry-After"),
        )


def sign_in(line: Line, username: str) -> Answer:
    return line.post("token/", username=username, password=PASSWORDS[username])


def claims(token: str) -> dict[str, Any]:
    """What a token of ours says. A client could not verify it either."""
    payload = token.split(".")[1]
    members: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return members


class Device:
    """One session: it refreshes, and calls the API, and notes whatever it was not to be told."""

    def __init__(self, line: Line, username: str, seed: str, *, strict: bool) -> None:
        answer = sign_in(line, username)
        assert answer.status == 200, answer
        tokens = answer.body
        self.line = line
        self.wrong: list[str] = []
        self.tally: Counter[str] = Counter()
        #: The last refresh token it holds and, for a client that asks again, the one before.
        self.token, self.former = tokens["refresh_token"], ""
        self._access = tokens["access_token"]
        self._random = random.Random(seed)  # noqa: S311
        # A database that may lose rotations cannot give the same token twice.
        self._strict = strict
        self._lost = False

    @property
    def session(self) -> str:
        return str(claims(self.token)["sid"])

    @property
    def generation(self) -> int:
        return int(claims(self.token)["gen"])

    def live(self, over: threading.Event) -> None:
        """Work until it is ``over``."""
        while not over.is_set():
            self.refresh()
            if self._random.random() < 0.2:
                self.call_api()

    def refresh(self) -> None:
        answer = self.line.post("token/refresh/", refresh_token=self.token)
        if not self._is_good("refresh", answer):
            self._lost = self._lost or answer.status == 0
            return
        generation = self.generation
        self.former, self.token = self.token, answer.body["refresh_token"]
        self._access = answer.body["access_token"]
        if self.generation != generation + 1:
            self.wrong.append(f"generation {self.generation} follows {generation}")
        # What a client does that has sent its token twice, as after an answer that it lost.
        if self._lost or self._random.random() < 0.1:
            self._lost = False
            self._ask_again()

    def _ask_again(self) -> None:
        answer = self.line.post("token/refresh/", refresh_token=self.former)
        if not self._is_good("predecessor", answer):
            self._lost = self._lost or answer.status == 0
        elif self._strict:
            if answer.body["refresh_token"] != self.token:
                self.wrong.append("the predecessor gets another token than its successor")
        elif claims(answer.body["refresh_token"])["gen"] != self.generation:
            self.wrong.append("the predecessor gets another generation than its successor")

    def call_api(self) -> None:
        self._is_good("JWTAuthentication", self.line.call("GET", "/who/", self._access))
        answer = self.line.call("GET", "/who/stateless/", self._access)
        if self._is_good("StatelessJWTAuthentication", answer) is None:
            self.wrong.append("the stateless class answers 503")

    def _is_good(self, what: str, answer: Answer) -> bool | None:
        """``None`` for a 503 as it has to be, False if there is no answer."""
        self.tally[f"{what}: {answer.status}"] += 1
        if answer.status == 200:
            return True
        if answer.status == 503 and answer.retry_after == "1":
            time.sleep(PAUSE)
            return None
        if answer.status:
            self.wrong.append(f"{what}: {answer}")
            time.sleep(PAUSE)
        return False


def wait_for_each(devices: list[Device], what: str) -> None:
    """Until each device was answered like this once more than at the time of the call."""
    before = [device.tally[what] for device in devices]
    end = time.monotonic() + SECONDS_TO_ANSWER
    for device, count in zip(devices, before, strict=True):
        while device.tally[what] == count:
            if device.wrong or time.monotonic() > end:
                raise AssertionError(f"Waited in vain for {what}. {device.wrong}")
            time.sleep(0.002)


def make_devices(
    address: tuple[str, int], number: int, seed: int, gate: Gate, *, strict: bool = True
) -> list[Device]:
    names = list(PASSWORDS)
    return [
        Device(Line(address, gate), names[i % len(names)], f"{seed}-{i}", strict=strict)
        for i in range(number)
    ]


@contextmanager
def living(devices: list[Device], wrong: list[str]) -> Iterator[None]:
    """The devices work meanwhile. At the end all gates are open and all of them have come home.

    What was waited for in vain is added to what is ``wrong``, and is the end.
    """
    over = threading.Event()
    threads = [threading.Thread(target=device.live, args=[over], daemon=True) for device in devices]
    for thread in threads:
        thread.start()
    try:
        yield
    except AssertionError as error:
        wrong.append(str(error))
    finally:
        over.set()
        for device in devices:
            device.line.gate.open()
        for device, thread in zip(devices, threads, strict=True):
            thread.join(SECONDS_TO_ANSWER)
            device.line.close()
