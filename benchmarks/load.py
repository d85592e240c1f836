"""A client that asks for one address again and again, over connections that stay open."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

#: The first request waits until the server is there.
SECONDS_TO_WAIT = 60


class Connection:
    """One connection, which asks and reads the answer, one after the other."""

    def __init__(self, port: int, path: str, authorization: str) -> None:
        self._address = ("127.0.0.1", port)
        header = f"Authorization: {authorization}\r\n" if authorization else ""
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n{header}\r\n"
        ).encode("ascii")
        self._socket: socket.socket | None = None

    def ask(self) -> None:
        """One request. Raises ``OSError``, and ``SystemExit`` for any answer but 200."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, SECONDS_TO_WAIT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(self._request)
        answer = bytearray()
        while b"\r\n\r\n" not in answer:
            answer += self._more(self._socket)
        head, _, body = bytes(answer).partition(b"\r\n\r\n")
        status, *lines = head.lower().split(b"\r\n")
        if b" 200 " not in status:
            raise SystemExit(f"The server answered {status.decode('ascii', 'replace')}.")
        headers = dict(line.split(b": ", 1) for line in lines)
        missing = int(headers[b"content-length"]) - len(body)
        while missing > 0:
            missing -= len(self._more(self._socket))
        if headers.get(b"connection") == b"close":
            self.close()

    @staticmethod
    def _more(opened: socket.socket) -> bytes:
        data = opened.recv(65536)
        if not data:
            raise ConnectionError("The server closed the connection in the middle.")
        return data

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server did in a while."""

    per_second: float
    #: All of them, with the first one of each connection, which is not in ``per_second``.
    requests: int


def ask(connect: Callable[[], Connection], *, connections: int, seconds: float) -> Answered:
    """Ask as often as the server answers, over as many connections at once."""
    counts: list[int] = []
    failures: list[BaseException] = []
    started = threading.Barrier(connections + 1)
    ended = threading.Event()

    def run() -> None:
        connection, count = connect(), 0
        try:
            # The server makes what it makes at the first request of a connection.
            connection.ask()
            started.wait()
            while not ended.is_set():
                connection.ask()
                count += 1
        except (OSError, SystemExit) as error:
            failures.append(error)
            started.abort()
        except threading.BrokenBarrierError:
            pass
        finally:
            connection.close()
            counts.append(count)

    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    try:
        started.wait()
        begin = time.perf_counter()
        time.sleep(seconds)
    except threading.BrokenBarrierError:
        begin = time.perf_counter()
    ended.set()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit(f"A request failed: {failures[0]}")
    per_second = sum(counts) / (time.perf_counter() - begin)
    return Answered(per_second, sum(counts) + connections)
