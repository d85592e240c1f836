"""Django behind a real socket, with requests and responses as raw bytes."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from threading import Thread
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.test.testcases import QuietWSGIRequestHandler

TIMEOUT = 60
Address = Any


@dataclass(frozen=True)
class RawResponse:
    status: int
    headers: Message
    body: bytes

    @property
    def challenge(self) -> str | None:
        return self.headers["WWW-Authenticate"]

    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def serve(application: Callable[..., Any] | None = None) -> Iterator[Address]:
    """Serve Django or another WSGI application, one thread per connection like ``runserver``.

    Yield the address.
    """
    with ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler) as server:
        server.set_app(application or WSGIHandler())
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address
        finally:
            server.shutdown()
            thread.join()


def send_request(address: Address, start: bytes, *lines: bytes, body: bytes = b"") -> RawResponse:
    """Send a request and return the whole response.

    *start* and *lines* are sent unchanged, with CRLF between them.
    """
    head = b"\r\n".join([start, b"Host: localhost", b"Connection: close", *lines])
    received = bytearray()
    with socket.create_connection(address, timeout=TIMEOUT) as connection:
        # The server may respond and close before it has read the whole request.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(head + b"\r\n\r\n" + body)
        with suppress(ConnectionResetError):
            while data := connection.recv(65536):
                received += data
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    return RawResponse(int(line.split()[1]), BytesParser().parsebytes(fields), body)
