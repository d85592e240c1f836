"""The routes of the views. A project includes the routes in its URLconf under any prefix."""

from __future__ import annotations

from django.urls import path

from .views import (
    ForwardAuthView,
    IntrospectView,
    RefreshView,
    RevokeView,
    SessionListView,
    SessionView,
    TokenView,
    VerifyView,
)

__all__ = ["app_name", "urlpatterns"]

#: The namespace of the routes, as in ``reverse("tokenauth:token")``.
app_name = "tokenauth"

#: The routes ``token``, ``refresh``, ``verify``, ``revoke``, ``introspect``, ``forward-auth``,
#: ``sessions`` and ``session``.
urlpatterns = [
    path("token/", TokenView.as_view(), name="token"),
    path("token/refresh/", RefreshView.as_view(), name="refresh"),
    path("token/verify/", VerifyView.as_view(), name="verify"),
    path("token/revoke/", RevokeView.as_view(), name="revoke"),
    path("token/introspect/", IntrospectView.as_view(), name="introspect"),
    path("token/forward-auth/", ForwardAuthView.as_view(), name="forward-auth"),
    path("sessions/", SessionListView.as_view(), name="sessions"),
    path("sessions/<uuid:session_id>/", SessionView.as_view(), name="session"),
]
