"""The times of a token against the clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.tokens.claims import Claims, validity_period
from tests.support.raw_tokens import NOW, Access, access_members

LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z


def found(*, leeway=0.0, longest=300.0, **changes):
    claims = Claims.from_payload(access_members(**changes))
    return validity_period(claims, leeway=leeway, max_lifetime=longest)


class TestValidity:
    def test_it_is_from_iat_until_exp(self):
        assert found() == (NOW, NOW + 300)

    def test_the_leeway_counts_at_both_ends(self):
        assert found(leeway=30.5) == (NOW - 30.5, NOW + 330.5)

    @pytest.mark.parametrize(
        ("nbf", "begin"),
        [(NOW + 10, NOW + 10), (NOW + 299, NOW + 299), (NOW - 10, NOW), (NOW, NOW), (0, NOW)],
    )
    def test_nbf_counts_beside_iat(self, nbf, begin):
        assert found(nbf=nbf) == (begin, NOW + 300)

    @pytest.mark.parametrize("nbf", [NOW + 300, NOW + 301, LAST_SECOND])
    @pytest.mark.parametrize("leeway", [0.0, 60.0])
    def test_a_token_that_ends_before_it_begins_is_refused_with_any_leeway(self, nbf, leeway):
        with pytest.raises(InvalidToken) as caught:
            found(nbf=nbf, leeway=leeway)
        assert caught.value.code is TokenErrorCode.CLAIMS

    @pytest.mark.parametrize("exp", [NOW, NOW - 1, 0, NOW + 301, LAST_SECOND])
    @pytest.mark.parametrize("leeway", [0.0, 60.0])
    def test_a_lifetime_is_above_zero_and_no_longer_than_is_ever_given(self, exp, leeway):
        with pytest.raises(InvalidToken) as caught:
            found(exp=exp, leeway=leeway)
        assert caught.value.code is TokenErrorCode.CLAIMS

    def test_the_longest_lifetime_itself_is_fine(self):
        assert found(exp=NOW + 299, longest=299.0) == (NOW, NOW + 299)
        with pytest.raises(InvalidToken):
            found(exp=NOW + 300, longest=299.0)


@pytest.mark.parametrize("seen", [False, True], ids=["never seen", "seen before"])
class TestDecode:
    def code(self, access, token, now, *, seen):
        if seen:
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
    def test_it_is_good_from_iat_until_before_exp(self, now, code, seen):
        access = Access()
        assert self.code(access, access.token(), now, seen=seen) is code

    @pytest.mark.parametrize(
        ("now", "code"),
        [
            (NOW - 31, TokenErrorCode.NOT_YET_VALID),
            (NOW - 30, None),
            (NOW + 329.999, None),
            (NOW + 330, TokenErrorCode.EXPIRED),
        ],
    )
    def test_the_leeway_counts_at_both_ends(self, now, code, seen):
        access = Access(LEEWAY=timedelta(seconds=30))
        assert self.code(access, access.token(), now, seen=seen) is code

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
    def test_nbf_counts_beside_iat(self, nbf, now, code, seen):
        access = Access()
        assert self.code(access, access.with_claims(nbf=nbf), now, seen=seen) is code
