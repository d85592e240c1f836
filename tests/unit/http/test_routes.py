"""Routes that are found by their views, whatever their names and prefixes are."""

from __future__ import annotations

from functools import wraps

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.test import Client
from django.test.utils import override_script_prefix
from django.urls import include, path, re_path
from django.utils import translation
from django.utils.translation import gettext_lazy

from django_tokenauth.http.routes import route_parameters, route_path
from django_tokenauth.views import RefreshView, RevokeView, TokenView
from tests.support.system_checks import SIGNED

AUTH = include("django_tokenauth.urls")
WELL_KNOWN = include("django_tokenauth.well_known")


class OwnTokenView(TokenView):
    pass


class OtherTokenView(OwnTokenView):
    pass


def wrapped(view):
    @wraps(view)
    def decorated(request, *args, **kwargs):
        return view(request, *args, **kwargs)

    return decorated


def hidden(view):
    def decorated(request):
        return view(request)

    return decorated


@pytest.fixture
def urls(settings):
    def urls(*patterns):
        settings.ROOT_URLCONF = patterns

    return urls


class TestPath:
    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            (path("auth/", AUTH), "/auth/token/"),
            (path("", AUTH), "/token/"),
            (path("a/", include("django_tokenauth.urls", namespace="other")), "/a/token/"),
            (path("a/", include(([path("b/", AUTH)], "outer"))), "/a/b/token/"),
            (path("a/", include([path("b/", include([path("c/", AUTH)]))])), "/a/b/c/token/"),
            (path("login/", TokenView.as_view()), "/login/"),
            (path("login/", TokenView.as_view(), name="sign-in"), "/login/"),
            (path("login/", OwnTokenView.as_view()), "/login/"),
            (path("login/", wrapped(TokenView.as_view())), "/login/"),
            (path("", include(([path("x/", TokenView.as_view())], "unnamed"))), "/x/"),
            (re_path(r"^login/$", TokenView.as_view()), "/login/"),
            (re_path(r"^api/(?P<version>v1)/", AUTH), None),
            (path("<slug:tenant>/", AUTH), None),
            (path("login/", hidden(TokenView.as_view())), None),
            (path("login/", RefreshView.as_view()), None),
        ],
        ids=str,
    )
    def test_route_is_found_by_its_view(self, urls, pattern, expected):
        urls(pattern)
        assert route_path("token") == expected

    @pytest.mark.parametrize(
        ("pattern", "expected"),
        [
            (path("<slug:tenant>/", AUTH), "/acme/token/"),
            (re_path(r"^(?P<version>v\d)/(?P<tenant>\w+)/", AUTH), "/v2/acme/token/"),
            (path("<int:number>/", include([path("<slug:tenant>/", AUTH)])), "/7/acme/token/"),
            (path("auth/", AUTH), "/auth/token/"),
            (path("<slug:missing>/", AUTH), None),
            (path("<uuid:tenant>/", AUTH), None),
        ],
        ids=str,
    )
    def test_route_below_parameters_is_found_with_arguments(self, urls, pattern, expected):
        urls(pattern)
        arguments = {"tenant": "acme", "version": "v2", "number": 7, "issuer_path": "x"}
        assert route_path("token", arguments) == expected

    def test_first_route_that_fits_the_arguments_is_found(self, urls):
        urls(path("<slug:tenant>/", AUTH), path("a/", AUTH), path("b/", AUTH))
        assert route_path("token") == "/a/token/"
        assert route_path("token", {"tenant": "acme"}) == "/acme/token/"

    @pytest.mark.parametrize(
        ("views", "expected"),
        [
            ((OwnTokenView, TokenView), "/1/"),
            ((TokenView, OwnTokenView), "/0/"),
            ((OtherTokenView, OwnTokenView), "/0/"),
        ],
    )
    def test_route_of_the_package_precedes_those_of_subclasses(self, urls, views, expected):
        """A subclass may be a further way to sign in, beside the token endpoint."""
        urls(*(path(f"{number}/", view.as_view()) for number, view in enumerate(views)))
        assert route_path("token") == expected

    def test_route_has_the_script_prefix(self, urls):
        urls(path("auth/", AUTH))
        with override_script_prefix("/project/"):
            assert route_path("token") == "/project/auth/token/"

    def test_route_has_the_prefix_of_the_active_language(self, urls, settings):
        urls(*i18n_patterns(path(gettext_lazy("auth/"), AUTH)))
        for language in ("en-us", "ko"):
            with translation.override(language):
                assert route_path("token") == f"/{language}/auth/token/"

    def test_other_urlconf_has_its_own_routes(self, urls):
        for prefix in ("a", "b"):
            urls(path(f"{prefix}/", AUTH))
            assert route_path("token") == f"/{prefix}/token/"


@pytest.mark.parametrize(
    ("patterns", "parameters"),
    [
        ([], []),
        ([path("auth/", AUTH)], [set()]),
        ([path("<slug:a>/<slug:b>/", AUTH), path("auth/", AUTH)], [{"a", "b"}, set()]),
        ([path("<slug:a>/", include([re_path("(?P<b>x)/", AUTH)]))], [{"a", "b"}]),
    ],
)
def test_parameters_of_each_route_are_named(urls, patterns, parameters):
    urls(*patterns)
    assert route_parameters("token") == parameters


class TestMetadata:
    @pytest.fixture
    def endpoints(self, settings, urls):
        settings.TOKENAUTH = {**SIGNED, "ISSUER": "https://auth.example.com"}

        def endpoints(address, *patterns):
            urls(*patterns)
            response = Client().get(address)
            assert response.status_code == 200, response.content
            members = ("token_endpoint", "jwks_uri", "revocation_endpoint")
            found = [response.json().get(name, "") for name in members]
            return [address.removeprefix("https://auth.example.com") for address in found]

        return endpoints

    def test_metadata_contains_renamed_routes_of_subclasses(self, endpoints):
        assert endpoints(
            "/.well-known/oauth-authorization-server",
            path(".well-known/", WELL_KNOWN),
            path("login/", OwnTokenView.as_view()),
            path("logout/", RevokeView.as_view()),
        ) == ["/login/", "/.well-known/jwks.json", "/logout/"]

    def test_metadata_of_a_tenant_contains_the_paths_of_the_tenant(self, endpoints):
        routes = [path("auth/", AUTH), path("keys/", WELL_KNOWN)]
        assert endpoints(
            "/acme/keys/oauth-authorization-server", path("<slug:tenant>/", include(routes))
        ) == ["/acme/auth/token/", "/acme/keys/jwks.json", "/acme/auth/token/revoke/"]

    @pytest.mark.parametrize("document", ["jwks.json", "oauth-authorization-server"])
    @pytest.mark.parametrize("prefix", ["<slug:tenant>/", r"^(\w+)/", r"^(?P<tenant>\w+)/"])
    def test_public_documents_are_served_below_parameters(self, endpoints, prefix, document):
        route = re_path if prefix.startswith("^") else path
        endpoints(f"/acme/{document}", route(prefix, WELL_KNOWN), path("auth/", AUTH))
