"""Routes of a project without the admin."""

from __future__ import annotations

from django.urls import include, path

from tests import views

urlpatterns = [
    path("auth/", include("django_tokenauth.urls")),
    path("who/", views.Who.as_view()),
    path("who/stateless/", views.StatelessWho.as_view()),
]
