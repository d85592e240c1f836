"""Routes of a project with API tokens."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("auth/", include("django_tokenauth.urls")),
    path("auth/", include("django_tokenauth.api_tokens.urls")),
]
