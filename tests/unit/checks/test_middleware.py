"""The check of the order of ``MIDDLEWARE``."""

from __future__ import annotations

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware

from django_tokenauth import checks
from django_tokenauth.middleware import TokenMiddleware
from tests.support.system_checks import configure_clean_project

LOGIN = "django.contrib.auth.middleware.AuthenticationMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
TOKEN = "django_tokenauth.middleware.TokenMiddleware"


class OwnLogin(AuthenticationMiddleware):
    pass


class OwnToken(TokenMiddleware):
    pass


def function(get_response):
    """A middleware that is a function."""
    return get_response


@pytest.mark.parametrize(
    ("middleware", "found"),
    [
        ([], False),
        ([LOGIN], False),
        ([TOKEN], False),
        ([LOGIN, TOKEN], False),
        ([TOKEN, LOGIN], True),
        ([TOKEN, f"{__name__}.function", LOGIN], True),
        ([f"{__name__}.OwnToken", LOGIN], True),
        ([TOKEN, f"{__name__}.OwnLogin"], True),
        ([f"{__name__}.OwnLogin", f"{__name__}.OwnToken"], False),
        ([LOGIN, TOKEN, f"{__name__}.OwnToken"], False),
        (["missing.module.Middleware", TOKEN, LOGIN], True),
    ],
)
def test_check_warns_if_the_session_replaces_the_user(settings, middleware, found):
    configure_clean_project(settings)
    settings.MIDDLEWARE = middleware
    messages = checks.check_installation()
    assert [message.id for message in messages] == ["tokenauth.W028"] * found
    assert all("below AuthenticationMiddleware" in message.hint for message in messages)


@pytest.mark.parametrize(
    ("middleware", "found"),
    [
        ([UPDATE, TOKEN, FETCH], False),
        ([FETCH, TOKEN], False),
        ([UPDATE, FETCH], False),
        ([TOKEN, UPDATE, FETCH], True),
        ([f"{__name__}.OwnToken", UPDATE], True),
        ([TOKEN, "django.middleware.cache.CacheMiddleware"], True),
    ],
)
def test_check_warns_if_the_cache_mixes_users(settings, middleware, found):
    configure_clean_project(settings)
    settings.MIDDLEWARE = middleware
    messages = checks.check_installation()
    assert [message.id for message in messages] == ["tokenauth.W028"] * found
    assert all("above TokenMiddleware" in message.hint for message in messages)
