"""Attempts to get more rights, to find accounts, to evade throttles, and to read secrets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from accounts import codes, sms
from accounts.models import User
from django.conf import settings
from django.contrib.auth import authenticate
from django.core import mail
from django.core.cache import cache
from django.core.signals import got_request_exception
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.views.debug import ExceptionReporter
from django_otp.plugins.otp_totp.models import TOTPDevice

from django_tokenauth import services
from tests.support.scenarios.sign_ins.authenticator import Authenticator
from tests.support.scenarios.sign_ins.client import (
    EMAIL,
    PASSWORD,
    PHONE,
    last_code,
    last_link,
    send,
    wait_for_messages,
)

UNKNOWN_PHONE = "+82101111111"


def narrow_token(alice: Any, clock: Any) -> Any:
    """Ask for a passkey and for another user's tokens, with a token of narrow scope."""
    bob = User.objects.create_superuser("bob@example.com", PASSWORD)
    scopes = ["notes:read", "notes:write"]
    results = []
    with override_settings(TOKENAUTH={**settings.TOKENAUTH, "SCOPES": scopes}):
        for scope in (["notes:read"], None):
            token = services.sign_in(bob, scope=scope).access_token
            begun = send("passkey/register/", {}, method="PUT", token=token)
            credential = {"ceremony": "x" * 22, "credential": {}}
            if begun.status_code == 200:
                registered = Authenticator("auth.example.com").register(begun.json()["options"])
                credential = {"ceremony": begun.json()["ceremony"], "credential": registered}
            stored = send("passkey/register/", credential, token=token)
            acted = send(f"act-as/{alice.pk}/", {}, token=token)
            results.append([each.status_code for each in (begun, stored, acted)])
    return results


def unknown_user(alice: Any, clock: Any) -> Any:
    """Act as an unknown user, and as one whom the staff may not impersonate."""
    staff = User.objects.create_user("bob@example.com", PASSWORD, is_staff=True)
    token = services.sign_in(staff).access_token
    responses = [send(f"act-as/{pk}/", {}, token=token) for pk in (alice.pk, 10**6)]
    return [len({(each.status_code, each.content) for each in responses}), responses[0].status_code]


@contextmanager
def failing(error: Exception, *words: str) -> Iterator[None]:
    """Raise *error* in place of each statement that contains all *words*."""

    def execute_or_fail(execute: Any, sql: str, *args: Any) -> Any:
        if all(word in sql for word in words):
            raise error
        return execute(sql, *args)

    with connection.execute_wrapper(execute_or_fail):
        yield


def outage(alice: Any, clock: Any) -> Any:
    """Start a session for the staff while the database is read-only."""
    staff = User.objects.create_superuser("bob@example.com", PASSWORD)
    token = services.sign_in(staff).access_token
    with failing(OperationalError(), "INSERT"):
        response = send(f"act-as/{alice.pk}/", {}, token=token, allow_errors=True)
    return [response.status_code, response.get("Retry-After")]


def forwarded_addresses(alice: Any, clock: Any) -> Any:
    """Return the last status of the requests that exceed the rates, with false addresses."""
    results = []
    for count, path in ((6, "code/send/"), (6, "link/send/"), (21, "code/"), (21, "link/")):
        cache.clear()
        for number in range(count):
            body = {
                "phone": f"+8210{number:07}",
                "email": f"{number}@example.com",
                "code": "123456",
                "link": "x",
            }
            # Each address, and each phone number at sign_in_attempt(), is used once.
            response = send(path, body, HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
        results.append(response.status_code)
    return results


def waiting(alice: Any, clock: Any) -> Any:
    """Return whether the responses wait for a sender that does not respond."""
    results = []
    for path, body in (("code", {"phone": PHONE}), ("link", {"email": EMAIL})):
        responded, waited = Event(), []

        def wait(*args: Any, event: Event = responded, found: list[bool] = waited) -> None:
            found.append(not event.wait(5))

        sms.before.append(wait)
        backend, mail.outbox = mail.outbox, Outbox(wait)
        try:
            response = Client().post(f"/auth/{path}/send/", body, content_type="application/json")
            responded.set()
            wait_for_messages()
        finally:
            sms.before.clear()
            mail.outbox = backend
        results.append([response.status_code, waited])
    return results


class Outbox(list):  # type: ignore[type-arg]
    """Call a function before each e-mail is sent."""

    def __init__(self, function: Callable[[], None]) -> None:
        super().__init__()
        self._function = function

    def append(self, message: Any) -> None:
        self._function()
        super().append(message)


def statements(alice: Any, clock: Any) -> Any:
    """Return the number of different lists of statements, for known and unknown users."""
    bodies = [
        [("code/send/", {"phone": number}) for number in (PHONE, UNKNOWN_PHONE)],
        [("code/", {"phone": number, "code": "0" * 6}) for number in (PHONE, UNKNOWN_PHONE)],
        [("link/send/", {"email": address}) for address in (EMAIL, "x@example.com")],
    ]
    counts = []
    for requests in bodies:
        seen = set()
        for path, body in requests:
            with CaptureQueriesContext(connection) as captured:
                send(path, body)
            seen.add(tuple(query["sql"].split()[0] for query in captured.captured_queries))
        counts.append(len(seen))
    return [counts, len(sms.sent)]


def error_reports(alice: Any, clock: Any) -> Any:
    """Return which error reports contain the secret of the request."""
    TOTPDevice.objects.create(user=alice, name="phone")
    send("code/send/", {"phone": PHONE})
    send("link/send/", {"email": EMAIL})
    code, link = last_code(), last_link()["link"]
    passwords = {"username": EMAIL, "password": PASSWORD, "code": "secret.7"}
    requests = [
        ("code/", {"phone": PHONE, "code": code}, code, "accounts_signincode"),
        ("code/", {"phone": PHONE, "code": code}, code, "django_tokenauth_session"),
        ("link/", {"link": link}, link, "UPDATE"),
        ("token/", passwords, PASSWORD, "otp_totp"),
        ("token/", passwords, "secret.7", "otp_totp"),
    ]
    results = []
    for path, body, secret, word in requests:
        report = error_report(path, body, word)
        results.append([len(report) > 10_000, secret in report])
    return [results, [sent_code_in_report(), password_in_report()]]


def error_report(path: str, body: Any, word: str) -> str:
    """Return the error report of a request with a form, while statements with *word* fail."""
    reports = []

    def report(request: Any = None, **kwargs: Any) -> None:
        reports.append(ExceptionReporter(request, *sys.exc_info()).get_traceback_html())

    got_request_exception.connect(report)
    try:
        with failing(RuntimeError("broken"), word):
            Client(raise_request_exception=False).post(f"/auth/{path}", body)
    finally:
        got_request_exception.disconnect(report)
    return reports[0] if reports else ""


def raised_report(function: Callable[[], Any]) -> str:
    """Return the report of the error that *function* raises, without the frame of the caller."""
    try:
        function()
    except RuntimeError:
        return ExceptionReporter(None, *sys.exc_info()).get_traceback_html()
    return ""


def sent_code_in_report() -> bool:
    """Return whether the report of a failed text message contains the code."""
    messages: list[str] = []

    def fail(number: str, text: str) -> None:
        messages.append(text)
        raise RuntimeError

    sms.before.append(fail)
    try:
        report = raised_report(lambda: codes.send_code(PHONE))
    finally:
        sms.before.clear()
    return messages[0] in report or len(report) < 10_000


def password_in_report() -> bool:
    """Return whether the report of a failed ``EmailBackend`` contains the password."""
    with (
        override_settings(AUTHENTICATION_BACKENDS=["accounts.backends.EmailBackend"]),
        failing(RuntimeError("broken"), "accounts_user"),
    ):
        report = raised_report(lambda: authenticate(None, username=EMAIL, password=PASSWORD))
    return PASSWORD in report or len(report) < 10_000


PARTS = (
    narrow_token,
    unknown_user,
    outage,
    forwarded_addresses,
    waiting,
    statements,
    error_reports,
)
