"""The client that measures requests, against a server that counts them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks import system
from benchmarks.load import Connection, ask


class Server(ThreadingHTTPServer):
    """Answers ``/good/``, over connections that stay open, and counts."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.connections = self.requests = 0
        self.headers = set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_GET(self):
        with self.server.lock:
            self.server.requests += 1
            self.server.headers.add(self.headers["Authorization"])
        body = b"x" * 100_000 if self.path == "/long/" else b"{}"
        if self.path == "/torn/":
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
            return
        self.send_response(404 if self.path == "/bad/" else 200)
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/once/":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Nobody reads it."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def connect(server, path, authorization=""):
    return partial(Connection, server.server_port, path, authorization)


class TestConnection:
    @pytest.mark.parametrize("path", ["/good/", "/long/"])
    def test_it_asks_again_over_the_same_connection(self, server, path):
        connection = connect(server, path)()
        for _ in range(3):
            connection.ask()
        connection.close()
        assert (server.requests, server.connections) == (3, 1)

    def test_it_opens_another_where_the_server_closed_it(self, server):
        connection = connect(server, "/once/")()
        for _ in range(3):
            connection.ask()
        connection.close()
        assert (server.requests, server.connections) == (3, 3)

    def test_it_sends_the_header(self, server):
        connection = connect(server, "/good/", "Bearer abc")()
        connection.ask()
        connection.close()
        assert server.headers == {"Bearer abc"}

    def test_any_other_answer_than_200_is_none(self, server):
        connection = connect(server, "/bad/")()
        with pytest.raises(SystemExit, match="404 not found"):
            connection.ask()
        connection.close()

    def test_half_an_answer_is_none(self, server):
        connection = connect(server, "/torn/")()
        with pytest.raises(ConnectionError):
            connection.ask()
        connection.close()


class TestAsk:
    def test_it_counts_what_the_server_answered(self, server):
        answered = ask(connect(server, "/good/"), connections=2, seconds=0.2)
        assert answered.requests == server.requests
        assert answered.per_second > 0
        assert server.connections == 2

    @pytest.mark.parametrize("path", ["/bad/", "/torn/"])
    def test_a_request_that_fails_ends_it(self, server, path):
        with pytest.raises(SystemExit, match="A request failed"):
            ask(connect(server, path), connections=2, seconds=60)


class TestSystem:
    def test_it_tells_of_a_process_where_it_can(self):
        told = Path("/proc/self/stat").exists()
        for found in (system.resident(), system.peak(), system.processor_seconds(os.getpid())):
            assert (found is not None) is told
            assert found is None or found > 0

    def test_of_no_process_it_tells_nothing(self):
        assert system.processor_seconds(-1) is None
