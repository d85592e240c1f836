"""``token_required`` with ``ATOMIC_REQUESTS``: an error rolls back the request."""

from __future__ import annotations

from contextlib import closing, contextmanager

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.http import JsonResponse
from django.test import Client
from django.urls import path

from django_tokenauth import services
from django_tokenauth.decorators import token_required
from tests.support import plain_views
from tests.support.client import INVALID_ACCESS_TOKEN, UNAVAILABLE, status_and_json

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]
#: The statements that read the number of a connection and that end the connection.
ENDING = {
    "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
    "mysql": ("SELECT CONNECTION_ID()", "KILL {}"),
}


@token_required("notes:write")
def notes(request):
    return JsonResponse({})


def recorded(request):
    """Write a row before the token is read."""
    Group.objects.create(name="recorded")
    return notes(request)


urlpatterns = [path("", recorded), path("notes/", notes)]


@pytest.fixture(autouse=True, params=["with middleware", "without middleware"])
def _project(settings, monkeypatch, request):
    with_middleware = request.param == "with middleware"
    settings.MIDDLEWARE = plain_views.MIDDLEWARE[: None if with_middleware else -1]
    settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"]}
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


def send(path, token):
    client = Client(raise_request_exception=False)
    return client.get(path, headers={"Authorization": f"Bearer {token}"})


def end_of_connection():
    """Return the statement with which another connection ends the current one."""
    number, end = ENDING[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(number)
        [found] = cursor.fetchone()
    return end.format(found)


@contextmanager
def losing_connection():
    """End the connection before its first statement."""
    ends = [end_of_connection()]

    def lose(execute, *args):
        if ends:
            other = connection.copy()
            with closing(other), other.cursor() as cursor:
                cursor.execute(ends.pop())
        return execute(*args)

    with connection.execute_wrapper(lose):
        yield


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no server")
def test_lost_connection_returns_503(alice):
    token = services.sign_in(alice).access_token
    with losing_connection():
        response = send("/notes/", token)
    assert status_and_json(response) == (503, UNAVAILABLE)
    assert send("/notes/", token).status_code == 200


def test_rejected_request_is_rolled_back(alice):
    assert status_and_json(send("/", "garbage")) == (401, INVALID_ACCESS_TOKEN)
    assert not Group.objects.exists()
    narrow = services.sign_in(alice, scope=["notes:read"]).access_token
    assert send("/", narrow).status_code == 403
    assert not Group.objects.exists()


def test_accepted_request_is_committed(alice):
    assert send("/", services.sign_in(alice).access_token).status_code == 200
    assert Group.objects.exists()
