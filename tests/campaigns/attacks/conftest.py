"""The attacked server, with the checks that follow every attack."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.core.handlers.wsgi import WSGIHandler

from tests.campaigns.attacks.activity import ActivityMonitor
from tests.campaigns.attacks.attacked_server import OfflineServer, Server
from tests.support.http_server import serve


@contextmanager
def attacked(kind):
    """Serve Django on a socket. No request may return 500 or open an outgoing connection."""
    monitor = ActivityMonitor(WSGIHandler())
    with serve(monitor) as address:
        server = kind(address, monitor)
        yield server
    assert [response.status for response in server.responses if response.status >= 500] == []
    assert [each.connections for each in monitor.requests if each.connections] == []


@pytest.fixture
def server(transactional_db):
    with attacked(Server) as server:
        yield server


@pytest.fixture
def offline_server():
    """Serve Django without a database: each statement is an error, and its request returns 500."""
    with attacked(OfflineServer) as server:
        yield server
