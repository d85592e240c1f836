"""Settings of the races. ``TOKENAUTH_TEST_ROUNDS`` in the environment makes them longer."""

from __future__ import annotations

import os
from datetime import timedelta

ROUNDS = int(os.environ.get("TOKENAUTH_TEST_ROUNDS", "20"))
#: Rounds of the races of many clients, whose rounds take longer.
ROUNDS_OF_MANY = min(ROUNDS // 2, max(10, ROUNDS // 5))
#: Rounds of each race at each additional isolation level.
ROUNDS_OF_LEVEL = min(ROUNDS // 4, max(5, ROUNDS // 10))
# A slow machine must not exceed the grace period.
TOKENAUTH = {
    "REVOKE_BY_ACCESS_TOKEN": ["django-tokenauth"],
    "REFRESH_GRACE": timedelta(seconds=60),
    "MAX_SESSIONS_PER_USER": 10,
    "SIGN_IN_RATE_USER": None,
    "SIGN_IN_RATE_IP": None,
}
