"""Settings of the races. ``TOKENAUTH_TEST_ROUNDS`` in the environment makes them longer."""

from __future__ import annotations

import os
from datetime import timedelta

ROUNDS = int(os.environ.get("TOKENAUTH_TEST_ROUNDS", "20"))
# A slow machine must not exceed the grace.
TOKENAUTH = {
    "REVOKE_BY_ACCESS_TOKEN": ["django-tokenauth"],
    "REFRESH_GRACE": timedelta(seconds=60),
    "MAX_SESSIONS_PER_USER": 10,
    "SIGN_IN_RATE_USER": None,
    "SIGN_IN_RATE_IP": None,
}
