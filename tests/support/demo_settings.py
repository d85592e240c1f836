"""The settings of the example, with a fast hasher: each sign-in of the tests hashes a password."""

from __future__ import annotations

from example.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
