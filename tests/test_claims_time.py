"""The times of a token against the clock."""

from __future__ import annotations

import pytest

from django_tokenauth.claims import Claims, check_time
from django_tokenauth.errors import Code, InvalidToken
from tests.tokens_made_by_hand import NOW, access_members

LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z


class TestCheckTime:
    def claims(self, **changes):
        return Claims.from_members(access_members(**changes))

    def code(self, claims, *, now=NOW, leeway=0.0, longest=300.0):
        try:
            check_time(claims, now=now, leeway=leeway, longest=longest)
        except InvalidToken as error:
            return error.code
        return None

    @pytest.mark.attack(72)
    @pytest.mark.parametrize(
        ("now", "code"),
        [
            (NOW - 1, Code.NOT_YET_VALID),
            (NOW - 0.001, Code.NOT_YET_VALID),
            (NOW, None),
            (NOW + 299.999, None),
            (NOW + 300, Code.EXPIRED),
            (NOW + 301, Code.EXPIRED),
        ],
    )
    def test_it_is_good_from_iat_until_before_exp(self, now, code):
        assert self.code(self.claims(), now=now) is code

    @pytest.mark.parametrize(
        ("now", "code"),
        [
            (NOW - 31, Code.NOT_YET_VALID),
            (NOW - 30, None),
            (NOW + 329.999, None),
            (NOW + 330, Code.EXPIRED),
        ],
    )
    def test_the_leeway_counts_at_both_ends(self, now, code):
        assert self.code(self.claims(), now=now, leeway=30.0) is code

    @pytest.mark.parametrize(
        ("nbf", "now", "code"),
        [
            (NOW + 10, NOW + 9, Code.NOT_YET_VALID),
            (NOW + 10, NOW + 10, None),
            (NOW - 10, NOW - 1, Code.NOT_YET_VALID),
            (NOW - 10, NOW, None),
            (0, NOW, None),
            (NOW + 400, NOW, Code.NOT_YET_VALID),
        ],
    )
    def test_nbf_counts_beside_iat(self, nbf, now, code):
        assert self.code(self.claims(nbf=nbf), now=now) is code

    @pytest.mark.parametrize("nbf", [NOW + 300, NOW + 301])
    def test_a_token_that_ends_before_it_begins_is_refused_with_any_leeway(self, nbf):
        assert self.code(self.claims(nbf=nbf), now=NOW + 300, leeway=60.0) is not None

    @pytest.mark.parametrize("exp", [NOW, NOW - 1, 0, NOW + 301, LAST_SECOND])
    def test_a_lifetime_is_above_zero_and_no_longer_than_is_ever_given(self, exp):
        for now in (NOW, exp - 1, exp + 1):
            assert self.code(self.claims(exp=exp), now=now) is Code.CLAIMS

    def test_the_longest_lifetime_itself_is_fine(self):
        assert self.code(self.claims(exp=NOW + 300), longest=300.0) is None
        assert self.code(self.claims(exp=NOW + 300), longest=299.0) is Code.CLAIMS
