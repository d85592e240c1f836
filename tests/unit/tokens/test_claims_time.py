"""Validity of a token by its times, its leeway and the clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.tokens.claims import Claims, validity_period
from tests.support.raw_tokens import NOW, Access, access_members

LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z


def period(*, leeway=0.0, max_lifetime=300.0, **changes):
    claims = Claims.from_payload(access_members(**changes))
    return validity_period(claims, leeway=leeway, max_lifetime=max_lifetime)


class TestValidityPeriod:
    def test_validity_period_is_from_iat_to_exp(self):
        assert period() == (NOW, NOW + 300)

    def test_validity_period_is_extended_by_leeway_at_both_ends(self):
        assert period(leeway=30.5) == (NOW - 30.5, NOW + 330.5)

    @pytest.mark.parametrize(
        ("nbf", "start"),
        [(NOW + 10, NOW + 10), (NOW + 299, NOW + 299), (NOW - 10, NOW), (NOW, NOW), (0, NOW)],
    )
    def test_validity_period_starts_at_later_of_iat_and_nbf(self, nbf, start):
        assert period(nbf=nbf) == (start, NOW + 300)

    @pytest.mark.parametrize("nbf", [NOW + 300, NOW + 301, LAST_SECOND])
    @pytest.mark.parametrize("leeway", [0.0, 60.0])
    def test_validity_period_with_nbf_at_or_after_exp_is_rejected(self, nbf, leeway):
        with pytest.raises(InvalidToken) as caught:
            period(nbf=nbf, leeway=leeway)
        assert caught.value.code is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("exp", [NOW, NOW - 1, 0, NOW + 301, LAST_SECOND])
    @pytest.mark.parametrize("leeway", [0.0, 60.0])
    def test_access_token_lifetime_of_zero_or_above_max_is_rejected(self, exp, leeway):
        with pytest.raises(InvalidToken) as caught:
            period(exp=exp, leeway=leeway)
        assert caught.value.code is TokenErrorCode.CLAIMS

    def test_access_token_lifetime_equal_to_maximum_is_accepted(self):
        assert period(exp=NOW + 299, max_lifetime=299.0) == (NOW, NOW + 299)
        with pytest.raises(InvalidToken):
            period(exp=NOW + 300, max_lifetime=299.0)


@pytest.mark.parametrize("cached", [False, True], ids=["uncached", "cached"])
class TestDecode:
    def code(self, access, token, now, *, cached):
        if cached:
            access.decode(token, now=NOW + 299)
        try:
            access.decode(token, now=now)
        except InvalidToken as error:
            return error.code
        return None

    @pytest.mark.attack(72)
    @pytest.mark.parametrize(
        ("now", "code"),
        [
            (NOW - 1, TokenErrorCode.NOT_YET_VALID),
            (NOW - 0.001, TokenErrorCode.NOT_YET_VALID),
            (NOW, None),
            (NOW + 299.999, None),
            (NOW + 300, TokenErrorCode.EXPIRED),
            (NOW + 301, TokenErrorCode.EXPIRED),
        ],
    )
    def test_access_token_is_valid_from_iat_until_exp(self, now, code, cached):
        access = Access()
        assert self.code(access, access.token(), now, cached=cached) is code

    @pytest.mark.parametrize(
        ("now", "code"),
        [
            (NOW - 31, TokenErrorCode.NOT_YET_VALID),
            (NOW - 30, None),
            (NOW + 329.999, None),
            (NOW + 330, TokenErrorCode.EXPIRED),
        ],
    )
    def test_leeway_extends_access_token_validity_at_both_ends(self, now, code, cached):
        access = Access(LEEWAY=timedelta(seconds=30))
        assert self.code(access, access.token(), now, cached=cached) is code

    @pytest.mark.parametrize(
        ("nbf", "now", "code"),
        [
            (NOW + 10, NOW + 9, TokenErrorCode.NOT_YET_VALID),
            (NOW + 10, NOW + 10, None),
            (NOW - 10, NOW - 1, TokenErrorCode.NOT_YET_VALID),
            (NOW - 10, NOW, None),
            (0, NOW, None),
            (NOW + 299, NOW, TokenErrorCode.NOT_YET_VALID),
        ],
    )
    def test_access_token_is_valid_from_later_of_iat_and_nbf(self, nbf, now, code, cached):
        access = Access()
        assert self.code(access, access.with_claims(nbf=nbf), now, cached=cached) is code
