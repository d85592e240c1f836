"""Durations, sign-ins and passwords of a deployment: what is said, and where nothing is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.hashers import BasePasswordHasher

from tests.support.system_checks import JWT, STATELESS, deployed, found, make_good, said

BASIC = "rest_framework.authentication.BasicAuthentication"
HASHERS = "django.contrib.auth.hashers"
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _good_project(settings):
    make_good(settings)


class TestLifetimes:
    @pytest.mark.parametrize(
        ("name", "most"),
        [
            ("ACCESS_TOKEN_LIFETIME", timedelta(hours=1)),
            ("REFRESH_TOKEN_LIFETIME", timedelta(days=90)),
            ("SESSION_LIFETIME", timedelta(days=366)),
        ],
    )
    def test_a_long_one(self, settings, name, most):
        settings.TOKENAUTH = {name: most + SECOND}
        assert found() == []
        assert deployed() == ["W005"]
        assert said("W005").startswith(f"{name} is longer than")
        settings.TOKENAUTH = {name: most}
        assert deployed() == []

    @pytest.mark.parametrize(
        ("access", "poll", "numbers"),
        [
            (16 * MINUTE, None, ["W005"]),
            (16 * MINUTE, 16 * MINUTE, ["W005"]),
            (15 * MINUTE, None, []),
            (16 * MINUTE, 15 * MINUTE, []),
            (5 * MINUTE, 60 * MINUTE, []),
        ],
    )
    def test_sign_outs_of_which_the_stateless_class_hears_late(
        self, settings, access, poll, numbers
    ):
        settings.TOKENAUTH = {"ACCESS_TOKEN_LIFETIME": access, "REVOCATION_POLL_INTERVAL": poll}
        assert deployed() == []
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [STATELESS]}
        assert found() == []
        assert deployed() == numbers
        assert all(
            "A revoked session can be used for more than 15 minutes" in said(number)
            for number in numbers
        )

    def test_an_access_token_is_called_long_once(self, settings):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [STATELESS]}
        settings.TOKENAUTH = {
            "ACCESS_TOKEN_LIFETIME": 61 * MINUTE,
            "REVOCATION_POLL_INTERVAL": None,
        }
        assert deployed() == ["W005"]


class TestSignIns:
    @pytest.mark.parametrize("name", ["SIGN_IN_RATE_USER", "SIGN_IN_RATE_IP"])
    def test_that_are_not_throttled(self, settings, name):
        settings.TOKENAUTH = {name: None}
        assert found() == []
        assert deployed() == ["W006"]

    @pytest.mark.attack(150)
    @pytest.mark.parametrize(
        ("backend", "text"),
        [
            ("locmem.LocMemCache", "that is private to each process."),
            ("dummy.DummyCache", "that stores nothing."),
            ("db.DatabaseCache", "that reads and then writes"),
            ("filebased.FileBasedCache", "that reads and then writes"),
        ],
    )
    def test_a_cache_that_cannot_count_them(self, settings, backend, text, tmp_path):
        path = f"django.core.cache.backends.{backend}"
        cache = {"BACKEND": path, "LOCATION": str(tmp_path)}
        settings.CACHES = {**settings.CACHES, "local": cache}
        settings.TOKENAUTH = {"THROTTLE_CACHE": "local"}
        assert found() == []
        assert deployed() == ["W006"]
        assert f"Failed sign-ins are counted in a cache {text}" in said("W006")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
            ("USE_X_FORWARDED_HOST", True),
            ("USE_X_FORWARDED_PORT", True),
        ],
    )
    def test_a_proxy_whose_number_is_not_known(self, settings, name, value):
        setattr(settings, name, value)
        assert found() == []
        assert deployed() == ["W006"]
        for number in (1, 0):
            settings.REST_FRAMEWORK = {"NUM_PROXIES": number}
            assert deployed() == []

    def test_a_way_around_the_throttle(self, settings):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [JWT, BASIC]}
        assert found() == []
        assert deployed() == ["W023"]
        settings.AUTHENTICATION_BACKENDS = [
            "axes.backends.AxesStandaloneBackend",
            "django.contrib.auth.backends.ModelBackend",
        ]
        assert deployed() == []

    @pytest.mark.parametrize("classes", [[BASIC], [JWT], None])
    def test_none_where_a_token_and_a_password_do_not_open_the_same(self, settings, classes):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes} if classes else {}
        assert deployed() == []


class FastHasher(BasePasswordHasher):
    """One of those that Django had once, and that projects carry on with."""

    algorithm = "sha1"


@pytest.mark.attack(147)
class TestPasswords:
    @pytest.mark.parametrize(
        ("hasher", "text"),
        [
            (f"{HASHERS}.MD5PasswordHasher", "is fast"),
            (f"{__name__}.FastHasher", "is fast"),
            (f"{HASHERS}.BCryptPasswordHasher", "ignores all but the first 72 bytes of a password"),
        ],
    )
    def test_a_hasher_that_gives_them_away(self, settings, hasher, text):
        settings.PASSWORD_HASHERS = [hasher, f"{HASHERS}.PBKDF2PasswordHasher"]
        assert found() == []
        assert deployed() == ["W010"]
        assert text in said("W010")

    @pytest.mark.parametrize(
        "hasher", ["PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "Scrypt"], ids=str
    )
    def test_any_other_of_django(self, settings, hasher):
        settings.PASSWORD_HASHERS = [f"{HASHERS}.{hasher}PasswordHasher"]
        assert deployed() == []

    def test_one_that_only_reads_what_is_there(self, settings):
        settings.PASSWORD_HASHERS = [
            f"{HASHERS}.Argon2PasswordHasher",
            f"{HASHERS}.BCryptPasswordHasher",
            f"{HASHERS}.MD5PasswordHasher",
        ]
        assert deployed() == []

    def test_a_project_without_passwords(self, settings):
        settings.PASSWORD_HASHERS = []
        assert deployed() == []


def test_all_of_it_at_once(settings):
    settings.SECRET_KEY = "short"
    settings.TOKENAUTH = {"THROTTLE_CACHE": "local", "ACCESS_TOKEN_LIFETIME": timedelta(hours=2)}
    assert deployed() == ["W001", "W005", "W006"]


def test_settings_that_cannot_be_used_are_an_error_and_nothing_more(settings):
    settings.PASSWORD_HASHERS = [f"{HASHERS}.MD5PasswordHasher"]
    settings.TOKENAUTH = {"ISUER": "x"}
    assert deployed() == found() == ["E008"]
