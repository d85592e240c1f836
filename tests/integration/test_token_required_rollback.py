"""``token_required`` rolls back the transaction of a request, and no other transaction."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.http import JsonResponse
from django.test import Client, RequestFactory
from django.urls import path

from django_tokenauth.decorators import token_required
from tests.support import plain_views
from tests.support.client import INVALID_ACCESS_TOKEN, status_and_json

pytestmark = pytest.mark.urls(__name__)
HEADERS = {"Authorization": "Bearer garbage"}


@token_required
def notes(request):
    return JsonResponse({})


@transaction.non_atomic_requests
@token_required
async def asynchronous_notes(request):
    return JsonResponse({})


@transaction.non_atomic_requests
@transaction.atomic
def recorded(request):
    """Write a row in a transaction of the project's own."""
    Group.objects.create(name="recorded")
    return notes(request)


urlpatterns = [
    path("notes/", notes),
    path("asynchronous/", asynchronous_notes),
    path("recorded/", recorded),
]


@pytest.fixture(autouse=True, params=["with middleware", "without middleware"])
def _project(settings, monkeypatch, request):
    with_middleware = request.param == "with middleware"
    settings.MIDDLEWARE = plain_views.MIDDLEWARE[: None if with_middleware else -1]
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)


def send(path):
    return status_and_json(Client().get(path, headers=HEADERS))


@pytest.mark.django_db
def test_view_called_by_a_test_case_keeps_its_transaction():
    Group.objects.create(name="of the test")
    request = RequestFactory().get("/notes/", headers=HEADERS)
    assert notes(request).status_code == 401
    assert Group.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/notes/", "/asynchronous/", "/recorded/"])
def test_rejected_request_keeps_rows_of_a_test_case(path):
    Group.objects.create(name="of the test")
    assert send(path) == (401, INVALID_ACCESS_TOKEN)
    assert Group.objects.filter(name="of the test").exists()


@pytest.mark.django_db(transaction=True)
def test_rejected_request_commits_a_transaction_of_the_project():
    assert send("/recorded/") == (401, INVALID_ACCESS_TOKEN)
    assert Group.objects.exists()
