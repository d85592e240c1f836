"""Routes of the test project: the package's under ``/auth/``, and protected views."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin
from django.urls import include, path

from tests import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path(".well-known/", include("django_tokenauth.well_known")),
    path("auth/", include("django_tokenauth.urls")),
    path("who/", views.Who.as_view()),
    path("who/stateless/", views.StatelessWho.as_view()),
    path("open/", views.Open.as_view()),
    path("notes/", views.Notes.as_view()),
]
# Some scenarios use these routes without the optional app.
if apps.is_installed("django_tokenauth.api_tokens"):
    urlpatterns += [path("auth/", include("django_tokenauth.api_tokens.urls"))]
