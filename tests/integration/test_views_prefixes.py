"""The routes below prefixes with parameters, in namespaces, and with suffixes of a format."""

from __future__ import annotations

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.test import Client
from django.urls import include, path, re_path
from rest_framework import versioning
from rest_framework.settings import api_settings
from rest_framework.urlpatterns import format_suffix_patterns
from rest_framework.views import APIView

from django_tokenauth import urls

ROUTES = include("django_tokenauth.urls")
INNER = include(([path("<path:rest>/auth/", ROUTES)], "inner"))
SUFFIXES = include((format_suffix_patterns(list(urls.urlpatterns)), "tokenauth"))


@pytest.fixture(params=[None, "URLPath", "Namespace", "AcceptHeader", "HostName"])
def _versioning(request, monkeypatch):
    """Use a versioning class of REST framework in the whole project."""
    if request.param:
        kind = getattr(versioning, f"{request.param}Versioning")
        monkeypatch.setattr(APIView, "versioning_class", kind)
        monkeypatch.setattr(api_settings, "ALLOWED_VERSIONS", ["v1"])


@pytest.mark.usefixtures("_versioning")
@pytest.mark.parametrize(
    ("patterns", "prefix", "suffix"),
    [
        ([path("<slug:version>/", ROUTES)], "/v2/", "/"),
        ([path("auth/", ROUTES, {"tenant": "acme"})], "/auth/", "/"),
        ([re_path(r"^(\w+)/auth/", ROUTES)], "/acme/auth/", "/"),
        ([path("<slug:a>/", include(([path("<int:b>/", INNER)], "outer")))], "/x/3/y/z/auth/", "/"),
        ([path("<str:session_id>/<str:user>/", ROUTES)], "/x/y/", "/"),
        ([path("<str:token>/<str:username>/", ROUTES)], "/x/bob/", "/"),
        (i18n_patterns(path("<slug:tenant>/", ROUTES)), "/en-us/acme/", "/"),
        ([path("auth/", SUFFIXES)], "/auth/", ".json"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_route_works_below_its_prefix(alice, settings, patterns, prefix, suffix):
    settings.ROOT_URLCONF = tuple(patterns)
    client = Client()

    def post(route, **body):
        return client.post(f"{prefix}token{route}{suffix}", body)

    tokens = post("", username="alice", password="correct horse").json()
    client = Client(headers={"Authorization": f"Bearer {tokens['access_token']}"})
    [session] = client.get(f"{prefix}sessions{suffix}").json()
    assert post("/verify", token=tokens["access_token"]).status_code == 200
    assert client.get(f"{prefix}token/forward-auth{suffix}").status_code == 204
    assert client.delete(f"{prefix}token/forward-auth{suffix}").status_code == 204
    assert post("/introspect", token="a.b.c").status_code == 401
    assert client.get(f"{prefix}token{suffix}").status_code == 405
    refreshed = post("/refresh", refresh_token=tokens["refresh_token"])
    assert post("/revoke", token=refreshed.json()["refresh_token"]).status_code == 200
    assert client.delete(f"{prefix}sessions/{session['id']}{suffix}").status_code == 401
