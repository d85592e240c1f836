"""The lifetimes of one session: their values, and the limits of the settings."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from django_tokenauth.conf.settings import load
from django_tokenauth.services import Lifetimes
from django_tokenauth.services.lifetimes import choose_lifetimes

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=count) for count in (1, 60, 3600, 86400))
NAMES = ("access", "idle", "absolute")


def choose(given):
    return choose_lifetimes(load(), given, "alice", "phone", None, {})


class TestLifetimes:
    def test_lifetimes_default_to_none(self):
        assert dataclasses.astuple(Lifetimes()) == (None, None, None)

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("value", [SECOND, 36500 * DAY])
    def test_lifetimes_accept_whole_seconds(self, name, value):
        assert getattr(Lifetimes(**{name: value}), name) == value

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("value", [timedelta(0), -DAY, SECOND / 2, 1.5 * SECOND])
    def test_lifetimes_reject_zero_and_fractions_of_a_second(self, name, value):
        with pytest.raises(ValueError, match=f"^{name} must be a positive timedelta of whole"):
            Lifetimes(**{name: value})

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("value", [300, "300", True, b""])
    def test_lifetimes_reject_other_types(self, name, value):
        message = f"^{name} must be a timedelta or None, not {type(value).__name__}.$"
        with pytest.raises(TypeError, match=message):
            Lifetimes(**{name: value})

    def test_lifetimes_are_frozen_and_have_names_only(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            Lifetimes().access = HOUR
        with pytest.raises(TypeError):
            Lifetimes(HOUR)


class TestLimits:
    @pytest.mark.parametrize(
        "lifetimes",
        [
            {},
            {"access": 5 * MINUTE},
            {"idle": 90 * DAY},
            {"absolute": 366 * DAY, "idle": 366 * DAY},
            {"absolute": MINUTE},
            {"access": MINUTE, "idle": MINUTE + SECOND, "absolute": MINUTE + SECOND},
        ],
    )
    def test_lifetimes_within_the_limits_are_permitted(self, lifetimes):
        given = Lifetimes(**lifetimes)
        assert choose(given) is given

    @pytest.mark.parametrize(
        ("lifetimes", "error"),
        [
            (
                {"access": 301 * SECOND},
                "access is 0:05:01, and MAX_ACCESS_TOKEN_LIFETIME is 0:05:00.",
            ),
            (
                {"absolute": 366 * DAY + SECOND},
                "absolute is 366 days, 0:00:01, and MAX_SESSION_LIFETIME is 366 days, 0:00:00.",
            ),
            (
                {"idle": 90 * DAY + SECOND},
                (
                    "idle is 90 days, 0:00:01, and must be at most the absolute lifetime, "
                    "90 days, 0:00:00."
                ),
            ),
            (
                {"access": MINUTE, "idle": MINUTE},
                "access is 0:01:00, and must be less than idle and absolute, 0:01:00.",
            ),
            (
                {"access": MINUTE, "absolute": MINUTE},
                "access is 0:01:00, and must be less than idle and absolute, 0:01:00.",
            ),
        ],
    )
    def test_lifetimes_above_a_limit_are_rejected(self, lifetimes, error):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            choose(Lifetimes(**lifetimes))
        assert str(caught.value) == f"lifetimes: {error}"

    @pytest.mark.parametrize("given", [{}, HOUR, (HOUR,)])
    def test_argument_of_another_type_is_rejected(self, given):
        with pytest.raises(TypeError, match=r"^lifetimes must be a Lifetimes object, not"):
            choose(given)
