"""Sign-ins with django-axes, installed as ``docs/axes.rst`` describes, in a separate process."""

from __future__ import annotations

from tests.support.client import TOO_MANY_REQUESTS, WRONG_PASSWORD
from tests.support.scenarios.running import run_scenario

CLIENT_IP = "198.51.100.1"


def test_axes_records_failed_sign_ins_and_locks_the_user_out():
    assert run_scenario(
        "tests.support.scenarios.axes.scenario", "tests.support.scenarios.axes.settings"
    ) == {
        "recorded": [[400, 400, 200], [["alice", CLIENT_IP, 2]], 1, False],
        # The failure that reaches the limit gets 429 itself.
        "locked_out": [[400, 400, 429], 429, TOO_MANY_REQUESTS, "no-store", True, 0],
        "unknown_user": True,
        "other_address": [400, 400, 429, 429, 200],
        "signed_in_before": [400, 400, 429, 429, 200, 200],
        "reset": [400, 400, 429, 429, 200],
        "default_response": [400, 400, 429, 429, "text/html"],
        "without_middleware": [400, WRONG_PASSWORD],
        "over_asgi": [400, 400, 429, 429],
        "throttled_before": [[400, 400, 429, 429, 429], [["alice", CLIENT_IP, 2]], [200]],
        "throttled_after": [[400, 400, 429, 429, 429, 429, 429], True, [200]],
    }
