"""The calls of the clients in a race, by name. Their arguments can be sent to a process."""

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
from django_tokenauth.api_tokens import last_use
from django_tokenauth.errors import ServiceUnavailable
from django_tokenauth.models import RevokedReason, Session
from tests.support.signal_capture import received

Call = tuple[str, dict[str, Any]]
Response = tuple[int, dict[str, Any]]

UNAVAILABLE = 503


def make(call: Call) -> Response:
    """Make the call and return the status and the JSON of its response."""
    name, arguments = call
    return _CALLS[name](**arguments)


def refreshing(token: str) -> Call:
    """Return the call that refreshes with ``token``."""
    return "post", {"path": "token/refresh/", "body": {"refresh_token": token}}


def _post(path: str, body: dict[str, Any], token: str | None = None) -> Response:
    return _request("POST", f"/auth/{path}", body, token)


def _get(path: str, token: str) -> Response:
    return _request("GET", path, None, token)


def _delete(path: str, token: str) -> Response:
    return _request("DELETE", path, None, token)


def _use_api_token(token: str) -> Response:
    """Send a request with the API token, and store its last use as the end of a request does."""
    response = _get("/who/", token)
    last_use.store_pending()
    return response


def _request(method: str, path: str, body: object, token: str | None = None) -> Response:
    """Send a request without the middleware. An error becomes a response with 500."""
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


def _change_password(username: str, password: str, *, in_transaction: bool = False) -> Response:
    def change() -> None:
        user = get_user_model().objects.get_by_natural_key(username)
        user.set_password(password)
        user.save()

    if not in_transaction:
        return _database_change(change)
    return _database_change(transaction.atomic(change))


def _deactivate(username: str) -> Response:
    def change() -> None:
        user = get_user_model().objects.get_by_natural_key(username)
        user.is_active = False
        user.save()

    return _database_change(change)


def _deactivate_by_update(username: str) -> Response:
    """Deactivate the user by a bare ``UPDATE``, which sends no signal."""
    users = get_user_model().objects.filter(username=username)
    return _database_change(lambda: users.update(is_active=False))


def _delete_user(username: str) -> Response:
    return _database_change(get_user_model().objects.filter(username=username).delete)


def _revoke_by_admin(session: str) -> Response:
    queryset = Session.objects.filter(pk=session)
    try:
        services.revoke_sessions(queryset, RevokedReason.ADMIN)
    except ServiceUnavailable:
        return UNAVAILABLE, {}
    return 200, {}


def _database_change(change: Callable[[], object]) -> Response:
    """Make the change, as a view of the project does. Return 503 after a database error."""
    try:
        change()
    except DatabaseError as error:
        return UNAVAILABLE, {"error": repr(error)}
    return 200, {}


def _observed(call: Call, delays: Iterable[float]) -> Response:
    """Make ``call`` with a delay in seconds before it and before each of its statements.

    The response contains its ``body``, when it ``began`` and ``finished``, and its ``statements``.
    Each statement has its verb, its row count and its finish time. All processes share the clock.
    """
    remaining_delays = iter(delays)
    statements = []

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        time.sleep(next(remaining_delays, 0))
        try:
            return run(sql, params, many, context)
        finally:
            verb, rows = sql.split(None, 1)[0], context["cursor"].rowcount
            statements.append((verb, rows, time.monotonic()))

    time.sleep(next(remaining_delays, 0))
    began = time.monotonic()
    with connection.execute_wrapper(execute):
        status, body = make(call)
    finished = time.monotonic()
    return status, {"body": body, "began": began, "finished": finished, "statements": statements}


def _in_turn(observed: list[tuple[Call, list[float]]]) -> Response:
    """Make each call with its delays. The response contains the results of :func:`_observed`."""
    results = []
    for call, delays in observed:
        status, result = _observed(call, delays)
        results.append({"status": status, **result})
    return 200, {"results": results}


def _refresh_repeatedly(token: str, delays: list[list[float]]) -> Response:
    """Refresh once per item of ``delays``, with the newest token, until one is rejected.

    The response contains the result of :func:`_observed` for each refresh.
    """
    refreshes = []
    for each in delays:
        status, observed = _observed(refreshing(token), each)
        refreshes.append({"status": status, **observed})
        if status not in (200, UNAVAILABLE):
            break
        token = observed["body"].get("refresh_token", token)
    return 200, {"refreshes": refreshes}


def _invalidate_and_probe(call: Call, delays: list[float], probes: list[Call]) -> Response:
    """Make ``call`` until it does not return 503, then make the ``probes`` at once."""
    unavailable = []
    while True:
        status, observed = _observed(call, delays)
        if status != UNAVAILABLE:
            break
        unavailable.append(observed["body"])
    results = [make(each) for each in probes]
    return status, {**observed, "unavailable": unavailable, "probes": results}


def _with_signals(call: Call) -> Response:
    """Make ``call`` and return the session ids of the signals for reuse and revocation."""
    with (
        received(signals.refresh_token_reused) as reused,
        received(signals.session_revoked) as revoked,
    ):
        status, body = make(call)
    return status, {
        "body": body,
        "reused": [str(each["session"].pk) for each in reused],
        "revoked": [str(each["session"].pk) for each in revoked],
    }


def _connect() -> Response:
    connection.ensure_connection()
    return 200, {}


def _disconnect() -> Response:
    connection.close()
    return 200, {}


_CALLS: dict[str, Callable[..., Response]] = {
    "post": _post,
    "get": _get,
    "delete": _delete,
    "change password": _change_password,
    "deactivate": _deactivate,
    "deactivate by update": _deactivate_by_update,
    "delete user": _delete_user,
    "revoke by admin": _revoke_by_admin,
    "use api token": _use_api_token,
    "observed": _observed,
    "in turn": _in_turn,
    "refresh repeatedly": _refresh_repeatedly,
    "invalidate and probe": _invalidate_and_probe,
    "with signals": _with_signals,
    "connect": _connect,
    "disconnect": _disconnect,
}
