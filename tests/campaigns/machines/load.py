"""Clients of the proxy: they ask again as a client should, and note what came of it."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, NamedTuple

from tests.campaigns.crash.clients import Answer, Gate, Line, claims
from tests.campaigns.machines.deployment import Deployment
from tests.campaigns.rotation.load import SECONDS_TO_REST, VIEWS, Pace, kid_of
from tests.support.client import PASSWORDS

WITH_USER, STATELESS = VIEWS

#: What a client asks again after: no answer, and the proxy's word that there is none.
RETRIED = frozenset({0, 502, 503, 504})
#: How long it waits before each further attempt, in seconds.
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
NAMES = ("alice", "bob")


class Asked(NamedTuple):
    """A request with its attempts: the last status, and those before it (0 is no answer)."""

    what: str
    status: int
    before: tuple[int, ...]
    seconds: float


class Span(NamedTuple):
    """From when until when somebody waited for an answer of the stateless class."""

    began: float
    ended: float
    who: object


class Notes:
    """What came of all requests. Lists only grow, and at their end, so threads share them."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.wrong: list[str] = []
        #: The sessions that were rotated by a request whose answer was lost.
        self.lost: list[str] = []
        self.stateless: list[Span] = []


class Client:
    """One that asks at the proxy, over a connection of its own."""

    def __init__(self, address: tuple[str, int], notes: Notes) -> None:
        self._line = Line(address, Gate())
        self.notes = notes

    def close(self) -> None:
        self._line.close()

    def ask(
        self,
        what: str,
        method: str,
        path: str,
        *,
        token: str = "",
        body: dict[str, str] | None = None,
        expected: tuple[int, ...] = (200,),
        failed: Callable[[], object] | None = None,
    ) -> Answer:
        """Ask until there is an answer, but not for ever; ``failed`` is called after an attempt
        without one. Any other than the ``expected`` is noted as wrong."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        text = None if body is None else json.dumps(body)
        before: list[int] = []
        began = time.monotonic()
        answer = self._attempt(method, path, text, headers)
        for pause in PAUSES:
            if answer.status not in RETRIED:
                break
            before.append(answer.status)
            if failed is not None:
                failed()
            time.sleep(pause)
            answer = self._attempt(method, path, text, headers)
        seconds = time.monotonic() - began
        self.notes.asked.append(Asked(what, answer.status, tuple(before), seconds))
        if answer.status not in expected:
            self.notes.wrong.append(f"{what}: {answer}, after {before}")
        return answer

    def _attempt(self, method: str, path: str, text: str | None, headers: dict[str, str]) -> Answer:
        began = time.monotonic()
        answer = self._line.ask(method, path, text, **headers)
        if path == STATELESS:
            self.notes.stateless.append(Span(began, time.monotonic(), self))
        return answer

    def sign_in(self, username: str, password: str = PASSWORDS["alice"]) -> dict[str, Any]:
        """The tokens, or nothing if that fails."""
        body = {"username": username, "password": password}
        answer = self.ask("sign-in", "POST", "/auth/token/", body=body)
        return dict(answer.body) if answer.status == 200 else {}

    def refresh(
        self, token: str, what: str = "refresh", failed: Callable[[], object] | None = None
    ) -> dict[str, Any]:
        """The tokens, or nothing if that fails."""
        body = {"refresh_token": token}
        answer = self.ask(what, "POST", "/auth/token/refresh/", body=body, failed=failed)
        return dict(answer.body) if answer.status == 200 else {}


class Device:
    """One session: it must go on for as long as it is not signed out."""

    def __init__(self, client: Client, username: str, deployment: Deployment) -> None:
        self.client = client
        self._username = username
        self._deployment = deployment
        self._tokens: dict[str, Any] = {}
        #: Whether the answer to a refresh is awaited.
        self.is_refreshing = False

    @property
    def access_token(self) -> str:
        return str(self._tokens["access_token"])

    @property
    def kid(self) -> str:
        return kid_of(self.access_token)

    def sign_in(self) -> None:
        """Raises ``AssertionError`` if that fails."""
        self._tokens = self.client.sign_in(self._username)
        assert self._tokens, "nobody can sign in"

    def call(self, path: str) -> None:
        self.client.ask(path, "GET", path, token=self.access_token)

    def refresh(self) -> None:
        """Rotate the session, whatever answers get lost."""
        former = str(self._tokens["refresh_token"])
        session, generation = claims(former)["sid"], claims(former)["gen"]

        def failed() -> None:
            if self._deployment.generation(session) > generation:
                self.client.notes.lost.append(session)

        self.is_refreshing = True
        tokens = self.client.refresh(former, failed=failed)
        self.is_refreshing = False
        if not tokens:
            return
        found = claims(tokens["refresh_token"])
        if (found["sid"], found["gen"]) != (session, generation + 1):
            self.client.notes.wrong.append(f"generation {found['gen']} follows {generation}")
        self._tokens = tokens

    def refresh_twice(self) -> None:
        """As two tabs of a browser do: both hold the same token afterwards."""
        former = str(self._tokens["refresh_token"])
        self.refresh()
        again = self.client.refresh(former, "the same refresh again")
        if again and again["refresh_token"] != self._tokens["refresh_token"]:
            self.client.notes.wrong.append("the same refresh again gave another token")

    def sign_out(self) -> None:
        token = str(self._tokens["refresh_token"])
        self.client.ask("sign-out", "POST", "/auth/token/revoke/", body={"token": token})
        self.client.ask(
            "refresh after the sign-out",
            *("POST", "/auth/token/refresh/"),
            body={"refresh_token": token},
            expected=(400,),
        )
        self.sign_in()


class Load:
    """Devices that work at a given rate, all together."""

    def __init__(
        self, deployment: Deployment, address: tuple[str, int], rate: float, devices: int
    ) -> None:
        self.notes = Notes()
        self._pace = Pace(rate)
        self.devices = [
            Device(Client(address, self.notes), NAMES[number % len(NAMES)], deployment)
            for number in range(devices)
        ]
        #: Signs in before all others and refreshes at the end.
        self.sleeper = Device(Client(address, self.notes), "alice", deployment)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The devices work meanwhile, in a thread each. Afterwards nobody has lost the session."""
        with ExitStack() as stack:
            for device in (self.sleeper, *self.devices):
                stack.enter_context(closing(device.client))
                device.sign_in()
            threads = [
                threading.Thread(target=self._live, args=(device, number), daemon=True)
                for number, device in enumerate(self.devices)
            ]
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                self._pace.over.set()
                for thread in threads:
                    thread.join(SECONDS_TO_REST)
                if any(thread.is_alive() for thread in threads):
                    self.notes.wrong.append("a client did not come to rest")
            for device in (self.sleeper, *self.devices):
                device.refresh()
                for path in VIEWS:
                    device.call(path)

    def _live(self, device: Device, number: int) -> None:
        chance = random.Random(number)  # noqa: S311
        try:
            while self._pace.wait():
                device.call(chance.choice(VIEWS))
                if chance.random() < 0.4:
                    device.refresh()
                elif chance.random() < 0.1:
                    device.refresh_twice()
                elif chance.random() < 0.04:
                    device.sign_out()
        except Exception as error:  # noqa: BLE001 - a thread that dies in silence fails nothing
            self.notes.wrong.append(repr(error))
