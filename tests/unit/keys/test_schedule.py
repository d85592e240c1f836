"""Which key signs and which verify, and what may not stand together."""

from __future__ import annotations

from threading import Thread

import pytest

from django_tokenauth.conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS
from django_tokenauth.errors import InvalidKey
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.schedule import KeySchedule, make_key_set
from tests.support.raw_tokens import SIGNING_KEY, base64url
from tests.support.sample_keys import private_jwk, private_key, public_jwk

ANOTHER_SECRET = SIGNING_KEY[::-1].decode()


def dated(kid, *, public=False, **times):
    """A key of its own for each ``kid``."""
    make = public_jwk if public else private_jwk
    return load_key({**make(private_key("EdDSA", number=kid)), "kid": kid, **times}, "EdDSA")


class TestKeySet:
    def test_keys_are_found_by_their_kid(self):
        first, second = (load_key(secret, "HS256") for secret in (SIGNING_KEY, ANOTHER_SECRET))
        keys = make_key_set(first, [first, second])
        assert keys.signing is first
        assert keys.verifying == {first.kid: first, second.kid: second}
        with pytest.raises(TypeError):
            keys.verifying["more"] = first

    def test_its_repr_shows_no_secret(self):
        key = load_key(SIGNING_KEY, "HS256")
        assert SIGNING_KEY.decode() not in repr(make_key_set(key, [key]))

    @pytest.mark.standard("rfc7517-4.5-1")
    @pytest.mark.attack(15, 170)
    @pytest.mark.parametrize("kids", [("same", "same"), (None, None)])
    def test_two_keys_of_one_kid_are_refused(self, kids):
        material = [public_jwk(private_key("ES256"))] * 2
        if kids[0]:
            material = [public_jwk(private_key("ES256")), public_jwk(private_key("EdDSA"))]
        keys = [
            load_key({**jwk, "kid": kid}, "ES256") for jwk, kid in zip(material, kids, strict=True)
        ]
        with pytest.raises(InvalidKey, match=r"\ATwo keys have the same kid\.\Z") as caught:
            make_key_set(None, keys)
        assert caught.value.check_id == "E003"
        assert "omit the kid" in caught.value.hint

    @pytest.mark.attack(9)
    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    @pytest.mark.parametrize("of", ASYMMETRIC_ALGORITHMS)
    def test_secrets_and_asymmetric_keys_do_not_stand_together(self, algorithm, of):
        keys = [load_key(SIGNING_KEY, algorithm), load_key(public_jwk(private_key(of)), of)]
        for order in (keys, keys[::-1]):
            with pytest.raises(InvalidKey, match="are in one key set") as caught:
                make_key_set(None, order)
            assert caught.value.check_id == "E001"
            assert "Set ALGORITHM" in caught.value.hint

    def test_secrets_of_several_algorithms_do(self):
        keys = [
            load_key(f"{ANOTHER_SECRET}{algorithm}", algorithm) for algorithm in HMAC_ALGORITHMS
        ]
        assert len(make_key_set(keys[0], keys).verifying) == 3

    def test_so_do_all_asymmetric_algorithms(self):
        keys = [
            load_key({**public_jwk(private_key(of)), "kid": of}, of) for of in ASYMMETRIC_ALGORITHMS
        ]
        assert set(make_key_set(None, keys).verifying) == set(ASYMMETRIC_ALGORITHMS)


class TestKeySchedule:
    def test_without_times_the_keys_are_the_same_at_all_times(self):
        key = load_key(SIGNING_KEY, "HS256")
        schedule = KeySchedule([key])
        assert schedule.at(0) is schedule.at(10**10)
        assert schedule.at(0).signing is key

    def test_the_youngest_whose_time_has_come_signs(self):
        first, second = dated("a", nbf=100), dated("b", nbf=200)
        schedule = KeySchedule([second, first])
        signs = {now: schedule.at(now).signing for now in (99, 100, 199.9, 200, 10**9)}
        assert signs == {99: None, 100: first, 199.9: first, 200: second, 10**9: second}

    def test_two_of_one_time_are_told_apart_by_their_name_and_not_by_their_order(self):
        keys = [dated("a", nbf=100), dated("b", nbf=100)]
        assert {KeySchedule(order).at(100).signing.kid for order in (keys, keys[::-1])} == {"b"}

    def test_a_key_verifies_before_it_signs_and_until_it_ends(self):
        first, second = dated("a", nbf=100, exp=300), dated("b", nbf=200)
        schedule = KeySchedule([first, second])
        assert [list(schedule.at(now).verifying) for now in (0, 299.9, 300)] == [
            ["a", "b"],
            ["a", "b"],
            ["b"],
        ]

    def test_a_key_that_has_ended_does_not_sign_although_it_is_the_only_one(self):
        schedule = KeySchedule([dated("a", exp=300)])
        assert schedule.at(299).signing is not None
        assert schedule.at(300).signing is None
        assert schedule.at(300).verifying == {}

    def test_an_ended_key_makes_way_for_an_older_one_that_has_not(self):
        old, young = dated("a", nbf=100), dated("b", nbf=200, exp=300)
        assert KeySchedule([old, young]).at(300).signing is old

    def test_public_keys_and_verifiers_never_sign(self):
        schedule = KeySchedule([dated("a", public=True)], [dated("b", nbf=50)])
        assert schedule.at(100).signing is None
        assert list(schedule.at(100).verifying) == ["a", "b"]

    def test_verifiers_end_too(self):
        schedule = KeySchedule([dated("a")], [dated("b", public=True, exp=300)])
        assert list(schedule.at(300).verifying) == ["a"]

    def test_the_keys_stand_in_the_order_in_which_they_sign(self):
        schedule = KeySchedule([dated("b", nbf=200), dated("a", nbf=300), dated("c", nbf=100)])
        assert list(schedule.at(0).verifying) == ["c", "b", "a"]

    def test_between_two_moments_it_is_the_same_object_also_for_a_clock_that_is_set_back(self):
        schedule = KeySchedule([dated("a", nbf=100, exp=300)])
        assert schedule.at(150) is schedule.at(299.9) is schedule.at(100)
        later = schedule.at(300)
        assert schedule.at(150) is not later
        assert schedule.at(301) is later

    def test_all_threads_get_one_object(self):
        schedule, got = KeySchedule([dated("a", nbf=100)]), []
        threads = [Thread(target=lambda: got.append(schedule.at(150))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(keys) for keys in got}) == 1

    def test_what_may_not_stand_together_is_refused_whenever_its_time_is(self):
        secret = {"kty": "oct", "k": base64url(SIGNING_KEY), "alg": "HS256"}
        for second, number in (
            (dated("a", exp=10), "E003"),
            (load_key({**secret, "exp": 10}, "HS256"), "E001"),
        ):
            with pytest.raises(InvalidKey) as caught:
                KeySchedule([dated("a", nbf=100)], [second])
            assert caught.value.check_id == number
