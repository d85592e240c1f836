"""The HTTP client of the benchmarks, against a server that counts requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.http_client import Connection, throughput


class Server(ThreadingHTTPServer):
    """A server that keeps connections open and counts."""

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
        if self.path == "/torn/":
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
            return
        body = b"x" * 100_000 if self.path == "/long/" else b"{}"
        self.send_response(404 if self.path == "/missing/" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Log nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class TestConnection:
    @pytest.mark.parametrize("path", ["/short/", "/long/"])
    def test_benchmark_client_reuses_one_connection(self, server, path):
        with closing(Connection(server.server_port, path, "Bearer abc")) as connection:
            for _ in range(3):
                connection.get()
        assert (server.requests, server.connections) == (3, 1)
        assert server.headers == {"Bearer abc"}

    @pytest.mark.parametrize(
        ("path", "message"), [("/missing/", "404 Not Found"), ("/torn/", "inside a response")]
    )
    def test_benchmark_client_rejects_incomplete_or_failed_response(self, server, path, message):
        with (
            closing(Connection(server.server_port, path, "")) as connection,
            pytest.raises(OSError, match=message),
        ):
            connection.get()


class TestThroughput:
    def test_throughput_counts_served_requests_per_second(self, server):
        rate = throughput(server.server_port, "/short/", "", connections=2, seconds=0.5)
        # The first request of each connection is not timed.
        assert rate == pytest.approx((server.requests - 2) / 0.5)
        assert server.connections == 2

    @pytest.mark.parametrize("path", ["/missing/", "/torn/"])
    def test_failed_request_stops_the_throughput_measurement(self, server, path):
        with pytest.raises(OSError, match="response"):
            throughput(server.server_port, path, "", connections=2, seconds=60)
