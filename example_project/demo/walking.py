"""What every chapter of the walk is written with: a step, and how one signs in and refreshes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from demo.client import Answer, Client
from demo.database import Person

SIGN_IN = "/auth/token/"
REFRESH = "/auth/token/refresh/"
REVOKE = "/auth/token/revoke/"
SESSIONS = "/auth/sessions/"
NOTES = "/notes/"
WHO = "/whoami/"


@dataclass(frozen=True)
class Step:
    """One sentence that holds if `got` is `expected`; `shown` is for the reader's eyes."""

    sentence: str
    got: object
    expected: object
    shown: object = None

    @property
    def holds(self) -> bool:
        return self.got == self.expected

    def __str__(self) -> str:
        if not self.holds:
            return f"✗ {self.sentence}: expected {self.expected!r}, got {self.got!r}"
        return f"✓ {self.sentence}" + (f": {json.dumps(self.shown)}" if self.shown else "")


class BrokenOff(Exception):
    """There is nothing to go on with in this chapter."""


@dataclass(frozen=True)
class Tokens:
    """What a sign-in or a refresh handed out."""

    access: str
    refresh: str

    @classmethod
    def of(cls, answer: Answer) -> Tokens:
        try:
            return cls(answer.body["access_token"], answer.body["refresh_token"])
        except (TypeError, KeyError) as error:
            raise BrokenOff(f"no tokens in {answer.status} {answer.body}") from error


def sign_in(api: Client, person: Person, **more: str) -> Answer:
    return api.post(SIGN_IN, {"username": person.name, "password": person.password, **more})


def refresh(api: Client, token: str) -> Answer:
    return api.post(REFRESH, {"refresh_token": token})


def column(answer: Answer, name: str) -> list[Any]:
    """The member `name` of each object in a list; an answer that is none has no rows."""
    rows = answer.body if isinstance(answer.body, list) else []
    return [row.get(name) for row in rows]


@contextmanager
def second_process(api: Client) -> Iterator[Client]:
    """Another process of this project, started with the settings that have no database.

    It is told where the API is, and nothing else.
    """
    manage = settings.BASE_DIR / "manage.py"
    command = [sys.executable, str(manage), "verifier", "--settings", "example.stateless"]
    with subprocess.Popen(  # noqa: S603
        [*command, "--issuer", api.origin], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            printed = process.stdout.readline() if process.stdout else ""
            if not printed:
                raise BrokenOff("the second process did not start")
            yield Client(printed.strip().removesuffix(WHO))
        finally:
            process.terminate()
