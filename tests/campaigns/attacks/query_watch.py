"""The queries of a request on users and sessions, and the rejections after one query."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from django_tokenauth.models import Session
from tests.campaigns.attacks.attacked_server import Server
from tests.support.client import INVALID_ACCESS_TOKEN, INVALID_TOKEN, SESSION_ENDED


def statements(server: Server) -> list[str]:
    """Return the first word of each query on users and sessions in the last request.

    A database driver may execute more statements for a new connection.
    """
    tables = [model._meta.db_table for model in (Session, get_user_model())]
    executed = server.activity.statements
    return [sql.split()[0] for sql in executed if any(table in sql for table in tables)]


def assert_unknown_user(server: Server, token: str) -> None:
    """Assert that the access token is rejected after one query."""
    response = server.get("/who/", token)
    assert (response.status, response.challenge) == (401, INVALID_TOKEN)
    assert statements(server) == ["SELECT"]
    response = server.post("token/verify/", {"token": token})
    assert (response.status, response.json()) == (401, INVALID_ACCESS_TOKEN)


def assert_invalid_grant(server: Server, token: str) -> None:
    """Assert that the refresh token is rejected after one query, without a write."""
    response = server.post("token/refresh/", {"refresh_token": token})
    assert (response.status, response.json()) == (400, SESSION_ENDED)
    assert statements(server) == ["SELECT"]
