"""The settings of a machine: the production settings of the example, adapted to the tests.

``TOKENAUTH_MACHINES`` contains the other values as JSON: the ``poll`` in seconds, the ``prefix`` of
all keys in Redis, and the injected ``defects``.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta

from example.production import *  # noqa: F403
from example.production import CACHES, TOKENAUTH

from tests.settings import PASSWORD_HASHERS as FAST_PASSWORD_HASHERS

_values = json.loads(os.environ["TOKENAUTH_MACHINES"])

ROOT_URLCONF = "tests.campaigns.machines.urls"
# Slow password hashes are not part of the test.
PASSWORD_HASHERS = FAST_PASSWORD_HASHERS
CACHES["default"]["KEY_PREFIX"] = _values["prefix"]
TOKENAUTH.update(
    {
        "ALGORITHM": "EdDSA",
        # No other service caches the keys, so a new key may sign soon.
        "JWKS_MAX_AGE": timedelta(seconds=2),
        "REVOCATION_POLL_INTERVAL": timedelta(seconds=_values["poll"]),
        # A slow machine must not exceed the grace period.
        "REFRESH_GRACE": timedelta(seconds=60),
        "MAX_SESSIONS_PER_USER": None,
    }
)

_defects = _values["defects"]
if "grace" in _defects:
    TOKENAUTH["REFRESH_GRACE"] = timedelta(0)
if "list" in _defects:
    TOKENAUTH["REVOCATION_POLL_INTERVAL"] = None
if "throttle" in _defects:
    CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
if "user" in _defects:
    ROOT_URLCONF = "tests.campaigns.machines.stale_urls"
