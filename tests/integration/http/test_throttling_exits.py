"""Each outcome of a sign-in over HTTP: a wrong guess stays counted."""

from __future__ import annotations

import json
import socket
import threading

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404

from django_tokenauth.errors import InvalidRequest, ServiceUnavailable
from tests.support.client import PASSWORDS
from tests.support.clock import NOW
from tests.support.guessing import count_hash_rounds, guess
from tests.support.http_server import TIMEOUT, send_request, serve
from tests.support.locks import unreadable

LIMIT = 3
#: What a receiver of user_login_failed raises, and the status of the response.
ERRORS = [
    (RuntimeError, 500),
    (ValueError, 500),
    (TypeError, 500),
    (DataError, 500),
    (IntegrityError, 500),
    (OperationalError, 500),
    (ServiceUnavailable, 503),
    (InvalidRequest, 400),
    (PermissionDenied, 403),
    (Http404, 404),
]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(149)]


class ForbiddingBackend:
    """A backend that rejects the sign-in."""

    def authenticate(self, request, **credentials):
        raise PermissionDenied


class RaisingBackend:
    """A backend that raises the error that the ``X-Error`` header requests."""

    def authenticate(self, request, **credentials):
        raise RuntimeError(request.headers.get("X-Error"))


class ExitingBackend(ModelBackend):
    """A backend whose worker exits after the password check, as after a server timeout."""

    def authenticate(self, request, **credentials):
        super().authenticate(request, **credentials)
        raise SystemExit


class RaisingMiddleware:
    """A middleware that raises an error after the response."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        self.get_response(request)
        raise RuntimeError("after the response")


@pytest.fixture
def hashed(settings):
    return count_hash_rounds(settings)


@pytest.fixture
def server(settings, hashed, django_user_model):
    django_user_model.objects.create_user("alice", password=PASSWORDS["alice"])
    hashed.clear()
    settings.TOKENAUTH = {"SIGN_IN_RATE_USER": f"{LIMIT}/day", "SIGN_IN_RATE_IP": None}
    with time_machine.travel(NOW), serve() as address:
        yield address
        # A request without a client may still wait. In the next test, it would be counted.
        for thread in threading.enumerate():
            if "process_request_thread" in thread.name:
                thread.join(TIMEOUT)


@pytest.fixture
def failing():
    """Return a function that connects a receiver of failed sign-ins that raises an error."""
    receivers = []

    def connect(error, *, header=""):
        def receive(request, **keywords):
            if not header or request.headers.get(header):
                raise error

        receivers.append(receive)
        user_login_failed.connect(receive)

    yield connect
    for receive in receivers:
        user_login_failed.disconnect(receive)


def request_lines(password, username="alice"):
    body = json.dumps({"username": username, "password": password}).encode()
    lines = [b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    return lines, body


def sign_in(server, password="a guess", *headers):
    lines, body = request_lines(password)
    return send_request(server, b"POST /auth/token/ HTTP/1.1", *lines, *headers, body=body)


def statuses(server, number, *headers):
    return [sign_in(server, "a guess", *headers).status for _ in range(number)]


@pytest.mark.promise(14)
@pytest.mark.parametrize(("error", "status"), ERRORS)
def test_throttle_counts_a_guess_if_a_receiver_raises(server, failing, hashed, error, status):
    failing(error)
    assert statuses(server, LIMIT + 2) == [status] * LIMIT + [429] * 2
    assert len(hashed) == LIMIT
    # The correct password gets the same response.
    assert sign_in(server, PASSWORDS["alice"]).status == 429


@pytest.mark.promise(14)
def test_throttle_counts_a_guess_whose_header_breaks_a_receiver(server, failing, hashed):
    failing(RuntimeError, header="X-Device")
    assert statuses(server, 20, b"X-Device: long") == [500] * LIMIT + [429] * (20 - LIMIT)
    assert statuses(server, 1) == [429]
    assert len(hashed) == LIMIT


def test_sign_in_receiver_error_returns_500_and_logs_traceback(server, failing, caplog):
    failing(RuntimeError("of the project"))
    assert statuses(server, 1) == [500]
    [record] = [each for each in caplog.records if each.exc_info]
    assert "of the project" in str(record.exc_info[1])


def test_throttle_counts_a_guess_if_a_later_backend_raises(server, settings, hashed):
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        f"{__name__}.RaisingBackend",
    ]
    assert statuses(server, LIMIT + 2) == [500] * LIMIT + [429] * 2
    assert len(hashed) == LIMIT


def test_throttle_counts_a_guess_if_a_backend_denies_permission(server, settings):
    settings.AUTHENTICATION_BACKENDS = [
        f"{__name__}.ForbiddingBackend",
        "django.contrib.auth.backends.ModelBackend",
    ]
    assert statuses(server, LIMIT + 2) == [400] * LIMIT + [429] * 2


def test_throttle_counts_a_guess_if_a_middleware_raises(server, settings, hashed):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.RaisingMiddleware"]
    with serve() as address:
        assert statuses(address, LIMIT + 2) == [500] * (LIMIT + 2)
    assert len(hashed) == LIMIT
    assert statuses(server, 1) == [429]


def test_throttle_counts_a_guess_if_the_worker_exits(server, settings, hashed):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.ExitingBackend"]
    assert statuses(server, LIMIT + 2) == [500] * LIMIT + [429] * 2
    assert len(hashed) == LIMIT


def test_throttle_counts_a_guess_if_the_client_disconnects(server, hashed):
    for _ in range(LIMIT):
        lines, body = request_lines("a guess")
        connection = socket.create_connection(server, timeout=60)
        connection.sendall(
            b"\r\n".join([b"POST /auth/token/ HTTP/1.1", b"Host: localhost", *lines])
            + b"\r\n\r\n"
            + body
        )
        connection.close()
    # This request waits for the others, or has the last place before one of them.
    codes = statuses(server, LIMIT + 1)
    assert codes[-1] == 429
    assert len(hashed) == LIMIT


def test_throttle_does_not_count_database_errors(server, hashed):
    with unreadable(get_user_model()):
        # In this thread the statements fail at once.
        codes = [guess("alice").status_code for _ in range(LIMIT + 2)]
    assert codes == [503] * (LIMIT + 2)
    assert not hashed
    assert sign_in(server, PASSWORDS["alice"]).status == 200


def test_throttle_ignores_correct_password_if_a_receiver_raises(server):
    def fail(**keywords):
        raise RuntimeError("of the project")

    user_logged_in.connect(fail)
    try:
        codes = [sign_in(server, PASSWORDS["alice"]).status for _ in range(LIMIT + 2)]
    finally:
        user_logged_in.disconnect(fail)
    assert codes == [500] * (LIMIT + 2)
    assert sign_in(server, PASSWORDS["alice"]).status == 200


@pytest.mark.promise(19)
def test_throttle_does_not_count_correct_passwords(server):
    codes = [sign_in(server, PASSWORDS["alice"]).status for _ in range(LIMIT + 2)]
    assert codes == [200] * (LIMIT + 2)
