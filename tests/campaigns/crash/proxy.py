"""A TCP proxy between the application and its database, which can break connections."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Proxy:
    """Forward all data until :meth:`cut`, :meth:`block` or :meth:`drop_next_response`."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._drops_response = False
        self._listening = self._listen(0)
        self.port = int(self._listening.getsockname()[1])

    def cut(self) -> None:
        """Break all connections."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            # Only shutdown() wakes a thread that reads from the socket.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def drop_next_response(self) -> None:
        """Break all connections when the database sends its next response."""
        self._drops_response = True

    def block(self) -> None:
        """Break all connections and accept no new ones."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def unblock(self) -> None:
        """Accept and forward connections again."""
        self._drops_response = False
        if self._listening.fileno() < 0:
            self._listening = self._listen(self.port)

    def _listen(self, port: int) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, args=[listening], daemon=True).start()
        return listening

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets |= {client, server}
            pair = [(client, server, False), (server, client, True)]
            pumps = [threading.Thread(target=self._pump, args=each, daemon=True) for each in pair]
            for pump in pumps:
                pump.start()
            threading.Thread(
                target=self._close_when_done, args=[pumps, client, server], daemon=True
            ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_response: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_response and self._drops_response:
                    self._drops_response = False
                    self.cut()
                    return
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _close_when_done(self, pumps: list[threading.Thread], *sockets: socket.socket) -> None:
        for pump in pumps:
            pump.join()
        for each in sockets:
            each.close()
        with self._lock:
            self._sockets -= set(sockets)


@contextlib.contextmanager
def proxy(target: tuple[str, int]) -> Iterator[Proxy]:
    """Run a proxy to ``target`` on a free port."""
    instance = Proxy(target)
    try:
        yield instance
    finally:
        instance.block()
