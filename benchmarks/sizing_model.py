"""How people use an application, and what follows for each of their devices: the arithmetic.

Whoever uses a device on a day opens the application some times, once in each of as many equal
parts of the day. With an opening comes one request, and others follow at random. A request whose
access token has expired is preceded by a refresh, or by a sign-in if the session has ended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MINUTES_OF_A_DAY = 24 * 60
SECONDS_OF_A_DAY = 24 * 60 * 60


class Unfit(ValueError):
    """These numbers do not go together. Says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What people do, and the settings that decide what it costs. Times in minutes or days."""

    #: The chance that a device is used on a day.
    daily_share: float = 0.3
    #: Devices of a user, each with a session of its own.
    sessions_per_user: int = 2
    #: Openings of the application on such a day, and hours that it is open then in all.
    openings: int = 4
    active_hours: float = 1.0
    requests_per_minute_active: float = 2.0
    #: The chance that such a day ends with a sign-out.
    sign_out_share: float = 0.01
    #: Of a user.
    password_changes_per_year: float = 0.5
    #: Minutes.
    access_token_lifetime: float = 5.0
    #: Days.
    refresh_token_lifetime: int = 14
    session_lifetime: int = 90
    session_retention: float = 7.0
    #: ``MAX_SESSIONS_PER_USER``.
    max_sessions: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.daily_share <= 1 or not 0 <= self.sign_out_share <= 1:
            raise Unfit("A share is a number from 0 to 1, and nobody is no user.")
        if min(self.sessions_per_user, self.refresh_token_lifetime, self.session_lifetime) < 1:
            raise Unfit("There is at least one session, and it lives for a day.")
        if self.openings < 2:
            raise Unfit("An application is opened at least twice on a day on which it is used.")
        if self.free <= 0:
            raise Unfit(
                "The access token lives until the next opening. Take a shorter one, or fewer "
                "openings."
            )

    @property
    def opening(self) -> float:
        """The minutes of an opening."""
        return self.active_hours * 60 / self.openings

    @property
    def part(self) -> float:
        """The minutes of the part of the day that an opening is in."""
        return MINUTES_OF_A_DAY / self.openings

    @property
    def free(self) -> float:
        """The first minutes of that part, in which the opening can begin. What is left is so long
        that no access token outlives it."""
        return self.part - self.opening - self.access_token_lifetime

    @property
    def changed(self) -> float:
        """The chance that a user changes the password on a day."""
        return self.password_changes_per_year / 365


@dataclass(frozen=True, slots=True)
class Daily:
    """What one user does on a day on the average, and what is there of the user at midnight."""

    sign_ins: float
    refreshes: float
    requests: float
    #: Sessions that are ended before their time, by sign-outs, new passwords and evictions.
    revocations: float
    #: Sessions that have not ended.
    living: float

    def of_many(self, users: float) -> dict[str, float]:
        """For so many users, a second."""
        return {
            name: getattr(self, name) * users / SECONDS_OF_A_DAY
            for name in ("sign_ins", "refreshes", "requests", "revocations")
        }

    def rows(self, habits: Habits) -> float:
        """The rows of a user: each stays for a while after its end."""
        return self.living + self.sign_ins * habits.session_retention


def tokens_of_an_opening(habits: Habits) -> float:
    """How many access tokens an opening needs: one at its beginning, and then the first request
    after each has expired. The ``n``-th of these comes after ``n`` lifetimes and ``n`` waits for a
    request, which together are not longer than the opening if there are ``n`` requests at least in
    what the lifetimes leave of it."""
    found, number = 1.0, 1
    while (left := habits.opening - number * habits.access_token_lifetime) > 0:
        expected = habits.requests_per_minute_active * left
        term = less = math.exp(-expected)
        for count in range(1, number):
            term *= expected / count
            less += term
        found += 1 - less
        number += 1
    return found


def arithmetic(habits: Habits) -> Daily:
    """What follows from ``habits``, without chance.

    Raises :class:`Unfit` where sessions are evicted, which only the simulation counts.
    """
    if habits.sessions_per_user > habits.max_sessions:
        raise Unfit("More sessions than MAX_SESSIONS_PER_USER: only the simulation counts that.")
    used = habits.daily_share
    days, living = _days_of_a_session(habits)
    sign_ins = 1 / days
    tokens = used * habits.openings * tokens_of_an_opening(habits)
    requests = 1 + habits.requests_per_minute_active * habits.opening
    alive = living / days
    devices = habits.sessions_per_user
    return Daily(
        sign_ins=devices * sign_ins,
        # Each access token came with a refresh or with a sign-in.
        refreshes=devices * (tokens - sign_ins),
        requests=devices * used * habits.openings * requests,
        revocations=devices * (used * habits.sign_out_share + alive * habits.changed),
        living=devices * alive,
    )


def _days_of_a_session(habits: Habits) -> tuple[float, float]:
    """The days from a sign-in at a device to the next, and at how many midnights of them the
    session has not ended.

    Day by day: ``unused`` has for each number of days since the last use the chance that the
    session has not been ended until then.
    """
    used, out, idle = habits.daily_share, habits.sign_out_share, habits.refresh_token_lifetime
    wait = (1 - used) / used
    # The day of the sign-in may end with a sign-out; the next use is 1 / used days away then.
    days = out * (1 + wait)
    living = 0.0
    unused = {1: 1 - out}
    for day in range(1, habits.session_lifetime + 1):
        alive = sum(chance for since, chance in unused.items() if since <= idle)
        living += alive
        # Ended by a new password, at midnight.
        days += alive * habits.changed * (day + wait)
        following: dict[int, float] = {}
        for since, chance in unused.items():
            # Of what had ended already nothing is left to be ended, only to be used again.
            kept = chance * (1 - habits.changed) if since <= idle else chance
            if since > idle or day == habits.session_lifetime:
                days += kept * (day + wait)
                continue
            days += kept * used * out * (day + 1 / used)
            following[1] = following.get(1, 0.0) + kept * used * (1 - out)
            following[since + 1] = following.get(since + 1, 0.0) + kept * (1 - used)
        unused = following
    return days, living
