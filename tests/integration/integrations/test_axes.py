"""The app beside django-axes, set up as the page says: in a process of its own."""

from __future__ import annotations

from tests.support.client import INVALID_GRANT, TOO_MANY_REQUESTS
from tests.support.scenarios.running import outcome_of

HERE = "198.51.100.1"


def test_axes_sees_what_fails_and_locks_out():
    assert outcome_of(
        "tests.support.scenarios.axes.scenario", "tests.support.scenarios.axes.settings"
    ) == {
        "recorded": [[400, 400, 200], [["alice", HERE, 2]], 1, False],
        # The failure that is one too many is told so already.
        "locked_out": [[400, 400, 429], 429, TOO_MANY_REQUESTS, "no-store", True, 0],
        "told_to_nobody": True,
        "elsewhere": [400, 400, 429, 429, 200],
        "goes_on": [400, 400, 429, 429, 200, 200],
        "reset": [400, 400, 429, 429, 200],
        "of_axes": [400, 400, 429, 429, "text/html"],
        "without_middleware": [400, INVALID_GRANT],
        "over_asgi": [400, 400, 429, 429],
        "throttled_before": [[400, 400, 429, 429, 429], [["alice", HERE, 2]], [200]],
        "throttled_after": [[400, 400, 429, 429, 429, 429, 429], True, [200]],
    }
