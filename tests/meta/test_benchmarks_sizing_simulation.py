"""The arithmetic of the sizing agrees with a simulation, and with results by hand.

The simulation uses no formula of the sizing. The tolerance is four standard errors of the sample.
Chance exceeds it once in 16,000 comparisons, and the seeds are fixed.
"""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import dataclass, replace
from functools import cache

import pytest

from benchmarks.sizing import (
    ACTIVE,
    MINUTES_PER_DAY,
    REFRESH,
    REQUEST,
    SIGN_IN,
    SIGN_OUT,
    Assumptions,
    daily,
    tokens_per_opening,
)

#: Size of a sample, and the tolerance in standard errors.
DAYS, USERS, ERRORS = 120, 60, 4
#: Short lifetimes, so that every event occurs often.
SHORT = Assumptions(
    daily_share=0.2,
    refresh_token_lifetime=5,
    session_lifetime=20,
    sign_out_share=0.05,
    password_changes=6,
)
CASES = {
    "defaults": Assumptions(),
    "short lifetimes": SHORT,
    "every day": Assumptions(
        daily_share=1, sign_out_share=0, devices_per_user=1, requests_per_minute=0.5
    ),
    "seldom": Assumptions(daily_share=0.05, requests_per_minute=0.1),
    "many requests": replace(SHORT, requests_per_minute=6),
    "many revocations": replace(
        SHORT, sign_out_share=0.5, password_changes=60, requests_per_minute=0
    ),
    "one request per opening": replace(SHORT, requests_per_minute=0),
    "long tokens": replace(
        SHORT, access_token_lifetime=30, active_hours=4, requests_per_minute=0.5
    ),
}


@dataclass
class Session:
    """A session of one device. Times are minutes since the first day."""

    idle_expires_at: float
    absolute_expires_at: float
    token_expires_at: float

    def active(self, now):
        return now < self.idle_expires_at


class User:
    """A user with devices. Counts the operations of each simulated day."""

    def __init__(self, given, chance):
        self.given, self.chance = given, chance
        self.sessions = [None] * given.devices_per_user
        self.counts = dict.fromkeys((SIGN_IN, REFRESH, REQUEST, SIGN_OUT, ACTIVE), 0)

    def simulate_day(self, midnight):
        given, chance = self.given, self.chance
        self.counts[ACTIVE] += sum(self.has_session(device, midnight) for device in self.devices)
        if chance.random() < given.password_change:
            for device in self.devices:
                self.revoke(device, midnight)
        part = MINUTES_PER_DAY / given.openings
        for device in self.devices:
            if chance.random() < given.daily_share:
                for number in range(given.openings):
                    start = midnight + number * part + chance.random() * given.start_window
                    self.open(device, start)
                if chance.random() < given.sign_out_share:
                    self.revoke(device, start + given.opening)

    @property
    def devices(self):
        return range(len(self.sessions))

    def has_session(self, device, now):
        session = self.sessions[device]
        return session is not None and session.active(now)

    def revoke(self, device, now):
        self.counts[SIGN_OUT] += self.has_session(device, now)
        self.sessions[device] = None

    def open(self, device, now):
        end, rate = now + self.given.opening, self.given.requests_per_minute
        while now < end:
            self.request(device, now)
            now += self.chance.expovariate(rate) if rate else math.inf

    def request(self, device, now):
        self.counts[REQUEST] += 1
        if not self.has_session(device, now):
            self.counts[SIGN_IN] += 1
            end = now + self.given.session_lifetime * MINUTES_PER_DAY
            self.sessions[device] = Session(end, end, now)
            self.issue(self.sessions[device], now)
        elif now >= self.sessions[device].token_expires_at:
            self.counts[REFRESH] += 1
            self.issue(self.sessions[device], now)

    def issue(self, session, now):
        idle = self.given.refresh_token_lifetime * MINUTES_PER_DAY
        session.idle_expires_at = min(now + idle, session.absolute_expires_at)
        lifetime = self.given.access_token_lifetime
        session.token_expires_at = min(now + lifetime, session.idle_expires_at)


@cache
def simulate(given, seed):
    """Return the daily counts of each user of a sample, by operation.

    All users sign in on the first day. Counting starts on a random later day of each user.
    """
    chance = random.Random(seed)  # noqa: S311
    found = []
    for _ in range(USERS):
        user = User(given, chance)
        first = given.session_lifetime + chance.randrange(given.session_lifetime)
        for day in range(first):
            user.simulate_day(day * MINUTES_PER_DAY)
        user.counts = dict.fromkeys(user.counts, 0)
        for day in range(first, first + DAYS):
            user.simulate_day(day * MINUTES_PER_DAY)
        found.append({name: count / DAYS for name, count in user.counts.items()})
    return {name: [counts[name] for counts in found] for name in found[0]}


def deviations(expected, simulated):
    """Return the operations whose mean differs by more than the tolerance."""
    return [
        name
        for name, values in simulated.items()
        if abs(statistics.fmean(values) - expected[name])
        > ERRORS * statistics.stdev(values) / math.sqrt(len(values)) + 1e-9
    ]


class TestAgreement:
    @pytest.mark.parametrize("given", CASES.values(), ids=CASES)
    def test_daily_counts_of_the_sizing_match_the_simulation(self, given):
        assert deviations(daily(given), simulate(given, seed=7)) == []

    @pytest.mark.parametrize(
        "changed",
        [
            {"daily_share": 0.25},
            {"devices_per_user": 3},
            {"openings": 5},
            {"active_hours": 1.3},
            {"requests_per_minute": 3},
            {"sign_out_share": 0.1},
            {"password_changes": 12},
            {"access_token_lifetime": 7},
            {"refresh_token_lifetime": 7},
            {"session_lifetime": 12},
        ],
        ids=lambda changed: next(iter(changed)),
    )
    def test_wrong_assumption_makes_counts_differ_from_simulation(self, changed):
        assert deviations(daily(replace(SHORT, **changed)), simulate(SHORT, seed=7))


class TestTokensPerOpening:
    def test_app_opening_within_the_token_lifetime_needs_one_token(self):
        assert tokens_per_opening(Assumptions(access_token_lifetime=15)) == 1

    def test_app_opening_without_later_requests_needs_one_token(self):
        assert tokens_per_opening(Assumptions(requests_per_minute=0)) == 1

    def test_constant_requests_need_one_token_per_token_lifetime(self):
        given = Assumptions(active_hours=2, openings=4, requests_per_minute=200)
        # In 30 minutes: at the start, and after 5, 10, 15, 20 and 25 minutes.
        assert tokens_per_opening(given) == pytest.approx(6)

    def test_second_token_requires_a_request_after_first_expires(self):
        given = Assumptions(active_hours=2 / 3, access_token_lifetime=9, requests_per_minute=1)
        # In the last of ten minutes, with the probability 1 - 1/e.
        assert tokens_per_opening(given) == pytest.approx(2 - 1 / math.e)


class TestDaily:
    def test_session_used_daily_lasts_until_its_absolute_expiry(self):
        found = daily(Assumptions(daily_share=1, sign_out_share=0, password_changes=0))
        assert found[SIGN_IN] == pytest.approx(2 / 90)
        assert found[ACTIVE] == pytest.approx(2)
        assert found[SIGN_OUT] == 0
        assert found[REQUEST] == pytest.approx(2 * 4 * (1 + 2 * 15))

    def test_idle_session_requires_a_new_sign_in(self):
        given = Assumptions(
            daily_share=0.5,
            devices_per_user=1,
            sign_out_share=0,
            password_changes=0,
            refresh_token_lifetime=1,
            session_lifetime=2,
        )
        # The next sign-in is three days later on average, after one and a half active midnights.
        assert daily(given)[SIGN_IN] == pytest.approx(1 / 3)
        assert daily(given)[ACTIVE] == pytest.approx(1.5 / 3)

    def test_sign_out_on_each_day_of_use_requires_as_many_sign_ins(self):
        found = daily(Assumptions(sign_out_share=1, devices_per_user=1))
        assert found[SIGN_IN] == pytest.approx(0.3)
        assert found[ACTIVE] == 0

    def test_sign_ins_and_refreshes_add_up_to_issued_tokens(self):
        found = daily(SHORT)
        tokens = 2 * 0.2 * 4 * tokens_per_opening(SHORT)
        assert found[SIGN_IN] + found[REFRESH] == pytest.approx(tokens)
