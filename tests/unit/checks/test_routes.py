"""The check of routes that the metadata and the OpenAPI schema cannot find."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.urls import include, path, re_path

from django_tokenauth import checks
from django_tokenauth.views import TokenView
from tests.support.system_checks import URL, configure_clean_project

AUTH = include("django_tokenauth.urls")
WELL_KNOWN = path(".well-known/", include("django_tokenauth.well_known"))


class OwnTokenView(TokenView):
    pass


@pytest.fixture
def found(settings):
    """Return a function that returns the messages for a URLconf."""
    configure_clean_project(settings)
    settings.TOKENAUTH = URL

    def found(*patterns):
        settings.ROOT_URLCONF = patterns
        found = checks.check_routes()
        assert all((one.id, bool(one.hint)) == ("tokenauth.W026", True) for one in found)
        return [one.msg for one in found]

    return found


@pytest.mark.parametrize(
    "patterns",
    [
        [],
        [path("auth/", AUTH)],
        [path("<slug:tenant>/", AUTH)],
        [WELL_KNOWN, path("auth/", AUTH)],
        [WELL_KNOWN, path("login/", OwnTokenView.as_view())],
        [WELL_KNOWN, path("<slug:tenant>/", AUTH), path("auth/", AUTH)],
        [path("<slug:tenant>/", include([WELL_KNOWN, path("auth/", AUTH)]))],
        [path("<slug:tenant>/", include([WELL_KNOWN])), path("auth/", AUTH)],
    ],
    ids=str,
)
def test_route_that_the_metadata_finds_causes_no_message(found, patterns):
    assert found(*patterns) == []


def test_metadata_without_a_token_route_is_reported(found):
    [message] = found(WELL_KNOWN, path("x/", lambda request: None))
    assert message == (
        "The metadata (.well-known/oauth-authorization-server) returns 404, because the URLconf "
        "has no route to TokenView."
    )


def test_token_route_below_other_parameters_is_reported(found):
    [message] = found(WELL_KNOWN, path("<slug:b>/", AUTH), re_path("(?P<a>x)/", AUTH))
    assert message == (
        "The metadata (.well-known/oauth-authorization-server) returns 404, because each route to "
        "TokenView has URL parameters (a, b) that the route of the metadata lacks."
    )


def test_metadata_of_an_issuer_that_is_no_url_is_not_checked(found, settings):
    settings.TOKENAUTH = {"ISSUER": "auth"}
    assert found(WELL_KNOWN) == []


def test_urlconf_that_cannot_be_imported_is_left_to_django(found, settings):
    settings.ROOT_URLCONF = "tests.missing"
    assert checks.check_routes() == []


class TestOpenAPI:
    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch):
        # Installing it would register its own checks for all later tests.
        monkeypatch.setattr(apps, "is_installed", lambda name: name == "drf_spectacular")

    @pytest.mark.parametrize(
        "pattern",
        [
            path("auth/", AUTH),
            path("<str:version>/auth/", AUTH),
            path("x/", lambda request: None),
        ],
        ids=str,
    )
    def test_route_that_the_schema_finds_causes_no_message(self, found, pattern):
        assert found(pattern) == []

    @pytest.mark.parametrize("prefix", ["<slug:tenant>/", "<str:version>/<slug:tenant>/"])
    def test_token_route_below_parameters_is_reported(self, found, prefix):
        [message] = found(path(prefix, AUTH))
        assert message.startswith("Swagger UI cannot request tokens, because each route to Token")
        assert "tenant" in message
