"""Requirements of RFC 7517 that no other test covers; the page of standards names them."""

from __future__ import annotations

import json

import pytest

from django_tokenauth.conf import settings as conf
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.sources import build_access_keys
from tests.support.sample_keys import private_key, public_jwk

SECRETS = (b"x" * 50,)


def keys_of(jwk_set):
    settings, problems = conf.read({"KEYS": jwk_set}, SECRETS)
    assert problems == []
    return list(build_access_keys(settings).at(0).verifying)


class TestJwk:
    """RFC 7517 section 4."""

    @pytest.mark.standard("rfc7517-4-1")
    def test_of_a_member_that_stands_twice_the_last_one_counts(self):
        text = json.dumps(public_jwk(private_key("ES256")))[:-1]
        key = load_key(f'{text}, "kid": "first", "kid": "last"}}', "ES256")
        assert key.kid == "last"


class TestJwkSet:
    """RFC 7517 section 5."""

    @pytest.mark.standard("rfc7517-5-3")
    def test_members_beside_the_keys_are_ignored(self):
        jwk = {**public_jwk(private_key("ES256")), "kid": "a"}
        jwk_set = {"issuer": "https://example.com", "keys": [jwk], "more": [{"kty": "oct"}]}
        assert keys_of(jwk_set) == keys_of(json.dumps(jwk_set)) == ["a"]

    @pytest.mark.standard("rfc7517-5-1")
    @pytest.mark.parametrize("jwk_set", [{}, {"Keys": [{"kty": "oct"}]}, '{"keys": {}}'])
    def test_one_without_its_keys_is_refused(self, jwk_set):
        settings, [problem] = conf.read({"KEYS": jwk_set}, SECRETS)
        assert (settings, problem.check_id) == (None, "E008")

    @pytest.mark.standard("rfc7517-5-2")
    def test_of_two_lists_of_keys_the_last_one_counts(self):
        first, last = (
            json.dumps([{**public_jwk(private_key("ES256")), "kid": kid}])
            for kid in ("first", "last")
        )
        assert keys_of(f'{{"keys": {first}, "keys": {last}}}') == ["last"]
