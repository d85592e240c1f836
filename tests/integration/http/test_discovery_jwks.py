"""Another service verifies access tokens with only ``/.well-known/jwks.json``."""

from __future__ import annotations

import jwt
import pytest
from django.test import Client

from django_tokenauth import services
from tests.support.sample_keys import private_jwk, private_key

PATH = "/.well-known/jwks.json"


class TestKeys:
    @pytest.mark.django_db
    def test_access_token_can_be_verified_with_the_jwks_only(self, settings, alice):
        settings.TOKENAUTH = {
            "ALGORITHM": "ES256",
            "SIGNING_KEY": private_jwk(private_key("ES256")),
        }
        token = services.sign_in(alice).access_token
        published = {key["kid"]: key for key in Client().get(PATH).json()["keys"]}
        key = jwt.PyJWK(published[jwt.get_unverified_header(token)["kid"]])
        claims = jwt.decode(token, key, algorithms=["ES256"], audience="django-tokenauth")
        assert claims["sub"] == str(alice.pk)
