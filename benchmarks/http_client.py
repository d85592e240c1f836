"""An HTTP client that repeats one request over open connections.

It uses sockets, because it shares the processors with the server, and ``http.client`` takes several
times as long per request.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

#: The first connection waits until the server has started.
TIMEOUT = 60
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Connection:
    """One open connection, which sends a request after each response."""

    def __init__(self, port: int, path: str, authorization: str) -> None:
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
            f"Authorization: {authorization}\r\n\r\n"
        ).encode("ascii")
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def get(self) -> None:
        """Send the request and read the response. Raises ``OSError`` unless it is a whole 200."""
        self._socket.sendall(self._request)
        response = b""
        while b"\r\n\r\n" not in response:
            response += self._receive()
        head, _, body = response.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200 ") or length is None:
            raise OSError(f"The response was {head.splitlines()[0].decode('ascii', 'replace')}.")
        missing = int(length[1]) - len(body)
        while missing > 0:
            missing -= len(self._receive())

    def _receive(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("The server closed the connection inside a response.")
        return data


def throughput(
    port: int, path: str, authorization: str, *, connections: int, seconds: float
) -> float:
    """Return the requests per second of several connections. Raises ``OSError`` if one fails."""
    started = threading.Barrier(connections)

    def work() -> int:
        count = 0
        try:
            with closing(Connection(port, path, authorization)) as connection:
                connection.get()
                started.wait()
                end = time.perf_counter() + seconds
                while time.perf_counter() < end:
                    connection.get()
                    count += 1
        except OSError:
            started.abort()
            raise
        return count

    with ThreadPoolExecutor(connections) as pool:
        workers = [pool.submit(work) for _ in range(connections)]
    for worker in workers:
        if isinstance(error := worker.exception(), OSError):
            raise error
    return sum(worker.result() for worker in workers) / seconds
