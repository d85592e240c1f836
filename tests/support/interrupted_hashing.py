"""A password hasher that runs a function of the test while it verifies a password."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from django.contrib.auth.hashers import MD5PasswordHasher

#: The setting PASSWORD_HASHERS with this hasher.
HASHERS = [f"{__name__}.InterruptedHasher"]


class InterruptedHasher(MD5PasswordHasher):
    """Verifies a password, and calls a function before it returns."""

    pending: ClassVar[list[Callable[[], object]]] = []

    def verify(self, password, encoded):
        verified = super().verify(password, encoded)
        while self.pending:
            self.pending.pop()()
        return verified


@contextmanager
def during_password_check(action: Callable[[], object]) -> Iterator[None]:
    """Call *action* once, in the middle of the next password check."""
    InterruptedHasher.pending.append(action)
    try:
        yield
    finally:
        InterruptedHasher.pending.clear()
