"""Sessions that are revoked by each event, and the time until each machine rejects their tokens."""

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
from tests.campaigns.machines.machine import START_TIMEOUT, DirectConnection, Machine
from tests.campaigns.rotation.load import PROTECTED_PATHS
from tests.support.client import PASSWORDS

POLL_INTERVAL = 0.03
OK, UNAUTHORIZED = 200, 401
EVENTS = ("sign-out", "sign-out everywhere", "new password", "reuse")
# The requests after the first rejection, which must be rejected too.
ADDITIONAL_REQUESTS = 3


@dataclass
class SignOutCheck:
    """The responses of one machine after one sign-out."""

    event: str
    machine: str
    #: The time of the response to the sign-out, by the clock of the spans.
    revoked: float
    #: Whether the machine was not restarted.
    same_process: bool = True
    #: The numbers of requests that ``JWTAuthentication`` accepted and rejected.
    accepted: int = 0
    rejected: int = 0
    #: The requests that stateless authentication accepted, and the first that it rejected.
    stateless_accepted: list[Span] = field(default_factory=list)
    stateless_rejected: Span | None = None
    accepted_again: bool = False

    def delay(self) -> float:
        """Return the time from the sign-out to the last accepted stateless request."""
        return (
            self.stateless_accepted[-1].started - self.revoked if self.stateless_accepted else 0.0
        )

    def late(self, poll: float) -> list[Span]:
        """Return the accepted requests that started more than ``poll`` seconds later."""
        return [span for span in self.stateless_accepted if span.started > self.revoked + poll]


def username_of(event: str, number: int) -> str:
    """Return the user whose sessions this event revokes."""
    return f"alice-{event.replace(' ', '-')}-{number}"


class SignOutClient:
    """Sign in and revoke the session by each event, with a different user for each event."""

    def __init__(
        self, client: Client, machines: Sequence[Machine], number: int, timeout: float
    ) -> None:
        self._client = client
        self._machines = machines
        self._passwords = (f"{PASSWORDS['bob']} {number}" for number in count())
        self._password = PASSWORDS["alice"]
        self._number = number
        self._timeout = timeout
        functions = (self._sign_out, self._everywhere, self._new_password, self._reuse)
        self._functions = dict(zip(EVENTS, functions, strict=True))
        self.checks: list[SignOutCheck] = []

    def run(self, events: Sequence[str], times: int) -> None:
        """Revoke a session by each of *events*, ``times`` times."""
        try:
            for _ in range(times):
                for event in events:
                    self._check(event)
        except Exception as error:  # noqa: BLE001 - a test does not see exceptions of threads
            self._client.results.errors.append(repr(error))
        finally:
            self._client.close()

    def _check(self, event: str) -> None:
        is_password = event == "new password"
        password = self._password if is_password else PASSWORDS["alice"]
        tokens = self._client.sign_in(username_of(event, self._number), password)
        token = tokens["access_token"]
        with ExitStack() as stack:
            connections = [
                stack.enter_context(closing(DirectConnection(machine.address)))
                for machine in self._machines
            ]
            for connection in connections:
                # Each process then has the token and the list of revoked sessions in its caches.
                self._wait_until_accepted(connection, token)
            starts = [machine.starts for machine in self._machines]
            self._functions[event](tokens)
            revoked = time.monotonic()
            checks = [SignOutCheck(event, machine.name, revoked) for machine in self._machines]
            barrier = threading.Barrier(len(connections))
            pool = stack.enter_context(ThreadPoolExecutor(len(connections)))
            futures = [
                pool.submit(self._observe, connection, token, check, barrier)
                for connection, check in zip(connections, checks, strict=True)
            ]
            for future in futures:
                future.result()
        for machine, start, check in zip(self._machines, starts, checks, strict=True):
            check.same_process = machine.starts == start
        self.checks += checks

    def _sign_out(self, tokens: dict[str, Any]) -> None:
        body = {"token": tokens["refresh_token"]}
        self._client.send("sign-out", "POST", "/auth/token/revoke/", body=body)

    def _everywhere(self, tokens: dict[str, Any]) -> None:
        # A retry after a lost response returns 401.
        self._client.send(
            "sign-out everywhere",
            *("DELETE", "/auth/sessions/"),
            token=tokens["access_token"],
            expected=(204, 401),
        )

    def _new_password(self, tokens: dict[str, Any]) -> None:
        self._password = next(self._passwords)
        self._client.send(
            "new password",
            *("PUT", "/password/"),
            token=tokens["access_token"],
            body={"password": self._password},
            expected=(204, 401),
        )

    def _reuse(self, tokens: dict[str, Any]) -> None:
        newer = self._client.refresh(tokens["refresh_token"])
        self._client.refresh(newer["refresh_token"])
        self._client.send(
            "reuse",
            *("POST", "/auth/token/refresh/"),
            body={"refresh_token": tokens["refresh_token"]},
            expected=(400,),
        )

    def _wait_until_accepted(self, connection: DirectConnection, token: str) -> None:
        end = time.monotonic() + START_TIMEOUT
        for path in PROTECTED_PATHS:
            while (response := connection.get(path, token)).status != OK:
                # The machine may be stopped.
                assert response.status == 0, f"a valid token was rejected: {response}"
                assert time.monotonic() < end, "a machine did not respond"
                time.sleep(POLL_INTERVAL)

    def _observe(
        self,
        connection: DirectConnection,
        token: str,
        check: SignOutCheck,
        barrier: threading.Barrier,
    ) -> None:
        """Send the token until stateless authentication rejects it, and a few more times."""
        end = time.monotonic() + self._timeout
        while check.stateless_rejected is None and time.monotonic() < end:
            self._send(connection, token, check)
            time.sleep(POLL_INTERVAL)
        # Wait until all machines have rejected the token.
        barrier.wait(self._timeout + START_TIMEOUT)
        for _ in range(ADDITIONAL_REQUESTS):
            self._send(connection, token, check)

    def _send(self, connection: DirectConnection, token: str, check: SignOutCheck) -> None:
        status = connection.get(WITH_USER, token).status
        check.accepted += status == OK
        check.rejected += status == UNAUTHORIZED
        started = time.monotonic()
        status = connection.get(STATELESS, token).status
        span = Span(started, time.monotonic(), check)
        self._client.results.stateless.append(span)
        if status == OK:
            check.stateless_accepted.append(span)
            check.accepted_again = check.accepted_again or check.stateless_rejected is not None
        elif status == UNAUTHORIZED and check.stateless_rejected is None:
            check.stateless_rejected = span
