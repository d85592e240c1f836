"""Password guesses, and a password hasher that records its work."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client

from tests.support.client import JSON, ClientResponse, post


class CountingHasher(PBKDF2PasswordHasher):
    """PBKDF2 with few rounds, which records the number of rounds of each call."""

    iterations = 100
    rounds: list[int] = []

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        self.rounds.append(iterations or self.iterations)
        return super().encode(password, salt, iterations)


def count_hash_rounds(settings: Any) -> list[int]:
    """Use the counting hasher and return the list to which each call adds its rounds."""
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    CountingHasher.rounds.clear()
    return CountingHasher.rounds


def guess(username: str, password: str = "a guess", **headers: str) -> ClientResponse:
    return post("token/", {"username": username, "password": password}, **headers)


def guess_from(address: str, username: str, password: str = "a guess") -> ClientResponse:
    """Guess a password from *address*."""
    body = {"username": username, "password": password}
    return Client(REMOTE_ADDR=address).post("/auth/token/", body, content_type=JSON)
