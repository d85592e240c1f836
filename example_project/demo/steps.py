"""The parts that all chapters of `manage.py demo --check` share: a step, sign-in and refresh."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from demo.client import Client, Response
from demo.database import Person
from demo.processes import NotStarted, verifier

SIGN_IN = "/auth/token/"
REFRESH = "/auth/token/refresh/"
REVOKE = "/auth/token/revoke/"
SESSIONS = "/auth/sessions/"
NOTES = "/notes/"
WHO = "/whoami/"


@dataclass(frozen=True)
class Step:
    """A sentence that is true if `actual` equals `expected`. `details` are printed with it."""

    sentence: str
    actual: object
    expected: object
    details: object = None

    @property
    def passed(self) -> bool:
        return self.actual == self.expected

    def __str__(self) -> str:
        if not self.passed:
            return f"✗ {self.sentence}: expected {self.expected!r}, got {self.actual!r}"
        return f"✓ {self.sentence}" + (f": {json.dumps(self.details)}" if self.details else "")


class ChapterAborted(Exception):
    """A step failed on which the rest of the chapter depends."""


@dataclass(frozen=True)
class Tokens:
    """The tokens of a sign-in or a refresh."""

    access: str
    refresh: str

    @classmethod
    def of(cls, response: Response) -> Tokens:
        """Return the tokens of a response. Raises ChapterAborted if it has none."""
        try:
            return cls(response.body["access_token"], response.body["refresh_token"])
        except (TypeError, KeyError) as error:
            raise ChapterAborted(f"no tokens in {response.status} {response.body}") from error


def sign_in(api: Client, person: Person, **more: str) -> Response:
    return api.post(SIGN_IN, {"username": person.name, "password": person.password, **more})


def refresh(api: Client, token: str) -> Response:
    return api.post(REFRESH, {"refresh_token": token})


def column(response: Response, name: str) -> list[Any]:
    """Return one member of each object in a list. The result is empty if there is no list."""
    rows = response.body if isinstance(response.body, list) else []
    return [row.get(name) for row in rows]


@contextmanager
def second_process(api: Client) -> Iterator[Client]:
    """Start another process of the API, with the settings that have no database."""
    with ExitStack() as stack:
        try:
            origin = stack.enter_context(verifier(api.origin, "example.stateless"))
        except NotStarted as error:
            raise ChapterAborted(str(error)) from error
        yield Client(origin)
