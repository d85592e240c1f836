"""The cache of verified tokens: it saves the signature and nothing else."""

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
    def test_the_same_token_gives_the_same_claims(self, access):
        token = access.token()
        assert access.decode(token) is access.decode(token)
        assert access.decode(token, now=NOW + 200) is access.decode(token)

    @pytest.mark.attack(72)
    def test_an_expired_token_is_refused_from_the_cache_too(self, access):
        token = access.token()
        first = access.decode(token, now=NOW + 299)
        for now in (NOW + 300, NOW + 301, NOW + 10**9):
            assert access.code(token, now=now) is TokenErrorCode.EXPIRED
        # The clock went back: it is good again, and was not forgotten.
        assert access.decode(token, now=NOW) is first

    @pytest.mark.attack(81)
    def test_a_token_from_the_future_is_refused_from_the_cache_too(self, access):
        token = access.with_claims(nbf=NOW + 10)
        access.decode(token, now=NOW + 10)
        assert access.code(token, now=NOW + 9) is TokenErrorCode.NOT_YET_VALID
        assert access.code(token, now=NOW - 1) is TokenErrorCode.NOT_YET_VALID

    def test_the_leeway_counts_for_the_cache_too(self):
        access = Access(LEEWAY=timedelta(seconds=60))
        token = access.token()
        access.decode(token)
        assert access.decode(token, now=NOW + 359).subject == "1"
        assert access.code(token, now=NOW + 360) is TokenErrorCode.EXPIRED

    def test_a_failure_is_not_kept(self, access):
        later = access.with_claims(iat=NOW + 60, exp=NOW + 120)
        assert access.code(later) is TokenErrorCode.NOT_YET_VALID
        assert access.decode(later, now=NOW + 60).subject == "1"

    def test_failures_push_nothing_out(self):
        access = Access(TOKEN_CACHE_SIZE=1)
        token = access.token()
        kept = access.decode(token)
        bad = compact(access.header(), access_members(), lambda _: b"\x00" * 32)
        for hostile in (
            bad,
            "a.b.c",
            access.with_claims(aud="another"),
            access.with_header(kid="a"),
        ):
            with pytest.raises(InvalidToken):
                access.decode(hostile)
        assert access.decode(token) is kept

    def test_another_signature_under_the_same_claims_is_verified(self, access):
        token = access.token()
        access.decode(token)
        head, _, signature = token.rpartition(".")
        for forged in (bytes(32), unbase64url(signature)[:-1] + b"\x00", b""):
            assert access.code(f"{head}.{base64url(forged)}") is TokenErrorCode.SIGNATURE

    def test_other_claims_under_the_same_signature_are_verified(self, access):
        token = access.token()
        access.decode(token)
        head, _, signature = token.split(".")
        payload = access.with_claims(sub="2").split(".")[1]
        assert access.code(f"{head}.{payload}.{signature}") is TokenErrorCode.SIGNATURE

    def test_the_same_bytes_parted_otherwise_are_verified(self, access):
        token = access.token()
        access.decode(token)
        head, payload, signature = token.split(".")
        assert access.code(f"{head}{payload}.{signature}") is TokenErrorCode.MALFORMED
        assert access.code(f"{head}.{payload}{signature}") is TokenErrorCode.MALFORMED
        assert access.code(f"{head}.{payload[:-4]}.{payload[-4:]}{signature}") is not None

    @pytest.mark.attack(30)
    def test_a_second_sound_signature_is_another_entry(self):
        server = Asymmetric("ES256")
        token = server.token()
        claims = server.decode(token)
        head, _, signature = token.rpartition(".")
        data = unbase64url(signature)
        other = (ORDER_P256 - int.from_bytes(data[32:], "big")).to_bytes(32, "big")
        twin = server.decode(f"{head}.{base64url(data[:32] + other)}")
        assert twin == claims
        assert twin is not claims

    def test_nobody_can_change_what_others_get(self, access):
        claims = access.decode(access.with_claims(tenant={"roles": ["reader"]}))
        with pytest.raises(AttributeError):
            claims.subject = "2"
        with pytest.raises(TypeError):
            claims.extra["tenant"]["roles"] = ["admin"]
        assert type(claims.extra["tenant"]["roles"]) is tuple
        assert type(claims.scope) is frozenset
        assert isinstance(claims.extra, FrozenDict)


class TestHash:
    def test_where_only_what_fips_approves_is_allowed_it_is_sha_256(self, monkeypatch):
        def refused(data):
            raise ValueError("disabled for FIPS")

        monkeypatch.setattr(tokens, "blake2b", refused)
        access = Access()
        token = access.token()
        first = access.decode(token)
        assert access.decode(token) is first
        [digest] = access.tokens._latest[2]._verified
        assert digest == sha256(token.encode()).digest()

    def test_it_is_of_the_whole_token(self, access):
        token = access.token()
        access.decode(token)
        [digest] = access.tokens._latest[2]._verified
        assert digest == blake2b(token.encode()).digest()


class TestSettings:
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
    def test_a_change_of_them_empties_the_cache(self, change, code):
        token = self.token()
        self.decode(token)
        with override_settings(**change):
            with pytest.raises(InvalidToken) as caught:
                self.decode(token)
            assert caught.value.code is code
        assert self.decode(token).subject == "1"

    @pytest.mark.attack(171)
    def test_a_fallback_that_is_dropped_takes_its_tokens_with_it(self):
        with override_settings(SECRET_KEY="last year"):
            token = self.token()
        with override_settings(SECRET_KEY="this year", SECRET_KEY_FALLBACKS=["last year"]):
            assert self.decode(token) is self.decode(token)
            with override_settings(SECRET_KEY_FALLBACKS=[]), pytest.raises(InvalidToken):
                self.decode(token)

    @pytest.mark.parametrize("tokens", [access_tokens, refresh_tokens])
    def test_what_stood_before_a_change_is_not_kept(self, tokens):
        """Its keys among it."""
        before = conf.load()
        first = tokens(before)
        assert tokens(before) is first
        with override_settings(SECRET_KEY="another secret key, longer than 32 bytes"):
            tokens(conf.load())
        assert tokens(before) is not first


class TestKeys:
    """A cache stands and falls with the set of keys that verified its tokens."""

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
    def test_a_file_that_is_removed_takes_its_tokens_with_it(self, tmp_path):
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
    def test_a_key_that_ends_takes_its_tokens_with_it_in_that_second(self):
        ending = {**make_jwk("EdDSA", now=NOW, not_before=NOW), "exp": NOW + 10}
        following = make_jwk("EdDSA", now=NOW, not_before=NOW + 5)
        settings = read_settings(KEYS=[ending, following])
        tokens = AccessTokens(settings, build_access_keys(settings))
        token = self.signed(ending)
        for now in (NOW, NOW + 4, NOW + 5, NOW + 9, NOW + 9.9):
            assert tokens.decode(token, now=now).subject == "1"
        for now in (NOW + 10, NOW + 11):
            assert self.code(tokens, token, now) is TokenErrorCode.KEY

    def test_while_nothing_changes_it_is_kept(self, tmp_path):
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

    def test_the_least_recently_used_goes_first(self):
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

    def test_it_never_grows_beyond_its_size(self):
        verified = VerifiedTokens(5)
        assert len(verified) == 0
        for number in range(50):
            verified.put(str(number).encode(), self.claims(number))
            assert len(verified) == min(number + 1, 5)

    def test_its_size_is_that_of_the_settings(self):
        access = Access(TOKEN_CACHE_SIZE=2)
        tokens = [access.with_claims(sub=str(number)) for number in range(3)]
        first, second, third = (access.decode(token) for token in tokens)
        assert access.decode(tokens[1]) is second
        assert access.decode(tokens[2]) is third
        assert access.decode(tokens[0]) is not first

    def test_what_it_never_saw_it_does_not_know(self):
        verified = VerifiedTokens(1)
        verified.put(b"a", self.claims(1))
        assert verified.get(b"b") is None


class TestThreads:
    @pytest.fixture(autouse=True)
    def _switch_after_each_line(self):
        """Let the threads of a test take turns after every line: whatever can happen between two of
        them happens here, and soon."""

        def let_others_run(frame, event, argument):
            time.sleep(0)
            return let_others_run

        before = threading.gettrace()
        threading.settrace(let_others_run)
        yield
        threading.settrace(before)

    def run(self, work):
        failures = []

        def catching(number):
            try:
                work(number)
            except Exception as error:  # noqa: BLE001
                failures.append(error)

        threads = [threading.Thread(target=catching, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return failures

    @pytest.mark.parametrize("size", [1, 2])
    def test_eight_at_once_get_their_answers_from_a_tiny_cache(self, size):
        access = Access(TOKEN_CACHE_SIZE=size)
        tokens = [access.with_claims(sub=str(number)) for number in range(3)]

        def work(number):
            for turn in range(20):
                subject = (number + turn) % 3
                assert access.decode(tokens[subject]).subject == str(subject)

        assert self.run(work) == []

    def test_the_size_holds_when_all_are_done(self):
        verified = VerifiedTokens(2)
        claims = Claims.from_payload(access_members()), NOW, NOW + 300

        def work(number):
            for turn in range(50):
                verified.put(bytes([(number + turn) % 5]), claims)
                verified.get(bytes([turn % 5]))

        assert self.run(work) == []
        assert len(verified) <= 2


class Losing(OrderedDict):
    """In which another thread makes room whenever this one is about to."""

    def move_to_end(self, key, last=True):
        del self[key]
        super().move_to_end(key, last)

    def popitem(self, last=True):
        self.clear()
        return super().popitem(last)


class TestMeanwhile:
    def test_what_is_lost_in_between_is_an_entry_and_no_answer(self):
        claims = Claims.from_payload(access_members()), NOW, NOW + 300
        verified = VerifiedTokens(1)
        verified._verified = Losing()
        verified.put(b"first", claims)
        assert verified.get(b"first") is claims
        assert verified.get(b"first") is None
        for digest in (b"first", b"second"):
            verified.put(digest, claims)
        assert len(verified) == 0
