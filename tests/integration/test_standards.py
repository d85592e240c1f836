"""What the RFCs ask for and no other test shows; see the page of standards."""

from __future__ import annotations

import json

import pytest

from django_tokenauth import services
from django_tokenauth.conf import settings as conf
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.sources import build_access_keys
from django_tokenauth.services import introspect
from tests.support.clock import NOW
from tests.support.sample_keys import private_key, public_jwk

SECRETS = (b"x" * 50,)


def keys_of(jwk_set):
    settings, problems = conf.read({"KEYS": jwk_set}, SECRETS)
    assert problems == []
    return list(build_access_keys(settings).at(0).verifying)


class TestJwk:
    """RFC 7517 section 4."""

    def test_of_a_member_that_stands_twice_the_last_one_counts(self):
        text = json.dumps(public_jwk(private_key("ES256")))[:-1]
        key = load_key(f'{text}, "kid": "first", "kid": "last"}}', "ES256")
        assert key.kid == "last"


class TestJwkSet:
    """RFC 7517 section 5."""

    def test_members_beside_the_keys_are_ignored(self):
        jwk = {**public_jwk(private_key("ES256")), "kid": "a"}
        jwk_set = {"issuer": "https://example.com", "keys": [jwk], "more": [{"kty": "oct"}]}
        assert keys_of(jwk_set) == keys_of(json.dumps(jwk_set)) == ["a"]

    @pytest.mark.parametrize("jwk_set", [{}, {"Keys": [{"kty": "oct"}]}, '{"keys": {}}'])
    def test_one_without_its_keys_is_refused(self, jwk_set):
        settings, [problem] = conf.read({"KEYS": jwk_set}, SECRETS)
        assert (settings, problem.check_id) == (None, "E008")

    def test_of_two_lists_of_keys_the_last_one_counts(self):
        first, last = (
            json.dumps([{**public_jwk(private_key("ES256")), "kid": kid}])
            for kid in ("first", "last")
        )
        assert keys_of(f'{{"keys": {first}, "keys": {last}}}') == ["last"]


@pytest.mark.django_db
class TestIntrospection:
    """RFC 7662 section 4: what is looked at before a token is called active."""

    def test_a_token_that_has_not_begun_is_not_active(self, alice):
        token = services.sign_in(alice, now=NOW).access_token
        assert introspect(token, now=NOW.timestamp() - 1) == {"active": False}
        assert introspect(token, now=NOW.timestamp())["active"] is True

    def test_a_token_of_another_audience_is_not_active(self, alice, settings):
        """Of all the services of an issuer a server speaks for its own only."""
        settings.TOKENAUTH = {"AUDIENCE": "https://mail.example.com"}
        token = services.sign_in(alice, now=NOW).access_token
        assert introspect(token, now=NOW.timestamp())["active"] is True
        settings.TOKENAUTH = {"AUDIENCE": "https://notes.example.com"}
        assert introspect(token, now=NOW.timestamp()) == {"active": False}
