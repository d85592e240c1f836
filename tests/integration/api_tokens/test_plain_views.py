"""API tokens in plain views of Django: ``token_required`` and ``TokenMiddleware``."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from django_tokenauth.authentication import StatelessJWTAuthentication
from django_tokenauth.decorators import token_required
from django_tokenauth.middleware import TokenMiddleware
from tests.support.api_tokens import NOT_ACCEPTED, issue


class StatelessMiddleware(TokenMiddleware):
    authentication_class = StatelessJWTAuthentication


@token_required("notes:read")
def notes(request):
    return HttpResponse(f"{request.user} {request.auth.jwt_id}")


def whoami(request):
    return HttpResponse(str(request.user))


@pytest.fixture
def issued(alice):
    return issue(alice, scope=["notes:read"])


def request_with(token):
    return RequestFactory().get("/", headers={"Authorization": f"Bearer {token}"})


def test_decorator_accepts_an_api_token(alice, issued, django_assert_num_queries):
    request = request_with(issued.token)
    with django_assert_num_queries(1):
        response = notes(request)
    assert response.content.decode() == f"alice {issued.api_token.pk}"
    assert notes(request_with(issue(alice).token)).status_code == 403


def test_middleware_and_decorator_take_one_query(issued, django_assert_num_queries):
    with django_assert_num_queries(1):
        response = TokenMiddleware(notes)(request_with(issued.token))
    assert response.status_code == 200


def test_middleware_sets_the_user_of_an_api_token(issued):
    assert TokenMiddleware(whoami)(request_with(issued.token)).content == b"alice"


def test_stateless_middleware_rejects_an_api_token(issued, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = StatelessMiddleware(token_required(whoami))(request_with(issued.token))
    assert (response.status_code, response["WWW-Authenticate"]) == (401, NOT_ACCEPTED)
