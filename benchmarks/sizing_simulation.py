"""The same as the arithmetic, found by living it: some users, day by day and request by request.

It knows no formula, only what the package does: a request with an access token that has expired
refreshes, and signs in if the session has ended or was too many.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields

from .sizing_model import MINUTES_OF_A_DAY, Daily, Habits

DAYS = 180


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a sample did: the average of its users, and how far chance may have moved it."""

    daily: Daily
    #: The standard error of each average; users have nothing to do with each other.
    error: Daily


@dataclass(slots=True)
class _Session:
    signed_in: float
    idle_expires_at: float
    absolute_expires_at: float
    token_until: float
    revoked: bool = False

    def alive(self, now: float) -> bool:
        return not self.revoked and now < self.idle_expires_at


class _Person:
    """One user with some devices. Times are minutes since the first day."""

    def __init__(self, habits: Habits, chance: random.Random) -> None:
        self._habits = habits
        self._chance = chance
        self._devices: list[_Session | None] = [None] * habits.sessions_per_user
        self.counted = dict.fromkeys(
            ("sign_ins", "refreshes", "requests", "revocations", "living"), 0
        )

    def day(self, midnight: float) -> None:
        """Live through one day."""
        habits, chance = self._habits, self._chance
        self.counted["living"] += len(self._living(midnight))
        if chance.random() < habits.changed:
            self._revoke(self._living(midnight))
        # What is done at several devices of a user meets only where sessions are too many.
        openings = [
            (midnight + part * habits.part + chance.random() * habits.free, device)
            for device in range(habits.sessions_per_user)
            if chance.random() < habits.daily_share
            for part in range(habits.openings)
        ]
        last = {device: start for start, device in openings}
        for start, device in sorted(openings):
            self._opening(device, start)
            if last[device] == start and chance.random() < habits.sign_out_share:
                session = self._devices[device]
                if session and session.alive(start + habits.opening):
                    self._revoke([session])

    def _opening(self, device: int, now: float) -> None:
        end, rate = now + self._habits.opening, self._habits.requests_per_minute_active
        while now < end:
            self._request(device, now)
            now += self._chance.expovariate(rate) if rate else math.inf

    def _request(self, device: int, now: float) -> None:
        self.counted["requests"] += 1
        session = self._devices[device]
        if session is None or not session.alive(now):
            self._sign_in(device, now)
        elif now >= session.token_until:
            self.counted["refreshes"] += 1
            self._give(session, now)

    def _sign_in(self, device: int, now: float) -> None:
        self.counted["sign_ins"] += 1
        end = now + self._habits.session_lifetime * MINUTES_OF_A_DAY
        session = self._devices[device] = _Session(now, end, end, now)
        self._give(session, now)
        living = sorted(self._living(now), key=lambda one: one.signed_in)
        self._revoke(living[: max(0, len(living) - self._habits.max_sessions)])

    def _give(self, session: _Session, now: float) -> None:
        idle = self._habits.refresh_token_lifetime * MINUTES_OF_A_DAY
        session.idle_expires_at = min(now + idle, session.absolute_expires_at)
        session.token_until = min(now + self._habits.access_token_lifetime, session.idle_expires_at)

    def _living(self, now: float) -> list[_Session]:
        return [session for session in self._devices if session and session.alive(now)]

    def _revoke(self, sessions: Sequence[_Session]) -> None:
        self.counted["revocations"] += len(sessions)
        for session in sessions:
            session.revoked = True


def simulate(habits: Habits, *, users: int, seed: int, days: int = DAYS) -> Simulated:
    """What a sample of ``users`` does on ``days``, a day and user. The same for the same seed.

    All of them signed in for the first time on the first day; so each of them is watched from a
    day of chance on, when that does not show any more.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing is secret here
    found: list[dict[str, float]] = []
    for _ in range(users):
        person = _Person(habits, chance)
        first = habits.session_lifetime + chance.randrange(habits.session_lifetime)
        for day in range(first):
            person.day(day * MINUTES_OF_A_DAY)
        person.counted = dict.fromkeys(person.counted, 0)
        for day in range(first, first + days):
            person.day(day * MINUTES_OF_A_DAY)
        found.append({name: count / days for name, count in person.counted.items()})
    values = {each.name: [one[each.name] for one in found] for each in fields(Daily)}
    return Simulated(
        Daily(**{name: statistics.fmean(each) for name, each in values.items()}),
        Daily(**{name: statistics.stdev(each) / math.sqrt(users) for name, each in values.items()}),
    )
