"""Requirements of RFC 7517 without a test elsewhere. The page of standards lists them."""

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
    def test_jwk_with_duplicate_member_uses_last_value(self):
        text = json.dumps(public_jwk(private_key("ES256")))[:-1]
        key = load_key(f'{text}, "kid": "first", "kid": "last"}}', "ES256")
        assert key.kid == "last"


class TestJwkSet:
    """RFC 7517 section 5."""

    @pytest.mark.standard("rfc7517-5-3")
    def test_jwk_set_with_unknown_members_is_accepted(self):
        jwk = {**public_jwk(private_key("ES256")), "kid": "a"}
        jwk_set = {"issuer": "https://example.com", "keys": [jwk], "more": [{"kty": "oct"}]}
        assert keys_of(jwk_set) == keys_of(json.dumps(jwk_set)) == ["a"]

    @pytest.mark.standard("rfc7517-5-1")
    @pytest.mark.parametrize("jwk_set", [{}, {"Keys": [{"kty": "oct"}]}, '{"keys": {}}'])
    def test_jwk_set_without_keys_is_rejected(self, jwk_set):
        _, [problem] = conf.read({"KEYS": jwk_set}, SECRETS)
        assert problem.check_id == "E008"

    @pytest.mark.standard("rfc7517-5-2")
    def test_jwk_set_with_duplicate_keys_member_uses_last_list(self):
        first, last = (
            json.dumps([{**public_jwk(private_key("ES256")), "kid": kid}])
            for kid in ("first", "last")
        )
        assert keys_of(f'{{"keys": {first}, "keys": {last}}}') == ["last"]
