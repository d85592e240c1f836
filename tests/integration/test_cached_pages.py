"""Django's cache and pages for one user: the forms of ``docs/plain-views.rst``."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.test import Client
from django.urls import path
from django.views.decorators.cache import cache_control, cache_page
from rest_framework.authentication import SessionAuthentication

from django_tokenauth import services
from tests.support import plain_views
from tests.support.documents import DOCS, section

UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
PATHS = ("/monthly/", "/weekly/", "/daily/")
MODULE = "tests.support.plain_views"


@pytest.fixture(autouse=True, params=["Authorization", "X-Auth-Token"])
def header(request, settings):
    """Return the header of the token. Some versions of Django name the first one in ``Vary``."""
    if request.param == "X-Auth-Token":
        settings.REST_FRAMEWORK = {
            "DEFAULT_AUTHENTICATION_CLASSES": [f"{MODULE}.GatewayAuthentication"]
        }
    return request.param


@pytest.fixture(autouse=True)
def _documented_pages(settings, monkeypatch, header):
    settings.MIDDLEWARE = plain_views.MIDDLEWARE
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "test_cached_pages",
        }
    }
    blocks = {
        block.file: block.text for block in section(DOCS / "plain-views.rst", "Caches").blocks
    }
    reports, urls = ModuleType("mysite.reports"), ModuleType("mysite.urls")
    for module in (ModuleType("mysite"), reports, urls):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(blocks["mysite/reports.py"].replace("Authorization", header), vars(reports))  # noqa: S102
    vars(urls).update(path=path, urlpatterns=[*plain_views.urlpatterns])
    if header == "X-Auth-Token":
        # A view reads the default of REST framework when Python imports it.
        reports.Daily.authentication_classes = [plain_views.GatewayAuthentication]
    exec(blocks["mysite/urls.py"], vars(urls))  # noqa: S102
    settings.ROOT_URLCONF = "mysite.urls"
    cache.clear()


@pytest.fixture
def tokens(alice, bob):
    return {user.username: services.sign_in(user).access_token for user in (alice, bob)}


@pytest.fixture
def send(header):
    def send(url, token=None, client=None):
        headers = {header: f"Bearer {token}"} if token else {}
        return (client or Client()).get(url, headers=headers)

    return send


@pytest.mark.parametrize("url", PATHS)
class TestDocumentedForms:
    def test_cached_page_is_returned_only_for_the_same_token(self, send, alice, tokens, url):
        assert send(url, tokens["alice"]).json() == {"user": "alice"}
        alice.username = "renamed"
        alice.save()
        assert send(url, tokens["alice"]).json() == {"user": "alice"}
        assert send(url, tokens["bob"]).json() == {"user": "bob"}
        assert send(url, services.sign_in(alice).access_token).json() == {"user": "renamed"}

    def test_cached_page_is_not_returned_without_a_valid_token(self, send, alice, tokens, url):
        assert send(url, tokens["alice"]).status_code == 200
        assert send(url).status_code in (302, 401)
        services.sign_out_everywhere(alice)
        assert send(url, tokens["alice"]).status_code == 401


@pytest.mark.parametrize("url", ["/weekly/", "/daily/"])
def test_cached_page_is_separate_for_each_django_session(send, alice, bob, tokens, url):
    daily = sys.modules["mysite.reports"].Daily
    daily.authentication_classes = [*daily.authentication_classes, SessionAuthentication]
    client = Client()
    client.force_login(bob)
    assert send(url, tokens["alice"]).json() == {"user": "alice"}
    assert send(url, client=client).json() == {"user": "bob"}
    other = Client()
    other.force_login(alice)
    assert send(url, client=other).json() == {"user": "alice"}


def test_page_with_cache_control_private_is_not_cached(send, alice, tokens):
    view = cache_page(60)(cache_control(private=True)(login_required(plain_views.user_of)))
    sys.modules["mysite.urls"].urlpatterns.append(path("private/", view))
    assert send("/private/", tokens["alice"]).json()["user"] == "alice"
    assert send("/private/", tokens["bob"]).json()["user"] == "bob"


def test_update_cache_middleware_above_ours_separates_users(send, alice, tokens, settings):
    settings.MIDDLEWARE = [UPDATE, *plain_views.MIDDLEWARE, FETCH]
    assert send("/user/", tokens["alice"]).json() == {"user": "alice", "token": True}
    alice.username = "renamed"
    alice.save()
    assert send("/user/", tokens["alice"]).json() == {"user": "alice", "token": True}
    assert send("/user/", tokens["bob"]).json() == {"user": "bob", "token": True}
    # The cache returns the page before the token is checked.
    services.sign_out_everywhere(alice)
    assert send("/user/", tokens["alice"]).status_code == 200
    assert send("/user/").json()["token"] is False
