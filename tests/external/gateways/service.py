"""The service behind the gateways, which records requests, and a switch before the server."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class RecordedRequest:
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name):
        """Return the values of a header, in any case and with hyphens or underscores."""
        return [value for key, value in self.headers if key.lower().replace("_", "-") == name]

    def identity(self):
        """Return the user, scope, session and actor. An empty header counts as a missing one."""
        names = ("x-auth-user", "x-auth-scope", "x-auth-session", "x-auth-actor")
        return [[value for value in self.values(name) if value] for name in names]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def __getattr__(self, name):
        # The base class looks for a method do_GET, do_POST and so on.
        if name.startswith("do_"):
            return self.handle_request
        raise AttributeError(name)

    def handle_request(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(iter(self._chunk, b""))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = RecordedRequest(self.command, self.path, self.headers.items(), body)
        self.server.requests.append(request)
        content = b"" if self.command == "HEAD" else b"from the service"
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def _chunk(self):
        size = int(self.rfile.readline().split(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def log_message(self, *arguments):
        pass


class _Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests = []

    def handle_error(self, request, client_address):
        """Ignore connections that a gateway closes."""


@contextmanager
def service():
    """Run the service. Its attribute ``requests`` has the requests that it received."""
    with _Service() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


# Its status and headers are inserted.
_RESPONSE = b"HTTP/1.1 %b\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"


class Switch:
    """A TCP relay to the authorization server, which can fail in its place."""

    #: Close connections without a response.
    NOTHING = b""

    def __init__(self, target):
        self._target = target
        self._response = None
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def responding(self, response):
        """Respond to all requests with this status and these headers, or with ``NOTHING``."""
        self._response = response
        self._close_connections()
        try:
            yield
        finally:
            self._response = None

    def close(self):
        self._listener.close()
        self._close_connections()

    def _close_connections(self):
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with suppress(OSError), client:
            if self._response is not None:
                if self._response:
                    client.recv(65536)
                    client.sendall(_RESPONSE % self._response)
                return
            with socket.create_connection(self._target) as server:
                self._open |= {client, server}
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()
                self._open -= {client, server}


def _copy(source, target):
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
