"""The watch itself: it sees what it is there to see."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress

import time_machine

from tests.campaigns.attacks.watching import Seen, watching
from tests.support.client import get
from tests.support.clock import NOW


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def connect(host, port):
    # Refused, or not found: what counts is the attempt.
    with suppress(OSError):
        socket.create_connection((host, port), timeout=5).close()


def test_a_connection_to_elsewhere_is_seen():
    seen, port = Seen(), closed_port()
    watching(seen, lambda: connect("127.0.0.1", port))
    assert any(str(port) in connection for connection in seen.connections)


def look_up(host):
    # Only in the process: the attempt is what counts, and no server is asked.
    with suppress(OSError):
        socket.getaddrinfo(host, 443, flags=socket.AI_NUMERICHOST)


def test_a_look_up_of_a_name_is_seen():
    seen = Seen()
    watching(seen, lambda: look_up("attacker.invalid"))
    assert any("attacker.invalid" in connection for connection in seen.connections)


def test_a_file_and_a_command_are_seen(tmp_path):
    (tmp_path / "key").touch()
    seen = Seen()
    watching(seen, (tmp_path / "key").read_bytes)
    watching(seen, lambda: subprocess.run([sys.executable, "-V"], check=True, capture_output=True))
    assert any("/key" in each for each in seen.files_and_commands)
    assert any("subprocess.Popen" in each for each in seen.files_and_commands)


def test_statements_are_seen_from_the_first_to_the_last(alice, server):
    # However long it takes, the list of revoked sessions is read once.
    with time_machine.travel(NOW, tick=False):
        token = server.sign_in()["access_token"]
        server.accepts(token)
        server.accepts(token)
    # Opening a connection takes some more, on some databases.
    asked = [
        [statement for statement in request.statements if "tokenauth" in statement]
        for request in server.watch.requests
    ]
    assert list(map(len, asked[1:])) == [1, 1, 1, 0]


def test_nobody_is_watched_outside(alice, server):
    assert get("/open/").status_code == 200
    assert server.watch.requests == []
