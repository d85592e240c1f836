"""Requests to Django's ASGI application, without a server."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler

TIMEOUT = 60


def asgi_request(method, path, *headers, body=b""):
    """Return status, headers and body of the response of Django's ASGI application."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), *headers],
    }

    async def send():
        communicator = ApplicationCommunicator(ASGIHandler(), scope)
        await communicator.send_input({"type": "http.request", "body": body})
        start = await communicator.receive_output(TIMEOUT)
        message = await communicator.receive_output(TIMEOUT)
        # Django closes the database connection after the response.
        await communicator.wait(TIMEOUT)
        return start, message["body"]

    start, body = async_to_sync(send)()
    answered = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], answered, body
