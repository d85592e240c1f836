"""Code of a project that uses every public name of the optional app of API tokens.

See ``public_typing.py``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import assert_type

from django.contrib.auth.models import User
from django.urls import include, path

from django_tokenauth import services
from django_tokenauth.api_tokens import services as api_tokens
from django_tokenauth.api_tokens import urls as api_token_urls
from django_tokenauth.api_tokens import views as api_token_views
from django_tokenauth.api_tokens.models import APIToken


def rotate_api_tokens(user: User) -> str:
    issued = api_tokens.create(user, name="nightly", scope=["notes:read"])
    assert_type(issued, api_tokens.IssuedAPIToken)
    row: APIToken = issued.api_token
    assert_type(row.scopes, frozenset[str])
    renamed = api_tokens.rename(user, row.pk, "hourly")
    end = api_tokens.latest_expiry()
    try:
        rotated = api_tokens.rotate(user, row.pk, overlap=timedelta(0), expires_at=end)
    except (api_tokens.ConcurrentRotation, api_tokens.InvalidEndDate):
        rotated = None
    assert_type(api_tokens.revoke(user, row.pk), bool)
    names = [each.name for each in api_tokens.list_api_tokens(user)]
    assert_type(names, list[str])
    assert_type(api_tokens.pattern(), str)
    claims = services.authenticate_access_token(services.sign_in(user).access_token)
    assert_type(api_tokens.grantable_scope(claims, None), frozenset[str])
    return issued.token if renamed is None or rotated is None else rotated.token


api_token_routes = [
    path("list/", api_token_views.APITokenListView.as_view()),
    path("one/", api_token_views.APITokenView.as_view()),
    path("rotation/", api_token_views.APITokenRotationView.as_view()),
    path("auth/", include((api_token_urls.urlpatterns, api_token_urls.app_name))),
]
