"""API tokens of tenants: with functions of the request, a token belongs to its issuer."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from django_tokenauth.api_tokens import services
from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.services import authenticate_token, get_user
from tests.support.api_tokens import issue

HOSTS = ("a.example.com", "b.example.com")


def host_of(request):
    return f"https://{request.get_host()}"


@pytest.fixture
def requests(settings):
    settings.ALLOWED_HOSTS = HOSTS
    return [RequestFactory().get("/", headers={"Host": host}) for host in HOSTS]


def code_of(token, request):
    try:
        get_user(authenticate_token(token, request=request))
    except InvalidToken as error:
        return error.code
    return None


@pytest.mark.attack(222)
@pytest.mark.parametrize(
    ("name", "code"), [("ISSUER", TokenErrorCode.ISSUER), ("AUDIENCE", TokenErrorCode.AUDIENCE)]
)
def test_token_of_one_tenant_is_rejected_at_another(alice, settings, requests, name, code):
    settings.TOKENAUTH = {name: host_of}
    here, there = requests
    token = issue(alice, request=here).token
    assert (code_of(token, here), code_of(token, there)) == (None, code)


@pytest.mark.attack(222)
def test_services_find_only_tokens_of_the_tenant(alice, settings, requests):
    settings.TOKENAUTH = {"ISSUER": host_of}
    here, there = requests
    row = issue(alice, request=here).api_token
    assert list(services.list_api_tokens(alice, request=here)) == [row]
    assert list(services.list_api_tokens(alice, request=there)) == []
    assert services.rename(alice, row.pk, "x", request=there) is None
    assert services.rotate(alice, row.pk, request=there) is None
    assert services.revoke(alice, row.pk, request=there) is False
    assert services.rotate(alice, row.pk, request=here)
    assert services.revoke(alice, row.pk, request=here) is True


def test_token_from_before_the_functions_is_rejected(alice, settings, requests):
    token = issue(alice).token
    settings.TOKENAUTH = {"ISSUER": "https://a.example.com"}
    assert code_of(token, requests[0]) is None
    settings.TOKENAUTH = {"ISSUER": host_of}
    assert code_of(token, requests[0]) == TokenErrorCode.ISSUER


def test_token_of_a_tenant_outlives_the_functions_at_its_issuer(alice, settings, requests):
    settings.TOKENAUTH = {"ISSUER": host_of}
    token = issue(alice, request=requests[0]).token
    settings.TOKENAUTH = {"ISSUER": "https://a.example.com"}
    assert code_of(token, None) is None
    settings.TOKENAUTH = {"ISSUER": "https://b.example.com"}
    assert code_of(token, None) == TokenErrorCode.ISSUER
