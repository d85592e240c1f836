"""Sessions that end in each way there is, and how long which machine takes their token."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.campaigns.machines.load import STATELESS, WITH_USER, Client, Span
from tests.campaigns.machines.machine import SECONDS_TO_START, Direct, Machine
from tests.campaigns.rotation.load import VIEWS
from tests.support.client import PASSWORDS

PAUSE = 0.03
OK, UNAUTHORIZED = 200, 401
WAYS = ("sign-out", "sign-out everywhere", "new password", "reuse")
# As often as one is asked again that has refused, to see that it does not change its mind.
TIMES_AGAIN = 3


@dataclass
class Watched:
    """What one machine answered after one sign-out."""

    how: str
    machine: str
    #: When the sign-out was answered, by the clock of the spans.
    answered: float
    #: Whether the same process answered all the time.
    same: bool = True
    #: How many requests ``JWTAuthentication`` took, and how many it refused.
    taken: int = 0
    refused: int = 0
    #: The requests that the stateless class took, and the first that it refused.
    stateless_taken: list[Span] = field(default_factory=list)
    stateless_refused: Span | None = None
    came_back: bool = False

    def after(self) -> float:
        """How long after the sign-out the last request began that the stateless class took."""
        return self.stateless_taken[-1].began - self.answered if self.stateless_taken else 0.0

    def late(self, poll: float) -> list[Span]:
        """The requests that it took and that began more than ``poll`` seconds after."""
        return [span for span in self.stateless_taken if span.began > self.answered + poll]


def name_of(how: str, number: int) -> str:
    """The user whom a leaver signs out in this way."""
    return f"alice-{how.replace(' ', '-')}-{number}"


class Leaver:
    """Signs in and out again, in one way after the other, each with a user of its own."""

    def __init__(
        self, client: Client, machines: Sequence[Machine], number: int, patience: float
    ) -> None:
        self._client = client
        self._machines = machines
        self._passwords = (f"{PASSWORDS['bob']} {turn}" for turn in count())
        self._password = PASSWORDS["alice"]
        self._number = number
        self._patience = patience
        done = (self._sign_out, self._everywhere, self._new_password, self._reuse)
        self._ways = dict(zip(WAYS, done, strict=True))
        self.watched: list[Watched] = []

    def leave(self, ways: Sequence[str], times: int) -> None:
        """Each of the ways so many times."""
        try:
            for _ in range(times):
                for how in ways:
                    self._measure(how)
        except Exception as error:  # noqa: BLE001 - a thread that dies in silence fails nothing
            self._client.notes.wrong.append(repr(error))
        finally:
            self._client.close()

    def _measure(self, how: str) -> None:
        is_password = how == "new password"
        password = self._password if is_password else PASSWORDS["alice"]
        tokens = self._client.sign_in(name_of(how, self._number), password)
        token = tokens["access_token"]
        with ExitStack() as stack:
            lines = [stack.enter_context(closing(Direct(it.address))) for it in self._machines]
            for line in lines:
                # From now on each knows the token, and has a list of those revoked before.
                self._until_taken(line, token)
            starts = [machine.starts for machine in self._machines]
            self._ways[how](tokens)
            answered = time.monotonic()
            watched = [Watched(how, machine.name, answered) for machine in self._machines]
            over = threading.Barrier(len(lines))
            pool = stack.enter_context(ThreadPoolExecutor(len(lines)))
            watches = [
                pool.submit(self._watch, line, token, seen, over)
                for line, seen in zip(lines, watched, strict=True)
            ]
            for watch in watches:
                watch.result()
        for machine, start, seen in zip(self._machines, starts, watched, strict=True):
            seen.same = machine.starts == start
        self.watched += watched

    def _sign_out(self, tokens: dict[str, Any]) -> None:
        body = {"token": tokens["refresh_token"]}
        self._client.ask("sign-out", "POST", "/auth/token/revoke/", body=body)

    def _everywhere(self, tokens: dict[str, Any]) -> None:
        # 401 if the answer was lost: the proxy, or the client, asked once more.
        self._client.ask(
            "sign-out everywhere",
            *("DELETE", "/auth/sessions/"),
            token=tokens["access_token"],
            expected=(204, 401),
        )

    def _new_password(self, tokens: dict[str, Any]) -> None:
        self._password = next(self._passwords)
        self._client.ask(
            "new password",
            *("PUT", "/password/"),
            token=tokens["access_token"],
            body={"password": self._password},
            expected=(204, 401),
        )

    def _reuse(self, tokens: dict[str, Any]) -> None:
        newer = self._client.refresh(tokens["refresh_token"])
        self._client.refresh(newer["refresh_token"])
        self._client.ask(
            "reuse",
            *("POST", "/auth/token/refresh/"),
            body={"refresh_token": tokens["refresh_token"]},
            expected=(400,),
        )

    def _until_taken(self, line: Direct, token: str) -> None:
        end = time.monotonic() + SECONDS_TO_START
        for path in VIEWS:
            while (answer := line.get(path, token)).status != OK:
                # It may be down.
                assert answer.status == 0, f"a good token: {answer}"
                assert time.monotonic() < end, "a machine does not answer"
                time.sleep(PAUSE)

    def _watch(self, line: Direct, token: str, seen: Watched, over: threading.Barrier) -> None:
        """Ask until the stateless class has refused it, and a few times more."""
        end = time.monotonic() + self._patience
        while seen.stateless_refused is None and time.monotonic() < end:
            self._ask(line, token, seen)
            time.sleep(PAUSE)
        # Now the others have heard of it too.
        over.wait(self._patience + SECONDS_TO_START)
        for _ in range(TIMES_AGAIN):
            self._ask(line, token, seen)

    def _ask(self, line: Direct, token: str, seen: Watched) -> None:
        status = line.get(WITH_USER, token).status
        seen.taken += status == OK
        seen.refused += status == UNAUTHORIZED
        began = time.monotonic()
        status = line.get(STATELESS, token).status
        span = Span(began, time.monotonic(), seen)
        self._client.notes.stateless.append(span)
        if status == OK:
            seen.stateless_taken.append(span)
            seen.came_back = seen.came_back or seen.stateless_refused is not None
        elif status == UNAUTHORIZED and seen.stateless_refused is None:
            seen.stateless_refused = span
