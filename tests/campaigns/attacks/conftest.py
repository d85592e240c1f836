"""The attacked server, with the checks that follow every attack."""

from __future__ import annotations

import pytest
from django.core.handlers.wsgi import WSGIHandler

from tests.campaigns.attacks.activity import ActivityMonitor
from tests.campaigns.attacks.attacked_server import Server
from tests.support.http_server import serve


@pytest.fixture
def server(transactional_db):
    """Serve Django on a socket. No request may return 500 or open an outgoing connection."""
    monitor = ActivityMonitor(WSGIHandler())
    with serve(monitor) as address:
        server = Server(address, monitor)
        yield server
    assert [response.status for response in server.responses if response.status >= 500] == []
    assert [each.connections for each in monitor.requests if each.connections] == []
