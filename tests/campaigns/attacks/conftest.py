"""The server that is attacked, and what holds after every attack, whatever it was."""

from __future__ import annotations

import pytest
from django.core.handlers.wsgi import WSGIHandler

from tests.campaigns.attacks.attacked import Server
from tests.campaigns.attacks.watching import Watch
from tests.support.http_server import serving


@pytest.fixture
def server(transactional_db):
    """Django behind a socket. No attack makes it fail, or reach out to anywhere."""
    watch = Watch(WSGIHandler())
    with serving(watch) as address:
        server = Server(address, watch)
        yield server
    assert [answer.status for answer in server.answers if answer.status >= 500] == []
    assert [seen.connections for seen in watch.requests if seen.connections] == []
