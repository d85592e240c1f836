"""Requests to the project of ``docs/sign-ins.rst``, and the messages that it sends."""

from __future__ import annotations

import json
import re
from threading import Barrier
from typing import Any

from accounts import sending, sms
from django.core import mail
from django.test import Client

from django_tokenauth import services

PHONE, PASSWORD = "+821012345678", "correct horse"
EMAIL = "alice@example.com"


def send(
    path: str,
    body: Any,
    *,
    method: str = "POST",
    token: str = "",
    allow_errors: bool = False,
    **extra: Any,
) -> Any:
    if token:
        extra["headers"] = {"Authorization": f"Bearer {token}"}
    client = Client(raise_request_exception=not allow_errors)
    response = client.generic(
        method, f"/auth/{path}", json.dumps(body), content_type="application/json", **extra
    )
    wait_for_messages()
    return response


def wait_for_messages() -> None:
    """Wait until each thread has sent its messages."""
    count = sending.threads._max_workers
    barrier = Barrier(count)
    for future in [sending.threads.submit(barrier.wait) for _ in range(count)]:
        future.result(30)


def outcome(response: Any) -> Any:
    """Return the error of the response, or the authentication methods in its access token."""
    if response.status_code != 200:
        body = response.json() if response.content else {}
        return [response.status_code, body.get("error")] if body else response.status_code
    return list(services.authenticate_access_token(response.json()["access_token"]).amr)


def last_code() -> str:
    return str(sms.sent[-1][1][-7:-1])


def last_link() -> dict[str, str]:
    [secret] = re.findall(r"#link=(\S+)", str(mail.outbox[-1].body))
    return {"link": secret}
