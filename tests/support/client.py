"""Requests to the routes of the app, and the bodies and challenges of its error responses."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.test import Client

if TYPE_CHECKING:
    import pytest

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PASSWORDS = {"alice": "correct horse", "bob": "battery staple"}

#: The token endpoints and the required parameters of each.
REQUIRED_PARAMETERS = {
    "token/": ["password", "username"],
    "token/refresh/": ["refresh_token"],
    "token/verify/": ["token"],
    "token/revoke/": ["token"],
    "token/introspect/": ["token"],
}
#: All of these parameters.
ALL_PARAMETERS = {
    "username": "alice",
    "password": PASSWORDS["alice"],
    "refresh_token": "a.b.c",
    "token": "a.b.c",
}

#: The members of a token response without a scope.
MEMBERS = {
    *("access_token", "refresh_token", "token_type", "expires_in"),
    "refresh_token_expires_in",
}

# Challenges (RFC 6750 section 3, RFC 7617 section 2).
BARE = 'Bearer realm="api"'
BASIC = 'Basic realm="api"'
INVALID_TOKEN = (
    'Bearer realm="api", error="invalid_token", error_description="The access token is not valid."'
)
EXPIRED_TOKEN = INVALID_TOKEN.replace("is not valid.", "expired.")
# Error responses of the token endpoints (RFC 6749 section 5.2, RFC 6750 section 3.1).
INVALID_ACCESS_TOKEN = {
    "error": "invalid_token",
    "error_description": "The access token is not valid.",
}
EXPIRED_ACCESS_TOKEN = {
    "error": "invalid_token",
    "error_description": "The access token expired.",
}
INVALID_CLIENT = {
    "error": "invalid_client",
    "error_description": "The client is unknown, or its credentials are not valid.",
}
INVALID_GRANT = {
    "error": "invalid_grant",
    "error_description": "The credentials or the token are not valid.",
}
WRONG_PASSWORD = {
    "error": "invalid_grant",
    "error_description": "Wrong username or password.",
}
SESSION_ENDED = {
    "error": "invalid_grant",
    "error_description": "The session has ended. Sign in again.",
}
STEP_UP_REJECTED = {
    "error": "invalid_grant",
    "error_description": "Wrong username or password, or the session has ended.",
}
INVALID_SCOPE = {
    "error": "invalid_scope",
    "error_description": "The requested scope is unknown or exceeds what was granted.",
}
INVALID_REQUEST = {
    "error": "invalid_request",
    "error_description": "The request is malformed.",
}
NOT_JSON = {
    "error": "invalid_request",
    "error_description": "The body must be a JSON object in UTF-8 without duplicate names.",
}
TOO_LARGE = {"error": "invalid_request", "error_description": "The body is too large."}
REPEATED = {"error": "invalid_request", "error_description": "Send each parameter once."}
ONE_METHOD, DIFFERENT_IDS, WITHOUT_ID = (
    {"error": "invalid_request", "error_description": text}
    for text in (
        "Use only one method of client authentication.",
        "The client_id differs from that in HTTP Basic.",
        "The client_secret needs a client_id.",
    )
)


# The documented maximum of a body. Programs import this module before the setup of Django, so it
# imports nothing of REST framework.
_MAX_BODY = 32 * 1024


def unreadable(body: str | bytes, content_type: str = JSON) -> dict[str, str]:
    """Return the error for an invalid JSON body, or a form with a repeated or too large value."""
    body = body.encode(errors="surrogatepass") if isinstance(body, str) else body
    if len(body) > _MAX_BODY:
        return TOO_LARGE
    return NOT_JSON if content_type == JSON else REPEATED


def other_format(content_type: str) -> dict[str, str]:
    """Return the error for a body whose format has *content_type*, unlike the request."""
    description = f"The content type does not match the body. Send the body as {content_type}."
    return {"error": "invalid_request", "error_description": description}


UNSUPPORTED_CONTENT_TYPE = {
    "error": "invalid_request",
    "error_description": "The content type of the request is not supported. Send one of these: "
    "application/json, application/x-www-form-urlencoded, multipart/form-data.",
}
UNSUPPORTED_GRANT_TYPE = {
    "error": "unsupported_grant_type",
    "error_description": "This grant type is not supported.",
}
UNSUPPORTED_TOKEN_TYPE = {
    "error": "unsupported_token_type",
    "error_description": "This server keeps no sessions and cannot revoke tokens.",
}
ACCESS_TOKEN_NOT_REVOCABLE = {
    "error": "unsupported_token_type",
    "error_description": "This access token cannot revoke its session. Send the refresh token.",
}
TOO_MANY_REQUESTS = {
    "error": "too_many_requests",
    "error_description": "Too many failed attempts. Try again later.",
}
TRY_AGAIN = "The service is temporarily unavailable. Try again."
UNAVAILABLE = {"error": "temporarily_unavailable", "error_description": TRY_AGAIN}

#: A response of Django's test client, which adds methods such as ``json()``.
ClientResponse = Any


def malformed_in(path: str, value: object) -> dict[str, str]:
    """Return the error response of *path* if *value* is the value of ``ALL_PARAMETERS``."""
    optional = ["refresh_token"] if path == "token/" and value != "" else []
    return malformed(*REQUIRED_PARAMETERS[path], *optional)


def malformed(*names: str) -> dict[str, str]:
    """Return the error response that names these parameters."""
    listed = ", ".join(sorted(names))
    return {
        "error": "invalid_request",
        "error_description": f"These parameters are missing or malformed: {listed}.",
    }


def status_and_json(response: ClientResponse) -> tuple[int, Any]:
    """Return the status and the JSON body."""
    return response.status_code, response.json()


def post(path: str, body: object, content_type: str = JSON, **headers: str) -> ClientResponse:
    """POST to a route of the app. A *body* other than a string or bytes is sent as JSON."""
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    client = Client(raise_request_exception=False)
    return client.post(f"/auth/{path}", body, content_type=content_type, headers=headers)


def call(method: str, path: str, token: str | None = None, **headers: str) -> ClientResponse:
    """Send a request without a body, with *token* as the access token."""
    client = Client(raise_request_exception=False)
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return client.generic(method, path, headers=headers)


def get(path: str, token: str | None = None, **headers: str) -> ClientResponse:
    return call("GET", path, token, **headers)


def sign_in(username: str = "alice", **parameters: object) -> dict[str, Any]:
    """Sign alice or bob in and return the token response."""
    credentials = {"username": username, "password": PASSWORDS[username]}
    response = post("token/", {**credentials, **parameters})
    assert response.status_code == HTTPStatus.OK, response.content
    return dict(response.json())


def log_messages(caplog: pytest.LogCaptureFixture, level: str = "") -> list[str]:
    """Return the messages of the package's logger, of all levels or of one."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "django_tokenauth" and level in ("", record.levelname)
    ]
