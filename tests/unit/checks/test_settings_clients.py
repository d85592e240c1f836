"""What is said of clients, and of who may ask about tokens."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import make_password

from tests.support.confidential_clients import listed
from tests.support.system_checks import found, make_good, said


def policy(user, scope, request):
    return scope


@pytest.fixture(autouse=True)
def _good_project(settings):
    make_good(settings)


class TestClients:
    def test_about_hashes_nothing_is_said(self, settings):
        settings.TOKENAUTH = {"CLIENTS": listed()}
        assert found() == []

    def test_about_a_client_that_is_shut_out_nothing_is_said(self, settings):
        settings.TOKENAUTH = {"CLIENTS": {**listed(), "reports": make_password(None)}}
        assert found() == []

    @pytest.mark.parametrize(
        "secret",
        [
            *("a $ecret in the clear", "$", "scrypt$", "scrypt$x$y$z$1$2", "unknown$1$salt$hash"),
            "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",  # by a hasher that is not installed
        ],
    )
    def test_what_is_no_hash_is_an_error_that_does_not_repeat_it(self, settings, secret):
        settings.TOKENAUTH = {"CLIENTS": {**listed(), "reports": secret}}
        assert found() == ["E008"]
        assert "CLIENTS['reports'] is no hash" in said("E008")
        assert "make_password" in said("E008")
        assert len(secret) == 1 or secret not in said("E008")

    def test_each_of_them_is_named(self, settings):
        settings.TOKENAUTH = {"CLIENTS": {"a": "x$", "b": "$" + make_password(None), "c": "y$"}}
        assert found() == ["E008"] * 3

    def test_the_client_of_those_who_name_none_has_no_secret(self, settings):
        settings.TOKENAUTH = {"CLIENTS": listed(**{"django-tokenauth": "secret"})}
        assert found() == ["E008"]
        assert "CLIENTS has the ISSUER" in said("E008")


class TestIntrospect:
    def test_a_scope_that_every_user_may_have_is_a_warning(self, settings):
        settings.TOKENAUTH = {"SCOPES": ["notes:read", "introspect"]}
        assert found() == ["W009"]
        assert "SCOPE_POLICY" in said("W009")

    @pytest.mark.parametrize(
        "values",
        [{"SCOPES": ["introspect"], "SCOPE_POLICY": policy}, {"SCOPES": ["introspection"]}],
    )
    def test_otherwise_nothing_is_said(self, settings, values):
        settings.TOKENAUTH = values
        assert found() == []
