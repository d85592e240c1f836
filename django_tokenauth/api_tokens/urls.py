"""The routes of API tokens. A project includes them under any prefix."""

from __future__ import annotations

from django.urls import path

from .views import APITokenListView, APITokenRotationView, APITokenView

__all__ = ["app_name", "urlpatterns"]

#: The namespace of the routes, as in ``reverse("tokenauth_api_tokens:list")``.
app_name = "tokenauth_api_tokens"

#: The routes ``list``, ``detail`` and ``rotate``.
urlpatterns = [
    path("api-tokens/", APITokenListView.as_view(), name="list"),
    path("api-tokens/<uuid:token_id>/", APITokenView.as_view(), name="detail"),
    path("api-tokens/<uuid:token_id>/rotate/", APITokenRotationView.as_view(), name="rotate"),
]
