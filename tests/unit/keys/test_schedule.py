"""Key sets and schedules: the signing key, the verifying keys and forbidden combinations."""

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
    """Return a key with these times, a different one for each ``kid``."""
    make = public_jwk if public else private_jwk
    return load_key({**make(private_key("EdDSA", number=kid)), "kid": kid, **times}, "EdDSA")


class TestMakeKeySet:
    def test_key_set_maps_kids_to_keys(self):
        first, second = (load_key(secret, "HS256") for secret in (SIGNING_KEY, ANOTHER_SECRET))
        keys = make_key_set(first, [first, second])
        assert keys.signing is first
        assert keys.verifying == {first.kid: first, second.kid: second}
        with pytest.raises(TypeError):
            keys.verifying["more"] = first

    def test_key_set_repr_contains_no_secret(self):
        key = load_key(SIGNING_KEY, "HS256")
        assert SIGNING_KEY.decode() not in repr(make_key_set(key, [key]))

    @pytest.mark.standard("rfc7517-4.5-1")
    @pytest.mark.attack(15, 170)
    @pytest.mark.parametrize("kids", [("same", "same"), (None, None)])
    def test_key_set_with_duplicate_kid_is_rejected(self, kids):
        material = [public_jwk(private_key("ES256"))] * 2
        if kids[0]:
            material = [public_jwk(private_key("ES256")), public_jwk(private_key("EdDSA"))]
        keys = [
            load_key({**jwk, "kid": kid}, "ES256") for jwk, kid in zip(material, kids, strict=True)
        ]
        with pytest.raises(InvalidKey, match=r"\ATwo keys have the same kid\.\Z") as caught:
            make_key_set(None, keys)
        assert caught.value.check_id == "E003"
        assert caught.value.hint == (
            "Give each key its own kid, or omit the kid: it is then derived from the key."
        )

    @pytest.mark.attack(9)
    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    @pytest.mark.parametrize("of", ASYMMETRIC_ALGORITHMS)
    def test_key_set_of_hmac_and_asymmetric_keys_is_rejected(self, algorithm, of):
        keys = [load_key(SIGNING_KEY, algorithm), load_key(public_jwk(private_key(of)), of)]
        for order in (keys, keys[::-1]):
            with pytest.raises(InvalidKey) as caught:
                make_key_set(None, order)
            assert caught.value.check_id == "E001"
            assert (str(caught.value), caught.value.hint) == (
                "Secrets (HS256, HS384, HS512) and key pairs are in one key set.",
                "Set ALGORITHM and SIGNING_KEY for one family and remove the keys of the other.",
            )

    def test_key_set_of_several_hmac_algorithms_is_accepted(self):
        keys = [
            load_key(f"{ANOTHER_SECRET}{algorithm}", algorithm) for algorithm in HMAC_ALGORITHMS
        ]
        assert len(make_key_set(keys[0], keys).verifying) == 3

    def test_key_set_of_all_asymmetric_algorithms_is_accepted(self):
        keys = [
            load_key({**public_jwk(private_key(of)), "kid": of}, of) for of in ASYMMETRIC_ALGORITHMS
        ]
        assert set(make_key_set(None, keys).verifying) == set(ASYMMETRIC_ALGORITHMS)


class TestKeySchedule:
    def test_key_schedule_of_keys_without_times_returns_one_key_set(self):
        key = load_key(SIGNING_KEY, "HS256")
        schedule = KeySchedule([key])
        assert schedule.at(0) is schedule.at(10**10)
        assert schedule.at(0).signing is key

    def test_key_schedule_signs_with_newest_started_key(self):
        first, second = dated("a", nbf=100), dated("b", nbf=200)
        schedule = KeySchedule([second, first])
        signs = {now: schedule.at(now).signing for now in (99, 100, 199.9, 200, 10**9)}
        assert signs == {99: None, 100: first, 199.9: first, 200: second, 10**9: second}

    def test_key_schedule_orders_keys_of_equal_nbf_by_kid(self):
        keys = [dated("a", nbf=100), dated("b", nbf=100)]
        assert {KeySchedule(order).at(100).signing.kid for order in (keys, keys[::-1])} == {"b"}

    def test_scheduled_key_verifies_before_nbf_and_until_exp(self):
        first, second = dated("a", nbf=100, exp=300), dated("b", nbf=200)
        schedule = KeySchedule([first, second])
        assert [list(schedule.at(now).verifying) for now in (0, 299.9, 300)] == [
            ["a", "b"],
            ["a", "b"],
            ["b"],
        ]

    def test_key_schedule_does_not_sign_with_only_key_after_its_exp(self):
        schedule = KeySchedule([dated("a", exp=300)])
        assert schedule.at(299).signing is not None
        assert schedule.at(300).signing is None
        assert schedule.at(300).verifying == {}

    def test_key_schedule_signs_with_older_key_after_newer_expires(self):
        old, young = dated("a", nbf=100), dated("b", nbf=200, exp=300)
        assert KeySchedule([old, young]).at(300).signing is old

    def test_key_schedule_never_signs_with_public_or_verifying_keys(self):
        schedule = KeySchedule([dated("a", public=True)], [dated("b", nbf=50)])
        assert schedule.at(100).signing is None
        assert list(schedule.at(100).verifying) == ["a", "b"]

    def test_key_schedule_removes_expired_verifying_keys(self):
        schedule = KeySchedule([dated("a")], [dated("b", public=True, exp=300)])
        assert list(schedule.at(300).verifying) == ["a"]

    def test_key_schedule_sorts_keys_by_start_of_signing(self):
        schedule = KeySchedule([dated("b", nbf=200), dated("a", nbf=300), dated("c", nbf=100)])
        assert list(schedule.at(0).verifying) == ["c", "b", "a"]

    def test_key_schedule_returns_same_key_set_within_a_period(self):
        schedule = KeySchedule([dated("a", nbf=100, exp=300)])
        assert schedule.at(150) is schedule.at(299.9) is schedule.at(100)
        later = schedule.at(300)
        assert schedule.at(150) is not later
        assert schedule.at(301) is later

    def test_key_schedule_returns_one_key_set_to_all_threads(self):
        schedule, key_sets = KeySchedule([dated("a", nbf=100)]), []
        threads = [Thread(target=lambda: key_sets.append(schedule.at(150))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(keys) for keys in key_sets}) == 1

    def test_key_schedule_of_same_kid_or_mixed_key_types_is_rejected(self):
        secret = {"kty": "oct", "k": base64url(SIGNING_KEY), "alg": "HS256"}
        for second, check_id in (
            (dated("a", exp=10), "E003"),
            (load_key({**secret, "exp": 10}, "HS256"), "E001"),
        ):
            with pytest.raises(InvalidKey) as caught:
                KeySchedule([dated("a", nbf=100)], [second])
            assert caught.value.check_id == check_id
