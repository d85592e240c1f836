"""The project under test: alice, her session, and a fixed clock."""

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
from tests.support.confidential_clients import clients_setting
from tests.support.raw_tokens import NOW, SECRET_KEY, SESSION, SIGNING_KEY

SETTINGS = {
    "SIGNING_KEY": SIGNING_KEY,
    "LEEWAY": LEEWAY,
    "SCOPES": ["notes:read", "notes:write"],
    # The throttle counts, but its limit is never reached.
    "SIGN_IN_RATE_USER": "1000000000/day",
    "SIGN_IN_RATE_IP": "1000000000/day",
}
#: The generation of the session. Forged refresh tokens start at the previous generation.
GENERATION = 3


@contextmanager
def fixed_project() -> Iterator[None]:
    """Apply the settings and the fixed clock of the fuzzer."""
    with (
        time_machine.travel(NOW, tick=False),
        override_settings(
            SECRET_KEY=SECRET_KEY.decode(),
            TOKENAUTH={
                **SETTINGS,
                "CLIENTS": clients_setting(),
                "REVOKE_BY_ACCESS_TOKEN": [SETTINGS.get("ISSUER", "django-tokenauth"), "phone"],
            },
        ),
    ):
        yield


def populate() -> None:
    """Create alice and her session in an empty database."""
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
        last_ip="127.0.0.1",
    )


class StatementCounter:
    """Count the statements of a request."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        self.number += 1
        return execute(*arguments)


class Response:
    """A response, the number of statements, and the error of the request."""

    def __init__(self, response: Any, statements: int, error: BaseException | None) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.body: bytes = response.content
        self.statements = statements
        self.error = error


def send_request(path: str, body: bytes = b"", **environ: str) -> Response:
    """Send a request without the middleware, and roll its changes back."""
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
    statements = StatementCounter()

    def receive(*, request: Any = None, **keywords: Any) -> None:
        errors.append(sys.exc_info()[1])

    got_request_exception.connect(receive)
    try:
        with transaction.atomic(), connection.execute_wrapper(statements):
            response = convert_exception_to_response(_view)(request)
            transaction.set_rollback(True)
    finally:
        got_request_exception.disconnect(receive)
    return Response(response, statements.number, errors[0] if errors else None)


def _view(request: WSGIRequest) -> Any:
    match = resolve(request.path_info)
    response: Any = match.func(request, *match.args, **match.kwargs)
    return response.render()
