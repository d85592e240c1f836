"""Sessions that end in each way there is, and how long which machine takes their token."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.client import PASSWORDS
from tests.machines.load import Client
from tests.machines.machine import Direct, Machine

PAUSE = 0.03
#: Beyond what the list may take.
PATIENCE = 60
OK, UNAUTHORIZED = 200, 401
WAYS = ("sign-out", "sign-out everywhere", "new password", "reuse")
# As often as one is asked again that has refused, to see that it does not change its mind.
TIMES_AGAIN = 3


@dataclass
class Watched:
    """What one machine answered after one sign-out. Times are in seconds since its answer."""

    how: str
    machine: str
    #: Whether the same process answered all the time.
    same: bool = True
    #: When those requests began that ``JWTAuthentication`` took, and how many it refused.
    taken: list[float] = field(default_factory=list)
    refused: int = 0
    #: When the last one began that the stateless class took, and the first that it refused.
    stateless_taken: float = 0.0
    stateless_refused: float | None = None
    came_back: bool = False


def name_of(how: str, number: int) -> str:
    """The user whom a leaver signs out in this way."""
    return f"alice-{how.replace(' ', '-')}-{number}"


class Leaver:
    """Signs in and out again, in one way after the other, each with a user of its own."""

    def __init__(self, client: Client, machines: Sequence[Machine], number: int) -> None:
        self._client = client
        self._machines = machines
        self._passwords = (f"{PASSWORDS['bob']} {turn}" for turn in count())
        self._password = PASSWORDS["alice"]
        self._number = number
        done = (self._sign_out, self._everywhere, self._new_password, self._reuse)
        self._ways = dict(zip(WAYS, done, strict=True))
        self.watched: list[Watched] = []

    def leave(self, times: int) -> None:
        """Each way so many times."""
        try:
            for _ in range(times):
                for how in self._ways:
                    self._measure(how)
        except Exception as error:  # noqa: BLE001 - a thread that dies in silence fails nothing
            self._client.notes.wrong.append(repr(error))
        finally:
            self._client.close()

    def _measure(self, how: str) -> None:
        is_password = how == "new password"
        password = self._password if is_password else PASSWORDS["alice"]
        tokens = self._client.sign_in(name_of(how, self._number), password)
        lines = [Direct(machine.address) for machine in self._machines]
        for line in lines:
            # From now on each knows the token and has a list of those that were revoked before.
            _until_taken(line, tokens["access_token"])
        starts = [machine.starts for machine in self._machines]
        self._ways[how](tokens)
        answered = time.monotonic()
        watched = [Watched(how, machine.name) for machine in self._machines]
        over = threading.Barrier(len(lines))
        with ThreadPoolExecutor(len(lines)) as pool:
            watches = [
                pool.submit(_watch, line, tokens["access_token"], answered, seen, over)
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


def _until_taken(line: Direct, token: str) -> None:
    end = time.monotonic() + PATIENCE
    for view in ("/who/", "/who/stateless/"):
        while (answer := line.get(view, token)).status != OK:
            # It may be down.
            assert answer.status == 0, f"a good token: {answer}"
            assert time.monotonic() < end, "a machine does not answer"
            time.sleep(PAUSE)


def _watch(
    line: Direct, token: str, answered: float, seen: Watched, over: threading.Barrier
) -> None:
    """Ask until the stateless class has refused it, and a few times more."""
    end = time.monotonic() + PATIENCE
    while seen.stateless_refused is None and time.monotonic() < end:
        _ask(line, token, answered, seen)
        time.sleep(PAUSE)
    # Now the others have heard of it too.
    over.wait(PATIENCE)
    for _ in range(TIMES_AGAIN):
        _ask(line, token, answered, seen)
    line.close()


def _ask(line: Direct, token: str, answered: float, seen: Watched) -> None:
    began = time.monotonic() - answered
    status = line.get("/who/", token).status
    if status == OK:
        seen.taken.append(began)
    seen.refused += status == UNAUTHORIZED
    began = time.monotonic() - answered
    status = line.get("/who/stateless/", token).status
    if status == OK:
        seen.stateless_taken = began
        seen.came_back = seen.came_back or seen.stateless_refused is not None
    elif status == UNAUTHORIZED and seen.stateless_refused is None:
        seen.stateless_refused = began
