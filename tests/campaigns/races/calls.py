"""What the clients of a race do, by name: a call is told to another process in plain values."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.handlers.exception import convert_exception_to_response
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponseBase
from django.test import RequestFactory
from django.urls import resolve

from django_tokenauth import services, signals
from django_tokenauth.errors import ServiceUnavailable
from django_tokenauth.models import RevokedReason, Session
from tests.support.signal_capture import received

Call = tuple[str, dict[str, Any]]
Answer = tuple[int, dict[str, Any]]

UNAVAILABLE = 503


def make(call: Call) -> Answer:
    name, arguments = call
    return _CALLS[name](**arguments)


def refreshing(token: str) -> Call:
    """The call that refreshes with ``token``."""
    return "post", {"path": "token/refresh/", "body": {"refresh_token": token}}


def _post(path: str, body: dict[str, Any]) -> Answer:
    return _request("POST", f"/auth/{path}", body)


def _get(path: str, token: str) -> Answer:
    return _request("GET", path, None, token)


def _delete(path: str, token: str) -> Answer:
    return _request("DELETE", path, None, token)


def _request(method: str, path: str, body: object, token: str | None = None) -> Answer:
    """A request as the server gets it, without the middleware. Errors are answers: 500."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = RequestFactory().generic(
        method, path, json.dumps(body), "application/json", headers=headers
    )
    response: Any = convert_exception_to_response(_view)(request)
    is_json = response.headers.get("Content-Type") == "application/json"
    return response.status_code, json.loads(response.content) if is_json else {}


def _view(request: HttpRequest) -> HttpResponseBase:
    view, arguments, keywords = resolve(request.path)
    response: Any = view(request, *arguments, **keywords)
    return response.render()


def _change_password(username: str, password: str, *, in_transaction: bool = False) -> Answer:
    def change() -> None:
        user = get_user_model().objects.get_by_natural_key(username)
        user.set_password(password)
        user.save()

    if not in_transaction:
        return _of_the_database(change)
    return _of_the_database(transaction.atomic(change))


def _deactivate(username: str) -> Answer:
    def change() -> None:
        user = get_user_model().objects.get_by_natural_key(username)
        user.is_active = False
        user.save()

    return _of_the_database(change)


def _deactivate_unheard(username: str) -> Answer:
    """By a bare ``UPDATE``, which sends no signal."""
    users = get_user_model().objects.filter(username=username)
    return _of_the_database(lambda: users.update(is_active=False))


def _delete_user(username: str) -> Answer:
    return _of_the_database(get_user_model().objects.filter(username=username).delete)


def _end_by_admin(session: str) -> Answer:
    chosen = Session.objects.filter(pk=session)
    try:
        services.revoke_sessions(chosen, RevokedReason.ADMIN)
    except ServiceUnavailable:
        return UNAVAILABLE, {}
    return 200, {}


def _of_the_database(change: Callable[[], object]) -> Answer:
    """What a view of the project does, which says that the database did not take it."""
    try:
        change()
    except DatabaseError:
        return UNAVAILABLE, {}
    return 200, {}


def _observed(call: Call, pauses: Iterable[float]) -> Answer:
    """Make ``call`` with a pause before it and before each of its statements (seconds).

    The answer tells of it: ``body``, when it ``began`` and ``ended``, by a clock that all processes
    of a machine share, and its ``statements``: what each is, how many rows it met, and its end.
    """
    pausing = iter(pauses)
    statements = []

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        time.sleep(next(pausing, 0))
        try:
            return run(sql, params, many, context)
        finally:
            verb, rows = sql.split(None, 1)[0], context["cursor"].rowcount
            statements.append((verb, rows, time.monotonic()))

    time.sleep(next(pausing, 0))
    began = time.monotonic()
    with connection.execute_wrapper(execute):
        status, body = make(call)
    ended = time.monotonic()
    return status, {"body": body, "began": began, "ended": ended, "statements": statements}


def _refresh_on(token: str, pauses: list[list[float]]) -> Answer:
    """As many refreshes as there are ``pauses``, each with the newest token, until one is refused.

    What is told of each is that of :func:`_observed`.
    """
    told = []
    for each in pauses:
        status, observed = _observed(refreshing(token), each)
        told.append({"status": status, **observed})
        if status not in (200, UNAVAILABLE):
            break
        token = observed["body"].get("refresh_token", token)
    return 200, {"refreshes": told}


def _end_and_then(call: Call, pauses: list[float], then: list[Call]) -> Answer:
    """Make ``call`` until the service answers, and at once the calls that come ``then``."""
    refused = 0
    while True:
        status, observed = _observed(call, pauses)
        if status != UNAVAILABLE:
            break
        refused += 1
    return status, {**observed, "unavailable": refused, "then": [make(each) for each in then]}


def _heard(call: Call) -> Answer:
    """Make ``call`` and tell the ids of the sessions whose reuse or end was told of."""
    with (
        received(signals.refresh_token_reused) as reused,
        received(signals.session_revoked) as revoked,
    ):
        status, body = make(call)
    return status, {
        "body": body,
        "reused": [str(told["session"].pk) for told in reused],
        "revoked": [str(told["session"].pk) for told in revoked],
    }


def _connect() -> Answer:
    connection.ensure_connection()
    return 200, {}


def _disconnect() -> Answer:
    connection.close()
    return 200, {}


_CALLS: dict[str, Callable[..., Answer]] = {
    "post": _post,
    "get": _get,
    "delete": _delete,
    "change password": _change_password,
    "deactivate": _deactivate,
    "deactivate unheard": _deactivate_unheard,
    "delete user": _delete_user,
    "end by admin": _end_by_admin,
    "observed": _observed,
    "refresh on": _refresh_on,
    "end and then": _end_and_then,
    "heard": _heard,
    "connect": _connect,
    "disconnect": _disconnect,
}
