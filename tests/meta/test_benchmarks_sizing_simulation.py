"""The arithmetic of sizing, by hand and against the simulation, which knows none of it.

The tolerance is four standard errors, which the sample itself tells: users have nothing to do with
each other. By chance alone one comparison in 16,000 would be outside; the seeds are fixed.
"""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from benchmarks.sizing_model import Habits, Unfit, arithmetic, tokens_of_an_opening
from benchmarks.sizing_simulation import simulate

ERRORS = 4
#: Few, so that much of what can happen does.
SHORT = Habits(
    daily_share=0.2,
    refresh_token_lifetime=5,
    session_lifetime=20,
    sign_out_share=0.05,
    password_changes_per_year=6,
)
CASES = {
    "the defaults": Habits(),
    "short lives": SHORT,
    "everybody each day": Habits(daily_share=1, sign_out_share=0, sessions_per_user=1),
    "hardly anybody": Habits(daily_share=0.05, requests_per_minute_active=0.1),
    "many requests": replace(SHORT, requests_per_minute_active=10),
    "no request after the first": replace(SHORT, requests_per_minute_active=0),
    "longer tokens": replace(SHORT, access_token_lifetime=30, active_hours=4),
}


def apart(expected, simulated):
    """What differs by more than chance explains."""
    found, error = asdict(simulated.daily), asdict(simulated.error)
    # What has no error at all is counted and not drawn.
    return {
        name: (value, found[name], error[name])
        for name, value in asdict(expected).items()
        if abs(found[name] - value) > ERRORS * error[name] + 1e-9
    }


class TestAgreement:
    @pytest.mark.parametrize("habits", CASES.values(), ids=CASES)
    def test_the_simulation_finds_what_the_arithmetic_says(self, habits):
        assert apart(arithmetic(habits), simulate(habits, users=100, seed=7)) == {}

    @pytest.mark.parametrize(
        "changed",
        [
            {"daily_share": 0.25},
            {"sessions_per_user": 3},
            {"openings": 5},
            {"active_hours": 1.3},
            {"requests_per_minute_active": 3},
            {"sign_out_share": 0.1},
            {"password_changes_per_year": 12},
            {"access_token_lifetime": 7},
            {"refresh_token_lifetime": 7},
            {"session_lifetime": 12},
        ],
        ids=lambda changed: next(iter(changed)),
    )
    def test_it_would_be_seen_if_one_of_them_were_mistaken(self, changed):
        assert apart(arithmetic(replace(SHORT, **changed)), simulate(SHORT, users=200, seed=7))


class TestSimulate:
    def test_the_same_seed_gives_the_same(self):
        first, again = (simulate(SHORT, users=5, seed=3) for _ in range(2))
        assert first == again
        assert first != simulate(SHORT, users=5, seed=4)

    def test_too_many_sessions_end_each_other(self):
        few = simulate(replace(SHORT, max_sessions=1), users=50, seed=3).daily
        many = simulate(SHORT, users=50, seed=3).daily
        assert few.living <= 1
        assert few.sign_ins > many.sign_ins
        assert few.revocations > many.revocations

    def test_what_is_not_used_needs_no_sign_in(self):
        daily = simulate(replace(SHORT, daily_share=1e-9), users=2, seed=3).daily
        assert (daily.sign_ins, daily.requests, daily.living) == (0, 0, 0)


class TestTokensOfAnOpening:
    def test_one_is_enough_while_it_lives(self):
        habits = Habits(active_hours=1, openings=4, access_token_lifetime=15)
        assert tokens_of_an_opening(habits) == 1

    def test_one_is_enough_where_nothing_is_asked_later(self):
        assert tokens_of_an_opening(Habits(requests_per_minute_active=0)) == 1

    def test_with_a_request_each_moment_there_are_as_many_as_fit(self):
        habits = Habits(active_hours=2, openings=4, requests_per_minute_active=200)
        # In 30 minutes: at the beginning, and after 5, 10, 15, 20 and 25 minutes.
        assert tokens_of_an_opening(habits) == pytest.approx(6)

    def test_the_second_one_needs_a_request_after_the_first_has_expired(self):
        habits = Habits(
            active_hours=2 / 3, openings=4, access_token_lifetime=9, requests_per_minute_active=1
        )
        # In the last of ten minutes: all but e to the power of -1.
        assert tokens_of_an_opening(habits) == pytest.approx(2 - 0.36787944)


class TestArithmetic:
    def test_used_each_day_a_session_lives_to_its_end(self):
        habits = Habits(daily_share=1, sign_out_share=0, password_changes_per_year=0)
        daily = arithmetic(habits)
        assert daily.sign_ins == pytest.approx(2 / 90)
        assert daily.living == pytest.approx(2)
        assert daily.revocations == 0
        assert daily.requests == pytest.approx(2 * 4 * (1 + 2 * 15))

    def test_an_idle_session_ends(self):
        habits = Habits(
            daily_share=0.5,
            sessions_per_user=1,
            sign_out_share=0,
            password_changes_per_year=0,
            refresh_token_lifetime=1,
            session_lifetime=2,
        )
        # The second midnight sees it alive if it was used after the first, and the next use comes
        # one day after that on the average: three days, of which one midnight and a half.
        daily = arithmetic(habits)
        assert daily.sign_ins == pytest.approx(1 / 3)
        assert daily.living == pytest.approx(1.5 / 3)

    def test_who_always_signs_out_signs_in_each_day(self):
        daily = arithmetic(Habits(sign_out_share=1, sessions_per_user=1))
        assert daily.sign_ins == pytest.approx(0.3)
        assert daily.living == 0

    def test_each_token_came_with_a_sign_in_or_a_refresh(self):
        daily = arithmetic(SHORT)
        tokens = 2 * 0.2 * 4 * tokens_of_an_opening(SHORT)
        assert daily.sign_ins + daily.refreshes == pytest.approx(tokens)

    def test_where_sessions_are_evicted_there_is_none(self):
        with pytest.raises(Unfit, match="only the simulation"):
            arithmetic(Habits(sessions_per_user=2, max_sessions=1))
