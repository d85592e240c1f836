"""The fixtures of the plugin, imported here for environments that have not installed the plugin."""

from __future__ import annotations

import pytest

from django_tokenauth.conf.settings import load
from django_tokenauth.http.counters import Counters
from django_tokenauth.test import TokenClient, fixtures

tokenauth_isolation = fixtures.tokenauth_isolation
token_client = fixtures.token_client
sign_in = fixtures.sign_in
# With its own scope, the fixture would change the settings of all later tests of this suite.
token_keys = pytest.fixture(fixtures.token_keys.__wrapped__)

namespaces = set()


@pytest.mark.parametrize("number", range(2))
def test_each_test_has_counters_of_its_own(number):
    assert Counters.namespace not in {"", *namespaces}
    namespaces.add(Counters.namespace)


def test_sign_in_fixture_signs_the_client_in(token_client, sign_in, alice):
    assert isinstance(token_client, TokenClient)
    sign_in(alice)
    assert token_client.get("/who/").json()["user"] == "alice"


@pytest.mark.usefixtures("token_keys")
def test_token_keys_fixture_generates_a_key():
    assert load().keys[0]["alg"] == "EdDSA"
