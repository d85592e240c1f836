"""Requests to Django's ASGI application, without a server."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.handlers.asgi import ASGIHandler

SECONDS_TO_ANSWER = 60


def over_asgi(method, path, *headers, body=b""):
    """The answer of Django's ASGI application."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), *headers],
    }

    async def ask():
        communicator = ApplicationCommunicator(ASGIHandler(), scope)
        await communicator.send_input({"type": "http.request", "body": body})
        start = await communicator.receive_output(SECONDS_TO_ANSWER)
        message = await communicator.receive_output(SECONDS_TO_ANSWER)
        # The connection to the database is closed after the answer.
        await communicator.wait(SECONDS_TO_ANSWER)
        return start, message["body"]

    start, body = async_to_sync(ask)()
    answered = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], answered, body
