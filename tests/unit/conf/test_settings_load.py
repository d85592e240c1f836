"""Settings of the project: loaded lazily, cached, and reloaded after a change."""

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


def make_access_token(lifetime=300):
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


def make_refresh_token(lifetime=14 * 86400):
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


def access_error(token):
    try:
        access_tokens(conf.load()).decode(token, now=NOW)
    except InvalidToken as error:
        return error.code
    return None


def refresh_error(token):
    try:
        refresh_tokens(conf.load()).decode(token, now=NOW)
    except InvalidToken as error:
        return error.code
    return None


class TestLoad:
    def test_loaded_settings_are_cached(self):
        assert conf.load() is conf.load()

    def test_overridden_settings_are_loaded_and_restored(self):
        before = conf.load()
        with override_settings(TOKENAUTH={"ISSUER": "https://auth.example.com"}):
            assert conf.load().issuer == "https://auth.example.com"
        assert conf.load().issuer == "django-tokenauth"
        assert conf.load() is not before

    def test_override_of_unrelated_setting_keeps_loaded_settings(self):
        before = conf.load()
        with override_settings(LANGUAGE_CODE="ko"):
            assert conf.load() is before

    def test_load_rejects_throttle_cache_removed_from_caches(self):
        caches = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
        project = {"THROTTLE_CACHE": "shared"}
        with override_settings(CACHES={**caches, "shared": caches["default"]}, TOKENAUTH=project):
            assert conf.load().throttle_cache == "shared"
            with override_settings(CACHES=caches), pytest.raises(ImproperlyConfigured):
                conf.load()

    def test_load_error_lists_every_problem(self):
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

    def test_load_error_is_raised_until_settings_are_valid(self):
        with override_settings(TOKENAUTH={"ISSUER": ""}):
            for _ in range(2):
                with pytest.raises(ImproperlyConfigured):
                    conf.load()
            with override_settings(TOKENAUTH={}):
                assert conf.load().issuer == "django-tokenauth"


class TestSecretKeys:
    def test_secret_keys_are_secret_key_and_its_fallbacks(self):
        with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old", b"older"]):
            assert conf.load().secret_keys == (b"new", b"old", b"older")

    def test_secret_keys_accept_bytes_and_non_ascii_strings(self):
        with override_settings(SECRET_KEY=b"\xff\x00", SECRET_KEY_FALLBACKS=["열쇠"]):
            assert conf.load().secret_keys == (b"\xff\x00", "열쇠".encode())

    def test_empty_secret_key_fallback_is_reported(self):
        # Anyone can derive the keys of an empty secret and forge tokens.
        with override_settings(SECRET_KEY_FALLBACKS=[""]):
            settings, problems = conf.read_project()
        assert isinstance(settings, conf.PartialSettings)
        assert [problem.check_id for problem in problems] == ["E002"]
        assert "SECRET_KEY_FALLBACKS" in problems[0].message

    @pytest.mark.parametrize("empty", ["", None, b""])
    def test_empty_secret_key_is_reported_and_load_raises(self, empty):
        """Django runs some commands without a secret key, and they run the checks."""
        with override_settings(SECRET_KEY=empty, SECRET_KEY_FALLBACKS=[]):
            settings, problems = conf.read_project()
            with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is empty"):
                conf.load()
        assert isinstance(settings, conf.PartialSettings)
        assert [problem.check_id for problem in problems] == ["E002"]

    def test_integer_secret_key_is_read_as_its_digits(self):
        # Django converts SECRET_KEY to a string. ``bytes(4711)`` would be zero bytes.
        with override_settings(SECRET_KEY=4711):
            assert conf.load().secret_keys == (b"4711",)


class TestSettingsChange:
    def test_settings_change_rebuilds_key_and_token_objects(self):
        for build in (access_keys, refresh_keys, access_tokens, refresh_tokens):
            first = build(conf.load())
            assert build(conf.load()) is first
            with override_settings(TOKENAUTH={"ISSUER": "another"}):
                assert build(conf.load()) is not first

    def test_tokens_of_previous_issuer_are_rejected(self):
        access, refresh = make_access_token(), make_refresh_token()
        assert access_error(access) is None
        with override_settings(TOKENAUTH={"ISSUER": "another", "AUDIENCE": "django-tokenauth"}):
            assert access_error(access) is TokenErrorCode.ISSUER
            assert refresh_error(refresh) is TokenErrorCode.ISSUER
        assert access_error(access) is None
        assert refresh_error(refresh) is None

    def test_access_token_of_previous_audience_is_rejected(self):
        access = make_access_token()
        with override_settings(TOKENAUTH={"AUDIENCE": "another"}):
            assert access_error(access) is TokenErrorCode.AUDIENCE

    def test_access_token_above_shortened_lifetime_is_rejected(self):
        access = make_access_token(300)
        with override_settings(TOKENAUTH={"ACCESS_TOKEN_LIFETIME": timedelta(seconds=299)}):
            assert access_error(access) is TokenErrorCode.CLAIMS

    def test_refresh_token_above_shortened_lifetime_is_accepted(self):
        refresh = make_refresh_token(14 * 86400)
        with override_settings(TOKENAUTH={"REFRESH_TOKEN_LIFETIME": timedelta(days=1)}):
            assert refresh_error(refresh) is None

    def test_changed_leeway_applies_to_issued_tokens(self):
        access = make_access_token(300)
        with override_settings(TOKENAUTH={"LEEWAY": timedelta(seconds=5)}):
            tokens = access_tokens(conf.load())
            assert tokens.decode(access, now=NOW + 304).subject == "1"
        with pytest.raises(InvalidToken, match="expired"):
            access_tokens(conf.load()).decode(access, now=NOW + 304)

    def test_tokens_of_secret_key_without_fallback_are_rejected(self):
        access, refresh = make_access_token(), make_refresh_token()
        with override_settings(SECRET_KEY="another secret key of this project"):
            assert access_error(access) is TokenErrorCode.KEY
            assert refresh_error(refresh) is TokenErrorCode.KEY

    @pytest.mark.attack(171)
    def test_secret_key_fallback_verifies_and_new_secret_key_signs(self):
        with override_settings(SECRET_KEY="the key of last year"):
            access, refresh = make_access_token(), make_refresh_token()
        rotated = {"SECRET_KEY": "this year", "SECRET_KEY_FALLBACKS": ["the key of last year"]}
        with override_settings(**rotated):
            assert access_error(access) is None
            assert refresh_error(refresh) is None
            new_tokens = make_access_token(), make_refresh_token()
        with override_settings(SECRET_KEY="this year"):
            assert access_error(access) is TokenErrorCode.KEY
            assert refresh_error(refresh) is TokenErrorCode.KEY
            assert access_error(new_tokens[0]) is None
            assert refresh_error(new_tokens[1]) is None

    @pytest.mark.attack(169)
    def test_refresh_token_is_accepted_after_signing_key_change(self):
        access, refresh = make_access_token(), make_refresh_token()
        with override_settings(TOKENAUTH={"SIGNING_KEY": "a" * 31 + "b"}):
            assert access_error(access) is TokenErrorCode.KEY
            assert refresh_error(refresh) is None

    def test_unusable_signing_key_raises_error_with_its_check_id(self):
        with (
            override_settings(TOKENAUTH={"SIGNING_KEY": "short"}),
            pytest.raises(ImproperlyConfigured, match=r"\Atokenauth\.E002: .* too short .*32"),
        ):
            access_tokens(conf.load())
