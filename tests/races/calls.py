"""What the clients of a race do, by name: a call is told to another process in plain values."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.handlers.exception import convert_exception_to_response
from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from django.test import RequestFactory
from django.urls import resolve

Call = tuple[str, dict[str, Any]]
Answer = tuple[int, dict[str, Any]]


def make(call: Call) -> Answer:
    name, arguments = call
    return _CALLS[name](**arguments)


def _post(path: str, body: dict[str, Any]) -> Answer:
    """A request as the server gets it, without the middleware. Errors are answers: 500."""
    request = RequestFactory().post(f"/auth/{path}", body, content_type="application/json")
    response: Any = convert_exception_to_response(_view)(request)
    is_json = response.headers["Content-Type"] == "application/json"
    return response.status_code, json.loads(response.content) if is_json else {}


def _view(request: HttpRequest) -> HttpResponseBase:
    response: Any = resolve(request.path).func(request)
    return response.render()


def _change_password(username: str, password: str) -> Answer:
    user = get_user_model().objects.get_by_natural_key(username)
    user.set_password(password)
    user.save()
    return 200, {}


def _connect() -> Answer:
    connection.ensure_connection()
    return 200, {}


def _disconnect() -> Answer:
    connection.close()
    return 200, {}


_CALLS: dict[str, Callable[..., Answer]] = {
    "post": _post,
    "change password": _change_password,
    "connect": _connect,
    "disconnect": _disconnect,
}
