"""Between the application and its database: a wire that can be cut at a chosen moment."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Proxy:
    """Passes on what it gets, until it is told to lose it."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._wires: set[socket.socket] = set()
        self._loses_answer = False
        self._listening = self._listen(0)
        self.port = int(self._listening.getsockname()[1])

    def cut(self) -> None:
        """Break all connections now."""
        with self._lock:
            wires, self._wires = self._wires, set()
        for wire in wires:
            # A thread may be reading from it: closing alone does not wake that.
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    def lose_the_next_answer(self) -> None:
        """Break all connections when the database says the next word, which nobody hears."""
        self._loses_answer = True

    def refuse(self) -> None:
        """Let nobody in any more, and cut off who is."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def accept(self) -> None:
        """As at the start."""
        self._loses_answer = False
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
            for wire in (client, server):
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._wires |= {client, server}
            pair = [(client, server, False), (server, client, True)]
            pumps = [threading.Thread(target=self._pump, args=way, daemon=True) for way in pair]
            for pump in pumps:
                pump.start()
            threading.Thread(target=self._bury, args=[pumps, client, server], daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_answer and self._loses_answer:
                    self._loses_answer = False
                    self.cut()
                    return
                sink.sendall(data)
        for wire in (source, sink):
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    def _bury(self, pumps: list[threading.Thread], *wires: socket.socket) -> None:
        for pump in pumps:
            pump.join()
        for wire in wires:
            wire.close()
        with self._lock:
            self._wires -= set(wires)


@contextlib.contextmanager
def proxy(target: tuple[str, int]) -> Iterator[Proxy]:
    """A proxy to ``target`` on a free port."""
    ours = Proxy(target)
    try:
        yield ours
    finally:
        ours.refuse()
