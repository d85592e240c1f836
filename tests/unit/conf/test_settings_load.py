"""The settings of the project: read late, kept, and followed at once when one changes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from django_tokenauth.conf import settings as conf
from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.keys.sources import access_keys, refresh_keys
from django_tokenauth.tokens.access import access_tokens
from django_tokenauth.tokens.claims import Claims, RefreshClaims
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.raw_tokens import NOW, SESSION


def an_access_token(lifetime=300):
    settings = conf.load()
    claims = Claims(
        issuer=settings.issuer,
        audience=(settings.audience,),
        subject="1",
        client_id="notes",
        issued_at=NOW,
        expires_at=NOW + lifetime,
        jwt_id="a",
    )
    return access_tokens(settings).encode(claims)


def a_refresh_token(lifetime=14 * 86400):
    settings = conf.load()
    claims = RefreshClaims(
        issuer=settings.issuer,
        subject="1",
        session_id=SESSION,
        generation=1,
        issued_at=NOW,
        expires_at=NOW + lifetime,
    )
    return refresh_tokens(settings).encode(claims)


def access_fault(token):
    try:
        access_tokens(conf.load()).decode(token, now=NOW)
    except InvalidToken as error:
        return error.code
    return None


def refresh_fault(token):
    try:
        refresh_tokens(conf.load()).decode(token, now=NOW)
    except InvalidToken as error:
        return error.code
    return None


class TestLoad:
    def test_the_value_is_kept(self):
        assert conf.load() is conf.load()

    def test_an_override_is_followed_and_undone(self):
        before = conf.load()
        with override_settings(TOKENAUTH={"ISSUER": "https://auth.example.com"}):
            assert conf.load().issuer == "https://auth.example.com"
        assert conf.load().issuer == "django-tokenauth"
        assert conf.load() is not before

    def test_another_setting_of_the_project_changes_nothing(self):
        before = conf.load()
        with override_settings(LANGUAGE_CODE="ko"):
            assert conf.load() is before

    def test_a_cache_that_goes_away_is_noticed(self):
        caches = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
        project = {"THROTTLE_CACHE": "shared"}
        with override_settings(CACHES={**caches, "shared": caches["default"]}, TOKENAUTH=project):
            assert conf.load().throttle_cache == "shared"
            with override_settings(CACHES=caches), pytest.raises(ImproperlyConfigured):
                conf.load()

    def test_every_problem_is_in_the_error(self):
        with (
            override_settings(TOKENAUTH={"ISUER": 1, "LEEWAY": timedelta(days=1)}),
            pytest.raises(ImproperlyConfigured) as caught,
        ):
            conf.load()
        assert str(caught.value).splitlines() == [
            "tokenauth.E008: TOKENAUTH has no setting 'ISUER'. Did you mean 'ISSUER'?",
            (
                "tokenauth.E004: TOKENAUTH['LEEWAY'] is invalid: got datetime.timedelta(days=1), "
                "expected a timedelta from 0 to 120 seconds. For example timedelta(seconds=10)."
            ),
        ]

    def test_the_error_comes_at_each_use_until_it_is_mended(self):
        with override_settings(TOKENAUTH={"ISSUER": ""}):
            for _ in range(2):
                with pytest.raises(ImproperlyConfigured):
                    conf.load()
            with override_settings(TOKENAUTH={}):
                assert conf.load().issuer == "django-tokenauth"


class TestSecretKeys:
    def test_they_are_the_secret_key_and_then_its_fallbacks(self):
        with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old", b"older"]):
            assert conf.load().secret_keys == (b"new", b"old", b"older")

    def test_bytes_and_non_ascii_text_are_taken(self):
        with override_settings(SECRET_KEY=b"\xff\x00", SECRET_KEY_FALLBACKS=["열쇠"]):
            assert conf.load().secret_keys == (b"\xff\x00", "열쇠".encode())

    def test_an_empty_fallback_is_a_problem(self):
        # Everybody knows what is derived from the empty key, and would sign in with it.
        with override_settings(SECRET_KEY_FALLBACKS=[""]):
            settings, problems = conf.read_project()
        assert settings is None
        assert [problem.check_id for problem in problems] == ["E002"]
        assert "SECRET_KEY_FALLBACKS" in problems[0].message

    @pytest.mark.parametrize("empty", ["", None, b""])
    def test_no_secret_key_is_a_problem_and_no_fault(self, empty):
        """Django runs the commands that need none, and these run the checks."""
        with override_settings(SECRET_KEY=empty, SECRET_KEY_FALLBACKS=[]):
            settings, problems = conf.read_project()
            with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is empty"):
                conf.load()
        assert settings is None
        assert [problem.check_id for problem in problems] == ["E002"]

    def test_a_number_is_not_taken_for_that_many_zero_bytes(self):
        # Django takes any SECRET_KEY by its text.
        with override_settings(SECRET_KEY=4711):
            assert conf.load().secret_keys == (b"4711",)


class TestEverythingFollows:
    def test_key_sets_and_tokens_are_made_once_for_each_settings(self):
        for made in (access_keys, refresh_keys, access_tokens, refresh_tokens):
            first = made(conf.load())
            assert made(conf.load()) is first
            with override_settings(TOKENAUTH={"ISSUER": "another"}):
                assert made(conf.load()) is not first

    def test_another_issuer_refuses_the_tokens_of_before(self):
        access, refresh = an_access_token(), a_refresh_token()
        assert access_fault(access) is None
        with override_settings(TOKENAUTH={"ISSUER": "another", "AUDIENCE": "django-tokenauth"}):
            assert access_fault(access) is TokenErrorCode.ISSUER
            assert refresh_fault(refresh) is TokenErrorCode.ISSUER
        assert access_fault(access) is None
        assert refresh_fault(refresh) is None

    def test_another_audience_refuses_the_tokens_of_before(self):
        access = an_access_token()
        with override_settings(TOKENAUTH={"AUDIENCE": "another"}):
            assert access_fault(access) is TokenErrorCode.AUDIENCE

    def test_a_shorter_lifetime_refuses_longer_access_tokens(self):
        access = an_access_token(300)
        with override_settings(TOKENAUTH={"ACCESS_TOKEN_LIFETIME": timedelta(seconds=299)}):
            assert access_fault(access) is TokenErrorCode.CLAIMS

    def test_a_shorter_lifetime_of_refresh_tokens_signs_nobody_out(self):
        refresh = a_refresh_token(14 * 86400)
        with override_settings(TOKENAUTH={"REFRESH_TOKEN_LIFETIME": timedelta(days=1)}):
            assert refresh_fault(refresh) is None

    def test_a_leeway_is_followed(self):
        access = an_access_token(300)
        with override_settings(TOKENAUTH={"LEEWAY": timedelta(seconds=5)}):
            tokens = access_tokens(conf.load())
            assert tokens.decode(access, now=NOW + 304).subject == "1"
        with pytest.raises(InvalidToken, match="expired"):
            access_tokens(conf.load()).decode(access, now=NOW + 304)

    def test_another_secret_key_refuses_the_tokens_of_before(self):
        access, refresh = an_access_token(), a_refresh_token()
        with override_settings(SECRET_KEY="another secret key of this project"):
            assert access_fault(access) is TokenErrorCode.KEY
            assert refresh_fault(refresh) is TokenErrorCode.KEY

    @pytest.mark.attack(171)
    def test_a_fallback_keeps_them_good_and_new_ones_are_signed_with_the_new_key(self):
        with override_settings(SECRET_KEY="the key of last year"):
            access, refresh = an_access_token(), a_refresh_token()
        rotated = {"SECRET_KEY": "this year", "SECRET_KEY_FALLBACKS": ["the key of last year"]}
        with override_settings(**rotated):
            assert access_fault(access) is None
            assert refresh_fault(refresh) is None
            newer = an_access_token(), a_refresh_token()
        with override_settings(SECRET_KEY="this year"):
            assert access_fault(access) is TokenErrorCode.KEY
            assert refresh_fault(refresh) is TokenErrorCode.KEY
            assert access_fault(newer[0]) is None
            assert refresh_fault(newer[1]) is None

    @pytest.mark.attack(169)
    def test_another_signing_key_leaves_refresh_tokens_good(self):
        access, refresh = an_access_token(), a_refresh_token()
        with override_settings(TOKENAUTH={"SIGNING_KEY": "a" * 31 + "b"}):
            assert access_fault(access) is TokenErrorCode.KEY
            assert refresh_fault(refresh) is None

    def test_keys_that_cannot_be_used_are_told_with_the_number_of_the_check(self):
        with (
            override_settings(TOKENAUTH={"SIGNING_KEY": "short"}),
            pytest.raises(ImproperlyConfigured, match=r"\Atokenauth\.E002: .* too short .*32"),
        ):
            access_tokens(conf.load())
