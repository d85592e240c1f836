"""The routes of the API: tokens, notes, the user of a token, and the documentation."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from example.views import WhoAmI
from notes.views import Statistics

urlpatterns = [
    # The address of the API itself, as the demo prints it.
    path("", RedirectView.as_view(pattern_name="docs")),
    path(".well-known/", include("django_tokenauth.well_known")),
    path("admin/", admin.site.urls),
    path("auth/", include("django_tokenauth.urls")),
    path("auth/", include("django_tokenauth.api_tokens.urls")),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("notes/", include("notes.urls")),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("statistics/", Statistics.as_view()),
    path("whoami/", WhoAmI.as_view()),
]
