"""Deployment checks of lifetimes, throttles and password hashers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.hashers import BasePasswordHasher

from tests.support.sample_keys import generated_jwk
from tests.support.service_accounts import public_jwk
from tests.support.system_checks import (
    JWT,
    SIGNED,
    STATELESS,
    check_ids,
    configure_clean_project,
    deploy_check_ids,
    message_of,
    messages,
)

BASIC = "rest_framework.authentication.BasicAuthentication"
HASHERS = "django.contrib.auth.hashers"
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _clean_project(settings):
    configure_clean_project(settings)


class TestAudiences:
    @pytest.mark.parametrize(
        ("changes", "ids"),
        [
            ({}, []),
            ({"AUDIENCES": {"https://a.example.com": []}}, ["W031"]),
            ({"AUDIENCES": {"https://a.example.com": []}, **SIGNED}, []),
            ({"AUDIENCES": {"https://a.example.com": []}, "KEYS": [generated_jwk("ES256")]}, []),
            (
                {"AUDIENCES": {"https://a.example.com": []}, "KEYS": [generated_jwk("HS256")]},
                ["W031"],
            ),
        ],
        ids=["none", "shared", "asymmetric", "asymmetric_keys", "shared_keys"],
    )
    def test_deploy_check_warns_of_audiences_with_a_shared_secret(self, settings, changes, ids):
        settings.TOKENAUTH = {"ISSUER": "https://auth.example.com", **changes}
        assert check_ids() == []
        # W012 reports private keys in KEYS.
        assert [each for each in deploy_check_ids() if each != "W012"] == ids

    def test_deploy_check_of_audiences_ignores_unusable_keys(self, settings):
        """Another check reports the keys."""
        settings.TOKENAUTH = {"AUDIENCES": {"https://a.example.com": []}, "ALGORITHM": "EdDSA"}
        found = [message.id for message in messages(include_deployment_checks=True)]
        assert "tokenauth.E001" in found
        assert "tokenauth.W031" not in found


class TestAssertions:
    DUMMY = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    SHARED = {"default": {"BACKEND": "tests.support.broken.DownCache"}}
    FILES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": "unused",
        }
    }
    LOCAL = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

    def assertion_messages(self):
        found = messages(include_deployment_checks=True)
        return [message.msg for message in found if message.id == "tokenauth.W032"]

    @pytest.mark.parametrize(
        ("caches", "text"),
        [
            (DUMMY, "stores nothing"),
            (LOCAL, "is private to each process"),
            (FILES, "is private to each machine"),
            (SHARED, None),
        ],
        ids=["dummy", "local", "files", "shared"],
    )
    def test_deploy_check_warns_of_a_cache_that_forgets_assertions(self, settings, caches, text):
        settings.CACHES = caches
        rates = dict.fromkeys(("SIGN_IN_RATE_USER", "SIGN_IN_RATE_IP"))
        settings.TOKENAUTH = {"CLIENTS": {"a": {"jwks": [public_jwk()]}}, **rates}
        found = self.assertion_messages()
        expected = f"are remembered in a cache that {text}."
        assert [expected in message for message in found] == ([True] if text else [])
        settings.TOKENAUTH = {"CLIENTS": {"a": None}, **rates}
        assert self.assertion_messages() == []


class TestLifetimes:
    @pytest.mark.parametrize(
        ("name", "limit"),
        [
            ("ACCESS_TOKEN_LIFETIME", timedelta(hours=1)),
            ("REFRESH_TOKEN_LIFETIME", timedelta(days=90)),
            ("SESSION_LIFETIME", timedelta(days=366)),
            ("MAX_ACCESS_TOKEN_LIFETIME", timedelta(hours=1)),
            ("MAX_SESSION_LIFETIME", timedelta(days=366)),
        ],
    )
    def test_deploy_check_warns_of_long_token_or_session_lifetime(self, settings, name, limit):
        settings.TOKENAUTH = {name: limit + SECOND}
        assert check_ids() == []
        assert deploy_check_ids() == ["W005"]
        assert message_of("W005").startswith(f"{name} is longer than")
        settings.TOKENAUTH = {name: limit}
        assert deploy_check_ids() == []

    @pytest.mark.parametrize(
        ("access", "poll", "ids"),
        [
            (16 * MINUTE, None, ["W005"]),
            (16 * MINUTE, 16 * MINUTE, ["W005"]),
            (15 * MINUTE, None, []),
            (16 * MINUTE, 15 * MINUTE, []),
            (5 * MINUTE, 60 * MINUTE, []),
        ],
    )
    def test_deploy_check_warns_of_late_revocation_in_stateless_auth(
        self, settings, access, poll, ids
    ):
        settings.TOKENAUTH = {
            "MAX_ACCESS_TOKEN_LIFETIME": access,
            "REVOCATION_POLL_INTERVAL": poll,
        }
        assert deploy_check_ids() == []
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [STATELESS]}
        assert check_ids() == []
        assert deploy_check_ids() == ids
        assert all(
            "A revoked session can be used for more than 15 minutes" in message_of(check_id)
            for check_id in ids
        )

    def test_deploy_check_reports_long_access_lifetime_once(self, settings):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [STATELESS]}
        settings.TOKENAUTH = {
            "ACCESS_TOKEN_LIFETIME": 61 * MINUTE,
            "REVOCATION_POLL_INTERVAL": None,
        }
        assert deploy_check_ids() == ["W005"]


class TestThrottling:
    @pytest.mark.parametrize("name", ["SIGN_IN_RATE_USER", "SIGN_IN_RATE_IP"])
    def test_deploy_check_warns_of_unthrottled_sign_ins(self, settings, name):
        settings.TOKENAUTH = {name: None}
        assert check_ids() == []
        assert deploy_check_ids() == ["W006"]

    @pytest.mark.attack(150)
    @pytest.mark.parametrize(
        ("backend", "expected"),
        [
            ("locmem.LocMemCache", "that is private to each process."),
            ("dummy.DummyCache", "that stores nothing."),
            ("db.DatabaseCache", "that reads and then writes"),
            ("filebased.FileBasedCache", "that reads and then writes"),
        ],
    )
    def test_deploy_check_warns_of_unsuitable_throttle_cache(
        self, settings, backend, expected, tmp_path
    ):
        path = f"django.core.cache.backends.{backend}"
        cache = {"BACKEND": path, "LOCATION": str(tmp_path)}
        settings.CACHES = {**settings.CACHES, "local": cache}
        settings.TOKENAUTH = {"THROTTLE_CACHE": "local"}
        assert check_ids() == []
        assert deploy_check_ids() == ["W006"]
        assert f"Failed sign-ins are counted in a cache {expected}" in message_of("W006")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
            ("USE_X_FORWARDED_HOST", True),
            ("USE_X_FORWARDED_PORT", True),
        ],
    )
    def test_deploy_check_warns_of_unknown_number_of_proxies(self, settings, name, value):
        setattr(settings, name, value)
        assert check_ids() == []
        assert deploy_check_ids() == ["W006"]
        for count in (1, 0):
            settings.REST_FRAMEWORK = {"NUM_PROXIES": count}
            assert deploy_check_ids() == []

    def test_deploy_check_warns_of_unthrottled_basic_authentication(self, settings):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [JWT, BASIC]}
        assert check_ids() == []
        assert deploy_check_ids() == ["W023"]
        settings.AUTHENTICATION_BACKENDS = [
            "axes.backends.AxesStandaloneBackend",
            "django.contrib.auth.backends.ModelBackend",
        ]
        assert deploy_check_ids() == []

    @pytest.mark.parametrize("classes", [[BASIC], [JWT], None])
    def test_deploy_check_accepts_basic_or_jwt_authentication_alone(self, settings, classes):
        settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes} if classes else {}
        assert deploy_check_ids() == []


class FastHasher(BasePasswordHasher):
    """A hasher of earlier versions of Django, copied by a project."""

    algorithm = "sha1"


@pytest.mark.attack(147)
class TestPasswordHashers:
    @pytest.mark.parametrize(
        ("hasher", "expected"),
        [
            (f"{HASHERS}.MD5PasswordHasher", "is fast"),
            (f"{__name__}.FastHasher", "is fast"),
            (f"{HASHERS}.BCryptPasswordHasher", "reads only 72 bytes of a password"),
        ],
    )
    def test_deploy_check_warns_of_weak_first_password_hasher(self, settings, hasher, expected):
        settings.PASSWORD_HASHERS = [hasher, f"{HASHERS}.PBKDF2PasswordHasher"]
        assert check_ids() == []
        assert deploy_check_ids() == ["W010"]
        assert expected in message_of("W010")

    @pytest.mark.parametrize("algorithm", ["md5", "unsalted_md5", "unsalted_sha1", "crypt"])
    def test_deploy_check_warns_of_each_fast_hash_algorithm(self, settings, monkeypatch, algorithm):
        monkeypatch.setattr(FastHasher, "algorithm", algorithm)
        settings.PASSWORD_HASHERS = [f"{__name__}.FastHasher"]
        assert deploy_check_ids() == ["W010"]

    @pytest.mark.parametrize(
        "hasher", ["PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "Scrypt"], ids=str
    )
    def test_deploy_check_accepts_slow_django_password_hashers(self, settings, hasher):
        settings.PASSWORD_HASHERS = [f"{HASHERS}.{hasher}PasswordHasher"]
        assert deploy_check_ids() == []

    def test_deploy_check_accepts_weak_hasher_after_the_first(self, settings):
        settings.PASSWORD_HASHERS = [
            f"{HASHERS}.Argon2PasswordHasher",
            f"{HASHERS}.BCryptPasswordHasher",
            f"{HASHERS}.MD5PasswordHasher",
        ]
        assert deploy_check_ids() == []

    def test_deploy_check_accepts_project_without_password_hashers(self, settings):
        settings.PASSWORD_HASHERS = []
        assert deploy_check_ids() == []


def test_deploy_check_reports_several_warnings_together(settings):
    settings.SECRET_KEY = "short"
    settings.TOKENAUTH = {"THROTTLE_CACHE": "local", "ACCESS_TOKEN_LIFETIME": timedelta(hours=2)}
    assert deploy_check_ids() == ["W001", "W005", "W006"]


@pytest.mark.parametrize(
    ("values", "reported"),
    [
        ({"ISUER": "x", "SIGN_IN_RATE_IP": None}, ["E008", "W006"]),
        ({"SIGN_IN_RATE_IP": 30, "SESSION_LIFETIME": timedelta(days=400)}, ["E008", "W005"]),
        ({"ACCESS_TOKEN_LIFETIME": 300, "SESSION_LIFETIME": timedelta(days=400)}, ["E008", "W005"]),
        (
            {"JWKS_MAX_AGE": 1, "REFRESH_TOKEN_LIFETIME": timedelta(days=91)},
            ["E008", "W005"],
        ),
        ({"THROTTLE_CACHE": "nowhere", "STATELESS_REFRESH": "no"}, ["E008", "E008"]),
        ({"VERIFYING_KEYS": "x", "SIGNING_KEY": "k" * 64}, ["E008"]),
        ({"LEEWAY": 1, "SIGNING_KEY": "k" * 64}, ["E008", "W001"]),
    ],
)
def test_only_deploy_checks_that_use_invalid_setting_are_skipped(settings, values, reported):
    settings.TOKENAUTH = values
    assert deploy_check_ids() == reported


def test_password_hasher_check_runs_with_invalid_settings(settings):
    settings.PASSWORD_HASHERS = [f"{HASHERS}.MD5PasswordHasher"]
    settings.TOKENAUTH = None
    assert deploy_check_ids() == ["E008", "W010"]
