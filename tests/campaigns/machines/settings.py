"""The settings of a machine: those of the example in production, with what a test needs besides.

``TOKENAUTH_MACHINES`` says the rest as JSON: the ``poll`` in seconds, the ``prefix`` of all keys in
Redis, and what is ``broken`` on purpose.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta

from example.production import *  # noqa: F403
from example.production import CACHES, TOKENAUTH

from tests.settings import PASSWORD_HASHERS as FAST_PASSWORD_HASHERS

_told = json.loads(os.environ["TOKENAUTH_MACHINES"])

ROOT_URLCONF = "tests.campaigns.machines.urls"
# The hash of a password is not what is tested.
PASSWORD_HASHERS = FAST_PASSWORD_HASHERS
CACHES["default"]["KEY_PREFIX"] = _told["prefix"]
TOKENAUTH.update(
    {
        "ALGORITHM": "EdDSA",
        # Nobody else keeps the keys, so the next one need not wait for anybody.
        "JWKS_MAX_AGE": timedelta(seconds=2),
        "REVOCATION_POLL_INTERVAL": timedelta(seconds=_told["poll"]),
        # A machine that stands still for a while ends no session by that.
        "REFRESH_GRACE": timedelta(seconds=60),
        "MAX_SESSIONS_PER_USER": None,
    }
)

_broken = _told["broken"]
if "grace" in _broken:
    TOKENAUTH["REFRESH_GRACE"] = timedelta(0)
if "list" in _broken:
    TOKENAUTH["REVOCATION_POLL_INTERVAL"] = None
if "throttle" in _broken:
    CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
if "user" in _broken:
    ROOT_URLCONF = "tests.campaigns.machines.stale_urls"
