"""The URLs of the processes under load: tokens, two protected views and the public keys."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("tests.support.scenarios.urls")),
    path(".well-known/", include("django_tokenauth.well_known")),
]
