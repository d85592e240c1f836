"""The API: signing in, the notes, and what a token says about its bearer."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from example.views import WhoAmI

urlpatterns = [
    path("admin/", admin.site.urls),
    path("auth/", include("django_tokenauth.urls")),
    path("notes/", include("notes.urls")),
    path("whoami/", WhoAmI.as_view()),
]
