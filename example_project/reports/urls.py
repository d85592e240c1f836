"""The route of the report service."""

from __future__ import annotations

from django.urls import path

from reports.views import Reports

urlpatterns = [path("reports/", Reports.as_view())]
