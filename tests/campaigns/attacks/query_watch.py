"""What the server asked the tables of users and sessions, and the two ways to be nobody there."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from django_tokenauth.models import Session
from tests.campaigns.attacks.attacked import Server
from tests.support.client import INVALID_GRANT, INVALID_TOKEN


def statements(server: Server) -> list[str]:
    """The first word of each statement of the last request that concerns them: a driver may have
    some of its own for a new connection."""
    tables = [model._meta.db_table for model in (Session, get_user_model())]
    seen = server.seen.statements
    return [sql.split()[0] for sql in seen if any(table in sql for table in tables)]


def nobody(server: Server, token: str) -> None:
    """An access token is refused to who looks its user up, with one statement."""
    answer = server.get("/who/", token)
    assert (answer.status, answer.challenge) == (401, INVALID_TOKEN)
    assert statements(server) == ["SELECT"]
    assert server.post("token/verify/", {"token": token}).json() == {"active": False}


def no_grant(server: Server, token: str) -> None:
    """A refresh token is refused with one statement, so nothing was written."""
    answer = server.post("token/refresh/", {"refresh_token": token})
    assert (answer.status, answer.json()) == (400, INVALID_GRANT)
    assert statements(server) == ["SELECT"]
