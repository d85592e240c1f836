"""Cache of verified access tokens. A cached token skips only the signature check."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from datetime import timedelta
from hashlib import blake2b, sha256

import pytest
from django.test import override_settings

from django_tokenauth.conf import settings as conf
from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.keys.directory import POLL_INTERVAL
from django_tokenauth.keys.files import write_jwk
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.sources import build_access_keys
from django_tokenauth.tokens import access as tokens
from django_tokenauth.tokens.access import AccessTokens, VerifiedTokens, access_tokens
from django_tokenauth.tokens.claims import Claims, FrozenDict
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.raw_tokens import (
    NOW,
    Access,
    access_members,
    base64url,
    compact,
    read_settings,
    unbase64url,
)
from tests.support.sample_keys import ORDER_P256, Asymmetric


@pytest.fixture
def access():
    return Access()


class TestDecode:
    def test_decode_of_same_token_returns_same_claims(self, access):
        token = access.token()
        assert access.decode(token) is access.decode(token)
        assert access.decode(token, now=NOW + 200) is access.decode(token)

    @pytest.mark.attack(72)
    def test_cached_token_is_rejected_after_expiry(self, access):
        token = access.token()
        first = access.decode(token, now=NOW + 299)
        for now in (NOW + 300, NOW + 301, NOW + 10**9):
            assert access.code(token, now=now) is TokenErrorCode.EXPIRED
        # With the clock set back, the cached token is valid again.
        assert access.decode(token, now=NOW) is first

    @pytest.mark.attack(81)
    def test_cached_token_is_rejected_before_nbf(self, access):
        token = access.with_claims(nbf=NOW + 10)
        access.decode(token, now=NOW + 10)
        assert access.code(token, now=NOW + 9) is TokenErrorCode.NOT_YET_VALID
        assert access.code(token, now=NOW - 1) is TokenErrorCode.NOT_YET_VALID

    def test_cached_token_is_accepted_within_leeway(self):
        access = Access(LEEWAY=timedelta(seconds=60))
        token = access.token()
        access.decode(token)
        assert access.decode(token, now=NOW + 359).subject == "1"
        assert access.code(token, now=NOW + 360) is TokenErrorCode.EXPIRED

    def test_rejected_token_is_not_cached(self, access):
        later = access.with_claims(iat=NOW + 60, exp=NOW + 120)
        assert access.code(later) is TokenErrorCode.NOT_YET_VALID
        assert access.decode(later, now=NOW + 60).subject == "1"

    def test_rejected_tokens_do_not_evict_cached_tokens(self):
        access = Access(TOKEN_CACHE_SIZE=1)
        token = access.token()
        kept = access.decode(token)
        unsigned = compact(access.header(), access_members(), lambda _: b"\x00" * 32)
        for rejected in (
            unsigned,
            "a.b.c",
            access.with_claims(aud="another"),
            access.with_header(kid="a"),
        ):
            with pytest.raises(InvalidToken):
                access.decode(rejected)
        assert access.decode(token) is kept

    def test_cached_token_with_other_signature_is_rejected(self, access):
        token = access.token()
        access.decode(token)
        head, _, signature = token.rpartition(".")
        for forged in (bytes(32), unbase64url(signature)[:-1] + b"\x00", b""):
            assert access.code(f"{head}.{base64url(forged)}") is TokenErrorCode.SIGNATURE

    def test_cached_token_with_other_claims_is_rejected(self, access):
        token = access.token()
        access.decode(token)
        head, _, signature = token.split(".")
        payload = access.with_claims(sub="2").split(".")[1]
        assert access.code(f"{head}.{payload}.{signature}") is TokenErrorCode.SIGNATURE

    def test_cached_token_with_moved_dots_is_rejected(self, access):
        token = access.token()
        access.decode(token)
        head, payload, signature = token.split(".")
        assert access.code(f"{head}{payload}.{signature}") is TokenErrorCode.MALFORMED
        assert access.code(f"{head}.{payload}{signature}") is TokenErrorCode.MALFORMED
        assert (
            access.code(f"{head}.{payload[:-4]}.{payload[-4:]}{signature}")
            is TokenErrorCode.SIGNATURE
        )

    @pytest.mark.attack(30)
    def test_second_valid_ecdsa_signature_is_cached_separately(self):
        server = Asymmetric("ES256")
        token = server.token()
        claims = server.decode(token)
        head, _, signature = token.rpartition(".")
        data = unbase64url(signature)
        other = (ORDER_P256 - int.from_bytes(data[32:], "big")).to_bytes(32, "big")
        twin = server.decode(f"{head}.{base64url(data[:32] + other)}")
        assert twin == claims
        assert twin is not claims

    def test_cached_claims_are_immutable(self, access):
        claims = access.decode(access.with_claims(tenant={"roles": ["reader"]}))
        with pytest.raises(AttributeError):
            claims.subject = "2"
        with pytest.raises(TypeError):
            claims.extra["tenant"]["roles"] = ["admin"]
        assert type(claims.extra["tenant"]["roles"]) is tuple
        assert type(claims.scope) is frozenset
        assert isinstance(claims.extra, FrozenDict)


class TestCacheKey:
    def test_token_cache_key_is_sha256_if_blake2b_is_disabled(self, monkeypatch):
        def disabled(data):
            raise ValueError("disabled for FIPS")

        monkeypatch.setattr(tokens, "blake2b", disabled)
        access = Access()
        token = access.token()
        first = access.decode(token)
        assert access.decode(token) is first
        [digest] = access.tokens._shared.latest[2]._verified
        assert digest == sha256(token.encode()).digest()

    def test_token_cache_key_is_blake2b_of_the_whole_token(self, access):
        token = access.token()
        access.decode(token)
        [digest] = access.tokens._shared.latest[2]._verified
        assert digest == blake2b(token.encode()).digest()


class TestAccessTokens:
    def decode(self, token):
        return access_tokens(conf.load()).decode(token, now=NOW)

    def token(self):
        claims = Claims.from_payload(access_members())
        return access_tokens(conf.load()).encode(claims)

    @pytest.mark.attack(169)
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"SECRET_KEY": "another secret key of this project"}, TokenErrorCode.KEY),
            ({"TOKENAUTH": {"SIGNING_KEY": "another" * 10}}, TokenErrorCode.KEY),
            ({"TOKENAUTH": {"ALGORITHM": "HS512"}}, TokenErrorCode.KEY),
            (
                {"TOKENAUTH": {"ISSUER": "another", "AUDIENCE": "django-tokenauth"}},
                TokenErrorCode.ISSUER,
            ),
            ({"TOKENAUTH": {"AUDIENCE": "another"}}, TokenErrorCode.AUDIENCE),
            (
                {"TOKENAUTH": {"ACCESS_TOKEN_LIFETIME": timedelta(seconds=299)}},
                TokenErrorCode.CLAIMS,
            ),
        ],
    )
    def test_cached_token_is_rejected_after_settings_change(self, change, code):
        token = self.token()
        self.decode(token)
        with override_settings(**change):
            with pytest.raises(InvalidToken) as caught:
                self.decode(token)
            assert caught.value.code is code
        assert self.decode(token).subject == "1"

    @pytest.mark.attack(171)
    def test_cached_token_is_rejected_without_its_fallback_key(self):
        with override_settings(SECRET_KEY="last year"):
            token = self.token()
        with override_settings(SECRET_KEY="this year", SECRET_KEY_FALLBACKS=["last year"]):
            assert self.decode(token) is self.decode(token)
            with override_settings(SECRET_KEY_FALLBACKS=[]), pytest.raises(InvalidToken):
                self.decode(token)

    @pytest.mark.parametrize("tokens", [access_tokens, refresh_tokens])
    def test_tokens_object_is_rebuilt_after_settings_change(self, tokens):
        """Old settings would keep old keys in memory."""
        settings = conf.load()
        first = tokens(settings)
        assert tokens(settings) is first
        with override_settings(SECRET_KEY="another secret key, longer than 32 bytes"):
            tokens(conf.load())
        assert tokens(settings) is not first


class TestKeySet:
    """Each key set has its own cache. A new key set starts with an empty cache."""

    def signed(self, jwk):
        settings = read_settings(KEYS=[jwk])
        tokens = AccessTokens(settings, build_access_keys(settings))
        return tokens.encode(Claims.from_payload(access_members()))

    def code(self, tokens, token, now):
        with pytest.raises(InvalidToken) as caught:
            tokens.decode(token, now=now)
        return caught.value.code

    @pytest.mark.promise(20)
    @pytest.mark.attack(169)
    def test_cached_token_is_rejected_after_key_file_is_deleted(self, tmp_path):
        stolen, kept = (make_jwk("EdDSA", now=NOW, not_before=NOW) for _ in range(2))
        for jwk in (stolen, kept):
            write_jwk(tmp_path / f"{jwk['kid']}.jwk", jwk)
        settings = read_settings(KEY_DIRECTORY=tmp_path)
        tokens = AccessTokens(settings, build_access_keys(settings))
        token, another = self.signed(stolen), self.signed(kept)
        assert tokens.decode(token, now=NOW) is tokens.decode(token, now=NOW)
        (tmp_path / f"{stolen['kid']}.jwk").unlink()
        assert self.code(tokens, token, NOW + POLL_INTERVAL) is TokenErrorCode.KEY
        assert tokens.decode(another, now=NOW + POLL_INTERVAL).subject == "1"

    @pytest.mark.promise(20)
    @pytest.mark.attack(169)
    def test_cached_token_is_rejected_from_exp_of_its_key(self):
        expiring = {**make_jwk("EdDSA", now=NOW, not_before=NOW), "exp": NOW + 10}
        following = make_jwk("EdDSA", now=NOW, not_before=NOW + 5)
        settings = read_settings(KEYS=[expiring, following])
        tokens = AccessTokens(settings, build_access_keys(settings))
        token = self.signed(expiring)
        for now in (NOW, NOW + 4, NOW + 5, NOW + 9, NOW + 9.9):
            assert tokens.decode(token, now=now).subject == "1"
        for now in (NOW + 10, NOW + 11):
            assert self.code(tokens, token, now) is TokenErrorCode.KEY

    def test_cached_token_is_kept_while_keys_are_unchanged(self, tmp_path):
        jwk = make_jwk("EdDSA", now=NOW, not_before=NOW)
        write_jwk(tmp_path / "a.jwk", jwk)
        settings = read_settings(KEY_DIRECTORY=tmp_path)
        tokens = AccessTokens(settings, build_access_keys(settings))
        token = self.signed(jwk)
        first = tokens.decode(token, now=NOW)
        assert tokens.decode(token, now=NOW + 10 * POLL_INTERVAL) is first


class TestVerifiedTokens:
    def claims(self, number):
        return Claims.from_payload(access_members(sub=str(number))), NOW, NOW + 300

    def test_token_cache_evicts_least_recently_used_entry(self):
        verified = VerifiedTokens(3)
        for name in (b"a", b"b", b"c"):
            verified.put(name, self.claims(1))
        assert verified.get(b"a") is not None
        verified.put(b"d", self.claims(1))
        verified.put(b"e", self.claims(1))
        assert [name for name in (b"a", b"b", b"c", b"d", b"e") if verified.get(name)] == [
            b"a",
            b"d",
            b"e",
        ]

    def test_token_cache_never_has_more_entries_than_its_maximum(self):
        verified = VerifiedTokens(5)
        assert len(verified) == 0
        for number in range(50):
            verified.put(str(number).encode(), self.claims(number))
            assert len(verified) == min(number + 1, 5)

    def test_token_cache_size_setting_limits_number_of_tokens(self):
        access = Access(TOKEN_CACHE_SIZE=2)
        tokens = [access.with_claims(sub=str(number)) for number in range(3)]
        first, second, third = (access.decode(token) for token in tokens)
        assert access.decode(tokens[1]) is second
        assert access.decode(tokens[2]) is third
        assert access.decode(tokens[0]) is not first

    @pytest.mark.parametrize(
        ("claims", "cached"),
        [
            ({}, True),
            ({"roles": ["a"] * 50}, False),
            ({"scope": " ".join(map(str, range(100)))}, False),
            ({"aud": ["django-tokenauth", *map(str, range(100))]}, False),
            ({"amr": ["a"] * 50}, False),
            ({"sub": "s" * 255, "client_id": "c" * 255, "jti": "j" * 255}, False),
        ],
    )
    def test_token_above_token_cache_bytes_setting_is_not_cached(self, claims, cached):
        access = Access(TOKEN_CACHE_BYTES=4096)
        token = access.with_claims(**claims)
        assert (access.decode(token) is access.decode(token)) is cached

    def test_token_cache_returns_none_for_unknown_digest(self):
        verified = VerifiedTokens(1)
        verified.put(b"a", self.claims(1))
        assert verified.get(b"b") is None


class TestVerifiedTokensInThreads:
    @pytest.fixture(autouse=True)
    def _switch_after_each_line(self):
        """Switch threads after each line, so that races between two lines occur at once."""

        def switch_threads(frame, event, argument):
            time.sleep(0)
            return switch_threads

        tracer = threading.gettrace()
        threading.settrace(switch_threads)
        yield
        threading.settrace(tracer)

    def run(self, work):
        failures = []

        def run_work(number):
            try:
                work(number)
            except Exception as error:  # noqa: BLE001
                failures.append(error)

        threads = [threading.Thread(target=run_work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return failures

    @pytest.mark.parametrize("size", [1, 2])
    def test_token_cache_returns_correct_claims_to_eight_threads(self, size):
        access = Access(TOKEN_CACHE_SIZE=size)
        tokens = [access.with_claims(sub=str(number)) for number in range(3)]

        def work(number):
            for step in range(20):
                subject = (number + step) % 3
                assert access.decode(tokens[subject]).subject == str(subject)

        assert self.run(work) == []

    def test_token_cache_in_eight_threads_keeps_its_maximum_size(self):
        verified = VerifiedTokens(2)
        claims = Claims.from_payload(access_members()), NOW, NOW + 300

        def work(number):
            for step in range(50):
                verified.put(bytes([(number + step) % 5]), claims)
                verified.get(bytes([step % 5]))

        assert self.run(work) == []
        assert len(verified) <= 2


class RacingDict(OrderedDict):
    """A dict in which another thread deletes entries just before each operation."""

    def move_to_end(self, key, last=True):
        del self[key]
        super().move_to_end(key, last)

    def popitem(self, last=True):
        self.clear()
        return super().popitem(last)


class TestVerifiedTokensRace:
    def test_token_cache_race_removes_entry_and_returns_claims(self):
        claims = Claims.from_payload(access_members()), NOW, NOW + 300
        verified = VerifiedTokens(1)
        verified._verified = RacingDict()
        verified.put(b"first", claims)
        assert verified.get(b"first") is claims
        assert verified.get(b"first") is None
        for digest in (b"first", b"second"):
            verified.put(digest, claims)
        assert len(verified) == verified._bytes == 0
