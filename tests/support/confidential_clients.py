"""Clients that have a secret: reports and billing."""

from __future__ import annotations

import base64

from django.contrib.auth.hashers import MD5PasswordHasher, make_password

SECRETS = {"reports": "correct battery", "billing": "horse staple"}


class CountingHasher(MD5PasswordHasher):
    """Notes each secret that it hashes."""

    algorithm = "counting"
    hashed: list[str] = []

    def encode(self, password, salt):
        self.hashed.append(password)
        return super().encode(password, salt)


class PickyHasher(MD5PasswordHasher):
    """Raises of what is too long for it, as bcrypt 5 does of more than 72 bytes."""

    algorithm = "picky"
    most = 72

    def encode(self, password, salt):
        if len(password) > self.most:
            raise ValueError("password cannot be longer than 72 bytes")
        return super().encode(password, salt)


class UninstalledHasher(MD5PasswordHasher):
    """Needs a package that is not there to verify."""

    algorithm = "uninstalled"
    library = "a_package_that_is_not_there"

    def verify(self, password, encoded):
        self._load_library()


def listed(**secrets: str) -> dict[str, str]:
    """``CLIENTS`` with these secrets, or with the usual ones."""
    return {name: make_password(secret) for name, secret in (secrets or SECRETS).items()}


def basic(client_id: str, secret: str | None = None) -> str:
    """The value of ``Authorization``, with nothing encoded as in a form."""
    secret = SECRETS.get(client_id, SECRETS["reports"]) if secret is None else secret
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()
