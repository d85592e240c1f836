"""Routes below any prefix."""

from __future__ import annotations

import uuid

import pytest
from django.http import Http404
from django.urls import NoReverseMatch, include, path, resolve, reverse

from django_tokenauth import urls, views
from django_tokenauth.http import discovery

ID = uuid.UUID(int=0xABC)
METADATA = "oauth-authorization-server"
NAMES = [
    ("token", "token/", views.TokenView),
    ("refresh", "token/refresh/", views.RefreshView),
    ("verify", "token/verify/", views.VerifyView),
    ("revoke", "token/revoke/", views.RevokeView),
    ("introspect", "token/introspect/", views.IntrospectView),
    ("forward-auth", "token/forward-auth/", views.ForwardAuthView),
    ("sessions", "sessions/", views.SessionListView),
    ("session", f"sessions/{ID}/", views.SessionView),
]

urlpatterns = [
    path("", include("django_tokenauth.urls")),
    path("api/v1/<slug:tenant>/", include("django_tokenauth.urls", namespace="tenant")),
]


@pytest.mark.parametrize(("name", "route", "view"), NAMES)
class TestRoutes:
    def arguments(self, name):
        return {"session_id": ID} if name == "session" else {}

    def test_route_can_be_reversed_by_name(self, name, route, view):
        assert reverse(f"tokenauth:{name}", kwargs=self.arguments(name)) == f"/auth/{route}"

    def test_route_resolves_to_its_view(self, name, route, view):
        match = resolve(f"/auth/{route}")
        assert match.func.view_class is view
        assert match.view_name == f"tokenauth:{name}"
        assert match.kwargs == self.arguments(name)

    def test_route_is_exempt_from_csrf_checks(self, name, route, view):
        """These views accept no cookies, so CSRF does not apply."""
        assert resolve(f"/auth/{route}").func.csrf_exempt is True

    def test_route_view_has_no_versioning(self, name, route, view):
        """The project's versioning scheme applies only to its own views."""
        assert view.versioning_class is None

    @pytest.mark.urls(__name__)
    def test_route_resolves_below_other_prefixes_and_namespaces(self, name, route, view):
        assert reverse(f"tokenauth:{name}", kwargs=self.arguments(name)) == f"/{route}"
        assert resolve(f"/{route}").func.view_class is view
        arguments = {"tenant": "acme", **self.arguments(name)}
        assert reverse(f"tenant:{name}", kwargs=arguments) == f"/api/v1/acme/{route}"


@pytest.mark.parametrize(
    ("name", "arguments", "route", "view"),
    [
        ("jwks", {}, "jwks.json", discovery.jwks),
        ("metadata", {}, METADATA, discovery.metadata),
        ("metadata", {"issuer_path": "a/b"}, f"{METADATA}/a/b", discovery.metadata),
    ],
)
def test_well_known_route_is_reversed_and_resolved_by_name(name, arguments, route, view):
    assert reverse(f"tokenauth_well_known:{name}", kwargs=arguments) == f"/.well-known/{route}"
    match = resolve(f"/.well-known/{route}")
    assert (match.func, match.kwargs) == (view, arguments)


def test_package_urls_contain_no_unexpected_route():
    assert [pattern.name for pattern in urls.urlpatterns] == [name for name, _, _ in NAMES]


@pytest.mark.parametrize(
    "address",
    [
        *("/auth/", "/auth/token", "/auth/token//", "/auth/token/x/", "/auth/sessions/x/"),
        *("/auth/sessions/1/", f"/auth/sessions/{ID.hex}/", f"/auth/sessions/{ID}"),
        *(f"/auth/sessions/{str(ID).upper()}/", f"/auth/sessions/{ID}/x/"),
    ],
)
def test_unknown_route_is_not_found(address):
    with pytest.raises(Http404):
        resolve(address)


def test_session_route_requires_a_uuid():
    with pytest.raises(NoReverseMatch):
        reverse("tokenauth:session", kwargs={"session_id": 1})
