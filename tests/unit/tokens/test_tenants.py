"""Tokens are bound to the issuer and the audience of their request, also in the cache."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.http import HttpRequest

from django_tokenauth.conf import settings as conf
from django_tokenauth.conf.per_request import MAX_RESULTS, settings_of
from django_tokenauth.errors import InvalidToken
from django_tokenauth.tokens.access import access_tokens
from django_tokenauth.tokens.claims import Claims, RefreshClaims
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.raw_tokens import NOW, access_members, refresh_members


def settings_for(tenant):
    request = HttpRequest()
    request.tenant = tenant
    return settings_of(conf.load(), request)


def access_token(tenant, **changes):
    members = access_members(iss=issuer(tenant), aud=issuer(tenant), **changes)
    return access_tokens(settings_for(tenant)).encode(Claims.from_payload(members))


def decode(token, tenant):
    return access_tokens(settings_for(tenant)).decode(token, now=NOW)


def issuer(tenant):
    return f"https://{tenant}.example.com"


def issuer_of(request):
    return issuer(request.tenant)


def rejection(function, *arguments, **options):
    with pytest.raises(InvalidToken) as error:
        function(*arguments, **options)
    return error.value.code


@pytest.fixture(autouse=True)
def _issuer(settings):
    settings.TOKENAUTH = {"ISSUER": issuer_of}


class TestAccessTokens:
    def test_cached_access_token_is_rejected_at_another_tenant(self):
        token = access_token("a")
        first = decode(token, "a")
        assert rejection(decode, token, "b") == "issuer"
        assert decode(token, "a") is first

    def test_audience_function_binds_access_tokens(self, settings):
        settings.TOKENAUTH = {"ISSUER": "auth", "AUDIENCE": issuer_of}
        token = access_tokens(settings_for("a")).encode(
            Claims.from_payload(access_members(iss="auth", aud=issuer("a")))
        )
        decode(token, "a")
        assert rejection(decode, token, "b") == "audience"

    def test_tenants_share_the_limit_of_cached_tokens(self, settings):
        settings.TOKENAUTH = {"ISSUER": issuer_of, "TOKEN_CACHE_SIZE": 3}
        tokens = {tenant: access_token(tenant) for tenant in "abcd"}
        claims = {tenant: decode(token, tenant) for tenant, token in tokens.items()}
        assert [decode(tokens[each], each) is claims[each] for each in "dcba"] == [True] * 3 + [
            False
        ]

    def test_tenants_share_the_key_set(self):
        first, second = (access_tokens(settings_for(tenant)) for tenant in "ab")
        assert first is not second
        assert first._source is second._source
        assert access_tokens(settings_for("a")) is first

    def test_objects_of_many_tenants_are_bounded(self):
        for number in range(MAX_RESULTS + 10):
            access_tokens(settings_for(f"t{number}"))
        assert access_tokens.cache_info().currsize == MAX_RESULTS

    def test_objects_of_earlier_settings_are_dropped(self, settings):
        for tenant in "abc":
            access_tokens(settings_for(tenant))
        settings.TOKENAUTH = {"ISSUER": issuer_of, "LEEWAY": timedelta(seconds=1)}
        access_tokens(settings_for("a"))
        assert access_tokens.cache_info().currsize == 1


class TestRefreshTokens:
    def claims(self, tenant, **changes):
        members = refresh_members(iss=issuer(tenant), aud=issuer(tenant), **changes)
        return RefreshClaims.from_payload(members)

    def test_refresh_token_is_rejected_at_another_tenant(self):
        claims = self.claims("a")
        token = refresh_tokens(settings_for("a")).encode(claims)
        assert refresh_tokens(settings_for("a")).decode(token, now=NOW) == claims
        decode = refresh_tokens(settings_for("b")).decode
        assert rejection(decode, token, now=NOW) == "issuer"

    def test_audience_function_binds_refresh_tokens(self, settings):
        settings.TOKENAUTH = {"ISSUER": "auth", "AUDIENCE": issuer_of}
        claims = replace(self.claims("a"), issuer="auth")
        token = refresh_tokens(settings_for("a")).encode(claims)
        decoded = refresh_tokens(settings_for("a")).decode(token, now=NOW)
        assert replace(decoded, tenant=None) == claims
        decode = refresh_tokens(settings_for("b")).decode
        assert rejection(decode, token, now=NOW) == "audience"
        settings.TOKENAUTH = {"ISSUER": "auth"}
        unbound = refresh_tokens(conf.load()).encode(claims)
        settings.TOKENAUTH = {"ISSUER": "auth", "AUDIENCE": issuer_of}
        assert rejection(refresh_tokens(settings_for("a")).decode, unbound, now=NOW) == "audience"


@pytest.mark.parametrize(
    ("claims", "members"), [(Claims, access_members), (RefreshClaims, refresh_members)]
)
class TestTenantClaim:
    def test_tenant_claim_survives_a_round_trip(self, claims, members):
        payload = members(tokenauth_tenant="a")
        assert claims.from_payload(payload).tenant == "a"
        assert claims.from_payload(payload).to_payload() == payload

    @pytest.mark.parametrize("value", ["", 1, None, "a" * 256, ["a"]])
    def test_tenant_claim_of_another_form_is_rejected(self, claims, members, value):
        assert rejection(claims.from_payload, members(tokenauth_tenant=value)) == "claims"
