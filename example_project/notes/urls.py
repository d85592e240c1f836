from __future__ import annotations

from django.urls import path

from notes.views import Notes

app_name = "notes"
urlpatterns = [
    path("", Notes.as_view({"get": "list", "post": "create"}), name="list"),
    path("<int:pk>/", Notes.as_view({"delete": "destroy"}), name="detail"),
]
