"""The activity monitor records connections, files, commands and queries."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import suppress

import time_machine

from tests.campaigns.attacks.activity import Activity, record_activity
from tests.support.client import get
from tests.support.clock import NOW


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def connect(host, port):
    # The attempt is recorded even if it fails.
    with suppress(OSError):
        socket.create_connection((host, port), timeout=5).close()


def test_activity_monitor_records_outgoing_connections():
    activity, port = Activity(), closed_port()
    record_activity(activity, lambda: connect("127.0.0.1", port))
    assert any(str(port) in connection for connection in activity.connections)


def look_up(host):
    # The flag prevents a DNS query; the attempt is recorded.
    with suppress(OSError):
        socket.getaddrinfo(host, 443, flags=socket.AI_NUMERICHOST)


def test_activity_monitor_records_host_name_lookups():
    activity = Activity()
    record_activity(activity, lambda: look_up("attacker.invalid"))
    assert any("attacker.invalid" in connection for connection in activity.connections)


def test_activity_monitor_records_opened_files_and_commands(tmp_path):
    (tmp_path / "key").touch()
    activity = Activity()
    record_activity(activity, (tmp_path / "key").read_bytes)
    record_activity(
        activity, lambda: subprocess.run([sys.executable, "-V"], check=True, capture_output=True)
    )
    assert any("/key" in each for each in activity.files_and_commands)
    assert any("subprocess.Popen" in each for each in activity.files_and_commands)


def test_activity_monitor_records_statements_of_each_request(alice, server):
    # With a fixed clock, the list of revoked sessions is read once.
    with time_machine.travel(NOW, tick=False):
        token = server.sign_in()["access_token"]
        server.assert_accepts(token)
        server.assert_accepts(token)
    # Some databases execute more statements for a new connection.
    queries = [
        [statement for statement in request.statements if "tokenauth" in statement]
        for request in server.monitor.requests
    ]
    assert list(map(len, queries[1:])) == [1, 1, 1, 0]


def test_activity_monitor_ignores_the_django_test_client(alice, server):
    assert get("/open/").status_code == 200
    assert server.monitor.requests == []
