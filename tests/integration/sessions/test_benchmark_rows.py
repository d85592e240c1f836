"""Sessions that the benchmarks insert with SQL work like those of sign-ins."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from benchmarks.load import tokens_of_sessions
from benchmarks.project import new_users
from benchmarks.rows import insert_sessions
from django_tokenauth import services
from django_tokenauth.models import Session
from django_tokenauth.sessions import store

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="the SQL is for PostgreSQL"),
]


@pytest.fixture
def users():
    now, users = timezone.now(), new_users(2)
    insert_sessions(
        4,
        users,
        created_at=("%s", [now]),
        idle_expires_at=("%s + place * interval '1 day'", [now + timedelta(days=1)]),
    )
    return users


@pytest.mark.usefixtures("users")
def test_benchmark_session_ids_contain_the_sign_in_time():
    sessions = list(Session.objects.all())
    assert len(sessions) == 4
    for session in sessions:
        assert (session.pk.version, session.pk.variant) == (7, uuid.RFC_4122)
        assert session.pk.int >> 80 == store.new_id(session.created_at).int >> 80


def test_benchmark_sessions_can_be_refreshed(users):
    tokens = tokens_of_sessions(5, users[0])
    # tokens_of_sessions also creates one session by a sign-in.
    assert len(tokens) == 5
    assert {services.refresh(token).session.generation for token in tokens} == {2}
