"""Random rounds with clocks that jump, a database that is slow or down, and new workers.

Each round signs a user in and takes random steps over HTTP. It starts near a change of daylight
saving time, with ``USE_TZ`` on or off. No step sets the clock back by more than the two minutes
that the list of revoked sessions covers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import time_machine
from django.db import OperationalError, connection
from django.test import override_settings

from django_tokenauth.conf.settings import load
from django_tokenauth.models import Session
from tests.support.client import get, post, sign_in
from tests.support.slow_statements import after_first, before

#: Clocks in Berlin change at these times.
CHANGES = [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]
STEPS = 12
POLL, GRACE, LIFETIME = 10, 10, 300


class Round:
    """One user with one session, and what must hold after each step."""

    def __init__(self, seed: str, traveller: Any, now: float) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.traveller = traveller
        self.now = now
        self.errors: list[str] = []
        self.steps: list[str] = []
        self.wait(0)
        tokens = sign_in()
        self.access, self.current = tokens["access_token"], tokens["refresh_token"]
        self.previous: str | None = None
        self.issued_at = self.refreshed_at = self.now
        self.signed_out_at: float | None = None
        self.outage_at = float("-inf")

    def wait(self, seconds: float) -> None:
        """Let time pass, or set the clock back if *seconds* is negative."""
        self.now += seconds
        self.traveller.move_to(self.now, tick=False)

    def run(self) -> list[str]:
        """Take all steps and return the errors."""
        steps: list[Callable[[], None]] = [
            self.refresh, self.retry, self.request, self.jump, self.restart, self.outage,
            self.sign_out,
        ]  # fmt: skip
        for _ in range(STEPS):
            step = self.random.choice(steps)
            self.steps.append(f"{step.__name__} at {self.now:.1f}")
            with self.slow_database():
                step()
        return [f"{error}, after {'; '.join(self.steps)}" for error in self.errors]

    @contextmanager
    def slow_database(self) -> Iterator[None]:
        """Let one statement of some steps wait for up to a minute."""
        with ExitStack() as stack:
            if self.random.random() < 0.4:
                slow = self.random.choice([before, after_first])
                verb = self.random.choice(["SELECT", "UPDATE"])
                seconds = self.random.uniform(1, 60)
                self.steps.append(f"{verb} waits {seconds:.1f} s")
                stack.enter_context(slow(verb, lambda: self.stall(seconds)))
            yield

    def stall(self, seconds: float) -> None:
        """Let the process serve other requests while one of them waits for the database."""
        while seconds > 0:
            self.wait(min(seconds, POLL))
            seconds -= POLL
            get("/who/stateless/", self.access)

    def expect(self, what: str, status: int, *allowed: int) -> None:
        if status not in allowed:
            self.errors.append(f"{what} returned {status}, expected {allowed}")

    def refresh(self) -> None:
        response = post("token/refresh/", {"refresh_token": self.current})
        if self.signed_out_at is not None:
            self.expect("a refresh after the sign-out", response.status_code, 400)
            return
        self.expect("a refresh", response.status_code, 200)
        if response.status_code == 200:
            tokens = response.json()
            self.access = tokens["access_token"]
            self.previous, self.current = self.current, tokens["refresh_token"]
            self.issued_at = self.refreshed_at = self.now

    def retry(self) -> None:
        """A second tab sends the previous token, within the grace period after the response."""
        if self.previous is None or self.signed_out_at is not None:
            return
        if not 0 <= self.now - self.refreshed_at < GRACE:
            return
        response = post("token/refresh/", {"refresh_token": self.previous})
        self.expect("a retry within the grace period", response.status_code, 200)
        if response.status_code == 200:
            self.current = response.json()["refresh_token"]

    def request(self) -> None:
        for path in ("/who/", "/who/stateless/"):
            sent_at = self.now
            status = get(path, self.access).status_code
            late = path == "/who/stateless/" and (
                self.signed_out_at is None or sent_at - self.signed_out_at < POLL
            )
            if self.signed_out_at is not None and not late:
                late_read = [503] if abs(sent_at - self.outage_at) < 2 else []
                self.expect(f"{path} after the sign-out", status, 401, *late_read)
            # The times in a token are whole seconds.
            elif self.issued_at <= sent_at and self.now < int(self.issued_at) + LIFETIME:
                allowed = [200] if self.signed_out_at is None else [200, 401]
                # Time may have been set back to the outage, and each second has one attempt.
                if abs(sent_at - self.outage_at) < 2:
                    allowed.append(503)
                self.expect(path, status, *allowed)
            else:
                self.expect(path, status, 200, 401, 503)

    def jump(self) -> None:
        self.wait(self.random.choice([-90, -30, -1, 1, 9, 11, 60, 240, 299, 3600]))

    def restart(self) -> None:
        """A new worker has verified no token and read no list."""
        load.cache_clear()

    def outage(self) -> None:
        """A new worker starts while the database is down."""
        load.cache_clear()

        def fail(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            raise OperationalError("the database is down")

        with connection.execute_wrapper(fail):
            for _ in range(2):
                self.expect(
                    "a new worker", get("/who/stateless/", self.access).status_code, 401, 503
                )
                refreshed = post("token/refresh/", {"refresh_token": self.current})
                self.expect("a refresh in an outage", refreshed.status_code, 503)
            signed_out = post("token/revoke/", {"token": self.current})
            self.expect("a sign-out in an outage", signed_out.status_code, 503)
            self.outage_at = self.now
        self.wait(1)

    def sign_out(self) -> None:
        response = post("token/revoke/", {"token": self.current})
        self.expect("a sign-out", response.status_code, 200)
        if self.signed_out_at is None:
            self.signed_out_at = self.now


def run_rounds(seed: int, rounds: int, step: Callable[[list[str]], None]) -> list[str]:
    """Run *rounds* rounds and return the errors. The user alice exists.

    *step* is called after each round with the errors so far.
    """
    errors: list[str] = []
    for number in range(rounds):
        source = random.Random(f"{seed} {number}")  # noqa: S311
        start = source.choice(CHANGES).timestamp() + source.uniform(-600, 600)
        use_tz = source.random() < 0.5
        with (
            override_settings(USE_TZ=use_tz, TIME_ZONE="UTC" if use_tz else "Europe/Berlin"),
            time_machine.travel(start, tick=False) as traveller,
        ):
            load.cache_clear()
            errors += [
                f"round {number}, USE_TZ {use_tz}: {error}"
                for error in Round(f"{seed} {number} steps", traveller, start).run()
            ]
            Session.objects.all().delete()
        step(errors)
    return errors
