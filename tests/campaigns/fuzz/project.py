"""The project that requests are sent to: alice, her session, and a clock that stands still."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import time_machine
from django.contrib.auth import get_user_model
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import got_request_exception
from django.db import connection, transaction
from django.test.utils import override_settings
from django.urls import resolve

from django_tokenauth.models import Session
from django_tokenauth.sessions.users import auth_hash
from tests.campaigns.fuzz.servers import LEEWAY
from tests.support.confidential_clients import listed
from tests.support.raw_tokens import NOW, SECRET_KEY, SESSION, SIGNING_KEY

SETTINGS = {
    "SIGNING_KEY": SIGNING_KEY,
    "LEEWAY": LEEWAY,
    "SCOPES": ["notes:read", "notes:write"],
    # So many that the throttle is asked and never full.
    "SIGN_IN_RATE_USER": "1000000000/day",
    "SIGN_IN_RATE_IP": "1000000000/day",
}
#: Of the session. The tokens of the forger begin with the one before the last.
GENERATION = 3


@contextmanager
def standing_still() -> Iterator[None]:
    """The settings and the clock of the fuzzer."""
    with (
        time_machine.travel(NOW, tick=False),
        override_settings(
            SECRET_KEY=SECRET_KEY.decode(), TOKENAUTH={**SETTINGS, "CLIENTS": listed()}
        ),
    ):
        yield


def populate() -> None:
    """Alice and her session, in an empty database."""
    now = datetime.fromtimestamp(NOW, UTC)
    alice = get_user_model()(pk=1, username="alice")
    alice.set_password("correct horse")
    alice.save(force_insert=True)
    Session.objects.create(
        id=SESSION,
        user=alice,
        generation=GENERATION,
        created_at=now - timedelta(days=1),
        refreshed_at=now - timedelta(seconds=5),
        idle_expires_at=now + timedelta(days=13),
        absolute_expires_at=now + timedelta(days=89),
        auth_hash=auth_hash(alice),
        scope="notes:read notes:write",
        client_id="django-tokenauth",
    )


class Statements:
    """Counts what is asked of the database."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        self.number += 1
        return execute(*arguments)


class Answer:
    """What came back of a request, and what it cost."""

    def __init__(self, response: Any, statements: int, error: BaseException | None) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.body: bytes = response.content
        self.statements = statements
        self.error = error


def ask(path: str, body: bytes = b"", **environ: str) -> Answer:
    """A request as the server gets it. Whatever it changes in the database is undone."""
    request = WSGIRequest(
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": BytesIO(),
            **environ,
        }
    )
    errors: list[BaseException] = []
    statements = Statements()

    def receive(*, request: Any = None, **keywords: Any) -> None:
        errors.append(sys.exc_info()[1])

    got_request_exception.connect(receive)
    try:
        with transaction.atomic(), connection.execute_wrapper(statements):
            response = convert_exception_to_response(_view)(request)
            transaction.set_rollback(True)
    finally:
        got_request_exception.disconnect(receive)
    return Answer(response, statements.number, errors[0] if errors else None)


def _view(request: WSGIRequest) -> Any:
    found = resolve(request.path_info)
    response: Any = found.func(request, *found.args, **found.kwargs)
    return response.render()
